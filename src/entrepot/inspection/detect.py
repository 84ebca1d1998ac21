"""What a file is, told by its content. Whether a text is a table is told by its reader."""

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["csv", "jsonl", "json", "parquet", "other", "empty"]

SAMPLE = 256 * 1024
SEPARATORS = b"\x01\x1a\x1c\x1d\x1e\x1f"
"""Control characters that stand between cells or at the end of some tables."""

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"ARROW1", "application/vnd.apache.arrow.file"),
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x7fELF", "application/x-executable"),
)
ZIPPED: tuple[tuple[bytes, str], ...] = (
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"opendocument.spreadsheet", "application/vnd.oasis.opendocument.spreadsheet"),
)
BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

TEXT = bytes([0, *range(9, 14), *range(32, 256)]) + SEPARATORS


@dataclass(frozen=True)
class Detected:
    """The kind that decides on the reader, and the media type (RFC 6838)."""

    kind: Kind
    media_type: str


def detect(path: Path, file_name: str) -> Detected:
    """Read the head and the tail of `path`, and decide. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - SAMPLE))
        tail = file.read()
    if not head:
        return Detected("empty", "application/x-empty")
    if head.startswith(b"PAR1"):
        return Detected("parquet", "application/vnd.apache.parquet")
    for magic, media_type in MAGIC:
        if head.startswith(magic):
            return Detected("other", media_type)
    if head.startswith(b"PK\x03\x04"):
        inside = head + tail
        found = next((kind for mark, kind in ZIPPED if mark in inside), "application/zip")
        return Detected("other", found)
    text = decode_sample(head)
    if text is None:
        return Detected("other", "application/octet-stream")
    return _detect_text(text, whole=len(head) < SAMPLE)


def decode_sample(head: bytes) -> str | None:
    """The first bytes of a file as text, or None if they are no text."""
    bom, encoding = byte_order(head)
    odd = len(head.translate(None, TEXT))
    if encoding is None:
        # Padding with NULs is found in tables, other control characters beside them are not.
        nuls = head.rstrip(b"\0").count(0)
        if nuls and (odd > 2 or nuls * 2 > len(head)):
            return None
        encoding = "utf-8"
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head[bom:])
    except UnicodeDecodeError:
        if encoding != "utf-8":
            return head[bom:].decode(encoding, "replace")
        return None if odd * 50 > len(head) else head.decode("latin-1")


def byte_order(head: bytes) -> tuple[int, str | None]:
    """The length of the byte order mark and the encoding, also of UTF-16 and UTF-32 without a
    mark, which show by where the zeros are."""
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return len(bom), encoding
    start = head[:4096]
    zeros = [start[n::4].count(0) * 4 / max(1, len(start)) for n in range(4)]
    if len(start) >= 8:
        if min(zeros[1:]) > 0.8 and zeros[0] < 0.2:
            return 0, "utf-32-le"
        if min(zeros[:3]) > 0.8 and zeros[3] < 0.2:
            return 0, "utf-32-be"
    if len(start) >= 8 or start.count(0) * 2 == len(start):
        if min(zeros[1], zeros[3]) > 0.4 and max(zeros[0], zeros[2]) < 0.1:
            return 0, "utf-16-le"
        if min(zeros[0], zeros[2]) > 0.4 and max(zeros[1], zeros[3]) < 0.1:
            return 0, "utf-16-be"
    return 0, None


def _detect_text(text: str, whole: bool) -> Detected:
    start = text.lstrip()
    if start.startswith("{") and _is_json_lines(start):
        return Detected("jsonl", "application/x-ndjson")
    if start.startswith("[") and start[1:].lstrip().startswith(("{", "]")):
        return Detected("json", "application/json")
    if start.startswith("{") and _is_json(start, whole):
        return Detected("other", "application/json")
    markup = start[:200].lower()
    if markup.startswith(("<!doctype html", "<html")):
        return Detected("other", "text/html")
    if markup.startswith("<?xml"):
        return Detected("other", "application/xml")
    return Detected("csv", "text/csv")


def _is_json_lines(text: str) -> bool:
    """Whether the first whole line is an object, and one that ends on that line."""
    first = text.split("\n", 1)[0]
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        lines = [line for line in text.split("\n")[1:6] if line.strip()]
        return len(lines) > 1 and all(
            line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines[:-1]
        )


def _is_json(text: str, whole: bool) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return not whole and text[1:].lstrip().startswith('"')
    return True
