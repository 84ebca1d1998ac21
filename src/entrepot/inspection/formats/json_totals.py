"""Count the records of JSON by the bytes of the file, apart from the engine that reads them."""

import re
from dataclasses import dataclass
from pathlib import Path

from entrepot.inspection.record_counts import RecordCounts
from entrepot.inspection.table import SourceBroken
from entrepot_client.counts import counted

BLOCK_BYTES = 1 << 20
BLANK = re.compile(rb"\n[ \t\r]*(?=\n)")
CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r")
BOM = b"\xef\xbb\xbf"


@dataclass
class JsonRecords:
    """What a reading met: `total` records, `bad` lines that are not objects, blank lines, a header
    (an array of labels)."""

    total: int = 0
    bad: int = 0
    blank: int = 0
    header: int = 0

    def count(self, rows: int) -> RecordCounts:
        """What the records are, once `rows` of them were judged; a bad line was, as a finding."""
        return RecordCounts(
            total=self.total,
            judged=rows + self.bad,
            header=self.header,
            skipped_blank=self.blank,
        )


def count_lines(path: Path) -> tuple[int, int]:
    """The lines of a file, and how many of them are blank. Raises OSError."""
    lines = blank = 0
    rest = b"\n"
    with path.open("rb") as file:
        if file.read(len(BOM)) != BOM:
            file.seek(0)
        while block := file.read(BLOCK_BYTES):
            data = rest + block
            end = data.rfind(b"\n")
            part, rest = data[: end + 1], data[end:]
            lines += part.count(b"\n") - 1
            blank += sum(1 for _ in BLANK.finditer(part))
    last = rest[1:]
    return lines + bool(last), blank + (bool(last) and not last.strip(b" \t\r"))


def check_openings(path: Path, opening: bytes, read: int) -> None:
    """Compare how often an opening bracket is in the file with the records that were `read`: each
    begins with one, so that none can be missing. Raises SourceBroken, OSError."""
    total = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            total += block.count(opening)
    if total != read:
        raise SourceBroken(
            f"of {counted(total, 'opening bracket')} {read:,} are in the records that were read"
        )


def has_controls(path: Path) -> bool:
    """Whether the file has a control character that is not a blank to JSON, which has none as it is
    (RFC 8259, sections 2 and 7): the engine passes over form feeds between elements. Raises
    OSError."""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if len(block.translate(None, CONTROLS)) < len(block):
                return True
    return False
