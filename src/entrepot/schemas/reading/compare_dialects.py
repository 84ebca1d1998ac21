"""Compare how deliveries are read before and after a change of a contract, property by property.

As with schemas, a change is compatible if every delivery that was valid stays valid and is read as
the same table. Nothing here looks at deliveries: the current version is checked against the new
contract before that takes effect.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from entrepot.schemas.changes import Change, breaking_change, compatible_change, format_value
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.reading.stated import StatedReading
from entrepot.schemas.table_dialect import KNOWN_PROPERTIES

DEFAULTS: dict[str, Any] = {
    "header": True,
    "headerRows": [1],
    "headerJoin": " ",
    "commentRows": [],
    "skipBlankRows": False,
    "itemType": "object",
}
"""What a contract means that does not state the property; the others are detected from each
delivery, or there is nothing to find out (`nullSequence`)."""
DETECTED = (
    "delimiter",
    "lineTerminator",
    "quoteChar",
    "doubleQuote",
    "escapeChar",
    "skipInitialSpace",
    "encoding",
)
"""How a delivery is written: it may differ from one to the next unless it is stated."""


def compare_readings(old: StatedReading, new: StatedReading) -> tuple[Change, ...]:
    """Every change from `old` to `new`, in the order of the table of properties."""
    before, after = _stated(old), _stated(new)
    changed = [
        _change(name, before, after)
        for name in (*KNOWN_PROPERTIES, "encoding")
        if before.get(name, DEFAULTS.get(name)) != after.get(name, DEFAULTS.get(name))
    ]
    return (*changed, *_descriptive_changes(old.dialect or {}, new.dialect or {}))


def _stated(reading: StatedReading) -> dict[str, Any]:
    stated = dict(reading.dialect or {})
    return stated | ({"encoding": reading.encoding} if reading.encoding is not None else {})


def _change(name: str, before: dict[str, Any], after: dict[str, Any]) -> Change:
    pointer = "/encoding" if name == "encoding" else join_pointer("/dialect", name)
    what = f"{name}: {_format_part(before, name)} → {_format_part(after, name)}"
    if name in DETECTED:
        if name not in after:
            return compatible_change(pointer, what, "it is detected from each delivery again")
        return breaking_change(pointer, what, "deliveries that are written otherwise are rejected")
    if name == "skipBlankRows" and after.get(name):
        return compatible_change(pointer, what, "blank rows were faults, and are none any more")
    if name == "entrepot:footer" and name not in before:
        reason = "what stands below the table was a fault, and is none any more"
        return compatible_change(pointer, what, reason)
    return breaking_change(pointer, what, "other parts of a delivery are its table from now on")


def _format_part(stated: dict[str, Any], name: str) -> str:
    if name not in stated:
        return "detected" if name in DETECTED else "not stated"
    return format_value(json.dumps(stated[name], ensure_ascii=False))


def _descriptive_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for name in _names(old, new):
        if old.get(name) != new.get(name):
            pointer = join_pointer("/dialect", name)
            reason = "it describes, and says nothing of how to read"
            yield compatible_change(pointer, f"{name} changed", reason)


def _names(old: dict[str, Any], new: dict[str, Any]) -> Sequence[str]:
    return sorted((set(old) | set(new)) - set(KNOWN_PROPERTIES))
