"""What each field of a schema forbids, as SQL conditions over the table's columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.inspection.cells import CellSql, cell_sql, constant
from entrepot.inspection.engine import literal
from entrepot.inspection.table import Table
from entrepot.schemas.model import Field, TableSchema

BOUNDS = (
    ("minimum", "minimum", ">="),
    ("maximum", "maximum", "<="),
    ("exclusiveMinimum", "exclusive_minimum", ">"),
    ("exclusiveMaximum", "exclusive_maximum", "<"),
)


@dataclass(frozen=True)
class Violation:
    """A condition that is true on the cells (or rows) that break one rule.

    `type` is the report's error type; `column` counts from 1, 0 for a whole row; `note` says
    the rule in the report's words, `rule` names the constraint; `times`, if set, is how many
    errors one row is.
    """

    type: str
    column: int
    field: Field | None
    note: str
    sql: str
    rule: str = ""
    times: str = ""


def judged_columns(table: Table, schema: TableSchema) -> list[tuple[int, CellSql]]:
    """The columns that a field stands for, by position, with their expressions."""
    if table.by_name:
        columns = {column.label: column for column in table.columns}
        pairs = [
            (number, columns[field.name], field)
            for number, field in enumerate(schema.fields, start=1)
            if field.name in columns
        ]
    else:
        both = zip(table.columns, schema.fields, strict=False)
        pairs = [(number, *pair) for number, pair in enumerate(both, start=1)]
    return [
        (number, cell_sql(column, field, schema.missing_values_of(field)))
        for number, column, field in pairs
    ]


def blank_row(cells: Sequence[tuple[int, CellSql]]) -> str:
    """Whether every judged cell of the row is missing."""
    return " AND ".join(f"NOT {cell.present}" for _, cell in cells) or "false"


def violations_of(
    table: Table, cells: list[tuple[int, CellSql]], skipped: frozenset[int]
) -> list[Violation]:
    """Every rule for rows and cells, the columns in `skipped` left out (their header is wrong).

    The conditions may use the column `_blank` for `blank_row`; a blank row is one error and
    suppresses what it causes.
    """
    found = [Violation("blank-row", 0, None, "", "_blank")]
    for number, cell in cells:
        if number not in skipped:
            found += _cell_violations(number, cell)
        if table.uneven:
            absent = f"(_cells < {number} AND NOT _blank)"
            found.append(Violation("missing-cell", number, cell.field, "", absent))
    if table.uneven:
        surplus = f"(_cells > {len(table.columns)} AND NOT _blank)"
        width = len(table.columns)
        times = f"_cells - {width}"
        found.append(Violation("extra-cell", width + 1, None, "", surplus, times=times))
    return found


def _cell_violations(number: int, cell: CellSql) -> list[Violation]:
    field, rules = cell.field, cell.field.constraints
    found = []
    if cell.valid != "true":
        wrong = f"({cell.present} AND NOT coalesce({cell.valid}, false))"
        if cell.quick:
            wrong = f"(CASE WHEN {cell.quick} THEN false ELSE {wrong} END)"
        note = f'type is "{field.type}/{field.format}"'
        found.append(Violation("type-error", number, field, note, wrong, "type"))

    def constraint(rule: str, value: object, broken: str) -> None:
        note = f'constraint "{rule}" is "{value}"'
        found.append(Violation("constraint-error", number, field, note, broken, rule))

    if rules.required:
        constraint("required", True, f"(NOT {cell.present} AND NOT _blank)")
    sound = f"{cell.present} AND {cell.valid}"
    for rule, attribute, operator in BOUNDS:
        bound = getattr(rules, attribute)
        if bound is not None:
            kept = f"{cell.value} {operator} {constant(bound, field)}"
            if field.type == "number":
                kept = f"({kept} AND NOT isnan({cell.value}))"
            constraint(rule, bound, f"({sound} AND NOT coalesce({kept}, true))")
    for rule, length, operator in (
        ("minLength", rules.min_length, ">="),
        ("maxLength", rules.max_length, "<="),
    ):
        if length is not None:
            constraint(rule, length, f"({sound} AND NOT {_length(cell)} {operator} {length})")
    if rules.pattern is not None:
        matches = f"regexp_full_match({cell.text}, {literal(rules.pattern)}, 's')"
        constraint("pattern", rules.pattern, f"({sound} AND NOT {matches})")
    if rules.enum is not None:
        listed = ", ".join(constant(value, field) for value in rules.enum)
        kept = f"coalesce({cell.value} IN ({listed}), false)"
        constraint("enum", list(rules.enum), f"({sound} AND NOT {kept})")
    return found


def _length(cell: CellSql) -> str:
    match cell.field.type:
        case "array":
            return f"json_array_length({cell.text})"
        case "object":
            return f"len(json_keys({cell.text}))"
        case "list":
            return f"len(string_split({cell.text}, {literal(cell.field.delimiter)}))"
        case _:
            return f"length({cell.text})"
