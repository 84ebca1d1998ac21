"""Say what is wrong with a cell or a row: the facts of a rule and a row as a statement, and as the
errors of a report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from entrepot.inspection.check.row_errors import surplus_cells
from entrepot.inspection.check.rules import FieldRule
from entrepot.inspection.report.expectation import state_constraint_error, state_type_error
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem, shortened
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.table import CellKind, Table
from entrepot_client.counts import counted

QUOTE_ADVICE = "Put a cell that contains the delimiter in quotes."
DELIMITER_ADVICE = "Remove the delimiters at the end of the row."
LABEL_ADVICE = "Give the column a label, or take the value out."
BLANK_ADVICE = 'Remove the row, or add "skipBlankRows": true to the dialect.'


@dataclass(frozen=True)
class ListedRow:
    """A row of the report: how many cells it has, what the format says of the cells in some columns
    (from 1; of none where cells are texts), a sentence on what the row looks like, if not like a
    row, and whether it has no text at all, not even marks of missing values."""

    cells: int
    kinds: Mapping[int, CellKind | None]
    looks: str = ""
    empty: bool = False

    def stored(self, column: int) -> CellKind | None:
        """What the format says of the cell in `column` (from 1)."""
        return self.kinds.get(column)


def state_rule(rule: FieldRule, table: Table, row: ListedRow, cell: str) -> Statement:
    """The statement on a row, or its cell, that breaks `rule`. `cell` is empty where the row has
    none."""
    width = len(table.columns)
    match rule.type:
        case "blank-row":
            advice = BLANK_ADVICE if row.empty and table.may_skip_blank_rows else ""
            return Statement("the row has no value", "a value in at least one cell", "", advice)
        case "missing-cell":
            reason = f"the cell is missing, the row has {counted(row.cells, 'cell')}"
            return Statement(reason, counted(width, "cell"), "", row.looks)
        case "type-error" if rule.field:
            stated = state_type_error(rule.field, cell, row.stored(rule.column), table.storage)
            return replace(stated, advice=row.looks) if row.looks else stated
        case _ if rule.field:
            return state_constraint_error(rule.field, rule.rule, cell)
        case _:
            return Statement(rule.note)


def errors_of_rule(
    rule: FieldRule,
    table: Table,
    row: ListedRow,
    common: dict[str, Any],
    cell: str | None,
    extra: str | None,
) -> list[dict[str, Any]]:
    """The errors of a row that breaks `rule`, in `cell` or in its surplus cells `extra`; `common`
    is what each of them has."""
    if rule.type == "blank-row":
        return [problem("blank-row", "", state_rule(rule, table, row, ""), **common)]
    if rule.type == "extra-cell":
        return [
            problem(
                "extra-cell",
                "",
                _state_surplus(table, row, text, number),
                **common,
                cell=shortened(text),
                fieldName="",
                fieldNumber=number,
            )
            for number, text in surplus_cells(extra, rule.column)
        ]
    name = rule.field.name if rule.field else ""
    stated = state_rule(rule, table, row, cell or "")
    places = {**common, "cell": shortened(cell or ""), "fieldName": name}
    return [problem(rule.type, rule.note, stated, **places, fieldNumber=rule.column)]


def _state_surplus(table: Table, row: ListedRow, cell: str, number: int) -> Statement:
    """The statement on a surplus cell in the column `number`: 0 is to the left of the first."""
    surplus = f"{quoted(cell)} is" if cell else "an empty cell is"
    if not number:
        advice = "Remove the cell, or move it into a column of the table."
        reason = f"{surplus} to the left of the first column"
        return Statement(reason, "no value beside the table", "", advice)
    if cell and number <= len(table.columns) + table.unlabelled:
        reason = f"{surplus} in a column without a label"
        return Statement(reason, "no value there", "", LABEL_ADVICE)
    usual = QUOTE_ADVICE if cell else DELIMITER_ADVICE
    advice = "" if table.stores_types else row.looks or usual
    reason = f"{surplus} beyond the last column, the row has {counted(row.cells, 'cell')}"
    return Statement(reason, counted(len(table.columns), "cell"), "", advice)
