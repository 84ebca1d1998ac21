"""Rules on JSON values that SQL cannot check: `enum` of objects and arrays, and `jsonSchema`.

The values pass through Python one by one, in batches of bounded size; a table without such a
rule never comes here.
"""

import json
from array import array
from collections.abc import Callable, Iterator
from typing import Any, Literal

import duckdb

from entrepot.inspection.check.row_errors import (
    BrokenRow,
    RowErrors,
    TableRule,
    find_row_errors,
)
from entrepot.inspection.report.expectation import state_constraint_error
from entrepot.inspection.report.report import shortened
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.sql import Sql
from entrepot.inspection.table import Table
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.inspection.values.ordering import PARSED_JSON
from entrepot.schemas.json_schema import json_validator
from entrepot.schemas.model import Field
from entrepot.schemas.values import read_value

BATCH_ROWS = 500
"""Rows that are fetched at a time: a cell of JSON may be as long as a line."""
MAX_INSERTED_ROWS = 100_000
"""Numbers of broken rows in one statement that inserts them."""


def check_json_rules(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    cells: list[tuple[int, CellSql]],
    skipped: frozenset[int],
    listed: int,
) -> list[RowErrors]:
    """The rules on JSON values that do not hold."""
    errors = []
    for number, cell in cells:
        if number in skipped or cell.field.type not in PARSED_JSON:
            continue
        for rule, value, satisfies in _rules(cell):
            name = f"_faults_of_json_{number}_{rule}"
            _collect(engine, table, cell, satisfies, name)
            broken = TableRule(
                "constraint-error",
                _state(cell.field, number, rule),
                (number,),
                number,
                cell.field.name,
                shortened(f'constraint "{rule}" is "{value}"'),
            )
            row_errors = find_row_errors(engine, table, broken, name, listed)
            errors += [row_errors] if row_errors else []
    return errors


def _state(field: Field, number: int, rule: str) -> Callable[[BrokenRow], Statement]:
    def state(row: BrokenRow) -> Statement:
        return state_constraint_error(field, rule, row.cells[number] or "")

    return state


def _rules(
    cell: CellSql,
) -> Iterator[tuple[Literal["enum", "jsonSchema"], object, Callable[[Any], bool]]]:
    constraints = cell.field.constraints
    if constraints.enum is not None:
        values = [read_value(value, cell.field) for value in constraints.enum]
        yield (
            "enum",
            list(constraints.enum),
            lambda value: any(equal_json(value, v) for v in values),
        )
    if constraints.json_schema is not None:
        yield "jsonSchema", constraints.json_schema, json_validator(constraints.json_schema)


def equal_json(first: Any, second: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, objects whatever the order of keys.
    True is not 1, as it is to Python."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(
            equal_json(first[key], second[key]) for key in first
        )
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal_json, first, second))
    return bool(first == second)


def satisfies_json_rules(cell: CellSql, text: str) -> bool:
    """Whether a value of the cell's field keeps the rules that SQL cannot check."""
    if cell.field.type not in PARSED_JSON:
        return True
    return all(_satisfies(text, satisfies) for _, _, satisfies in _rules(cell))


def _collect(
    engine: duckdb.DuckDBPyConnection,
    table: Table,
    cell: CellSql,
    satisfies: Callable[[Any], bool],
    name: Sql,
) -> None:
    """Make a table `name` of the rows whose value does not keep the rule."""
    engine.execute(f"SELECT _row, {cell.text} FROM {table.numbered} WHERE {cell.checked}")
    violating = array("q")
    while rows := engine.fetchmany(BATCH_ROWS):
        violating.extend(number for number, text in rows if not _satisfies(text, satisfies))
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} (_row BIGINT)")
    for start in range(0, len(violating), MAX_INSERTED_ROWS):
        some = violating[start : start + MAX_INSERTED_ROWS].tolist()
        engine.execute(f"INSERT INTO {name} SELECT unnest(?::BIGINT[])", [some])


def _satisfies(text: str, satisfies: Callable[[Any], bool]) -> bool:
    try:
        return satisfies(json.loads(text))
    except (ValueError, RecursionError):
        return False
