"""The text of a JSON file as the engine reads it: in UTF-8, with one kind of line end."""

import codecs
from pathlib import Path

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.detect.byte_order import HEAD_BYTES, byte_order, warn_of_marks
from entrepot.inspection.detect.end_mark import cut_end, marked_bytes
from entrepot.inspection.detect.stated_encoding import encoding_of
from entrepot.inspection.detect.transcode import transcode
from entrepot.inspection.table import SourceBroken
from entrepot_client.counts import counted

SPLIT = b"\x1e"
"""Between the columns of JSON Lines to the engine, which are to be one."""
PLAIN = bytes.maketrans(b"\r" + SPLIT, b" \x1f")
BLOCK_BYTES = 1 << 20
"""Copied at a time."""


def warn_of_marks_in(path: Path) -> list[str]:
    """A warning of several byte order marks at the beginning of the file. Raises OSError."""
    with path.open("rb") as file:
        bom, encoding = byte_order(file.read(HEAD_BYTES))
    return warn_of_marks(bom, encoding or "utf-8")


def in_utf8(path: Path, context: InspectionContext, stated: str | None = None) -> tuple[Path, str]:
    """The file itself if it is UTF-8 with one byte order mark at most and without an end-of-file
    mark, else such a copy; and its encoding, which may be stated. Raises SourceBroken where it does
    not fit, OSError."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    bom, encoding = byte_order(head) if stated is None else encoding_of(head, stated)
    usual = bom <= len(codecs.BOM_UTF8) and not marked_bytes(path)
    if stated is None and encoding in (None, "utf-8") and usual:
        return path, "utf-8"
    encoding = encoding or "utf-8"
    target = context.scratch / "utf-8.json"
    _decode(path, encoding, bom, target, context)
    cut_end(target, marked_bytes(target))
    return target, encoding


def check_utf8(path: Path, context: InspectionContext) -> None:
    """Raise SourceBroken at the first bytes that are not UTF-8: the engine does not say where they
    are."""
    with path.open("rb") as file:
        bom = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    _decode(path, "utf-8", bom, context.scratch / "checked.json", context)


def _decode(path: Path, encoding: str, bom: int, target: Path, context: InspectionContext) -> None:
    """Write the text to `target` in UTF-8. Raises SourceBroken, OSError."""
    damage = transcode(path, encoding, bom, target, context.progress)
    if damage.total:
        line, offset = damage.places[0]
        places = f"in {counted(damage.total, 'place')}{', the first' if damage.total > 1 else ''}"
        raise SourceBroken(
            f"it has bytes that are not text in {encoding}, {places} at byte {offset:,} in line"
            f" {line:,}",
            code="encoding-error",
        )


def with_plain_newlines(path: Path, scratch: Path) -> Path:
    """The file itself, or a copy in which CRLF is LF, and any other CR a space, as which JSON takes
    it: the engine takes both for line ends, and cannot split lines that end in several ways. The
    character at which the engine splits columns, which no JSON has, becomes another such one."""
    with path.open("rb") as file:
        while (block := file.read(BLOCK_BYTES)) and not (b"\r" in block or SPLIT in block):
            pass
        if not block:
            return path
        target = scratch / "lines.jsonl"
        file.seek(0)
        with target.open("wb") as out:
            while block := file.read(BLOCK_BYTES):
                while block.endswith(b"\r") and (after := file.read(1)):
                    block += after
                out.write(block.replace(b"\r\n", b"\n").translate(PLAIN))
    return target
