"""Say what is wrong with a row whose key is missing, repeats another, or refers to no row."""

from collections.abc import Callable, Sequence
from typing import Any

from entrepot.inspection.check.row_errors import BrokenRow
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import shortened
from entrepot.inspection.report.sentence import Statement

MAX_KEY_COLUMNS = 5
"""Columns of a key that a sentence names."""
KeyColumns = Sequence[tuple[int, str]]
"""Number (from 1) and name of each column of a key."""


def state_unique(number: int) -> Callable[[BrokenRow], Statement]:
    """The statement on a value of a unique field, in column `number`, that another row has."""

    def state(row: BrokenRow) -> Statement:
        cell = row.cells[number] or ""
        return Statement(f"{quoted(cell)} is not unique", "a value that no other row has")

    return state


def state_key(name: str, columns: KeyColumns) -> Callable[[BrokenRow], Statement]:
    """The statement on a key that another row has, or on one with an empty part."""

    def state(row: BrokenRow) -> Statement:
        if row.earlier is not None:
            return Statement(
                f"{name} {_assigned(columns, row)} is not unique", "a key that no other row has"
            )
        empty = [part for number, part in columns if not row.cells[number]]
        if not empty:  # a mark of a missing value, or a value of another type
            reason = f"{name} {_assigned(columns, row)} has no valid value"
        elif len(columns) == 1:
            reason = f"{name} {quoted(empty[0])} is empty"
        else:
            verb = "is" if len(empty) == 1 else "are"
            reason = f"{_named(empty)} of {name} {verb} empty"
        return Statement(reason, "a value in each column of the key")

    return state


def state_reference(
    columns: KeyColumns, referenced: Sequence[str]
) -> Callable[[BrokenRow], Statement]:
    """The statement on a foreign key that no row has."""

    def state(row: BrokenRow) -> Statement:
        target = _named(referenced)
        return Statement(
            f"{_assigned(columns, row)} is not in {target} of any row",
            f"{'a value' if len(columns) == 1 else 'values'} that {target}"
            f" {'has' if len(referenced) == 1 else 'have'} in some row",
        )

    return state


def reference_keys(
    columns: KeyColumns, referenced: Sequence[str]
) -> Callable[[BrokenRow], dict[str, Any]]:
    """The keys that Frictionless requires of a `foreign-key` error."""

    def keys(row: BrokenRow) -> dict[str, Any]:
        return {
            "fieldNames": [name for _, name in columns],
            "fieldCells": [shortened(row.cells[number] or "") for number, _ in columns],
            "referenceName": "",
            "referenceFieldNames": list(referenced),
        }

    return keys


def _assigned(columns: KeyColumns, row: BrokenRow) -> str:
    """The columns of a key with their values: `a` = `1`, `b` = `x`."""
    parts = [
        f"{quoted(name)} = {quoted(row.cells[number] or '')}"
        for number, name in columns[:MAX_KEY_COLUMNS]
    ]
    return ", ".join([*parts, *(["…"] if len(columns) > MAX_KEY_COLUMNS else [])])


def _named(names: Sequence[str]) -> str:
    listed = [quoted(name) for name in names[:MAX_KEY_COLUMNS]]
    if len(names) > MAX_KEY_COLUMNS:
        return ", ".join([*listed, "…"])
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
