"""What is wrong with a cell that is a date where a date with a time is expected, or the reverse."""

import re
from contextlib import suppress

from entrepot.schemas.model import Field
from entrepot.schemas.values import read_value

CLOCK = re.compile(r"[T\s]([0-9]{1,2}:[0-9]{2}.*)", re.ASCII | re.DOTALL)
MIDNIGHT = re.compile(r"0{1,2}:00(?::00(?:[.,]0+)?)?", re.ASCII)
MAX_CHARS = 100
"""No moment is longer."""


def explain_time_of_day(field: Field, cell: str) -> tuple[str, str]:
    """Why a cell is not a value of the field if it has a time of day too much or too little, and
    what to do, as a sentence; both empty for any other cell."""
    if field.type not in ("date", "datetime") or len(cell) > MAX_CHARS:
        return "", ""
    if field.type == "datetime":
        form = "any" if field.format == "any" else "default"
        if _is_value(cell, Field(field.name, "date", form)):
            return "it has no time", "Add the time, or set the type of the field to `date`."
        return "", ""
    clock = CLOCK.search(cell)
    if clock is None or not _is_value(cell[: clock.start()].rstrip(), field):
        return "", ""
    is_midnight = MIDNIGHT.fullmatch(clock[1]) is not None
    if is_midnight and field.format == "default":
        return "it has a time", "Remove the time, or set the format of the field to `any`."
    return "it has a time", "Remove the time, or set the type of the field to `datetime`."


def _is_value(text: str, field: Field) -> bool:
    with suppress(ValueError):
        read_value(text, field)
        return True
    return False
