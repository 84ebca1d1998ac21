"""What the verdict says of a table's cells before they get their types."""

from collections.abc import Collection
from dataclasses import dataclass

from entrepot.inspection.convert.exact_types import (
    ExactType,
    as_text,
    count_present,
    exact_type_of,
)
from entrepot.inspection.sql import sql
from entrepot.inspection.table import CellKind
from entrepot.inspection.values.cell_sql import CellSql

WRONG_TYPE = "a cell does not have the type of its column"


@dataclass(frozen=True)
class JudgedCells:
    """The values in the columns `usual` (from 1) are spelled as usual (`Checked`). No cell has
    another type than its field, unless cells `may_be_wrong`, as in an exception to the contract."""

    usual: Collection[int] = ()
    may_be_wrong: bool = False

    def type_of(self, cell: CellSql, kind: CellKind | None, number: int) -> ExactType:
        """How the column `number`, from 1, gets its type."""
        exact = exact_type_of(cell, kind, number in self.usual)
        return _text_if_wrong(cell, exact) if self.may_be_wrong else exact


VALID_CELLS = JudgedCells()


def _text_if_wrong(cell: CellSql, exact: ExactType) -> ExactType:
    """The type if every present cell is valid, else a text: nothing makes `false` of `maybe`, or 7
    of a `007` that the contract rejects."""
    wrong = count_present(cell, sql(f"NOT coalesce({cell.valid}, false)"))
    return ExactType(
        (wrong, *exact.probes),
        lambda figures: as_text(cell) if figures[0] else exact.decide(figures[1:]),
        lambda figures: WRONG_TYPE if figures[0] else exact.reason(figures[1:]),
        exact.more,
        lambda figures: not figures[0] and exact.leaves_open(figures[1:]),
    )
