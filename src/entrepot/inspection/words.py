"""The outcome of an inspection in one sentence for people."""

from collections.abc import Sequence
from typing import Any

HEADER = frozenset(
    {"missing-label", "extra-label", "incorrect-label", "duplicate-label", "blank-label"}
)
SAID = {
    "blank-row": "a row has no value",
    "missing-cell": "cells are missing",
    "extra-cell": "there are more cells than columns",
    "encoding-error": "bytes cannot be decoded",
    "source-error": "a line is no JSON object",
    "primary-key": "the primary key is missing or repeated",
    "foreign-key": "a key refers to no row",
    "unique-error": "a key must be unique",
    "unmatched-header": "none of its columns is in the header",
    "missing-header": "the first row holds values, not column names",
}


def sentence(
    errors: Sequence[dict[str, Any]], rejected: int, rows: int, contract: bool = True
) -> str:
    """What the report says, the first fault named with its place and its cell."""
    if not errors:
        return f"All {rows:,} rows keep the contract." if contract else f"{rows:,} rows."
    first = errors[0]
    if first["type"] in HEADER or first["type"] in ("missing-header", "unmatched-header"):
        return f"The header breaks the contract: {_header(first)}."
    # The first error of a cell says more than a row's.
    named = f"{rejected:,} of {rows:,} rows break the contract"
    where = f"first at row {first['rowNumber']:,}" if "rowNumber" in first else "first"
    cell = f": `{first['cell'][:80]}`" if first.get("cell") else ""
    return f"{named}: {_fault(first)}, {where}{cell}."


def _header(error: dict[str, Any]) -> str:
    label, name, number = error.get("label"), error.get("fieldName"), error.get("fieldNumber")
    match error["type"]:
        case "missing-label":
            return f"the column `{name}` is missing"
        case "extra-label":
            return f"the column `{label}` is not in it"
        case "incorrect-label":
            return f"column {number} must be `{name}`, not `{label}`"
        case "duplicate-label":
            return f"two columns are named `{label}`"
        case "blank-label":
            return f"column {number} has no name"
        case _:
            return SAID[error["type"]]


def _fault(error: dict[str, Any]) -> str:
    field, note = error.get("fieldName"), str(error["note"])
    match str(error["type"]):
        case "type-error":
            kind = note.removeprefix('type is "').split("/")[0]
            return f"`{field}` must be {'an' if kind[0] in 'aio' else 'a'} {kind}"
        case "constraint-error":
            rule, _, value = note.removeprefix('constraint "').partition('" is ')
            if rule == "required":
                return f"`{field}` must have a value"
            return f"`{field}` breaks its {rule} of {value[:100]}"
        case "unique-error" if field:
            return f"`{field}` must be unique"
        case other:
            return SAID.get(other, other)
