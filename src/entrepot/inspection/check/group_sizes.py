"""Whether a column groups the digits of its numbers by thousands or in the Indian way.

A group character is valid only between groups of three digits. Groups of two (`12,34,567`) are
valid only where no number of the column says otherwise, so they need a look at the whole column.
"""

from dataclasses import replace

import duckdb

from entrepot.inspection.check.field_matching import matched_fields
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import full_match
from entrepot.inspection.values.plain_number import without_affixes
from entrepot.schemas.model import TableSchema
from entrepot.schemas.numbers import INDIAN, THOUSANDS, number_regex


def with_group_sizes(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema
) -> TableSchema:
    """The schema whose fields know how their columns group digits. One pass over the table, if a
    field has a `groupChar`. Raises duckdb.Error where the scan fails."""
    grouped = {
        id(field): column.text
        for column, field in zip(table.columns, matched_fields(table, schema), strict=True)
        if field and field.group_char and column.kind == "text"
    }
    fields = [field for field in schema.fields if id(field) in grouped]
    if not fields:
        return schema
    conditions = []
    for field in fields:
        bare = without_affixes(grouped[id(field)], field)
        thousands = full_match(bare, number_regex(field, THOUSANDS))
        indian = full_match(bare, number_regex(field, INDIAN))
        conditions.append(f"bool_or({indian} AND NOT {thousands})")
        conditions.append(f"bool_or({thousands} AND NOT {indian})")
    query = f"SELECT {', '.join(conditions)} FROM {table.relation}"
    sizes = engine.execute(query).fetchone() or ()
    pairs = zip(fields, sizes[::2], sizes[1::2], strict=True)
    indian_fields = {id(field) for field, indian, thousands in pairs if indian and not thousands}
    return replace(
        schema,
        fields=tuple(
            replace(field, indian_groups=True) if id(field) in indian_fields else field
            for field in schema.fields
        ),
    )
