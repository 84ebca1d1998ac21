"""What a first version must be, for its reading to become a contract.

A text is read as without a contract. What that leaves out must be in the contract's dialect, or the
next delivery would be read otherwise: titles above the header are frozen as `headerRows`, all else
is a fault whose message says what would allow it.
"""

import json
from collections.abc import Sequence

from entrepot.inspection.csv.cell_types import TYPED, cell_type
from entrepot.inspection.csv.confidence import MIN_CLEAR_HEADER
from entrepot.inspection.csv.contract.rows import MAX_FOOTER_RECORDS
from entrepot.inspection.csv.decision import Decision
from entrepot.inspection.csv.detected import DetectedCsv, DetectedTable, Occurrences
from entrepot.inspection.csv.header_detection import (
    BODY_ROWS,
    NEUTRAL,
    SURE_SHAPED,
    USUAL_LABEL,
    column_kinds,
)
from entrepot.inspection.csv.lexer import Record
from entrepot.inspection.csv.table_end import BlockBelow
from entrepot.inspection.csv.tabular import is_markup
from entrepot.inspection.report.footer_pattern import footer_line, footer_pattern
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.record_faults import COMMENT
from entrepot.inspection.report.row_looks import TOTAL
from entrepot.inspection.report.take_out import advise_taking_out, comment_rows_line
from entrepot.inspection.table import Finding, FirstVersion
from entrepot.schemas.table_dialect import TableDialect
from entrepot_client.counts import counted

MAX_TITLES = 20
"""Records above a header that are accepted as titles."""
MIN_ROWS_BELOW = 2
"""Rows of values that show that a row of names may belong to the header."""
MAX_SHOWN_LABELS = 3
"""Labels that a sentence shows."""
BLANK_AND_MARK = '\ufeff \t"'
"""What may stand around a name that is the same: quotes behind a byte order mark are text."""


def first_version_of(
    detected: DetectedTable, decision: Decision, requested: TableDialect | None
) -> FirstVersion:
    """The faults of a reading that is to be frozen, its warnings, and the dialect to freeze."""
    stated = requested is not None and (requested.header is False or bool(requested.header_rows))
    findings = [] if stated else [*_above(detected, decision), *_twice(detected, decision)]
    findings += _between(detected, decision)
    findings += _footnotes(detected)
    findings += [
        _finding(
            part,
            f"here another table seems to begin ({_records(part)}): {quoted(part.text)}",
            "Deliver it as a file of its own.",
        )
        for part in detected.tables
    ]
    if detected.comments is not None:
        findings.append(_comments(detected.comments, detected.comment))
    if detected.repeats is not None:
        findings.append(_repeats(detected, detected.repeats))
    doubtful_row = 0 if stated else _may_be_header(detected, decision)
    dialect, accepted = _frozen(detected, stated)
    warnings = [] if stated else _header_alike(detected)
    return FirstVersion(
        findings=tuple(findings),
        warnings=tuple(warnings),
        accepted=tuple(accepted),
        dialect=dialect,
        unsure=_unsure(detected, decision, doubtful_row),
        unsure_advice=_unsure_advice(detected, decision, doubtful_row),
        markup=is_markup(decision),
        header_stated_absent=requested is not None and requested.header is False,
    )


def misplaced_header_rows(detected: DetectedTable, decision: Decision) -> tuple[int, ...]:
    """The record numbers of a header that is not where its contract expects it; none if what
    stands above may be more than titles."""
    if not detected.layout.misplaced or _above(detected, decision):
        return ()
    return detected.header_rows


def _may_lack_quotes(detected: DetectedTable, decision: Decision) -> bool:
    """Whether a narrower record of labels stands right above the header, and each record from the
    header on has a cell that begins with a blank: texts with delimiters in them (`Doe, John`) that
    were written without quotes."""
    header, records = detected.layout.header, decision.records
    if not header or not header[0]:
        return False
    above = records[header[0] - 1][1]
    labels = len(above) > 1 and all(cell.strip() == cell != "" for cell in above)
    below = [cells for _, cells, _ in records[header[0] :] if any(cells)]
    return (
        labels
        and len(above) < detected.layout.width
        and all(any(cell[:1] == " " for cell in cells[1:]) for cells in below)
    )


def _may_be_header(detected: DetectedTable, decision: Decision) -> int:
    """The number of the row below the header that may belong to it, 0 if there is none: a row of
    names alone, where a column has values in all other rows."""
    layout, records = detected.layout, decision.records
    place = layout.start
    if not layout.header or layout.width < 2 or place >= len(records):
        return 0
    row = [cell.strip() for cell in records[place][1]]
    below = [cells for _, cells, _ in records[place + 1 : place + 1 + BODY_ROWS] if any(cells)]
    named = len(row) == layout.width and all(row) and len(set(row)) == len(row)
    if not named or len(below) < MIN_ROWS_BELOW or any(cell_type(cell) in TYPED for cell in row):
        return 0
    usual = any(USUAL_LABEL.fullmatch(cell) for cell in row) and not TOTAL.match(row[0])
    kinds = column_kinds(below, layout.width)
    values = [n for n, kind in enumerate(kinds) if kind in TYPED]
    words = all(cell_type(row[n]) not in NEUTRAL for n in values)
    return place + 1 if usual and values and words else 0


def _unsure(detected: DetectedTable, decision: Decision, row: int) -> str:
    """Why the reading is not sure; `row` is one that may belong to the header."""
    if other := _other_encoding(detected):
        return f"how the file is to be read is not sure: its encoding may be utf-8 or {other}"
    # Below a title a first row of words may as well be a row.
    doubtful = detected.above is not None and detected.layout.sure < SURE_SHAPED
    doubtful = doubtful or _may_lack_quotes(detected, decision)
    if row:
        return f"how the file is to be read is not sure: row {row} may belong to the header"
    if not (detected.unsure or doubtful):
        return ""
    if not detected.header_rows and not decision.line_quotes:
        return ""
    further = detected.further or ("whether a row is its header is not clear",)
    return f"how the file is to be read is not sure: {'; '.join(further)}"


def _unsure_advice(detected: DetectedTable, decision: Decision, row: int) -> str:
    if other := _other_encoding(detected):
        return f'State the encoding: "{other}", or "utf-8" if the characters are those of ASCII.'
    if decision.line_quotes and not detected.header_rows:
        return "Write quotes around each name, or none."
    if row:
        rows = list(detected.header_rows)
        return (
            f'State "headerRows": {[*rows, row]} in the dialect if it does, or {rows} if it is'
            " a row of the table."
        )
    if decision.rival and detected.layout.width == 1:
        mark, other = json.dumps(decision.rival), "," if decision.rival != "," else ";"
        return (
            f'State "delimiter": {mark} in the dialect if there are columns, or'
            f' "delimiter": "{other}" if there is one.'
        )
    return f"State it in the dialect, such as {detected.stated_example()}."


def _other_encoding(detected: DetectedTable) -> str:
    return detected.other_encoding if isinstance(detected, DetectedCsv) else ""


def _above(detected: DetectedTable, decision: Decision) -> list[Finding]:
    """Too many titles, and titles that may be rows or a header."""
    header = detected.layout.header
    if not header:
        return []
    labels = sum(1 for label in detected.labels if label.strip())
    findings = []
    titles = [n for n in range(header[0]) if any(c.strip() for c in decision.records[n][1])]
    if len(titles) > MAX_TITLES:
        reason = f"{counted(len(titles), 'record')} stand above the header"
        line = decision.records[titles[0]][0]
        advice = 'State "headerRows" in the dialect.'
        findings.append(_outside(reason, titles[0] + 1, line, advice))
    for place in titles:
        line, cells, _ = decision.records[place]
        if labels > 1 and sum(1 for cell in cells if cell.strip()) >= labels:
            below = decision.records[header[0]][0]
            reason = f"the record above the header (line {below:,}) has as many cells as it"
            advice = f'Take it out, or add "headerRows": [{header[0] + 1}] to the dialect.'
            findings.append(_outside(reason, place + 1, line, advice))
            break
    return findings


def _twice(detected: DetectedTable, decision: Decision) -> list[Finding]:
    """Rows of the header that only repeat the names above them."""
    header, records = detected.layout.header, decision.records
    names = [[cell.strip(BLANK_AND_MARK).casefold() for cell in records[n][1]] for n in header]
    again = tuple(place + 1 for place, row in zip(header, names, strict=True) if row == names[0])
    if len(again) < 2:
        return []
    return [_repeats(detected, Occurrences(len(again) - 1, again[1:]))]


def _between(detected: DetectedTable, decision: Decision) -> list[Finding]:
    """Records between the header and the first row, and cells that no label names."""
    layout, records = detected.layout, decision.records
    if not layout.header:
        return []
    between = [
        place
        for place in range(layout.header[-1] + 1, layout.start)
        if not _states(decision, place)
    ]
    findings = []
    if between and layout.start < len(records):
        line = _line_for(detected, records, between)
        count = len(between)
        reason = "the record" if count == 1 else f"the first {counted(count, 'record')}"
        reason += f" below the header {'holds' if count == 1 else 'hold'} no values"
        advice = advise_taking_out(count, line)
        findings.append(_outside(reason, between[0] + 1, records[between[0]][0], advice))
    named = max(len(records[n][1]) for n in layout.header)
    if named < layout.width:
        reason = (
            f"the row has {counted(layout.width, 'cell')}, the header has {counted(named, 'name')}"
        )
        places = range(layout.start, len(records))
        empty = not any("".join(records[n][1][named:]).strip() for n in places)
        advice = (
            "Remove the delimiters at the end of the rows." if empty else "Give each column a name."
        )
        findings.append(Finding("extra-cell", reason, layout.start + 1, advice=advice))
    return findings


def _states(decision: Decision, place: int) -> bool:
    """Whether the dialect takes out the record that is not the table's."""
    _, cells, error = decision.records[place]
    if error is COMMENT:
        return decision.dialect.comment_stated
    if place + 1 in decision.rules.comment_rows:
        return True
    return decision.rules.skip_blank and not any(cell.strip() for cell in cells)


def _line_for(detected: DetectedTable, records: Sequence[Record], places: Sequence[int]) -> str:
    """The line of a dialect that takes out these records below the header."""
    if any(records[place][2] is COMMENT for place in places):
        return f'"commentChar": {json.dumps(detected.comment)}'
    if any(cell.strip() for place in places for cell in records[place][1]):
        return comment_rows_line([place + 1 for place in places], len(places))
    return '"skipBlankRows": true'


def _footnotes(detected: DetectedTable) -> list[Finding]:
    """A finding for each part below the table; all have the line of dialect for them together."""
    allowed = _footer_line(detected)
    return [_footnote(part, detected, allowed) for part in detected.below]


def _footnote(part: BlockBelow, detected: DetectedTable, allowed: str) -> Finding:
    if part.first == part.last and part.columns > detected.layout.width:
        note = f"the row has cells beyond the table's last column: {part.text!r}"
        return Finding("extra-cell", note, part.first, part.line)
    return _finding(
        part,
        f"here the table seems to end, {_records(part)} below it: {quoted(part.text)}",
        advise_taking_out(part.last - part.first + 1, allowed),
    )


def _footer_line(detected: DetectedTable) -> str:
    """What to add to the dialect for all that is below the table to be a footer; empty if no footer
    can be all of that."""
    parts = detected.below
    cells = [cell for part in parts for cell in part.first_cells]
    count = sum(part.last - part.first + 1 for part in parts)
    pattern = footer_pattern(cells)
    if not pattern or len(cells) < count or parts[-1].last - parts[0].first >= MAX_FOOTER_RECORDS:
        return ""
    blank = detected.last_row is not None and parts[0].first > detected.last_row + 1
    skip = ' and "skipBlankRows": true' if blank else ""
    return f"{footer_line(pattern)}{skip}"


def _comments(rows: Occurrences, comment: str) -> Finding:
    begin = f"{counted(rows.total, 'line')} {'begins' if rows.total == 1 else 'begin'}"
    mark = json.dumps(comment)
    advice = advise_taking_out(rows.total, f'"commentChar": {mark}')
    return _outside(f"{begin} with {mark} like comments", rows.first[0], None, advice)


def _repeats(detected: DetectedTable, rows: Occurrences) -> Finding:
    times = "once" if rows.total == 1 else f"{rows.total:,} times"
    advice = advise_taking_out(rows.total, comment_rows_line(rows.first, rows.total))
    return _outside(f"the header is repeated ({times})", rows.first[0], None, advice)


def _finding(part: BlockBelow, reason: str, advice: str) -> Finding:
    return _outside(reason, part.first, part.line, advice)


def _outside(reason: str, row: int, line: int | None, advice: str) -> Finding:
    return Finding("outside-table", reason, row, line, advice=advice)


def _records(part: BlockBelow) -> str:
    return counted(part.last - part.first + 1, "record")


def _frozen(detected: DetectedTable, stated: bool) -> tuple[dict[str, object] | None, list[str]]:
    """The header rows to freeze, and a sentence that says so, unless they are the first record."""
    rows = list(detected.header_rows)
    if stated or not rows or rows == [1]:
        return None, []
    noun = "row" if len(rows) == 1 else "rows"
    sentence = (
        f'The header is in {noun} {_listed(rows)}: the contract expects it there ("headerRows":'
        f" {rows}) from now on."
    )
    return {"headerRows": rows}, [sentence]


def _header_alike(detected: DetectedTable) -> list[str]:
    """A sentence on a header that looks like the rows."""
    usual = any(USUAL_LABEL.fullmatch(label.strip()) for label in detected.labels)
    if not detected.header_rows or detected.layout.sure >= MIN_CLEAR_HEADER or usual:
        return []
    labels = ", ".join(quoted(label) for label in detected.labels[:MAX_SHOWN_LABELS])
    return [
        f"{_rows(detected)} taken for the header ({labels}), though it looks"
        ' like the rows below; if it holds values, add "header": false to the dialect.'
    ]


def _rows(detected: DetectedTable) -> str:
    rows = detected.header_rows
    return f"Row {rows[0]:,} was" if len(rows) == 1 else f"Rows {_listed(rows)} were"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{number:,}" for number in numbers)
