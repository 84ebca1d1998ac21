"""Read an Excel workbook: one sheet, and the table in it.

The rows of the sheet are the records of a text: header detection, contracts and the account of all
records are those of delimited texts, and row numbers are those that Excel shows.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.csv.decision import above
from entrepot.inspection.csv.detected import DetectedTable
from entrepot.inspection.csv.first_version import first_version_of, misplaced_header_rows
from entrepot.inspection.csv.table_end import row_text
from entrepot.inspection.engine import line_bounds
from entrepot.inspection.formats.xlsx_cells import (
    KIND_MARKS,
    LARGE,
    SheetCells,
    column_letters,
)
from entrepot.inspection.formats.xlsx_layout import SheetLayout, decide_layout
from entrepot.inspection.formats.xlsx_package import Workbook, opened, read_workbook
from entrepot.inspection.formats.xlsx_rows import WrittenRows, write_rows
from entrepot.inspection.formats.xlsx_sheet import ChosenSheet, choose_sheet
from entrepot.inspection.progress import SCANNED
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.sql import Sql, literal, named_arguments
from entrepot.inspection.table import CellKind, Column, FirstVersion, Table, TooLarge
from entrepot.schemas.table_dialect import TableDialect
from entrepot_client.counts import counted

WHOLE, DOUBLES = frozenset({"i", LARGE}), frozenset({"i", "n"})
"""The marks of columns of whole numbers, and of those in which a double stands for each number."""
NUMBERS = WHOLE | DOUBLES | {KIND_MARKS["decimal"]}
MAX_LISTED_ROWS = 20
"""Rows outside of the table that the profile lists."""
CONTROL = {"_row": "BIGINT", "_cells": "BIGINT", "_extra": "VARCHAR", "_kinds": "VARCHAR"}


def open_xlsx(detected: Detected, request: TableRequest, context: InspectionContext) -> OpenedTable:
    """A workbook, ready to be read."""
    context.progress.next_pass(SCANNED)
    return _opened(XlsxTable(request, detected, context))


def _opened(table: "XlsxTable") -> OpenedTable:
    return OpenedTable(
        read=table.read,
        scan_in_place=table.read_alike,
        under_contract=lambda names, dialect: _opened(table.under_contract(names, dialect)),
        count_records=table.count_records,
    )


@dataclass(frozen=True)
class _Read:
    """A reading, and what it must not have left out for a contract to read the same rows."""

    table: Table
    sheet: str
    layout: SheetLayout
    records: RecordCounts


class XlsxTable:
    """The table in a workbook.

    The sheet is the one that the dialect names; else the first visible one with the contract's
    names; else the first visible one that has cells.
    """

    def __init__(
        self,
        request: TableRequest,
        detected: Detected,
        context: InspectionContext,
        before: _Read | None = None,
    ) -> None:
        self._request, self._detected, self._context = request, detected, context
        self._before = before
        self._read: _Read | None = None

    def under_contract(self, names: list[str], dialect: TableDialect | None) -> "XlsxTable":
        """The same workbook under a contract."""
        request = TableRequest(self._request.path, names, dialect)
        return XlsxTable(request, self._detected, self._context, self._read)

    def count_records(self, rows: int) -> RecordCounts:
        """What the rows of the sheet are, once `rows` of them were judged."""
        assert self._read is not None
        return replace(self._read.records, judged=rows)

    def read(self) -> Table:
        """Raises SourceBroken, NotTabular, TooLarge; OSError when the scratch folder is full."""
        request, context = self._request, self._context
        target = context.scratch / "sheet.csv"
        with opened(request.path, context.limits) as package:
            context.progress.unpacked(sum(part.file_size for part in package.infolist()))
            workbook = read_workbook(package, context.scratch, context.limits)
            chosen = choose_sheet(package, workbook, request, context.limits)
            layout = self._decide(chosen)
            cells = SheetCells(package, workbook, chosen.sheet, context.limits)
            written = write_rows(cells, layout, target, context)
        table = self._make_table(workbook, chosen, layout, written)
        table = replace(table, warnings=(*table.warnings, *cells.unsaved.warnings()))
        self._read = _Read(table, chosen.sheet.name, layout, written.records)
        return table

    def read_alike(self) -> Table | None:
        """The table that was read without the contract, if the contract reads the same rows."""
        before, limits = self._before, self._context.limits
        if before is None or before.records.comment or before.records.footer:
            return None
        with opened(self._request.path, limits) as package:
            workbook = read_workbook(package, self._context.scratch, limits)
            chosen = choose_sheet(package, workbook, self._request, limits)
        ours, theirs = self._decide(chosen), before.layout
        layout, other = ours.decision.layout, theirs.decision.layout
        alike = (chosen.sheet.name, ours.left, layout.width, layout.header, layout.start) == (
            before.sheet,
            theirs.left,
            other.width,
            other.header,
            other.start,
        )
        plain = not (ours.decision.rules.skip_blank or layout.misplaced)
        if not (alike and plain):
            return None
        self._read = before
        return before.table

    def _decide(self, chosen: ChosenSheet) -> SheetLayout:
        request, limits = self._request, self._context.limits
        layout = decide_layout(chosen.head, request, limits.columns)
        width = layout.decision.layout.width
        if width > limits.columns:
            raise TooLarge(f"more than {counted(limits.columns, 'column')}")
        return layout

    def _make_table(
        self, workbook: Workbook, chosen: ChosenSheet, layout: SheetLayout, written: WrittenRows
    ) -> Table:
        decision = layout.decision
        detected = DetectedTable(
            layout=decision.layout,
            first_row=decision.layout.start + 1,
            comment=decision.dialect.comment,
            above=above(decision),
            confidence=decision.confidence,
            reasons=decision.reasons,
            further=decision.further,
            repeats=written.repeats,
            comments=written.comments,
        ).within(written.table_end)
        source = _scan(self._context.scratch / "sheet.csv", written, decision.layout.width)
        relation = f"(SELECT * FROM {source} WHERE _row <= {written.table_end.last})"
        columns = tuple(
            _column(n, label, marks)
            for n, (label, marks) in enumerate(
                zip(decision.layout.labels, written.kinds, strict=True), start=1
            )
        )
        return Table(
            columns=columns,
            relation=relation,
            numbered=f"(SELECT *, NULL::BIGINT AS _line FROM {relation})",
            media_type=self._detected.media_type,
            header=bool(decision.layout.header),
            misplaced_header=decision.layout.misplaced,
            misplaced_header_rows=misplaced_header_rows(detected, decision),
            first_version=self._judge_first_version(detected, layout, chosen),
            first_row=detected.first_row,
            uneven=written.uneven,
            blank_despite_surplus=False,
            storage="workbook",
            place_unit="row",
            warnings=(*detected.doubts, *detected.omissions, *chosen.warnings),
            description={"format": self._detected.kind}
            | _describe(workbook, chosen, layout, detected),
        )

    def _judge_first_version(
        self, detected: DetectedTable, layout: SheetLayout, chosen: ChosenSheet
    ) -> FirstVersion:
        """The reading as a contract's: a workbook of several sheets freezes which one it is."""
        first = first_version_of(detected, layout.decision, self._request.dialect)
        dialect = dict(first.dialect or {})
        if chosen.several and not chosen.stated:
            dialect["sheetName"] = chosen.sheet.name
        findings = tuple(replace(finding, line=None) for finding in first.findings)
        return replace(first, findings=findings, dialect=dialect or None, markup=False)


def _scan(target: Path, written: WrittenRows, width: int) -> Sql:
    names = CONTROL | {f"c{n}": "VARCHAR" for n in range(1, width + 1)}
    typed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in names.items())
    return (
        f"read_csv({literal(str(target))}, delim = ',', quote = '\"', escape = '\"', "
        f"new_line = '\\n', header = false, auto_detect = false, columns = {{{typed}}}, "
        f"{named_arguments(line_bounds(written.longest))})"
    )


def _column(number: int, label: str, marks: frozenset[str]) -> Column:
    """A column of one kind says so; one of several tells it cell by cell."""
    kinds: dict[str, CellKind] = {mark: kind for kind, mark in KIND_MARKS.items()}
    kinds[LARGE] = "integer"
    text = f"c{number}"
    if len(marks) < 2:
        return Column(label, text, kinds[next(iter(marks), "t")])
    if marks <= WHOLE:
        return Column(label, text, "integer")
    if marks <= DOUBLES:
        return Column(label, text, "number")
    if marks <= NUMBERS:
        return Column(label, text, "decimal")
    mark = f"substr(_kinds, {number}, 1)"
    if marks == {"d", "m"}:
        moment = f"CASE WHEN {mark} = 'd' THEN {text} || 'T00:00:00' ELSE {text} END"
        return Column(label, f"({moment})", "datetime")
    cases = " ".join(f"WHEN {literal(each)} THEN {literal(kinds[each])}" for each in sorted(marks))
    return Column(label, text, None, f"(CASE {mark} {cases} END)")


def _describe(
    workbook: Workbook, chosen: ChosenSheet, layout: SheetLayout, detected: DetectedTable
) -> dict[str, Any]:
    first, begin = detected.first_row, min(detected.layout.header, default=detected.layout.start)
    last = max(detected.last_row or 0, first)
    top = begin + 1 if detected.layout.header else first
    area = f"{column_letters(layout.left)}{top}:{column_letters(layout.right)}{last}"
    described: dict[str, Any] = {
        "sheet": chosen.sheet.name,
        "sheetNumber": chosen.sheet.number,
        "range": area,
        "headerRows": list(detected.header_rows),
        "firstRow": first,
        "lastRow": last,
        "dateSystem": 1904 if workbook.from_1904 else 1900,
        "otherSheets": [
            {"name": sheet.name, "number": sheet.number, "hidden": sheet.hidden}
            for sheet in workbook.sheets[:100]
            if sheet is not chosen.sheet
        ],
    }
    preamble = [
        {"row": number, "text": text}
        for number, cells, _ in layout.decision.records[:begin]
        if (text := row_text(cells))
    ]
    notes = [{"row": part.first, "text": part.text} for part in detected.below]
    for name, rows in (("preamble", preamble), ("footnotes", notes)):
        if rows:
            described[name] = rows[:MAX_LISTED_ROWS]
    return described
