"""The text of a JSON file as the engine reads it: in UTF-8, with one kind of line end."""

import codecs
from pathlib import Path

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.detect.byte_order import HEAD_BYTES, byte_order
from entrepot.inspection.detect.stated_encoding import encoding_of
from entrepot.inspection.detect.transcode import transcode
from entrepot.inspection.table import SourceBroken

BLOCK_BYTES = 1 << 20
"""Copied at a time."""


def in_utf8(path: Path, context: InspectionContext, stated: str | None = None) -> tuple[Path, str]:
    """The file itself if it is UTF-8, else a copy that is; and its encoding, which may be stated.
    Raises UnicodeError, and SourceBroken where the stated one does not fit."""
    target = context.scratch / "utf-8.json"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if stated is not None:
            bom, encoding = encoding_of(head, stated)
            damage = transcode(path, encoding, bom, target, context.progress)
            if damage.total:
                line, offset = damage.places[0]
                raise SourceBroken(
                    f"it has bytes that are no text in {encoding}, in {damage.total:,} places, the"
                    f" first at byte {offset:,} in line {line:,}",
                    code="encoding-error",
                )
            return target, encoding
        bom, found = byte_order(head)
        if found is None or found == "utf-8":
            return path, "utf-8"
        decoder = codecs.getincrementaldecoder(found)()
        file.seek(bom)
        with target.open("wb") as out:
            while block := file.read(BLOCK_BYTES):
                out.write(decoder.decode(block).encode())
            out.write(decoder.decode(b"", True).encode())
    return target, found


def with_plain_newlines(path: Path, scratch: Path) -> Path:
    """The file itself, or a copy in which CRLF is LF: the engine cannot split lines of which
    some end in the one and some in the other."""
    with path.open("rb") as file:
        while (block := file.read(BLOCK_BYTES)) and b"\r" not in block:
            pass
        if not block:
            return path
        target = scratch / "lines.jsonl"
        file.seek(0)
        with target.open("wb") as out:
            while block := file.read(BLOCK_BYTES):
                while block.endswith(b"\r") and (after := file.read(1)):
                    block += after
                out.write(block.replace(b"\r\n", b"\n"))
    return target
