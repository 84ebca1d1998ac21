"""Check the labels of a table: against a contract's fields, or without a contract."""

from collections.abc import Sequence
from typing import Any

from entrepot.inspection.check.field_matching import match_of
from entrepot.inspection.report.report import problem
from entrepot.inspection.table import Table
from entrepot.schemas.model import Field, TableSchema


def check_header(table: Table, schema: TableSchema) -> tuple[list[dict[str, Any]], frozenset[int]]:
    """The errors of the header, and the columns whose cells are not checked.

    A column with another name than the contract's at its place is one error; its cells are
    not checked, since the field is not theirs. Where fields belong to columns by name, that is
    each column that the contract does not know.
    """
    if table.misplaced_header:
        return [problem("missing-header", table.misplaced_header)], frozenset()
    if match_of(table, schema) != "exact":
        return _check_names(table, schema), frozenset()
    labels, fields = table.labels, schema.fields
    errors = [
        _label_error("extra-label", labels, number, label=labels[number - 1])
        for number in range(len(fields) + 1, len(labels) + 1)
    ]
    errors += [
        _label_error("missing-label", labels, number, field=fields[number - 1])
        for number in range(len(labels) + 1, len(fields) + 1)
    ]
    mismatched = []
    earlier = _earlier(labels)
    for number, (label, field) in enumerate(zip(labels, fields, strict=False), start=1):
        if not table.header or (not label.strip() and field.name == f"column_{number}"):
            continue  # inference names a column that has no label
        error_type, note = _label_problem(label, earlier[number - 1])
        if not error_type and label != field.name:
            error_type = "incorrect-label"
        if error_type:
            errors.append(_label_error(error_type, labels, number, label, field, note))
        if label and label != field.name:
            mismatched.append(number)
    return errors, frozenset(mismatched)


def check_labels(table: Table) -> list[dict[str, Any]]:
    """The faults of a header without a contract: none at all, blank or doubled names."""
    if not table.header:
        return [problem("missing-header", "the first row holds values, not column names")]
    errors = []
    earlier = _earlier(table.labels)
    for number, label in enumerate(table.labels, start=1):
        error_type, note = _label_problem(label, earlier[number - 1])
        if error_type:
            errors.append(_label_error(error_type, table.labels, number, label, None, note))
    return errors


def _check_names(table: Table, schema: TableSchema) -> list[dict[str, Any]]:
    """The errors of a header whose labels name the fields in any order."""
    labels, match = table.labels, match_of(table, schema)
    names = {field.name for field in schema.fields}
    earlier = _earlier(labels)
    errors = []
    for number, label in enumerate(labels, start=1):
        if label in names and earlier[number - 1]:
            _, note = _label_problem(label, earlier[number - 1])
            errors.append(_label_error("duplicate-label", labels, number, label, None, note))
        elif label not in names and match in ("equal", "superset"):
            errors.append(_label_error("extra-label", labels, number, label=label))
    if match == "partial" and names.isdisjoint(labels):
        note = "no column has the name of a field"
        errors.append(problem("unmatched-header", note, rowNumbers=[1], labels=list(labels)))
    present = frozenset(labels)
    missing = [field for field in schema.fields if field.name not in present]
    if match in ("superset", "partial"):
        missing = [field for field in missing if schema.requires_column(field)]
    return errors + [
        _label_error("missing-label", labels, number, field=field)
        for number, field in enumerate(missing, start=len(labels) + 1)
    ]


def _earlier(labels: Sequence[str]) -> list[list[int]]:
    """For each label the positions of the same one before it, at most 20."""
    positions: dict[str, list[int]] = {}
    earlier = []
    for number, label in enumerate(labels, start=1):
        before = positions.setdefault(label, [])
        earlier.append(before[:20])
        before.append(number)
    return earlier


def _label_problem(label: str, earlier: list[int]) -> tuple[str | None, str]:
    """What is wrong with a label by itself: blank, or doubled."""
    if not label:
        return "blank-label", ""
    if earlier:
        return "duplicate-label", f'at position "{", ".join(map(str, earlier))}"'
    return None, ""


def _label_error(
    error_type: str,
    labels: Sequence[str],
    number: int,
    label: str = "",
    field: Field | None = None,
    note: str = "",
) -> dict[str, Any]:
    return problem(
        error_type,
        note,
        rowNumbers=[1],
        label=label,
        fieldName=field.name if field else "",
        fieldNumber=number,
    )
