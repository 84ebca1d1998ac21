"""The outcome of an inspection in few sentences for people: figures, then the first error of each
kind, in the words of its `message`.

    1,204 of 336,776 rows break the contract. The first of 1,204 errors of this kind: Line 9,113,
    column `dep_time`: `17:45` is not an integer. Expected an integer, such as 17.

Faults of the header come first, since one change corrects them; then the kinds of errors in rows
that have the most errors, in the order of the report. At most three of each are given, the rest is
counted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from entrepot.inspection.report.error_kinds import kind_of_code
from entrepot.inspection.report.quoting import quoted
from entrepot_client.counts import counted

MAX_KINDS = 3
"""Kinds of errors whose first one a summary gives, of the header and of rows each."""


def summarize(
    errors: Sequence[dict[str, Any]],
    counts: Sequence[dict[str, Any]],
    rejected: int,
    rows: int,
    contract: bool = True,
) -> str:
    """What the report says.

    `errors` are those listed, with their messages, `counts` the entries of `errorCounts`: all of
    them by kind; without a contract the faults are only listed. `rejected` of `rows` have one at
    least.
    """
    if not counts:
        return _sound(rows, contract)
    header = [entry for entry in counts if is_of_header(entry)]
    others = [entry for entry in counts if not is_of_header(entry)]
    parts = [_figures(bool(header), bool(others), rejected, rows, contract)]
    for entries, chosen, noun in (
        (header, header[:MAX_KINDS], "fault of the header"),
        (others, _most_frequent(others, errors), "kind of error"),
    ):
        parts += [_first_of(entry, errors) for entry in chosen]
        if more := len(entries) - len(chosen):
            parts.append(f"{more:,} more {noun if more == 1 else _plural(noun)}.")
    return " ".join(parts)


def _most_frequent(
    entries: Sequence[dict[str, Any]], errors: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The kinds that have the most errors, in the order in which the report lists them."""
    places: dict[tuple[str, object], int] = {}
    for at, error in enumerate(errors):
        for number in (error.get("fieldNumber"), None):  # not every count is of one field
            places.setdefault((code_of(error), number), at)

    def place(entry: dict[str, Any]) -> int:
        return places.get((code_of(entry), entry.get("fieldNumber")), len(errors))

    frequent = sorted(entries, key=lambda entry: (-entry["count"], place(entry)))[:MAX_KINDS]
    return sorted(frequent, key=place)


def code_of(error: Mapping[str, Any]) -> str:
    """The code of an error or a count; reports of earlier releases have its type alone."""
    return str(error.get("code") or error["type"])


def is_of_header(error: Mapping[str, Any]) -> bool:
    """Whether an error or a count is of the header."""
    return kind_of_code(code_of(error)).of_header


def first_error(
    entry: Mapping[str, Any], errors: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """The first listed error that an entry of `errorCounts` counts."""
    return next((error for error in errors if _is_of(error, entry)), None)


def describe_count(entry: Mapping[str, Any], errors: Sequence[dict[str, Any]]) -> str:
    """A kind of error in words, without the place and the cell of any."""
    kind, first = kind_of_code(code_of(entry)), first_error(entry, errors)
    meaning = kind.meaning
    if first is not None and is_of_header(first):
        return str(first.get("reason") or meaning)
    expected = (first or {}).get("expected")
    return f"{meaning} Expected {expected}." if expected else meaning


def _sound(rows: int, contract: bool) -> str:
    if not contract:
        return f"{_rows(rows).capitalize()}."
    if rows == 0:
        return "The header keeps the contract; there are no rows."
    return (
        f"All {counted(rows, 'row')} keep the contract."
        if rows > 1
        else "The one row keeps the contract."
    )


def _figures(header: bool, others: bool, rejected: int, rows: int, contract: bool) -> str:
    broken = ["the header"] if header else []
    broken += [f"{rejected:,} of {_rows(rows)}"] if rejected else []
    broken = broken or ["the table"]
    text = " and ".join(broken)
    plural = len(broken) > 1 or (not header and rejected > 1)
    if contract:
        verb = "break the contract" if plural else "breaks the contract"
    else:
        verb = "have faults" if plural else "has faults"
    return f"{text[:1].upper()}{text[1:]} {verb}."


def _first_of(entry: Mapping[str, Any], errors: Sequence[dict[str, Any]]) -> str:
    first, count = first_error(entry, errors), entry["count"]
    if first is None:
        column = f" in column {quoted(entry['fieldName'])}" if entry.get("fieldName") else ""
        return f"{counted(count, 'error')}{column}: {describe_count(entry, [])}"
    message = str(first["message"])
    return (
        message if count == 1 else f"The first of {counted(count, 'error')} of this kind: {message}"
    )


def _is_of(error: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    same = code_of(error) == code_of(entry)
    if "fieldNumber" in entry:
        same = same and error.get("fieldNumber") == entry["fieldNumber"]
    # The note of an error of a key continues with the row that it repeats.
    return same and str(error.get("note", "")).startswith(entry.get("note", ""))


def _rows(count: int) -> str:
    return counted(count, "row") if count else "no rows"


def _plural(noun: str) -> str:
    return noun.replace("fault", "faults").replace("kind", "kinds").replace("error", "errors")
