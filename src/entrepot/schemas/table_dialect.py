"""Parse a Table Dialect document, and write one back.

Source: Data Package v2, Table Dialect (datapackage.org/standard/table-dialect). What a document
says overrides what would be detected; what it leaves out is still detected. A fault is told as a
JSON pointer (RFC 6901) and a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entrepot.errors import SchemaInvalid

MAX_ROWS, MOST_ROWS = 10_000, 100
MAX_MARK = 16

TEXTS = {
    "headerJoin": "header_join",
    "commentChar": "comment_char",
    "delimiter": "delimiter",
    "lineTerminator": "line_terminator",
    "quoteChar": "quote_char",
    "escapeChar": "escape_char",
    "nullSequence": "null_sequence",
    "property": "property",
    "sheetName": "sheet_name",
    "table": "table",
}
FLAGS = {
    "header": "header",
    "doubleQuote": "double_quote",
    "skipInitialSpace": "skip_initial_space",
}
ROWS = {"headerRows": "header_rows", "commentRows": "comment_rows"}
ITEM_TYPES = ("array", "object")
ALL = (*TEXTS, *FLAGS, *ROWS, "sheetNumber", "itemType", "itemKeys")


@dataclass(frozen=True)
class TableDialect:
    """What is given; None leaves a property to detection. Row numbers count from 1.

    `other` holds properties that describe ($schema, name, title, …).
    """

    header: bool | None = None
    header_rows: tuple[int, ...] | None = None
    header_join: str | None = None
    comment_rows: tuple[int, ...] | None = None
    comment_char: str | None = None
    delimiter: str | None = None
    line_terminator: str | None = None
    quote_char: str | None = None
    double_quote: bool | None = None
    escape_char: str | None = None
    null_sequence: str | None = None
    skip_initial_space: bool | None = None
    property: str | None = None
    item_type: str | None = None
    item_keys: tuple[str, ...] | None = None
    sheet_number: int | None = None
    sheet_name: str | None = None
    table: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)


def parse_dialect(document: object) -> TableDialect:
    """Turn a parsed JSON document into a TableDialect. Raises SchemaInvalid."""
    if not isinstance(document, dict):
        raise SchemaInvalid("", "a Table Dialect must be an object")
    given: dict[str, Any] = {}
    for name, attribute in TEXTS.items():
        if name in document:
            given[attribute] = _text(document[name], name)
    for name, attribute in FLAGS.items():
        if name in document:
            if not isinstance(document[name], bool):
                raise SchemaInvalid(f"/{name}", "it must be true or false")
            given[attribute] = document[name]
    for name, attribute in ROWS.items():
        if name in document:
            given[attribute] = _rows(document[name], f"/{name}")
    if "sheetNumber" in document:
        given["sheet_number"] = _number(document["sheetNumber"], "/sheetNumber", 1_000_000)
    if "itemType" in document:
        if document["itemType"] not in ITEM_TYPES:
            raise SchemaInvalid("/itemType", f"it must be one of {', '.join(ITEM_TYPES)}")
        given["item_type"] = document["itemType"]
    if "itemKeys" in document:
        given["item_keys"] = _keys(document["itemKeys"])
    dialect = TableDialect(**given, other={k: v for k, v in document.items() if k not in ALL})
    _agree(dialect)
    return dialect


def to_document(dialect: TableDialect) -> dict[str, Any]:
    """The document that says what `dialect` says."""
    document = dict(dialect.other)
    for name, attribute in {**TEXTS, **FLAGS, "sheetNumber": "sheet_number",
                            "itemType": "item_type"}.items():  # fmt: skip
        value = getattr(dialect, attribute)
        if value is not None:
            document[name] = value
    for name, attribute in {**ROWS, "itemKeys": "item_keys"}.items():
        values = getattr(dialect, attribute)
        if values is not None:
            document[name] = list(values)
    return document


def _text(value: object, name: str) -> str:
    at = f"/{name}"
    if not isinstance(value, str) or "\0" in value:
        raise SchemaInvalid(at, "it must be a string")
    if name in ("quoteChar", "escapeChar") and len(value) > 1:
        raise SchemaInvalid(at, "it must be one character, or none")
    if name == "delimiter" and not 1 <= len(value) <= MAX_MARK:
        raise SchemaInvalid(at, f"it must have 1 to {MAX_MARK} characters")
    if name == "commentChar" and not 1 <= len(value) <= MAX_MARK:
        raise SchemaInvalid(at, f"it must have 1 to {MAX_MARK} characters")
    if name == "lineTerminator" and value not in ("\n", "\r\n", "\r"):
        raise SchemaInvalid(at, "it must be LF, CRLF or CR")
    if name in ("delimiter", "quoteChar", "escapeChar", "commentChar") and set(value) & set("\r\n"):
        raise SchemaInvalid(at, "it must not hold a line end")
    return value


def _rows(value: object, at: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MOST_ROWS:
        raise SchemaInvalid(at, f"it must be a list of at most {MOST_ROWS} row numbers")
    rows = tuple(_number(each, f"{at}/{n}", MAX_ROWS) for n, each in enumerate(value))
    if list(rows) != sorted(set(rows)):
        raise SchemaInvalid(at, "the row numbers must rise")
    return rows


def _number(value: object, at: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise SchemaInvalid(at, f"it must be a whole number from 1 to {most:,}")
    return value


def _keys(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SchemaInvalid("/itemKeys", "it must be a list of strings")
    return tuple(value)


def _agree(dialect: TableDialect) -> None:
    """Make sure that no two properties contradict each other."""
    if dialect.header is False and dialect.header_rows:
        raise SchemaInvalid("/headerRows", "a table without a header has no header rows")
    delimiter = dialect.delimiter
    if delimiter is None:
        return
    if dialect.quote_char and dialect.quote_char in delimiter:
        raise SchemaInvalid("/quoteChar", "the delimiter holds the quote character")
    if dialect.escape_char and dialect.escape_char in delimiter:
        raise SchemaInvalid("/escapeChar", "the delimiter holds the escape character")
