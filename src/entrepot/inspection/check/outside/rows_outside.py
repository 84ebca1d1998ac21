"""The rows of a first version that are not meant as rows."""

import duckdb

from entrepot.inspection.check.outside.odd_rows import find_odd_rows
from entrepot.inspection.check.outside.repeated_header import find_repeated_header
from entrepot.inspection.check.outside.total_row import find_total_row
from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema


def find_rows_outside(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, rows: int
) -> list[dict[str, object]]:
    """The errors of rows, of `rows`, that are not meant as rows. Raises duckdb.Error."""
    repeated = find_repeated_header(engine, table, schema)
    odd = find_total_row(engine, table, schema, rows) or find_odd_rows(engine, table, schema, rows)
    return [*repeated, *odd]
