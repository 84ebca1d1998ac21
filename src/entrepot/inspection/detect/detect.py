"""What a file is, told by its content. Whether a text is a table is told by its reader."""

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from entrepot.inspection.detect.signatures import BinaryKind, match_signature, words_for

Kind = Literal["csv", "jsonl", "json", "json-objects", "empty"] | BinaryKind

SAMPLE = 256 * 1024
SEPARATORS = b"\x01\x1a\x1c\x1d\x1e\x1f"
"""Control characters that stand between cells or at the end of some tables."""

JSON_ARRAY = "a JSON array of arrays; an array of objects, one per row, is read (application/json)"
JSON_VALUES = "a JSON array of values; an array of objects is read (application/json)"
JSON_OBJECT = (
    "one JSON object; an array of objects, or one object per line, is read (application/json)"
)
BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

OPENINGS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("<!doctype html", "<html"), "text/html"),
    (("<?xml",), "application/xml"),
    (("begin:vcalendar",), "text/calendar"),  # RFC 5545
    (("begin:vcard",), "text/vcard"),  # RFC 6350
    (("-----begin ",), "application/x-pem-file"),  # RFC 7468
)
"""How texts begin that have a form of their own, in small letters, and their media type."""

TEXT = bytes([0, *range(9, 14), *range(32, 256)]) + SEPARATORS


@dataclass(frozen=True)
class Detected:
    """The kind that decides on the reader, the media type (RFC 6838), and what a person calls
    such a file."""

    kind: Kind
    media_type: str
    words: str = ""


def detect(path: Path, file_name: str) -> Detected:
    """Read the head of `path`, of an archive its directory too, and decide. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    if not head:
        return Detected("empty", "application/x-empty", "empty")
    recognized = match_signature(head, path)
    if recognized:
        return Detected(*recognized)
    text = decode_sample(head)
    if text is None:
        return _other("application/octet-stream")
    return _detect_text(text, whole=len(head) < SAMPLE)


def _other(media_type: str, words: str = "") -> Detected:
    return Detected("other", media_type, words or words_for(media_type))


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
    start = text.lstrip("\ufeff \t\r\n")
    found = _detect_json(start, whole) if start.startswith(("{", "[")) else None
    if found:
        return found
    opening = start[:200].lower()
    for openings, media_type in OPENINGS:
        if opening.startswith(openings):
            return _other(media_type)
    return Detected("csv", "text/csv")


def _detect_json(start: str, whole: bool) -> Detected | None:  # noqa: PLR0911 (a row per shape)
    """What JSON the text is, that begins with a bracket; None if it is none."""
    if start.startswith("["):
        inner = start[1:].lstrip()
        if inner.startswith(("{", "]")) or not (inner or whole):
            return Detected("json", "application/json")
        if _is_json(start, whole):
            return _other("application/json", JSON_ARRAY if inner.startswith("[") else JSON_VALUES)
        return None
    if _is_json_lines(start) or (not whole and "\n" not in start):
        return Detected("jsonl", "application/x-ndjson")
    try:
        _, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return _other("application/json") if _is_json(start, whole) else None
    rest = start[end:].lstrip()
    if rest.startswith("{"):
        return Detected("json-objects", "application/json")
    return _other("application/json", JSON_OBJECT) if not rest else None


def _is_json_lines(text: str) -> bool:
    """Whether the first whole line is an object, and one that ends on that line."""
    first = text.split("\n", 1)[0]
    try:
        return isinstance(json.loads(first), dict)
    except RecursionError:
        return first.rstrip().endswith("}")
    except ValueError:
        lines = [line for line in text.split("\n")[1:6] if line.strip()]
        return len(lines) > 1 and all(
            line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines[:-1]
        )


def _is_json(text: str, whole: bool) -> bool:
    """Whether the text is JSON, or begins as JSON does where it is only the head of a file."""
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        if whole:
            return False
        if text.startswith("{"):
            return text[1:].lstrip().startswith('"')
        try:
            _, end = json.JSONDecoder().raw_decode(text[1:].lstrip())
        except (ValueError, RecursionError):
            return False
        return text[1:].lstrip()[end:].lstrip().startswith(",")
    return True
