"""Say what is wrong with a cell or a row: the facts of a rule and a row as a statement."""

from dataclasses import dataclass, replace

from entrepot.inspection.check.rules import FieldRule
from entrepot.inspection.report.expectation import state_constraint_error, state_type_error
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.table import CellKind, Table

QUOTE_ADVICE = "Put a cell that contains the delimiter in quotes."
BLANK_ADVICE = 'Remove the row, or add "skipBlankRows": true to the dialect.'


@dataclass(frozen=True)
class ListedRow:
    """A row of the report: how many cells it has, what the format says of each cell (None where
    cells are texts), and a sentence on what the row looks like, if not like a row."""

    cells: int
    kinds: list[CellKind | None] | None
    looks: str = ""

    def stored(self, column: int) -> CellKind | None:
        """What the format says of the cell in `column` (from 1)."""
        return self.kinds[column - 1] if self.kinds else None


def state_rule(rule: FieldRule, table: Table, row: ListedRow, cell: str) -> Statement:
    """The statement on a row, or its cell, that breaks `rule`. `cell` is empty where the row has
    none."""
    width = len(table.columns)
    match rule.type:
        case "blank-row":
            advice = BLANK_ADVICE if row.cells == 0 and not table.stores_types else ""
            return Statement("the row has no value", "a value in at least one cell", "", advice)
        case "missing-cell":
            reason = f"the cell is missing, the row has {_cells(row.cells)}"
            return Statement(reason, _cells(width), "", row.looks)
        case "extra-cell":
            advice = "" if table.stores_types else row.looks or QUOTE_ADVICE
            surplus = f"{quoted(cell)} is" if cell else "an empty cell is"
            reason = f"{surplus} beyond the last column, the row has {_cells(row.cells)}"
            return Statement(reason, _cells(width), "", advice)
        case "type-error" if rule.field:
            stated = state_type_error(rule.field, cell, row.stored(rule.column))
            return replace(stated, advice=row.looks) if row.looks else stated
        case _ if rule.field:
            return state_constraint_error(rule.field, rule.rule, cell)
        case _:
            return Statement(rule.note)


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count:,} cells"
