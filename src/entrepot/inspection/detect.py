"""What a file is, told by its content; the name only breaks ties between kinds of text."""

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from entrepot.inspection.dialect import consistency, delimiter_scores, looks_like_values

Kind = Literal["csv", "jsonl", "json", "parquet", "other", "empty"]

SAMPLE = 256 * 1024
TEXT_NAMES = frozenset({".csv", ".tsv", ".tab", ".psv", ".dat", ".ssv"})

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
    return _detect_text(text, Path(file_name).suffix.lower(), whole=len(head) < SAMPLE)


def decode_sample(head: bytes) -> str | None:
    """The first bytes of a file as text, or None if they are no text."""
    bom, encoding = byte_order(head)
    if encoding is None:
        if b"\0" in head and head.count(b"\0") > len(head) // 100:
            return None
        encoding = "utf-8"
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head[bom:])
    except UnicodeDecodeError:
        odd = sum(byte < 9 or 13 < byte < 32 for byte in head)
        return None if odd > len(head) // 50 else head.decode("latin-1")


def byte_order(head: bytes) -> tuple[int, str | None]:
    """The length of the byte order mark and the encoding, also of UTF-16 without a mark."""
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return len(bom), encoding
    even, odd = head[0:4096:2], head[1:4096:2]
    if len(odd) >= 4 and odd.count(0) > len(odd) * 0.4 and even.count(0) < len(even) * 0.1:
        return 0, "utf-16-le"
    if len(odd) >= 4 and even.count(0) > len(even) * 0.4 and odd.count(0) < len(odd) * 0.1:
        return 0, "utf-16-be"
    return 0, None


def _detect_text(text: str, suffix: str, whole: bool) -> Detected:  # noqa: PLR0911 (a row per kind)
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
    delimiter = _delimiter_of_table(text, suffix)
    if delimiter is None:
        return Detected("other", "text/plain")
    kind = "text/tab-separated-values" if delimiter == "\t" else "text/csv"
    return Detected("csv", kind)


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


def _delimiter_of_table(text: str, suffix: str) -> str | None:
    """The delimiter when the text is a table: by its name, or by regular rows or short cells."""
    scores = delimiter_scores(text)
    best = scores[0].delimiter if scores else ","
    if suffix in TEXT_NAMES:
        return best
    regular = scores and scores[0].width > 1 and scores[0].agreement >= 0.9 and scores[0].rows > 1
    if regular and looks_like_values(text, best):
        return best
    return "," if consistency(text) else None
