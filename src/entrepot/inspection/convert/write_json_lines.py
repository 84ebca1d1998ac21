"""Write JSON Lines from the Parquet of a version: an object for each row.

Numbers that no type of Parquet holds are texts there, and numbers again here, where they have as
many digits as they need: a text is not a number of JSON under the contract.
"""

import json
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.cell_json import json_of
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.stored_parquet import StoredColumn, open_stored
from entrepot.inspection.values.cell_sql import lexical_check
from entrepot.inspection.values.decimals import PARTS, let
from entrepot.inspection.values.field_text import USUAL_MARKS
from entrepot.inspection.values.plain_number import plain_number
from entrepot.schemas.model import Field, TableSchema
from entrepot.schemas.table_schema import parse_schema

NO_QUOTING = sql("DELIMITER '\x01', QUOTE '', ESCAPE ''")
"""The options of CSV for lines that are written as they are; JSON has no control characters."""
PLAIN = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|(?i:[-+]?inf(?:inity)?|nan)"


def write_json_lines(
    engine: duckdb.DuckDBPyConnection, parquet: Path, target: Path, schema: dict[str, Any]
) -> None:
    """Write the rows of `parquet`, whose columns have the fields of `schema`, to `target`. Raises
    duckdb.Error, OSError."""
    stored = open_stored(engine, parquet)
    contract = parse_schema(schema) if schema else TableSchema(())
    fields = {field.name: field for field in contract.fields}
    pairs = [
        f"{literal(('{' if first else ',') + json.dumps(column.name, ensure_ascii=False) + ':')} "
        f", coalesce({_json_of(column, fields.get(column.name), contract)}, 'null')"
        for first, column in zip(chain([True], repeat(False)), stored.columns, strict=False)
    ]
    # The engine's own writer reads JSON again and keeps 17 digits of a number, and takes names that
    # differ in their case for one.
    # A chain of `||` is as deep as it is long, and the engine bounds the depth of an expression.
    query = f"SELECT concat({', '.join(pairs)}, '}}') AS line FROM {stored.relation}"
    options = f"FORMAT csv, HEADER false, {NO_QUOTING}"
    engine.execute(f"COPY ({query}) TO {literal(str(target))} ({options})")


def _json_of(column: StoredColumn, field: Field | None, contract: TableSchema) -> Sql:
    written = json_of(column.sql, column.stored_as)
    if field is None or field.type not in ("integer", "number") or column.stored_as != "VARCHAR":
        return written
    marks = ", ".join(map(literal, contract.missing_values_of(field)))
    number = _number_of_text(column.sql, field)
    number = f"CASE WHEN {column.sql} NOT IN ({marks}) THEN {number} END" if marks else number
    return f"coalesce({number}, {written})"


def _number_of_text(text: Sql, field: Field) -> Sql:
    """The number of JSON that a text states, in its plain form or in that of its field; NULL where
    it is not a number, or another one in each form."""
    marks = set(field.decimal_char + field.group_char)
    if "." in field.group_char or not marks <= USUAL_MARKS:
        return sql("NULL")
    plain = f"regexp_full_match({text}, {literal(PLAIN)})"
    by_field = f"CASE WHEN {lexical_check(text, field)} THEN {plain_number(text, field)} END"
    bare = f"trim(CASE WHEN {plain} THEN {text} ELSE {by_field} END)"
    return let(
        bare, sql("n"), f"CASE WHEN {_is_word(sql('n'))} THEN {_word()} ELSE {_digits()} END"
    )


def _is_word(text: Sql) -> Sql:
    return f"regexp_matches({text}, '(?i)[nf]')"


def _word() -> Sql:
    """`NaN` or an infinity as Table Schema writes them, which JSON has as texts."""
    return sql(
        "CASE WHEN contains(lower(n), 'nan') THEN '\"NaN\"' "
        "WHEN starts_with(n, '-') THEN '\"-INF\"' ELSE '\"INF\"' END"
    )


def _digits() -> Sql:
    """The digits of `n` as JSON has them: without zeros and a plus before them, and with a zero
    before a point."""
    parsed = f"regexp_extract(n, {literal(PARTS)}, ['sign', 'whole', 'part', 'exponent'])"
    written = sql(
        "replace(p.sign, '+', '') || coalesce(nullif(ltrim(p.whole, '0'), ''), '0') "
        "|| CASE WHEN p.part = '' THEN '' ELSE '.' || p.part END "
        "|| CASE WHEN p.exponent = '' THEN '' ELSE 'e' || p.exponent END"
    )
    return let(parsed, sql("p"), written)
