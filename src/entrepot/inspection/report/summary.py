"""The outcome of an inspection in one sentence for people.

    1,204 of 336,776 rows: `dep_time` must be an integer, first at row 9,113: `17:45`.

Faults of the header come first, since they are one act to mend; then the kinds of faults in rows,
by how many rows have them. At most three kinds of each are named, the rest is counted.
"""

from ast import literal_eval
from collections.abc import Sequence
from typing import Any

from entrepot.inspection.report.report import TITLES

MAX_FAULTS = 3
"""Kinds of faults that a sentence names."""
MAX_CHOICES = 5
"""Values of an enum that a sentence names."""
MAX_NOTE_CHARS = 10_000
"""A longer list of an enum is not read again: parsing it would take longer than it tells."""
MAX_QUOTED_CHARS = 80
"""Characters of a cell or a name in a sentence."""
HEADER = frozenset(
    {
        "missing-label",
        "extra-label",
        "incorrect-label",
        "duplicate-label",
        "blank-label",
        "missing-header",
        "unmatched-header",
        "unsure-reading",
    }
)
TEXTS = {
    "blank-row": "a row has no value",
    "missing-cell": "cells are missing",
    "extra-cell": "there are more cells than columns",
    "encoding-error": "bytes cannot be decoded",
    "primary-key": "the primary key is missing or repeated",
    "foreign-key": "a key refers to no row",
    "unique-error": "a key must be unique",
    "unmatched-header": "none of its columns is in the header",
}
OF_FIELD = {
    "unique-error": "{} must be unique",
    "missing-cell": "the cell of {} is missing",
    "empty-column": "{} has no value in any row",
}
"""Kinds of faults of one field; others have their own words, or those of `TEXTS`."""
SAID_BY_NOTE = ("source-error", "extra-cell", "no-rows", "too-few-rows")
"""Kinds whose note, if there is one, says what is wrong and what to change."""
FORMATS = {
    "string/email": "an email address",
    "string/uri": "a URI",
    "string/uuid": "a UUID",
    "string/binary": "Base64",
    "yearmonth/default": "a year and a month",
    "object/default": "a JSON object",
    "array/default": "a JSON array",
}
RULES = {
    "required": "must have a value",
    "unique": "must be unique",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "minLength": "must have a length of at least {}",
    "maxLength": "must have a length of at most {}",
    "pattern": "must match `{}`",
    "enum": "must be one of {}",
}


def summarize(
    errors: Sequence[dict[str, Any]],
    counts: Sequence[dict[str, Any]],
    rejected: int,
    rows: int,
    contract: bool = True,
) -> str:
    """What the report says.

    `errors` are those listed, `counts` the entries of `errorCounts`: all of them by kind; without
    a contract the faults are only listed. `rejected` of `rows` have one at least.
    """
    header = [error for error in errors if error["type"] in HEADER]
    kinds = [entry for entry in counts if entry["type"] not in HEADER]
    parts = []
    if header:
        faults = _listed([_header(error) for error in header], "fault")
        parts.append(f"The header {_breaks(1, contract)}: {faults}.")
    if kinds:
        parts.append(_of_rows(errors, kinds, rejected, rows, contract))
    return " ".join(parts) or _nothing(rows, contract)


def _nothing(rows: int, contract: bool) -> str:
    if not contract:
        return f"{_rows(rows).capitalize()}."
    if rows == 0:
        return "The header keeps the contract; there are no rows."
    return (
        f"All {rows:,} rows keep the contract." if rows > 1 else "The one row keeps the contract."
    )


def _of_rows(
    errors: Sequence[dict[str, Any]],
    kinds: Sequence[dict[str, Any]],
    rejected: int,
    rows: int,
    contract: bool,
) -> str:
    # Sorting keeps the order of fields where counts are the same.
    by_weight = sorted(kinds, key=lambda entry: -entry["count"])
    some = f"{rejected:,} of {_rows(rows)}" if rejected else _rows(rows).capitalize()
    if len(by_weight) == 1:
        fault, place = _kind(by_weight[0], errors)
        return f"{some}: {fault}{f', {place}' if place else ''}."
    faults: list[str] = []
    for entry in by_weight:
        fault, place = _kind(entry, errors) if len(faults) < MAX_FAULTS else ("", "")
        counted = f"{entry['count']:,}{f', {place}' if place else ''}"
        faults.append(f"{fault} ({counted})")
    return f"{some} {_breaks(rejected, contract)}: {_listed(faults, 'kind')}."


def _kind(entry: dict[str, Any], errors: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """One kind of fault in words, and the place of its first, if that is listed."""
    first = next((error for error in errors if _is_of(error, entry)), None)
    fault = _fault(entry["type"], entry.get("fieldName"), entry.get("note") or "")
    if first is None or "rowNumber" not in first:
        return fault, ""
    cell = f": {quoted(first['cell'])}" if first.get("cell") else ""
    return fault, f"first at row {first['rowNumber']:,}{cell}"


def _is_of(error: dict[str, Any], entry: dict[str, Any]) -> bool:
    same = error["type"] == entry["type"]
    if "fieldNumber" in entry:
        same = same and error.get("fieldNumber") == entry["fieldNumber"]
    return same and entry.get("note", "") in ("", error.get("note", ""))


def describe_error(error: dict[str, Any]) -> str:
    """One error of a report in words, without its place."""
    if error["type"] in HEADER:
        return _header(error)
    return _fault(error["type"], error.get("fieldName"), error.get("note") or "")


def _fault(kind: str, field: str | None, note: str) -> str:
    name = quoted(field or "")
    if kind in OF_FIELD and field:
        return OF_FIELD[kind].format(name)
    match kind:
        case "type-error":
            return f"{name} must be {_type(note.removeprefix('type is ').strip(QUOTE))}"
        case "constraint-error":
            rule, _, value = note.removeprefix('constraint "').partition('" is ')
            text = RULES.get(rule, f"breaks its {rule} of {{}}")
            if rule == "enum" and (choices := _choices(value.strip(QUOTE))):
                return f"{name} {text.format(choices)}"
            return f"{name} {text.format(shortened(value.strip(QUOTE).replace('`', _TICK)))}"
        case other:
            own = note if other in SAID_BY_NOTE else ""
            return own or TEXTS.get(other) or _described(other)


def _choices(value: str) -> str | None:
    """The values of an enum, which a note has as Python writes a list; None if it has them not."""
    try:
        values = literal_eval(value) if len(value) < MAX_NOTE_CHARS else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(values, list):
        return None
    some = ", ".join(quoted(str(each)) for each in values[:MAX_CHOICES])
    more = len(values) - MAX_CHOICES
    return f"{some} and {more:,} more" if more > 0 else some


QUOTE, _TICK = '"', "'"


def _type(named: str) -> str:
    """A type and format of a note, `integer/default`, as a noun with its article."""
    kind, _, form = named.partition("/")
    if named in FORMATS:
        return FORMATS[named]
    noun = f"{'an' if kind[:1] in 'aeio' else 'a'} {kind}"
    return noun if form in ("", "default", "any") else f"{noun} in the format `{form}`"


def _described(kind: str) -> str:
    """What the report's own description says of a kind that has no words here."""
    text = TITLES[kind][1].rstrip(".") if kind in TITLES else kind
    return text[:1].lower() + text[1:]


def _header(error: dict[str, Any]) -> str:
    label, name = quoted(error.get("label") or ""), quoted(error.get("fieldName") or "")
    number = error.get("fieldNumber")
    match error["type"]:
        case "missing-label":
            return f"the column {name} is missing"
        case "extra-label":
            return f"the column {label} is not in it" if error.get("label") else _blank(number)
        case "incorrect-label":
            return f"column {number} must be {name}, not {label}"
        case "duplicate-label":
            return f"two columns are named {label}"
        case "blank-label":
            return _blank(number)
        case kind:
            return TEXTS.get(kind) or str(error["note"])


def _blank(number: int | None) -> str:
    return f"column {number} has no name"


def _listed(faults: Sequence[str], noun: str) -> str:
    more = len(faults) - MAX_FAULTS
    rest = [f"and {more:,} more {noun}{'' if more == 1 else 's'}"] if more > 0 else []
    return "; ".join([*faults[:MAX_FAULTS], *rest])


def _breaks(count: int, contract: bool) -> str:
    if contract:
        return "breaks the contract" if count == 1 else "break the contract"
    return "has faults" if count == 1 else "have faults"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows" if count else "no rows"


def quoted(text: str) -> str:
    """A cell or a name in backticks: short, on one line, and without backticks of its own."""
    plain = "".join(char if char.isprintable() else "�" for char in text[: MAX_QUOTED_CHARS + 1])
    return f"`{shortened(plain, MAX_QUOTED_CHARS).replace('`', _TICK)}`"


def shortened(text: str, length: int = 100) -> str:
    """At most `length` characters of `text`."""
    return text if len(text) <= length else text[: length - 1] + "…"
