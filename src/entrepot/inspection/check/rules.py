"""What each field of a schema forbids, as SQL conditions over the table's columns, and the passes
in which a table is asked for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb

from entrepot.inspection.check.field_matching import align_columns
from entrepot.inspection.report.report import MAX_SHOWN_CELLS, shortened
from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import CellSql, cell_sql
from entrepot.inspection.values.ordering import PARSED_JSON, is_among, keeps_bound
from entrepot.schemas.model import Field, TableSchema
from entrepot.schemas.values import read_value

MAX_RULES_PER_QUERY = 400
"""Rules of a wide table are asked in several passes, so that their expressions fit into memory."""
BLANK_ROWS = sql("blank_rows")
"""The table of their numbers."""
BOUNDS = (
    ("minimum", "minimum", sql(">=")),
    ("maximum", "maximum", sql("<=")),
    ("exclusiveMinimum", "exclusive_minimum", sql(">")),
    ("exclusiveMaximum", "exclusive_maximum", sql("<")),
)


@dataclass(frozen=True)
class FieldRule:
    """A condition that is true on the cells (or rows) that break one rule.

    `type` is the report's error type; `column` counts from 1, 0 for a whole row; `note` says
    the rule in the report's words, `rule` names the constraint; `times`, if set, is how many
    errors one row is.
    """

    type: str
    column: int
    field: Field | None
    note: str
    sql: Sql
    rule: str = ""
    times: Sql | None = None


def checked_columns(table: Table, schema: TableSchema) -> list[tuple[int, CellSql]]:
    """The columns by position from 1, with the expressions of their fields; a column that the
    schema does not know takes anything."""
    controls = table.control_characters()
    pairs = zip(table.columns, align_columns(table, schema).fields, strict=True)
    return [
        (
            number,
            cell_sql(
                column,
                field,
                schema.missing_values_of(field),
                table.storage,
                controls,
            ),
        )
        for number, (column, field) in enumerate(pairs, start=1)
    ]


def blank_row(table: Table, cells: Sequence[tuple[int, CellSql]]) -> Sql:
    """Whether every checked cell of the row is missing."""
    missing = [f"NOT {cell.present}" for _, cell in cells]
    if table.uneven and not table.blank_despite_surplus:
        missing.append(sql("_extra IS NULL"))
    return " AND ".join(missing) or sql("false")


def field_rules(
    table: Table, cells: list[tuple[int, CellSql]], skipped: frozenset[int]
) -> list[FieldRule]:
    """Every rule for rows and cells, the columns in `skipped` left out (their header is wrong).

    The conditions may use the column `_blank` for `blank_row`; a blank row is one error and
    suppresses what it causes.
    """
    violations = [FieldRule("blank-row", 0, None, "", "_blank")]
    for number, cell in cells:
        if number not in skipped:
            violations += cell_rules(number, cell)
        if table.uneven:
            absent = f"(_cells < {number} AND NOT _blank)"
            violations.append(FieldRule("missing-cell", number, cell.field, "", absent))
    if table.uneven:
        surplus = f"(_cells > {len(table.columns)} AND NOT _blank)"
        width = len(table.columns)
        times = f"_cells - {width}"
        violations.append(FieldRule("extra-cell", width + 1, None, "", surplus, times=times))
    return violations


def cell_rules(number: int, cell: CellSql) -> list[FieldRule]:
    """The rules of one column (from 1) that one cell alone can break."""
    field, rules = cell.field, cell.field.constraints
    violations = []
    if cell.valid != "true":
        invalid = f"({cell.present} AND NOT coalesce({cell.valid}, false))"
        if cell.quick:
            invalid = f"(CASE WHEN {cell.quick} THEN false ELSE {invalid} END)"
        note = f'type is "{field.type}/{field.format}"'
        violations.append(FieldRule("type-error", number, field, note, invalid, "type"))

    def constraint(rule: str, value: object, broken: Sql) -> None:
        note = shortened(f'constraint "{rule}" is "{value}"')
        violations.append(FieldRule("constraint-error", number, field, note, broken, rule))

    def value_constraint(rule: str, value: object, satisfied: Sql) -> None:
        constraint(rule, value, f"(CASE WHEN {valid_cell} THEN NOT ({satisfied}) ELSE false END)")

    if rules.required:
        constraint("required", True, f"(NOT {cell.present} AND NOT _blank)")
    valid_cell = cell.checked
    for rule, attribute, operator in BOUNDS:
        bound = getattr(rules, attribute)
        if bound is not None:
            satisfied = cell.for_field(
                partial(_keeps_bound, cell.text, operator, read_value(bound, field))
            )
            value_constraint(rule, bound, f"coalesce({satisfied}, true)")
    for rule, length, operator in (
        ("minLength", rules.min_length, sql(">=")),
        ("maxLength", rules.max_length, sql("<=")),
    ):
        if length is not None:
            value_constraint(rule, length, f"{_length(cell)} {operator} {length}")
    if rules.pattern is not None:
        matches = f"regexp_full_match({cell.text}, {literal(rules.pattern)}, 's')"
        value_constraint("pattern", rules.pattern, matches)
    if rules.enum is not None and field.type not in PARSED_JSON:
        read = [read_value(value, field) for value in rules.enum]
        satisfied = cell.for_field(partial(_is_among, cell.text, read))
        value_constraint("enum", list(rules.enum), satisfied)
    if field.categories is not None:
        values = [category.value for category in field.categories]
        satisfied = cell.for_field(partial(_is_among, cell.text, values))
        value_constraint("categories", values, satisfied)
    return violations


def _keeps_bound(text: Sql, operator: Sql, limit: Any, field: Field) -> Sql:
    return keeps_bound(text, field, operator, limit)


def _is_among(text: Sql, values: Sequence[Any], field: Field) -> Sql:
    return is_among(text, field, values)


def _length(cell: CellSql) -> Sql:
    in_json = f"json_array_length({cell.text})"
    match cell.field.type:
        case "array":
            return in_json
        case "object" | "geojson":
            return f"len(json_keys({cell.text}))"
        case "list":
            in_text = f"len(string_split({cell.text}, {literal(cell.field.delimiter)}))"
            if cell.native == "false":
                return in_text
            return f"CASE WHEN {cell.native} THEN {in_json} ELSE {in_text} END"
        case _:
            return f"length({cell.text})"


@dataclass(frozen=True)
class RulePass:
    """Rules that are asked together, of a table in whose relations their columns are."""

    table: Table
    rules: list[FieldRule]


def plan_passes(
    table: Table,
    schema: TableSchema,
    cells: list[tuple[int, CellSql]],
    skipped: frozenset[int],
) -> list[RulePass]:
    """One pass, or several over a wide table, each with as many rules as fit into memory (a vector
    of 32 KiB each) and with the columns that these rules and the report need."""
    rules = field_rules(table, cells, skipped)
    if len(rules) <= MAX_RULES_PER_QUERY:
        return [RulePass(table, rules)]
    short = table.with_short_names()
    rules = field_rules(short, checked_columns(short, schema), skipped)
    passes = []
    for start in range(0, len(rules), MAX_RULES_PER_QUERY):
        some = rules[start : start + MAX_RULES_PER_QUERY]
        places = [number - 1 for number in listed_columns(table, some)]
        passes.append(RulePass(table.narrow(places), some))
    return passes


def listed_columns(table: Table, rules: Sequence[FieldRule]) -> list[int]:
    """The columns (from 1) of these rules, and those that the report shows of each row."""
    width = len(table.columns)
    judged = {rule.column for rule in rules if 0 < rule.column <= width}
    return sorted(judged.union(range(1, min(width, MAX_SHOWN_CELLS) + 1)))


@dataclass(frozen=True)
class BlankRows:
    """The condition of a row being blank; `numbered`: it is asked of the row's number."""

    condition: Sql
    numbered: bool = False

    def relation(self, table: Table, numbered: bool = False) -> Sql:
        """The table's rows with `_blank`, and their numbers if these are asked for."""
        rows = table.numbered if numbered or self.numbered else table.relation
        return f"(SELECT *, ({self.condition}) AS _blank FROM {rows})"


NEVER_BLANK = BlankRows(sql("false"))


def find_blank_rows(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    cells: Sequence[tuple[int, CellSql]],
    wide: bool,
) -> BlankRows:
    """The condition of blank rows. Those of a wide table are looked for once, part by part, so that
    not each of its passes asks for all of its cells."""
    if not wide:
        return BlankRows(blank_row(table, cells))
    among = sql("true")
    for start in range(0, len(cells), MAX_RULES_PER_QUERY):
        part = blank_row(table, cells[start : start + MAX_RULES_PER_QUERY])
        source = f"SELECT _row FROM {table.numbered} WHERE ({part}) AND {among}"
        engine.execute(f"CREATE OR REPLACE TEMP TABLE {BLANK_ROWS} AS {source}")
        among = f"_row IN (SELECT _row FROM {BLANK_ROWS})"
        row = engine.execute(f"SELECT count(*) FROM {BLANK_ROWS}").fetchone()
        if row is None or not row[0]:
            return NEVER_BLANK
    return BlankRows(among, numbered=True)
