"""What a contract allows in a column and no cell of it uses: marks of missing values, words for
true and false, values of a list, and how numbers are written.

A contract that was frozen from a first version may also allow what it does not state: earlier
releases inferred integers that may begin with zeros. Who gives a schema without that line means it.

Typed values do not tell it, so the cells are asked as they were delivered. The first rows use most
of what a contract allows; only what they do not use is asked of all rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from entrepot.inspection.check.rules import checked_columns
from entrepot.inspection.convert.column_profile import ProfiledColumn
from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import MAX_FIRST_ROWS, Table
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.inspection.values.ordering import PARSED_JSON, is_among
from entrepot.inspection.values.plain_number import without_affixes
from entrepot.schemas.lexical import ENDS_IN_ZONE, INFERRED_MARKS
from entrepot.schemas.model import Field, TableSchema
from entrepot.schemas.values import read_value

MAX_VALUES = 50
"""Values of one property up to which they are looked for: a longer list says what may be at all."""
MAX_PARTS = 2_000
"""Parts of a contract that are looked for, the first ones."""
PARTS_PER_QUERY = 200
"""Their expressions fit into memory together."""
PLAIN = Field("")
LEADING_ZERO = r"^\s*[-+]?0\d"
NO_DIGIT = r"^\D*$"
"""NaN and infinities, of numbers."""


@dataclass(frozen=True)
class AllowedPart:
    """A value of a property of a field, whose column has the number `number` (from 1); `used` is
    true of the cells that use it."""

    number: int
    property_name: str
    value: Any
    used: Sql


def with_unused(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    schema: TableSchema,
    frozen: bool,
    columns: Sequence[ProfiledColumn],
) -> list[ProfiledColumn]:
    """The columns of a table that keeps the contract, with what each allows and no cell uses.
    `frozen`: the contract was inferred. Raises duckdb.Error where the scan fails."""
    unused = find_unused(engine, table, schema, frozen)
    return [
        replace(column, unused=unused.get(number, {}))
        for number, column in enumerate(columns, start=1)
    ]


def find_unused(
    engine: duckdb.DuckDBPyConnection, table: Table, schema: TableSchema, frozen: bool
) -> dict[int, dict[str, list[Any]]]:
    """For each column (from 1) that has any, the values by property that no cell uses. Raises
    duckdb.Error where the scan fails."""
    parts: list[AllowedPart] = []
    for number, cell in checked_columns(table.with_short_names(), schema):
        parts += _parts_of(number, cell, schema.missing_values_of(cell.field))
        if frozen:
            parts += _not_stated(number, cell)
        if len(parts) >= MAX_PARTS:
            break
    parts = _unused(engine, table, parts[:MAX_PARTS], MAX_FIRST_ROWS)
    unused: dict[int, dict[str, list[Any]]] = {}
    for part in _unused(engine, table, parts):
        unused.setdefault(part.number, {}).setdefault(part.property_name, []).append(part.value)
    return unused


def _unused(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[AllowedPart],
    rows: int | None = None,
) -> list[AllowedPart]:
    """Those of the parts that no cell uses, of the first `rows` if these are given."""
    unused = []
    for start in range(0, len(parts), PARTS_PER_QUERY):
        some = parts[start : start + PARTS_PER_QUERY]
        relation = table.narrow(sorted({part.number - 1 for part in some})).relation
        if rows is not None:
            relation = f"(SELECT * FROM {relation} LIMIT {rows})"
        flags = ", ".join(f"bool_or({part.used})" for part in some)
        row = engine.execute(f"SELECT {flags} FROM {relation}").fetchone() or ()
        unused += [part for part, flag in zip(some, row, strict=True) if not flag]
    return unused


def _parts_of(number: int, cell: CellSql, missing: Sequence[str]) -> Iterator[AllowedPart]:
    """What the field of a column states, and a cell may use or not."""
    field, text = cell.field, cell.text
    if tuple(missing) not in INFERRED_MARKS:  # with all of these, whichever of them occurs
        for mark in _few(missing):
            if mark:
                yield AllowedPart(number, "missingValues", mark, f"{text} = {literal(mark)}")
    if field.type == "boolean":
        for name, words, usual in (
            ("trueValues", field.true_values, PLAIN.true_values),
            ("falseValues", field.false_values, PLAIN.false_values),
        ):
            for word in _few(words) if words != usual else ():
                used = f"{cell.present} AND {text} = {literal(word)}"
                yield AllowedPart(number, name, word, used)
    if field.type in ("integer", "number"):
        yield from _number_parts(number, cell)
    if field.type in PARSED_JSON:  # compared outside of SQL
        return
    for value in _few(field.constraints.enum or ()):
        yield _listed_part(number, cell, "enum", value, read_value(value, field))
    for category in _few(field.categories or ()):
        yield _listed_part(number, cell, "categories", category.value, category.value)


def _listed_part(number: int, cell: CellSql, name: str, value: Any, read: Any) -> AllowedPart:
    """A value of a list, which cells may have in any spelling of their type."""
    among = cell.for_field(lambda field: is_among(cell.text, field, [read]))
    used = f"CASE WHEN {cell.checked} THEN {among} ELSE false END"
    return AllowedPart(number, name, value, used)


def _number_parts(number: int, cell: CellSql) -> Iterator[AllowedPart]:
    """Marks within numbers, and text around them; a format that stores numbers has neither."""
    field, text = cell.field, cell.text
    bare = without_affixes(text, field)
    is_text = f"{cell.present} AND NOT {cell.native}"
    marks = {"groupChar": field.group_char}
    if field.decimal_char != PLAIN.decimal_char:
        marks["decimalChar"] = field.decimal_char
    for name, mark in marks.items():
        if mark:
            used = f"{is_text} AND contains({bare}, {literal(mark)})"
            yield AllowedPart(number, name, mark, used)
    if not field.bare_number:
        yield AllowedPart(number, "bareNumber", False, f"{is_text} AND {text} <> {bare}")


def _not_stated(number: int, cell: CellSql) -> Iterator[AllowedPart]:
    """What a contract allows where it does not state one of the properties that inference writes:
    releases before the property existed froze contracts without it."""
    field, text = cell.field, cell.text
    if field.type in ("integer", "number") and field.leading_zeros:
        yield _leading_zeros(number, cell)
    if field.type == "number" and field.bare_number and not field.finite:
        used = f"{cell.present} AND regexp_matches({text}, {literal(NO_DIGIT)})"
        yield AllowedPart(number, "entrepot:finite", False, used)
    own_format = field.format not in ("default", "any")  # which says whether there is a zone
    if field.type in ("time", "datetime") and field.time_zone is None and not own_format:
        zoned = f"regexp_matches({text}, {literal(ENDS_IN_ZONE)})"
        for zone, states in ((True, zoned), (False, f"NOT {zoned}")):
            yield AllowedPart(number, "entrepot:timeZone", zone, f"{cell.present} AND {states}")


def _leading_zeros(number: int, cell: CellSql) -> AllowedPart:
    """Numbers that begin with a zero and a digit; a format that stores numbers has none."""
    bare = without_affixes(cell.text, cell.field)
    begun = f"regexp_matches({bare}, {literal(LEADING_ZERO)})"
    used = f"{cell.present} AND NOT {cell.native} AND {begun}"
    return AllowedPart(number, "entrepot:leadingZeros", True, used)


def _few(values: Sequence[Any]) -> Sequence[Any]:
    return values if len(values) <= MAX_VALUES else ()
