"""An example of a valid value for each field whose cells are wrong.

`report.examples` proposes values; the same SQL that judges cells decides which of them are valid,
so that no report ever shows an example that would be rejected.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from entrepot.inspection.check.json_rules import satisfies_json_rules
from entrepot.inspection.check.rules import cell_rules
from entrepot.inspection.report.example_values import propose_values
from entrepot.inspection.sql import literal, sql
from entrepot.inspection.table import Column
from entrepot.inspection.values.cell_sql import CellSql, cell_sql
from entrepot.schemas.model import Field, TableSchema

MAX_FIELDS = 100
"""Fields of one report that get an example."""
WITH_EXAMPLE = ("type-error", "constraint-error")


def add_examples(
    engine: duckdb.DuckDBPyConnection,
    errors: Iterable[dict[str, Any]],
    schema: TableSchema,
    cells: Sequence[tuple[int, CellSql]],
) -> None:
    """Give each error that expects a value of its field an example of one, in place."""
    fields = {number: cell.field for number, cell in cells}
    examples: dict[int, str] = {}
    wanting = [error for error in errors if error["code"] in WITH_EXAMPLE]
    for error in wanting:
        number = error["fieldNumber"]
        if number not in examples and len(examples) < MAX_FIELDS:
            field = fields[number]
            examples[number] = find_example(engine, field, schema.missing_values_of(field))
        if example := examples.get(number):
            error["example"] = example


def find_example(engine: duckdb.DuckDBPyConnection, field: Field, missing: tuple[str, ...]) -> str:
    """A text that is valid in a delimited file; empty where none of those proposed is."""
    values = propose_values(field)
    if not values:
        return ""
    column = Column(field.name, sql("c1"), "text")
    cell = cell_sql(column, field, missing)
    broken = " OR ".join(f"coalesce({rule.sql}, false)" for rule in cell_rules(1, cell)) or sql(
        "false"
    )
    listed = ", ".join(f"({n}, {literal(value)})" for n, value in enumerate(values))
    query = (
        f"SELECT c1 FROM (SELECT *, false AS _blank FROM (VALUES {listed}) AS t(n, c1)) "
        f"WHERE {cell.present} AND NOT ({broken}) ORDER BY n"
    )
    valid = [str(value) for (value,) in engine.execute(query).fetchall()]
    return next((value for value in valid if satisfies_json_rules(cell, value)), "")
