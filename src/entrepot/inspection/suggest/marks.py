"""How a field gets marks of missing values beside those that it has."""

from collections.abc import Sequence
from typing import Any

from entrepot.schemas.model import Field, TableSchema


def with_marks(
    document: dict[str, Any], schema: TableSchema, field: Field, marks: Sequence[str]
) -> None:
    """Add `marks` to the missing values of a field's `document`, which keeps those that it has of
    its own or of the schema, with their labels."""
    own = field.missing_values is not None
    labels = dict(field.missing_labels if own else schema.missing_labels)
    document["missingValues"] = [
        _entry(mark, labels) for mark in (*schema.missing_values_of(field), *marks)
    ]


def _entry(mark: str, labels: dict[str, str]) -> str | dict[str, str]:
    """A missing value as a document has it: with labels, all of them are objects."""
    if mark in labels:
        return {"value": mark, "label": labels[mark]}
    return {"value": mark} if labels else mark
