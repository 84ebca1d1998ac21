"""Whether a column groups the digits of its numbers by thousands or in the Indian way.

A group character is valid only between groups of three digits. Groups of two (`12,34,567`) are
valid only where no number of the column says otherwise, so they need a look at the whole column.
"""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from entrepot.inspection.check.field_matching import matched_fields
from entrepot.inspection.sql import Sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import full_match
from entrepot.inspection.values.plain_number import without_affixes
from entrepot.schemas.model import Field, Grouping, TableSchema
from entrepot.schemas.numbers import GROUPINGS, number_regex


def with_group_sizes(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema
) -> TableSchema:
    """The schema whose fields know how their columns group digits. One pass over the table, if a
    field has a `groupChar` and does not state its groups. Raises duckdb.Error where the scan
    fails."""
    grouped = {
        id(field): column.text
        for column, field in zip(table.columns, matched_fields(table, schema), strict=True)
        if field and field.group_char and not field.grouping and column.kind == "text"
    }
    fields = [field for field in schema.fields if id(field) in grouped]
    cells = [(grouped[id(field)], field) for field in fields]
    proven = proven_groupings(engine, table, cells)
    indian = {id(f) for f, each in zip(fields, proven, strict=True) if each == {"indian"}}
    return replace(
        schema,
        fields=tuple(
            replace(field, grouping="indian") if id(field) in indian else field
            for field in schema.fields
        ),
    )


def proven_groupings(
    engine: duckdb.DuckDBPyConnection, table: Table, cells: Sequence[tuple[Sql, Field]]
) -> list[set[Grouping]]:
    """For each of `cells`, the text of a column and its field, the groups that some number has and
    cannot have otherwise: `12,345` is of both kinds. Raises duckdb.Error where the scan fails."""
    if not cells:
        return []
    conditions = []
    for text, field in cells:
        bare = without_affixes(text, field)
        thousands, indian = (full_match(bare, number_regex(field, each)) for each in GROUPINGS)
        conditions.append(f"bool_or({thousands} AND NOT {indian})")
        conditions.append(f"bool_or({indian} AND NOT {thousands})")
    query = f"SELECT {', '.join(conditions)} FROM {table.relation}"
    row = engine.execute(query).fetchone() or ()
    pairs = zip(row[::2], row[1::2], strict=True)
    return [{each for each, flag in zip(GROUPINGS, pair, strict=True) if flag} for pair in pairs]
