"""Where in a sheet the table lies: its columns, its header, its first row.

The first rows of the sheet become the records that a delimited text of the same cells would have,
so that header detection and contracts are those of texts. A record's number is its sheet row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from entrepot.inspection.context import TableRequest
from entrepot.inspection.csv.confidence import header_confidence
from entrepot.inspection.csv.contract.layout import contract_layout
from entrepot.inspection.csv.contract.rows import RowRules, row_rules
from entrepot.inspection.csv.decision import COMMENTS, Decision, find_requested_layout
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.header_detection import BODY_ROWS
from entrepot.inspection.csv.layout import MIN_SURPLUS_SHARE, Layout, with_unlike_header
from entrepot.inspection.csv.lexer import Record
from entrepot.inspection.formats.xlsx_cells import SheetRow
from entrepot.inspection.report.record_faults import COMMENT
from entrepot.inspection.table import TooLarge
from entrepot.schemas.table_dialect import MAX_ROW_NUMBER, TableDialect

SAMPLE_ROWS = 200
"""First rows with cells, by which the table's place in its sheet is decided."""
MAX_HEAD_CELLS = 500_000
"""Cells of those rows, to bound their memory: fewer rows are enough of a sheet that is so wide."""
MAX_HEAD_CHARS, MAX_TITLE_CHARS = 4_000_000, 200
"""Characters of all cells of those rows, and of a title above a header far below."""
MAX_EMPTY_COLUMNS = 100
"""Columns without a cell, side by side, that a table may have; set by hand: a template with spacing
has a few, a stray cell at the sheet's edge is thousands away."""
MAX_COMMENT_SHARE = 0.5
"""Share of rows that begin with a mark of comments: with more they are the rows."""
ERROR_VALUES = frozenset(
    {"#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"}
)
"""What a formula shows that has no value: no comment."""


@dataclass(frozen=True)
class SheetLayout:
    """How a sheet is to be read: the decision, in which positions of records are rows, and the
    sheet's column (from 1) that is the table's first."""

    decision: Decision
    left: int

    @property
    def right(self) -> int:
        """The sheet's column that is the table's last."""
        return self.left + self.decision.layout.width - 1


def read_head(rows: Iterable[SheetRow], requested: TableDialect | None) -> list[SheetRow]:
    """The first rows of a sheet that have cells, enough to decide on. Of titles above header rows
    that are stated the beginning is enough. Raises TooLarge."""
    stated = set(requested.header_rows or ()) if requested is not None else set()
    last_header = max(stated, default=0)
    head: list[SheetRow] = []
    cells = chars = below = 0
    for row in rows:
        if row.number > MAX_ROW_NUMBER or below >= SAMPLE_ROWS:
            break
        full = cells > MAX_HEAD_CELLS or chars > MAX_HEAD_CHARS
        if full and row.number > last_header and below > 1:
            break
        if full and row.number in stated:
            raise TooLarge(f"more than {MAX_HEAD_CHARS:,} characters above the header")
        title = row.number < last_header and row.number not in stated
        if title and (full or len(head) >= SAMPLE_ROWS):
            column, text, mark = row.cells[0]
            head.append(SheetRow(row.number, [(column, text[:MAX_TITLE_CHARS], mark)]))
            continue
        head.append(row)
        cells += len(row.cells)
        chars += sum(len(text) for _, text, _ in row.cells)
        below += row.number > last_header
    return head


def decide_layout(
    head: Sequence[SheetRow],
    request: TableRequest,
    most: int,
) -> SheetLayout:
    """The table's place by the sheet's first rows; a row has at most `most` cells."""
    names, requested, freeze = request.names, request.dialect, request.freeze
    rules = row_rules(requested)
    mark = requested.comment_char if requested is not None else None
    stated = mark is not None
    if names is not None:
        mark = mark or ""
        records = _records(head, 1, None, mark, rules, most)
        layout, left = _under_contract(records, names, requested, rules, _column_range(head)[0])
    else:
        left, right = _column_range(head)
        mark = _comment_mark(head, right - left + 1) if mark is None else mark
        right = min(right, left + most)
        records = _records(head, left, right, mark, rules, most)
        layout = find_requested_layout(records, right - left + 1, requested)
        if freeze and (requested is None or requested.header is None):
            layout = with_unlike_header(layout, records)
        layout, left = _cut_margins(layout, left, head)
    records = _records(head, left, None, mark, rules, most)
    stated = requested is not None and requested.comment_char is not None
    confidence, further = header_confidence(layout)
    decision = Decision(
        dialect=Dialect(delimiter="", quote="", comment=mark, comment_stated=stated),
        layout=layout,
        records=records,
        confidence=confidence,
        reasons=layout.reasons,
        further=further,
        rank=1.0,
        agreement=1.0,
        quoted=False,
        contract=names is not None,
        rules=rules,
    )
    return SheetLayout(decision, left)


def begins_with(row: SheetRow, mark: str, left: int) -> bool:
    """Whether a row is a comment: its first cell, in the table's first column or beside it, begins
    with the mark."""
    column, text, _ = row.cells[0]
    return bool(mark) and column <= left and text.startswith(mark)


def _records(
    head: Sequence[SheetRow],
    left: int,
    right: int | None,
    mark: str,
    rules: RowRules,
    most: int,
) -> tuple[Record, ...]:
    """The rows of the sheet, blank ones too, as records from the column `left` on. With `right`,
    rows of several cells go that far, as in a text that a spreadsheet writes. What is
    more than `most` columns beyond `left` is in the last of these, so that it shows."""
    records: list[Record] = []
    for row in head:
        records += ((n, [], None) for n in range(len(records) + 1, row.number))
        if row.number in rules.comment_rows:
            records.append((row.number, [], None))
            continue
        if begins_with(row, mark, max(left, row.cells[0][0] if right is None else left)):
            records.append((row.number, [], COMMENT))
            continue
        last = min(row.cells[-1][0], left + most)
        alone = len(row.cells) == 1 and right is not None and right - left > 1
        if alone or last < left:
            records.append((row.number, [row.cells[0][1]], None))
            continue
        cells = [""] * (max(last, right or 0) - left + 1)
        for column, text, _ in row.cells:
            if left <= column:
                cells[min(column, last) - left] = text
        records.append((row.number, cells, None))
    return tuple(records)


def _column_range(head: Sequence[SheetRow]) -> tuple[int, int]:
    """The first and the last column that may be the table's: rows of one cell do not count where
    others have several, and neither does what is far to the right."""
    rows = [row for row in head if len(row.cells) > 1] or list(head)
    occupied = sorted({column for row in rows for column, _, _ in row.cells})
    left = right = occupied[0] if occupied else 1
    for column in occupied:
        if column - right > MAX_EMPTY_COLUMNS:
            break
        right = column
    return left, right


def _comment_mark(head: Sequence[SheetRow], width: int) -> str:
    """The mark with which rows of one cell begin, as where they are comments; "" if none."""
    if width == 1:
        return ""
    for mark in COMMENTS:
        begun = [row for row in head if row.cells[0][1].startswith(mark)]
        texts = [row.cells[0][1] for row in begun if len(row.cells) == 1]
        alone = [text for text in texts if text not in ERROR_VALUES]
        if alone and len(alone) == len(begun) <= MAX_COMMENT_SHARE * len(head):
            return mark
    return ""


def _under_contract(
    records: Sequence[Record],
    names: Sequence[str],
    requested: TableDialect | None,
    rules: RowRules,
    margin: int,
) -> tuple[Layout, int]:
    """The layout that the contract states, and the table's first column. What stands beside the
    labels is in no column: a first label may be blank only if the contract has a name for it that
    inference gave. Without a header the table begins at the first column with cells, `margin`."""
    layout = contract_layout(records, names, requested, rules)
    if not layout.header:
        return layout, margin
    labelled = [n for n, label in enumerate(layout.labels) if label.strip()]
    if not labelled:
        return replace(layout, labels=layout.labels[:1], spare_columns=0), 1
    unnamed = 0
    while unnamed < len(names) and names[unnamed] == f"column_{unnamed + 1}":
        unnamed += 1
    if names and layout.labels[labelled[0]] == names[0]:
        unnamed = 0
    first = max(0, labelled[0] - unnamed)
    return _columns_of(layout, first, labelled[-1] + 1), first + 1


def _cut_margins(layout: Layout, left: int, head: Sequence[SheetRow]) -> tuple[Layout, int]:
    """The layout without the columns at both sides that have no label, as far as they are empty;
    at the right also those that few rows have a cell in."""
    width = layout.width
    body = [row for row in head if row.number > layout.start][:BODY_ROWS]
    rows = [row for row in body if len(row.cells) > 1] or body
    filled = [0] * width
    for row in rows:
        for column, _, _ in row.cells:
            if 0 <= column - left < width:
                filled[column - left] += 1
    named = [bool(label.strip()) and bool(layout.header) for label in layout.labels]
    first = next((n for n in range(width) if named[n] or filled[n]), 0)
    least = max(1.0, MIN_SURPLUS_SHARE * len(rows)) if layout.header else 1.0
    last = next((n for n in reversed(range(width)) if named[n] or filled[n] >= least), first)
    layout = _columns_of(layout, first, max(first, last) + 1)
    if not layout.header:
        layout = replace(layout, labels=tuple(f"column_{n + 1}" for n in range(layout.width)))
    return layout, left + first


def _columns_of(layout: Layout, first: int, last: int) -> Layout:
    return replace(
        layout,
        labels=layout.labels[first:last],
        kinds=layout.kinds[first:last],
        spare_columns=0,
    )
