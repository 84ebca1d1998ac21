"""Which sheet of a workbook is read."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from entrepot.inspection.context import TableRequest
from entrepot.inspection.csv.layout import MIN_NAMES_SHARE
from entrepot.inspection.formats.xlsx_cells import SheetCells, SheetRow
from entrepot.inspection.formats.xlsx_layout import decide_layout, read_head
from entrepot.inspection.formats.xlsx_package import Sheet, Workbook
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import NotTabular, SourceBroken
from entrepot.schemas.table_dialect import TableDialect

MAX_LISTED_SHEETS = 20
"""Names of sheets that a text lists."""


@dataclass(frozen=True)
class ChosenSheet:
    """The sheet, its first rows, the other visible sheets that have cells. `stated`: a dialect says
    which sheet it is; `several`: the workbook has more visible ones."""

    sheet: Sheet
    head: list[SheetRow]
    others: tuple[str, ...]
    stated: bool
    several: bool

    @property
    def warnings(self) -> list[str]:
        """A sentence on the sheets that were not read, unless it was stated which one is meant."""
        if self.stated or not self.others:
            return []
        noun, verb = ("sheet", "has") if len(self.others) == 1 else ("sheets", "have")
        return [
            f"Only the sheet {self.sheet.name!r} was read; the {noun} {_listed(self.others)} {verb}"
            ' cells too. State "sheetName" in the dialect to read another one.'
        ]


def choose_sheet(
    package: zipfile.ZipFile, workbook: Workbook, request: TableRequest, limits: Limits
) -> ChosenSheet:
    """The sheet that the dialect states; else the first visible one that has the contract's names,
    most of them; else the first visible one with cells.

    Raises SourceBroken for a sheet that is not there, NotTabular without any cells, TooLarge.
    """
    visible = [sheet for sheet in workbook.sheets if not sheet.hidden]
    stated = _stated(workbook, request.dialect)
    if stated is None and not visible:
        raise NotTabular("it is a workbook without a visible worksheet")
    best: Sheet | None = None
    head: list[SheetRow] = []
    share = (-1.0, False)
    filled = []
    for sheet in [stated] if stated is not None else visible:
        rows = SheetCells(package, workbook, sheet, limits).rows()
        first = next(rows, None)
        if first is None:
            continue
        filled.append(sheet)
        # Of the sheets after one that has all names it is enough to know that they have cells.
        if best is None or (request.names and share < (1.0, True)):
            own = read_head(chain([first], rows), request.dialect)
            shares = _share_of_names(own, request, limits)
            if shares > share:
                best, head, share = sheet, own, shares
    if best is None:
        which = f"whose sheet {stated.name!r} is" if stated else "whose visible sheets are"
        raise NotTabular(f"it is a workbook {which} empty")
    others = tuple(sheet.name for sheet in filled if sheet is not best)
    return ChosenSheet(best, head, others, stated is not None, len(visible) > 1)


def _share_of_names(
    head: list[SheetRow], request: TableRequest, limits: Limits
) -> tuple[float, bool]:
    """The share of the contract's names that the sheet's header has, 0 if too few do, and whether
    it is where the contract expects it."""
    if not request.names:
        return 0.0, False
    layout = decide_layout(head, request, limits.columns).decision.layout
    if not layout.header:
        return 0.0, False
    known = set(request.names)
    share = len(known.intersection(label.strip() for label in layout.labels)) / len(known)
    return (share, not layout.misplaced) if share >= MIN_NAMES_SHARE else (0.0, False)


def _stated(workbook: Workbook, dialect: TableDialect | None) -> Sheet | None:
    """The sheet that a dialect names, visible or not. Raises SourceBroken if it is not there."""
    if dialect is None or (dialect.sheet_name is None and dialect.sheet_number is None):
        return None
    for sheet in workbook.sheets:
        named = dialect.sheet_name in (None, sheet.name)
        if named and dialect.sheet_number in (None, sheet.number):
            return sheet
    name, number = dialect.sheet_name, dialect.sheet_number
    stated = [f"a sheet {name!r}"] if name is not None else []
    stated += [f"a sheet number {number:,}"] if number is not None else []
    names = tuple(sheet.name for sheet in workbook.sheets)
    raise SourceBroken(
        f"the dialect asks for {' that is '.join(stated)}, which the workbook does not have;"
        f" its sheets are {_listed(names)}"
    )


def _listed(names: Sequence[str]) -> str:
    names_text = ", ".join(repr(name) for name in names[:MAX_LISTED_SHEETS])
    more = len(names) - MAX_LISTED_SHEETS
    return f"{names_text} and {more:,} more" if more > 0 else names_text
