"""The closed list of texts that may mean "no value", and how a field gets some of them."""

from collections.abc import Sequence
from typing import Any

from entrepot.schemas.model import Field, TableSchema

MARKS = (
    *("", "NA", "N/A", "n/a", "N.A.", "NaN", "NaT", "null", "NULL", "(null)", "None", "<NA>"),
    *("\\N", ".", "-", "–", "k.A.", "#N/A", "#NV"),  # noqa: RUF001 (an en dash is meant)
)


def with_marks(
    document: dict[str, Any], schema: TableSchema, field: Field, marks: Sequence[str]
) -> None:
    """Add `marks` to the missing values of a field's `document`, which keeps those that it has of
    its own or of the schema, with their labels."""
    labels = dict(field.missing_labels if field.missing_values is not None else schema.missing_labels)
    known = schema.missing_values_of(field)
    document["missingValues"] = [
        {"value": mark, "label": labels[mark]} if mark in labels
        else {"value": mark} if labels else mark
        for mark in (*known, *marks)
    ]  # fmt: skip
