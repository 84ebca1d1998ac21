"""Which field each column of a table belongs to: by order, or by name (`fieldsMatch`)."""

from collections.abc import Collection
from dataclasses import replace

from entrepot.inspection.table import Table
from entrepot.inspection.values.made_up_names import name_of_blank_key, unused_names
from entrepot.schemas.model import Field, FieldsMatch, TableSchema


def match_of(table: Table, schema: TableSchema) -> FieldsMatch:
    """How fields and columns are matched. A format whose columns have no order of their own
    (JSON) is matched by name; then `exact` means the same as `equal`. Without a header there are
    no names to match."""
    if not table.header:
        return "exact"
    by_order = schema.fields_match == "exact"
    return "equal" if by_order and table.by_name else schema.fields_match


def matched_fields(table: Table, schema: TableSchema) -> tuple[Field | None, ...]:
    """The field of each column, None for a column that the schema does not know. Of several
    columns with one name the first is the field's."""
    if match_of(table, schema) == "exact":
        known = schema.fields[: len(table.columns)]
        return (*known, *[None] * (len(table.columns) - len(known)))
    waiting = {field.name: field for field in schema.fields}
    return tuple(waiting.pop(label, None) for label in labels_in_contract(table, waiting))


def labels_in_contract(table: Table, names: Collection[str]) -> list[str]:
    """The labels; a blank one as inference names its column, if `names` of a contract have that."""
    labels, known = set(table.labels), set(names)
    unused = unused_names(names, labels)
    of_key = name_of_blank_key(names, labels) if table.by_name else None

    def name_of(number: int, label: str) -> str:
        if label.strip() or label in known:
            return label
        return (of_key if table.by_name else unused.get(str(number))) or label

    return [name_of(n, label) for n, label in enumerate(table.labels, start=1)]


def align_columns(table: Table, schema: TableSchema) -> TableSchema:
    """The schema with its fields in the order of the table's columns; a column without a field
    gets one that takes anything."""
    fields = [
        field or Field(column.label, "any", missing_values=("",))
        for column, field in zip(table.columns, matched_fields(table, schema), strict=True)
    ]
    return replace(schema, fields=tuple(fields))
