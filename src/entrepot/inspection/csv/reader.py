"""Read a delimited text.

A text of regular structure is scanned in place. One with blank lines, ragged rows, odd
quotes, footnotes or further tables is first written again, row by row, into the scratch folder
(`normalize`), where every row keeps its number, its line and its count of cells.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from entrepot.inspection.context import Detected, InspectionContext, OpenedTable, TableRequest
from entrepot.inspection.csv.byte_offsets import locate_errors
from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.direct_scan import (
    can_scan_directly,
    detected_csv,
    has_quotes,
    header_line,
    last_first_cell,
    prove_regular,
    repeats_header,
)
from entrepot.inspection.csv.first_version import first_version_of, misplaced_header_rows
from entrepot.inspection.csv.normalize import normalize
from entrepot.inspection.csv.source import ScannedText, decide, prepare, scan_rest
from entrepot.inspection.csv.write_canonical import write_canonical
from entrepot.inspection.detect.byte_scan import BLOCK_BYTES, ByteScan, has_control_characters
from entrepot.inspection.engine import line_bounds
from entrepot.inspection.line_prefilter import MIN_SAMPLE_LINES, Lines
from entrepot.inspection.progress import NORMALIZED, SCANNED
from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.sql import Sql, literal, named_arguments, sql
from entrepot.inspection.table import MAX_FIRST_ROWS, Column, Table


def open_text(detected: Detected, request: TableRequest, context: InspectionContext) -> OpenedTable:
    """A delimited text, ready to be read. Raises NotTabular, TooLarge; OSError."""
    context.progress.next_pass(SCANNED)
    return _opened(CsvText(request, detected.media_type, context), request)


def _opened(text: "CsvText", request: TableRequest) -> OpenedTable:
    return OpenedTable(
        read=text.scan_normalized,
        scan_in_place=text.scan_in_place,
        count_lines=lambda rows, embedded: (
            text.lines(rows, embedded) if text.complete(rows, embedded) else None
        ),
        locate_errors=lambda errors: locate_errors(errors, request.path, text.source),
        under_contract=lambda names, dialect: _opened(
            *text.under_contract(TableRequest(request.path, names, dialect))
        ),
        count_records=text.count_records,
        open_whole=lambda: _opened_whole(text, request),
        write_canonical=lambda target, columns: write_canonical(
            text.source, target, text.context, columns
        ),
    )


def _opened_whole(text: "CsvText", request: TableRequest) -> OpenedTable | None:
    return _opened(text.scanned_whole(), request) if text.byte_scan.partial else None


class CsvText:
    """A delimited text, scanned, with its dialect decided; scanned in place or normalized."""

    def __init__(
        self,
        request: TableRequest,
        media_type: str,
        context: InspectionContext,
        scanned: ScannedText | None = None,
    ) -> None:
        self._request = request
        self._requested = request.dialect
        self._media_type_by_name = media_type
        self.context = context
        self.source = (
            prepare(request, context)
            if scanned is None
            else decide(scanned, request, context.limits)
        )
        self.detected = detected_csv(self.source)
        self._counts: RecordCounts | None = None
        tabs = self.dialect.delimiter == "\t"
        self._media_type = "text/tab-separated-values" if tabs else media_type

    def under_contract(self, request: TableRequest) -> tuple["CsvText", TableRequest]:
        """The same text under the contract of `request`. Raises as `prepare` does."""
        media_type = self._media_type_by_name
        return CsvText(request, media_type, self.context, self.source), request

    def scanned_whole(self) -> "CsvText":
        """The same text, opened by all of its bytes. Raises as `prepare` does."""
        request = replace(self._request, by_ends=False)
        return CsvText(request, self._media_type_by_name, self.context)

    @property
    def dialect(self) -> Dialect:
        """How the text is written."""
        return self.detected.dialect

    @property
    def byte_scan(self) -> ByteScan:
        """What the bytes of the file itself are."""
        return self.source.original

    def complete(self, rows: int, embedded: int | None) -> bool:
        """Whether a scan in place that counted `rows` and the line ends inside their
        cells (None: it accounts for them itself) saw every line of the text."""
        if embedded is None:
            return True
        byte_scan = self.source.byte_scan
        return rows + embedded + self._skipped() == byte_scan.lines - byte_scan.blank_at_end

    def _skipped(self) -> int:
        return self.detected.first_line - 1

    def scan_in_place(self) -> Table | None:
        """The text as it lies, None where its structure is irregular. A scan fails where rows have
        not the table's width after all; the table's `embedded` proves the rest. Raises OSError."""
        # The prefilter finds a header among the lines without a search.
        if not can_scan_directly(self.source, self.context.engine) or (
            not self._plain() and repeats_header(self.source)
        ):
            return None
        dialect, width = self.dialect, len(self.detected.labels)
        quoted = has_quotes(self.source)
        columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(1, width + 1))
        delimiter = dialect.delimiter or ("," if quoted else "\\x1f")
        options = {
            "delim": literal(delimiter) if dialect.delimiter else sql("chr(31)"),
            "quote": literal(dialect.quote if quoted else ""),
            "escape": literal((dialect.escape or dialect.quote) if quoted else ""),
            "skip": sql(f"{self._skipped()}"),
            "new_line": sql("'\\r\\n'" if self.source.byte_scan.newline == "\r\n" else "'\\n'"),
            "columns": f"{{{columns}}}",
            "header": sql("false"),
            "auto_detect": sql("false"),
        } | line_bounds(self.context.limits.line)
        relation = _read_csv(self.source.path, options)
        first = self.detected.first_row
        shift = self.detected.first_line - first
        line = sql("NULL::BIGINT") if quoted else f"_row + {shift}"
        numbered = (
            f"(SELECT *, {line} AS _line FROM "
            f"(SELECT row_number() OVER () + {first - 1} AS _row, * FROM {relation}))"
        )
        return replace(
            self._table(relation, numbered),
            embedded=self._prove_regular,
            lines=self._lines(options) if self._plain() else None,
            first_rows=self._first_rows(),
            last_first_cell=partial(last_first_cell, self.source),
            passes_over_blank=self.source.decision.rules.skip_blank,
        )

    def _prove_regular(self) -> int:
        self._scan_rest()
        return prove_regular(self.source)

    def _scan_rest(self) -> None:
        self.source = scan_rest(self.source, self.context)

    def lines(self, rows: int, embedded: int | None) -> int:
        """The lines of the text, once a scan of it is known to be complete."""
        return self._skipped() + rows if embedded is None else self.source.byte_scan.lines

    def count_records(self, rows: int) -> RecordCounts:
        """What the records of the text are, once `rows` of them were judged."""
        if self._counts is not None:
            return replace(self._counts, judged=rows)
        detected, blank = self.detected, self.source.byte_scan.blank_at_end
        # `complete` compared these rows with the lines of the text.
        layout = detected.layout
        after_header = layout.header[-1] + 1 if layout.header else layout.start
        return RecordCounts(
            total=layout.start + rows + blank,
            judged=rows,
            above_header=after_header - len(layout.header),
            header=len(layout.header),
            skipped_blank=blank + layout.start - after_header,
        )

    def _lines(self, options: dict[str, Sql]) -> Lines | None:
        """The same table line by line, where each line is a row, numbered alike."""
        # Lines are compared with patterns of values, to which a stated mark of none is a value.
        if self._null_sequence():
            return None
        byte_scan, header = self.source.byte_scan, header_line(self.source)
        last_end = 0 if byte_scan.ends_with_newline else len(byte_scan.newline)
        unmatched = {"skip": sql("1"), "new_line": sql("'\\n'")}
        return Lines(
            path=self.source.path,
            skip=self._skipped(),
            size=byte_scan.size - self._before() + last_end,
            count=lambda: byte_scan.lines - self._skipped(),
            delimiter=self.dialect.delimiter,
            newline=byte_scan.newline,
            unmatched=self.context.scratch / "unmatched.csv",
            longest=max(byte_scan.longest_line, BLOCK_BYTES),
            sample=max(MIN_SAMPLE_LINES, len(self.source.decision.records)),
            header=header.decode().rstrip("\r\n") if header is not None else None,
            repeats_header=partial(repeats_header, self.source),
            prove_rest=self._scan_rest,
            prove_regular=partial(prove_regular, self.source),
            has_controls=has_control_characters,
            rows_of=lambda path: _read_csv(path, {**options, **unmatched}),
        )

    def _first_rows(self) -> tuple[tuple[str | None, ...], ...]:
        """The rows by which the text was decided on: all of them have the table's width."""
        if self._null_sequence() is not None:
            return ()
        start = self.detected.layout.start
        records = self.source.decision.records[start : start + MAX_FIRST_ROWS]
        return tuple(tuple(cell or None for cell in cells) for _, cells, _ in records if cells)

    def _before(self) -> int:
        """The bytes before the first row."""
        with self.source.path.open("rb") as file:
            for _ in range(self._skipped()):
                file.readline(self.context.limits.line)
            return file.tell()

    def _plain(self) -> bool:
        """Whether lines may be taken for rows: only the check can prove that they are."""
        dialect, byte_scan, detected = self.dialect, self.source.byte_scan, self.detected
        usual = dialect.quote == '"' and dialect.doubled and not dialect.escape
        alike = detected.first_line == detected.first_row and not byte_scan.blank_at_end
        apart = not byte_scan.controls and not self.source.copied
        return usual and alike and apart and len(detected.labels) > 1

    def _spaces_open(self) -> bool:
        """Whether the dialect leaves open what spaces before quotes are."""
        return self._requested is None or self._requested.skip_initial_space is None

    def _null_sequence(self) -> str | None:
        return self._requested.null_sequence if self._requested is not None else None

    def scan_normalized(self) -> Table:
        """The normalized text, whatever its structure. Raises OSError."""
        self._scan_rest()
        target = self.context.scratch / "normalized.csv"
        self.context.progress.next_pass(NORMALIZED)
        written = normalize(self.source, target, self.context)
        self._counts = written.records
        self.detected = replace(
            self.detected.within(written.table_end),
            lines=self.source.byte_scan.lines,
            repeats=written.repeats,
            comments=written.comments,
            spanning=written.spanning,
            spaced=written.spaced if self._spaces_open() else None,
        )
        width = len(self.detected.labels)
        names = {"_row": "BIGINT", "_line": "BIGINT", "_cells": "BIGINT", "_extra": "VARCHAR"}
        names |= {f"c{n}": "VARCHAR" for n in range(1, width + 1)}
        columns = [f"{literal(name)}: {literal(kind)}" for name, kind in names.items()]
        options = {
            "delim": sql("','"),
            "quote": sql("'\"'"),
            "escape": sql("'\"'"),
            "new_line": sql("'\\n'"),
            "columns": f"{{{', '.join(columns)}}}",
            "header": sql("false"),
            "auto_detect": sql("false"),
        } | line_bounds(4 * self.context.limits.line)  # quotes are doubled, cells are enclosed
        last = written.table_end.last
        relation = f"(SELECT * FROM {_read_csv(target, options)} WHERE _row <= {last})"
        total = sum(count for _, count in written.counts)
        return replace(
            self._table(relation, relation),
            uneven=True,
            findings=written.findings,
            findings_total=total,
            finding_counts=written.counts,
            rejected_by_reader=total,
        )

    def _table(self, relation: Sql, numbered: Sql) -> Table:
        detected = self.detected
        null = self._null_sequence()
        columns = tuple(
            Column(label, f"nullif(c{n}, {literal(null)})" if null else f"c{n}")
            for n, label in enumerate(detected.labels, start=1)
        )
        return Table(
            columns=columns,
            relation=relation,
            numbered=numbered,
            media_type=self._media_type,
            header=bool(detected.header_rows),
            control_characters=lambda: self.source.byte_scan.control_characters,
            misplaced_header=detected.layout.misplaced,
            misplaced_header_rows=misplaced_header_rows(detected, self.source.decision),
            first_version=first_version_of(detected, self.source.decision, self._requested),
            first_row=detected.first_row,
            description=detected.describe(),
            warnings=tuple(detected.warnings),
            header_line=self._header_line(),
            unlabelled=detected.layout.spare_columns,
        )

    def _header_line(self) -> int | None:
        """The physical line on which the header begins, or the first row without one."""
        header, records = self.detected.layout.header, self.source.decision.records
        if not header:
            return self.detected.first_line
        return records[header[0]][0] if header[0] < len(records) else None


def _read_csv(path: Path, options: dict[str, Sql]) -> Sql:
    # Else the engine unpacks what is called `.gz`, whatever its bytes are.
    options = {"compression": literal("none"), **options}
    return f"read_csv({literal(str(path))}, {named_arguments(options)})"
