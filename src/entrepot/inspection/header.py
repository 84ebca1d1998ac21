"""Judge the labels of a table: against a contract's fields, or by themselves."""

from collections.abc import Sequence
from typing import Any

from entrepot.inspection.report import problem
from entrepot.inspection.table import Table
from entrepot.schemas.model import Field, TableSchema


def judge_header(table: Table, schema: TableSchema) -> tuple[list[dict[str, Any]], frozenset[int]]:
    """The errors of the header, and the columns whose cells it leaves unjudged.

    A column with another name than the contract's at its place is one error; its cells are
    not judged, since the field is not theirs.
    """
    if table.by_name:
        return _judge_names(table, schema), frozenset()
    labels, fields = table.labels, schema.fields
    errors = [
        _label_error("extra-label", labels, number, label=labels[number - 1])
        for number in range(len(fields) + 1, len(labels) + 1)
    ]
    errors += [
        _label_error("missing-label", labels, number, field=fields[number - 1])
        for number in range(len(labels) + 1, len(fields) + 1)
    ]
    wrong = []
    for number, (label, field) in enumerate(zip(labels, fields, strict=False), start=1):
        fault, note = _fault(labels, number)
        if fault:
            errors.append(_label_error(fault, labels, number, label, field, note))
        elif label != field.name:
            wrong.append(number)
            errors.append(_label_error("incorrect-label", labels, number, label, field))
    return errors, frozenset(wrong)


def judge_labels(table: Table) -> list[dict[str, Any]]:
    """The faults of a header without a contract: none at all, blank or doubled names."""
    if not table.header:
        return [problem("missing-header", "the first row holds values, not names")]
    errors = []
    for number, label in enumerate(table.labels, start=1):
        fault, note = _fault(table.labels, number)
        if fault:
            errors.append(_label_error(fault, table.labels, number, label, None, note))
    return errors


def _judge_names(table: Table, schema: TableSchema) -> list[dict[str, Any]]:
    labels = table.labels
    names = {field.name for field in schema.fields}
    missing = [field for field in schema.fields if field.name not in labels]
    return [
        _label_error("extra-label", labels, number, label=label)
        for number, label in enumerate(labels, start=1)
        if label not in names
    ] + [
        _label_error("missing-label", labels, number, field=field)
        for number, field in enumerate(missing, start=len(labels) + 1)
    ]


def _fault(labels: Sequence[str], number: int) -> tuple[str | None, str]:
    label = labels[number - 1]
    if not label:
        return "blank-label", ""
    earlier = [n for n, other in enumerate(labels[: number - 1], start=1) if other == label]
    if earlier:
        return "duplicate-label", f'at position "{", ".join(map(str, earlier[:20]))}"'
    return None, ""


def _label_error(
    kind: str,
    labels: Sequence[str],
    number: int,
    label: str = "",
    field: Field | None = None,
    note: str = "",
) -> dict[str, Any]:
    return problem(
        kind,
        note,
        rowNumbers=[1],
        label=label,
        fieldName=field.name if field else "",
        fieldNumber=number,
    )
