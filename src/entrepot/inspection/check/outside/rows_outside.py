"""The rows that are not meant as rows.

In a first version they are errors, since the contract would allow them. Under a contract, and
without one, the contract alone decides what a row is: then they are warnings.
"""

from collections.abc import Sequence
from typing import Any

import duckdb

from entrepot.inspection.check.field_matching import align_columns
from entrepot.inspection.check.outside.odd_rows import find_odd_rows
from entrepot.inspection.check.outside.repeated_header import find_repeated_header
from entrepot.inspection.check.outside.total_row import find_total_row
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema

MAX_ROWS = 10_000
"""Of a table that is not a first version and is scanned for a warning alone: each delivery pays."""


def find_rows_outside(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, rows: int
) -> list[dict[str, Any]]:
    """The errors of rows, of `rows`, that are not meant as rows. Raises duckdb.Error."""
    repeated = find_repeated_header(engine, table, schema)
    odd = find_total_row(engine, table, schema, rows) or find_odd_rows(engine, table, schema, rows)
    return [*repeated, *odd]


def find_doubtful_rows(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    rows: int,
    errors: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The rows, of `rows`, that keep the contract and seem not to be meant as rows, as errors; none
    that has one of the `errors`, which says what it looks like. Raises duckdb.Error.

    A header that is repeated letter by letter is a warning of the reader.
    """
    table, schema = table.known_to_have_controls(False), align_columns(table, schema)
    odd = find_total_row(engine, table, schema, rows)
    if rows <= MAX_ROWS:
        odd = odd or find_odd_rows(engine, table, schema, rows)
        odd = [*find_repeated_header(engine, table, schema), *odd]
    known = {error.get("rowNumber") for error in errors}
    return [row for row in odd if row["rowNumber"] not in known]
