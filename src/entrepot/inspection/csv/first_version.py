"""What a first version must be, for its reading to become a contract.

A text is read as without a contract. What that leaves out must be in the contract's dialect, or the
next delivery would be read otherwise: titles above the header are frozen as `headerRows`, all else
is a fault whose message says what would allow it.
"""

import json
import re
from collections.abc import Sequence

from entrepot.inspection.csv.confidence import MIN_CLEAR_HEADER
from entrepot.inspection.csv.decision import Decision
from entrepot.inspection.csv.detected import DetectedTable, Occurrences
from entrepot.inspection.csv.header_detection import SURE_SHAPED, USUAL_LABEL
from entrepot.inspection.csv.lexer import COMMENT, Record
from entrepot.inspection.csv.table_end import BlockBelow
from entrepot.inspection.report.report import shortened
from entrepot.inspection.table import Finding, FirstVersion
from entrepot.schemas.table_dialect import TableDialect

MAX_TITLES = 20
"""Records above a header that are accepted as titles."""
MAX_SHOWN_LABELS = 3
"""Labels that a sentence shows."""
MARKUP = re.compile(r"\s*<(?:[!?]|[A-Za-z][\w:-]*[\s>/])")
FIRST_WORD = re.compile(r"\w+")


def judge_reading(
    reading: DetectedTable, decision: Decision, requested: TableDialect | None
) -> FirstVersion:
    """The faults of a reading that is to be frozen, its warnings, and the dialect to freeze."""
    stated = requested is not None and (requested.header is False or bool(requested.header_rows))
    findings = [] if stated else _above(reading, decision)
    findings += _between(reading, decision)
    findings += [_footnote(part, reading) for part in reading.below]
    findings += [
        _finding(part, f"look like another table: {part.text!r}; deliver it as a file of its own")
        for part in reading.tables
    ]
    if reading.comments is not None:
        mark = json.dumps(reading.comment)
        note = f'begin with {mark} like comments; add "commentChar": {mark} to the dialect'
        findings.append(_of_rows(reading.comments, note))
    if reading.repeats is not None:
        rows = list(reading.repeats.first)
        note = f'repeat the header; take them out, or add "commentRows": {rows} to the dialect'
        findings.append(_of_rows(reading.repeats, note))
    dialect, warnings = _frozen(reading, decision, stated)
    warnings += [] if stated else _header_alike(reading)
    return FirstVersion(
        findings=tuple(findings),
        warnings=tuple(warnings),
        dialect=dialect,
        unsure=_unsure(reading),
        markup=_is_markup(decision),
        header_stated_absent=requested is not None and requested.header is False,
    )


def _unsure(reading: DetectedTable) -> str:
    # Below a title a first row of words may as well be a row.
    doubtful = reading.above is not None and reading.layout.sure < SURE_SHAPED
    if not (reading.unsure or doubtful) or not reading.header_rows:
        return ""
    further = reading.further or ("whether a row is its header is not clear",)
    reasons = "; ".join(further)
    return (
        f"how the file is to be read is not sure: {reasons}; state it, such as"
        f" {reading.stated_example()} in the dialect"
    )


def _is_markup(decision: Decision) -> bool:
    """Whether the text is HTML or XML: a tag at its beginning, and one at its end."""
    filled = [cells for _, cells, _ in decision.records if any(cell.strip() for cell in cells)]
    return bool(filled) and (
        MARKUP.match("".join(filled[0])) is not None and filled[-1][-1].rstrip().endswith(">")
    )


def _above(reading: DetectedTable, decision: Decision) -> list[Finding]:
    """Too many titles, and titles that may be rows or a header."""
    header = reading.layout.header
    if not header:
        return []
    labels = sum(1 for label in reading.labels if label.strip())
    findings = []
    titles = [n for n in range(header[0]) if any(c.strip() for c in decision.records[n][1])]
    if len(titles) > MAX_TITLES:
        note = f'{len(titles):,} records stand above the header; state "headerRows" in the dialect'
        findings.append(Finding("source-error", note, titles[0] + 1))
    for place in titles:
        line, cells, _ = decision.records[place]
        if labels > 1 and sum(1 for cell in cells if cell.strip()) >= labels:
            note = (
                f"row {place + 1} has as many cells as the header, in row {header[0] + 1};"
                f' take it out, or add "headerRows": [{header[0] + 1}] to the dialect'
            )
            findings.append(Finding("source-error", note, place + 1, line))
            break
    return findings


def _between(reading: DetectedTable, decision: Decision) -> list[Finding]:
    """Records between the header and the first row, and cells that no label names."""
    layout, records = reading.layout, decision.records
    if not layout.header:
        return []
    between = [
        place
        for place in range(layout.header[-1] + 1, layout.start)
        if not _states(decision, place)
    ]
    findings = []
    if between and layout.start < len(records):
        line = _line_for(records, between, reading.comment)
        note = f"rows below the header hold no values; take them out, or add {line} to the dialect"
        findings.append(Finding("source-error", note, between[0] + 1, records[between[0]][0]))
    named = max(len(records[n][1]) for n in layout.header)
    if named < layout.width:
        note = f"the header has {named:,} names, the rows have {layout.width:,} cells"
        findings.append(Finding("extra-cell", note, layout.start + 1))
    return findings


def _states(decision: Decision, place: int) -> bool:
    """Whether the dialect takes out the record that is not the table's."""
    _, cells, fault = decision.records[place]
    if fault == COMMENT:
        return decision.dialect.comment_stated
    if place + 1 - int(decision.separator) in decision.rules.comment_rows:
        return True
    return decision.rules.skip_blank and not any(cell.strip() for cell in cells)


def _line_for(records: Sequence[Record], places: Sequence[int], mark: str) -> str:
    """The line of a dialect that takes out these records below the header."""
    if any(records[place][2] == COMMENT for place in places):
        return f'"commentChar": {json.dumps(mark)}'
    if any(cell.strip() for place in places for cell in records[place][1]):
        return f'"commentRows": {[place + 1 for place in places]}'
    return '"skipBlankRows": true'


def _footnote(part: BlockBelow, reading: DetectedTable) -> Finding:
    if part.first == part.last and part.columns > reading.layout.width:
        note = f"the row has cells beyond the table's last column: {part.text!r}"
        return Finding("extra-cell", note, part.first, part.line)
    word = FIRST_WORD.match(part.text)
    pattern = json.dumps(f"{word.group()}.*" if word else ".*")
    blank = reading.last_row is not None and part.first > reading.last_row + 1
    skip = ' and "skipBlankRows": true' if blank else ""
    return _finding(
        part,
        f"stand below the table: {part.text!r}; take them out, or add"
        f' "entrepot:footer": {pattern}{skip} to the dialect',
    )


def _finding(part: BlockBelow, note: str) -> Finding:
    return Finding("source-error", f"{_rows(part.first, part.last)} {note}", part.first, part.line)


def _rows(first: int, last: int) -> str:
    return f"row {first:,}" if first == last else f"rows {first:,} to {last:,}"


def _of_rows(rows: Occurrences, note: str) -> Finding:
    listed = ", ".join(f"{number:,}" for number in rows.first)
    more = f" and {rows.total - len(rows.first):,} more" if rows.total > len(rows.first) else ""
    return Finding("source-error", f"rows {listed}{more} {note}", rows.first[0])


def _frozen(
    reading: DetectedTable, decision: Decision, stated: bool
) -> tuple[dict[str, object] | None, list[str]]:
    """The header rows to freeze, and a sentence that says so, unless they are the first record."""
    shift = int(decision.separator)
    rows = [place + 1 - shift for place in reading.layout.header]
    if stated or not rows or rows == [1]:
        return None, []
    sentence = (
        f'The header is in row {_listed(rows)}: the contract expects it there ("headerRows":'
        f" {rows}) from now on."
    )
    return {"headerRows": rows}, [sentence]


def _header_alike(reading: DetectedTable) -> list[str]:
    """A sentence on a header that cannot be told from the rows by its looks."""
    usual = any(USUAL_LABEL.fullmatch(label.strip()) for label in reading.labels)
    if not reading.header_rows or reading.layout.sure >= MIN_CLEAR_HEADER or usual:
        return []
    labels = ", ".join(shortened(label, 40) for label in reading.labels[:MAX_SHOWN_LABELS])
    return [
        f"Row {_listed(reading.header_rows)} was taken for the header ({labels}), though it looks"
        ' like the rows below; if it holds values, add "header": false to the dialect.'
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{number:,}" for number in numbers)
