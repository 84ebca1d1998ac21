"""The statement on a stored value that has the type of its field and no text in its form.

`values.field_text` decides that; here the same is looked for, to say what is wrong.
"""

import json
import re
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.sentence import Statement
from entrepot.schemas.model import Field
from entrepot.schemas.numbers import MAX_DIGITS
from entrepot.schemas.strptime import form_in_utc
from entrepot.schemas.values import EPOCH, read_value

BELOW_MICROSECOND = re.compile(r"[.,]\d{6}\d*[1-9]")
NOT_FINITE = re.compile("(?i)[-+]?(?:nan|inf|infinity)")


def state_unwritable(field: Field, cell: str, named: str) -> Statement | None:
    """What a value, the text `cell` in its plain form, has for which its field has no form; None if
    it has nothing such. `named` is the value in the words of a report."""
    match field.type:
        case "date" | "time" | "datetime" if field.format not in ("default", "any"):
            return _of_moment(field, cell, named)
        case "list":
            return _of_list(field, cell, named)
        case "number" if not field.bare_number and field.affix is None:
            if NOT_FINITE.fullmatch(cell):
                reason = f"{named} cannot be written where a number may have a unit (`bareNumber`)"
                return Statement(reason, "a finite number")
        case "integer" if "e" in cell.lower():
            with suppress(ArithmeticError):
                if Decimal(cell).adjusted() >= MAX_DIGITS:
                    reason = f"{named} has more than {MAX_DIGITS} digits"
                    return Statement(reason, f"an integer of at most {MAX_DIGITS} digits")
    return None


def _of_moment(field: Field, cell: str, named: str) -> Statement | None:
    written = None
    with suppress(ValueError, OverflowError):
        place = read_value(cell, Field("", field.type))
        is_date = field.type == "date"
        moment = EPOCH + (timedelta(days=place) if is_date else timedelta(microseconds=place))
        written = moment.strftime(form_in_utc(field.format))
        if read_value(written, field) == place and not BELOW_MICROSECOND.search(cell):
            return None
    if written is None:
        return None
    form = quoted(field.format)
    reason = f"{named} cannot be written in the format {form}, in which it is {quoted(written)}"
    kind = {"date": "a date", "time": "a time", "datetime": "a date with a time"}[field.type]
    return Statement(reason, f"{kind} that the format {form} states in full")


def _of_list(field: Field, cell: str, named: str) -> Statement | None:
    try:
        items = json.loads(cell)
    except ValueError:
        return None
    if not isinstance(items, list):
        return None
    delimiter = quoted(field.delimiter)
    expected = f"a list of items with {delimiter} between them"
    if not items:
        return Statement(f"{named} is an empty list, which has no text", f"{expected}, or no value")
    if None in items:
        return Statement(f"{named} has an item that is null", expected)
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    if any(field.delimiter in text for text in texts):
        reason = f"{named} has an item with {delimiter} in it, which stands between items"
        return Statement(reason, expected)
    return None
