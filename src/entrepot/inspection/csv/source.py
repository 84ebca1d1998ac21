"""A text made ready to be split: its bytes scanned, in UTF-8, its first part decided on."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TextIO

from entrepot.inspection.context import InspectionContext, TableRequest
from entrepot.inspection.csv.decision import Decision, detect_csv
from entrepot.inspection.csv.dialects.sample import LineSamples
from entrepot.inspection.csv.dialects.titles import count_titles, has_header
from entrepot.inspection.csv.tabular import is_markup, is_table
from entrepot.inspection.detect.byte_scan import ByteScan, scan_bytes, scan_ends
from entrepot.inspection.detect.encoding import Encoding
from entrepot.inspection.detect.end_mark import cut_end
from entrepot.inspection.detect.stated_encoding import encoding_of
from entrepot.inspection.detect.transcode import Damage, is_ebcdic, transcode
from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.line_prefilter import IrregularText
from entrepot.inspection.table import NotTabular, TooLarge
from entrepot.schemas.table_dialect import TableDialect
from entrepot_client.counts import counted

HEAD_BYTES = 256 * 1024
"""The first part of a text, by which dialect and layout are decided: some thousand usual lines, of
which `decide` takes the first 2,000."""
MIN_HEAD_LINES = 2
"""Lines that the first part has at least, whatever their length."""
MAX_TITLE_BYTES = 16 * MIB
"""Bytes above a stated header at most, as many as a record has at most."""
MAX_CHAR_BYTES = 4
"""Bytes of a character at most: a line may shrink by as much when it is written in UTF-8."""


class UnlikeItsEnds(IrregularText):
    """Between the first and the last part of a text stands what neither of them has."""


@dataclass(frozen=True)
class ScannedText:
    """`path` is the text in UTF-8: the file itself, or a copy in the scratch folder without the
    mark of byte order and the `end_mark`, of this many bytes. `original` is the scan of the file's
    own bytes, `byte_scan` that of `path`. `samples`: what was detected in its first lines."""

    path: Path
    original: ByteScan
    byte_scan: ByteScan
    damage: Damage
    samples: LineSamples
    end_mark: int

    @property
    def copied(self) -> bool:
        """Whether `path` is not the file itself."""
        return self.byte_scan is not self.original


@dataclass(frozen=True)
class CsvSource(ScannedText):
    """A text that was decided on. `splits` are the line ends that separate lines: "\\n" (also
    after a CR), or "" for LF, CRLF and CR alike. The decision saw `head_lines` lines from that of
    the first record on; `whole`: which is all of the text."""

    splits: str
    decision: Decision
    head_lines: int
    whole: bool


def prepare(request: TableRequest, context: InspectionContext) -> CsvSource:
    """Scan the file, write it again if it is not in UTF-8, and decide how it is to be read.

    Raises NotTabular, TooLarge, SourceBroken, OSError.
    """
    ends = scan_ends(request.path) if request.by_ends and request.encoding is None else None
    if ends is not None:
        text = ScannedText(request.path, ends, ends, Damage(), LineSamples(), 0)
    else:
        text = _scan_text(request.path, request.encoding, context)
    return decide(text, request, context.limits)


def scan_rest(source: CsvSource, context: InspectionContext) -> CsvSource:
    """The text, all of whose bytes are looked at where only the ends were so far. Raises
    UnlikeItsEnds where they are not what the ends let suppose, OSError."""
    if not source.byte_scan.partial:
        return source
    whole = scan_bytes(source.path, context.progress)
    if not whole.confirms(source.byte_scan):
        raise UnlikeItsEnds
    # What is supposed of quotes stays, since the table was read by it.
    whole = replace(whole, quotes=source.byte_scan.quotes)
    return replace(source, original=whole, byte_scan=whole)


def _scan_text(path: Path, stated: str | None, context: InspectionContext) -> ScannedText:
    limits, progress = context.limits, context.progress
    original = byte_scan = scan_bytes(path, progress)
    if stated is not None:
        original = byte_scan = _in_stated_encoding(original, stated)
    damage = Damage()
    encoding = original.encoding
    # In EBCDIC a line ends in another byte, so that this byte tells nothing of its length.
    if not is_ebcdic(encoding.name) and original.longest_line > MAX_CHAR_BYTES * limits.line:
        raise TooLarge(
            f"a line of {counted(original.longest_line, 'byte')}; {limits.line:,} are read"
        )
    if encoding.name != "utf-8" or encoding.damaged or original.end_mark:
        target = context.scratch / "text.utf8"
        damage = transcode(path, encoding.name, original.bom, target, progress)
        path, byte_scan = target, scan_bytes(target, progress)
    end_mark = byte_scan.end_mark
    if end_mark:
        cut_end(path, end_mark)
        byte_scan = scan_bytes(path, progress)
    if byte_scan.longest_line > limits.line:
        raise TooLarge(
            f"a line of {counted(byte_scan.longest_line, 'byte')}; {limits.line:,} are read"
        )
    return ScannedText(path, original, byte_scan, damage, LineSamples(), end_mark)


def _in_stated_encoding(scanned: ByteScan, stated: str) -> ByteScan:
    """The scan of a file whose encoding is stated. Raises SourceBroken, OSError."""
    with scanned.path.open("rb") as file:
        bom, name = encoding_of(file.read(HEAD_BYTES), stated)
    damaged = name == "utf-8" and (scanned.encoding.name != name or scanned.encoding.damaged)
    return replace(scanned, bom=bom, encoding=Encoding(name, damaged=damaged))


def decide(text: ScannedText, request: TableRequest, limits: Limits) -> CsvSource:
    """Decide by the first part of a text how it is to be read. Raises NotTabular, TooLarge,
    OSError."""
    names, dialect, byte_scan = request.names, request.dialect, text.byte_scan
    head, whole = _head(text.path, byte_scan, dialect)
    if not head.strip("\r\n \t\0\x0c\ufeff"):
        raise NotTabular("it holds no text")
    ways = [""] if byte_scan.carriage else ["\n"]
    # Where the reading binds, a CR alone has one meaning, wherever it stands: it ends a record.
    rare = byte_scan.carriage and byte_scan.newlines > head.count("\r") and "\n" in head
    if names is None and not request.freeze and rare:
        ways = ["", "\n"]
    if "\r\r\n" in head and head.count("\r\r\n") * 2 > head.count("\n"):
        ways = ["\n"]
    if dialect is not None and dialect.line_terminator is not None:
        ways = ["" if dialect.line_terminator == "\r" else "\n"]
    decided = []
    for way in ways:
        lines, freeze = _lines(head, way, whole), request.freeze
        detected = detect_csv(lines, names, dialect, limits.columns, freeze, text.samples)
        short = names is None and dialect is None and whole and not is_table(detected, False)
        # The titles of a short table may be most of its lines.
        if short and (titles := count_titles(lines)):
            detected = detect_csv(
                lines, names, dialect, limits.columns, freeze, LineSamples(), titles
            )
        decided.append((detected, way, len(lines) - detected.first_line + 1))
    decision, splits, head_lines = max(decided, key=lambda each: each[0].rank)
    if not is_table(decision, names is not None):
        words = (
            "HTML or XML" if is_markup(decision) else "text without the rows and columns of a table"
        )
        raise NotTabular(f"it is {words}", "text/plain")
    width = decision.layout.width
    if width > limits.columns:
        raise TooLarge(f"{counted(width, 'column')}; {limits.columns:,} are read")
    return CsvSource(
        path=text.path,
        original=text.original,
        byte_scan=byte_scan,
        damage=text.damage,
        samples=text.samples,
        end_mark=text.end_mark,
        splits=splits,
        decision=decision,
        head_lines=head_lines,
        whole=whole,
    )


@contextmanager
def open_lines(source: CsvSource) -> Iterator[tuple[TextIO, BinaryIO]]:
    """The lines of the text with their ends, from that of the first record on, and the raw file
    that tells how far it is read."""
    with (
        source.path.open("rb", buffering=1 << 20) as raw,
        io.TextIOWrapper(raw, "utf-8", errors="replace", newline=source.splits) as text,
    ):
        raw.seek(source.byte_scan.bom)
        for _ in range(source.decision.first_line - 1):
            text.readline()
        yield text, raw


def _head(path: Path, byte_scan: ByteScan, dialect: TableDialect | None) -> tuple[str, bool]:
    """The first part of the text, and whether it is all of it. The first lines are read whole,
    however long they are: a header and a row. A header that a dialect states is within it, below
    titles of up to `MAX_TITLE_BYTES`."""
    with path.open("rb") as raw:
        raw.seek(byte_scan.bom)
        head = raw.read(HEAD_BYTES)
        for _ in range(MIN_HEAD_LINES):
            if max(head.count(b"\n"), head.count(b"\r")) >= MIN_HEAD_LINES:
                break
            head += raw.read(byte_scan.longest_line + 2)
        while not _has_stated_header(head, dialect) and len(head) < MAX_TITLE_BYTES:
            if not (more := raw.read(len(head))):
                break
            head += more
        whole = not raw.read(1)
    return head.decode("utf-8", "ignore" if not whole else "replace"), whole


def _has_stated_header(head: bytes, dialect: TableDialect | None) -> bool:
    """Whether the header that a dialect states, and rows below it, are within `head`."""
    if dialect is None or not dialect.header_rows:
        return True
    begin = head[: -HEAD_BYTES // 2].decode("utf-8", "replace")
    return has_header(_lines(begin, "", False), dialect.quote_char, max(dialect.header_rows))


def _lines(head: str, splits: str, whole: bool) -> list[str]:
    """The lines of the first part, one that may be cut off left out."""
    lines = list(io.StringIO(head, newline=splits))
    return lines if whole or len(lines) < 2 else lines[:-1]
