"""What a file is, by its content. Whether a text is a table, its reader finds out."""

import codecs
import json
from collections.abc import Sequence
from pathlib import Path

from entrepot.inspection.context import Detected
from entrepot.inspection.detect.byte_order import byte_order
from entrepot.inspection.detect.ebcdic import looks_like_ebcdic
from entrepot.inspection.detect.end_mark import without_end_mark
from entrepot.inspection.detect.formats import FORMATS
from entrepot.inspection.detect.signatures import OTHER, match_signature, words_for
from entrepot.inspection.detect.stated_encoding import resolve_encoding
from entrepot.schemas.table_dialect import TableDialect

EMPTY = "empty"
"""The kind of a file without a byte; no format has it."""

SAMPLE_BYTES = 256 * 1024
"""The first part of a file; JSON that is longer is judged by its begin."""
SEPARATORS = b"\x01\x1a\x1c\x1d\x1e\x1f"
"""Control characters that stand between cells or at the end of some tables."""

# Control characters in a text, set by hand on the folders `nul`, `encodings` and `not-tabular` of
# tests/inspection/corpus.
MAX_ODD_BESIDE_NULS = 2
"""Padding with NULs is usual in tables; with more other control characters beside them, a file is
binary."""
MAX_NUL_SHARE = 0.5
MAX_ODD_SHARE = 0.02
"""Where bytes do not decode: a damaged text has few control characters."""

MAX_JUDGED_LINES = 5
"""Lines below a first one that is damaged, by which JSON Lines are known."""
JSON_ARRAY = "a JSON array of arrays; an array of objects, one per row, is read (application/json)"
JSON_VALUES = "a JSON array of values; an array of objects is read (application/json)"
JSON_LINES_OF_ARRAYS = "lines of JSON arrays; one object per line is read (application/x-ndjson)"
JSON_OBJECT = (
    "one JSON object; an array of objects, or one object per line, is read (application/json)"
)
EBCDIC = (
    "a text in EBCDIC; state its encoding, such as cp037, cp500 or cp1140, or write it in UTF-8"
    " (text/plain)"
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
TEXT_CONTROLS = frozenset(chr(byte) for byte in TEXT if 0 < byte < 32)


def detect(
    path: Path,
    file_name: str,
    dialect: TableDialect | None = None,
    encoding: str | None = None,
) -> Detected:
    """Read the head of `path`, of an archive its directory too, and decide. Raises OSError.

    A stated `encoding` says how a text is decoded; a stated `dialect` says which JSON is a table:
    an object with the rows in a `property`, an array of arrays (`itemType`).
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if not head:
        return Detected(EMPTY, "application/x-empty", "empty")
    recognized = match_signature(head, path)
    if recognized:
        return Detected(*recognized)
    if encoding is None and looks_like_ebcdic(head):
        return _other("text/plain", EBCDIC)
    text = decode_sample(head) if encoding is None else _decode_stated(head, encoding)
    if text is None:
        return _other("application/octet-stream")
    whole = len(head) < SAMPLE_BYTES
    text = without_end_mark(text) if whole else text
    kind = (
        _stated_json(text.lstrip("\ufeff \t\r\n"), dialect, whole) if dialect is not None else None
    )
    return _text(kind) if kind is not None else _detect_text(text, whole)


def _text(kind: str) -> Detected:
    return Detected(kind, FORMATS[kind].media_type)


def _other(media_type: str, words: str = "") -> Detected:
    return Detected(OTHER, media_type, words or words_for(media_type))


def decode_sample(head: bytes) -> str | None:
    """The first bytes of a file as text, or None if they are not a text."""
    bom, encoding = byte_order(head)
    odd = len(head.translate(None, TEXT))
    if encoding is None:
        nuls = head.rstrip(b"\0").count(0)
        if nuls and (odd > MAX_ODD_BESIDE_NULS or nuls > MAX_NUL_SHARE * len(head)):
            return None
        encoding = "utf-8"
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head[bom:])
    except UnicodeDecodeError:
        if encoding != "utf-8":
            return head[bom:].decode(encoding, "replace")
        return None if odd > MAX_ODD_SHARE * len(head) else head.decode("latin-1")


def _decode_stated(head: bytes, encoding: str) -> str | None:
    """The first bytes of a file as a text in the stated encoding, or None if they are none."""
    bom, marked = byte_order(head)
    name = resolve_encoding(encoding, bom, marked) or marked or encoding
    text = codecs.getincrementaldecoder(name)("replace").decode(head[bom:])
    plain = text.rstrip("\0")
    odd = sum(char < " " and char not in TEXT_CONTROLS for char in plain)
    return None if odd > MAX_ODD_SHARE * len(plain) else text


def _stated_json(start: str, dialect: TableDialect, whole: bool) -> str | None:
    """The kind of JSON that the dialect says that a text is; None where it says nothing of it."""
    if dialect.property is not None and start.startswith("{"):
        try:
            _, end = json.JSONDecoder().raw_decode(start)
        except (ValueError, RecursionError):  # longer than the sample, or no JSON after all
            return "json"
        return "jsonl" if start[end:].lstrip().startswith("{") else "json"
    if dialect.item_type is not None and _are_lines_of_arrays(start, whole):
        return "jsonl"
    arrays = dialect.item_type == "array" and start.startswith("[")
    return "json" if arrays and start[1:].lstrip().startswith("[") else None


def _detect_text(text: str, whole: bool) -> Detected:
    start = text.lstrip("\ufeff \t\r\n")
    detected = _detect_json(start, whole) if start.startswith(("{", "[")) else None
    if detected:
        return detected
    if _has_damaged_first_line(start, whole):
        return _text("jsonl")
    opening = start[:200].lower()
    for openings, media_type in OPENINGS:
        if opening.startswith(openings):
            return _other(media_type)
    return _text("csv")


def _detect_json(start: str, whole: bool) -> Detected | None:  # noqa: PLR0911 (a row per shape)
    """What JSON the text is, that begins with a bracket; None if it is none."""
    if start.startswith("["):
        inner = start[1:].lstrip()
        if inner.startswith(("{", "]")) or not (inner or whole):
            return _text("json")
        if _are_lines_of_arrays(start, whole):
            return _other("application/x-ndjson", JSON_LINES_OF_ARRAYS)
        if _is_json(start, whole):
            return _other("application/json", JSON_ARRAY if inner.startswith("[") else JSON_VALUES)
        return None
    if _is_json_lines(start) or (not whole and "\n" not in start):
        return _text("jsonl")
    try:
        _, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return _other("application/json") if _is_json(start, whole) else None
    rest = start[end:].lstrip()
    if rest.lstrip(", \t\r\n").startswith("{"):  # with a comma between them it is an error
        return _text("json-objects")
    return _other("application/json", JSON_OBJECT) if not rest else None


def _is_json_lines(text: str) -> bool:
    """Whether the first whole line is an object, and one that ends on that line."""
    first = text.split("\n", 1)[0]
    try:
        return isinstance(json.loads(first), dict)
    except RecursionError:
        return first.rstrip().endswith("}")
    except ValueError:
        # The first line may be damaged alone; the last of these may be cut off.
        lines = [line for line in text.split("\n")[1:6] if line.strip()]
        return len(lines) > 1 and all(
            line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines[:-1]
        )


def _has_damaged_first_line(text: str, whole: bool) -> bool:
    """Whether the text is JSON Lines but for its first line, which is a part of an object: the
    lines below are objects. A label above them would be CSV of one column."""
    first, *below = text.split("\n")
    lines = _judged_lines(below, whole)
    part = first.startswith("{") or first.rstrip().endswith("}")
    return part and bool(lines) and all(_is_json_of(dict, line) for line in lines)


def _are_lines_of_arrays(text: str, whole: bool) -> bool:
    """Whether the text is at least two lines, each of which is an array of JSON."""
    if not text.startswith("["):
        return False
    lines = _judged_lines(text.split("\n"), whole)
    return len(lines) > 1 and all(_is_json_of(list, line) for line in lines)


def _judged_lines(lines: Sequence[str], whole: bool) -> list[str]:
    """The first lines that are not blank; the last line of a text that is not `whole` is cut."""
    return [line for line in (lines if whole else lines[:-1]) if line.strip()][:MAX_JUDGED_LINES]


def _is_json_of(kind: type, text: str) -> bool:
    try:
        return isinstance(json.loads(text), kind)
    except (ValueError, RecursionError):
        return False


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
