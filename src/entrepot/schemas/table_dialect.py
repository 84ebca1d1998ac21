"""Parse a Table Dialect document, and write one.

Source: Data Package v2, Table Dialect (datapackage.org/standard/table-dialect). Properties in the
document override detection; missing ones are detected. A fault is a JSON pointer (RFC 6901) and a
reason. A property that no format here can obey is a fault, since the standard lets whoever reads a
dialect say so: a misspelled one would be ignored in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.patterns import InvalidPattern, check_pattern

MAX_ROW_NUMBER, MAX_ROW_NUMBERS = 10_000, 100
"""Of `headerRows` and `commentRows`, and how many: they lie near the top of a file."""
MAX_MARK_CHARS = 16
"""Of a delimiter, a quote, a comment mark or the text for NULL."""
MAX_ITEM_KEYS = 10_000
"""As many as columns of a table (`inspection.limits.Limits.columns`)."""
MAX_SHOWN_CHARS = 100
"""Characters of an unknown property's name that a message repeats."""

TEXT_PROPERTIES = {
    "headerJoin": "header_join",
    "commentChar": "comment_char",
    "delimiter": "delimiter",
    "lineTerminator": "line_terminator",
    "quoteChar": "quote_char",
    "escapeChar": "escape_char",
    "nullSequence": "null_sequence",
    "property": "property",
    "sheetName": "sheet_name",
    "entrepot:footer": "footer",
}
FLAG_PROPERTIES = {
    "header": "header",
    "doubleQuote": "double_quote",
    "skipInitialSpace": "skip_initial_space",
    "skipBlankRows": "skip_blank_rows",
}
ROW_PROPERTIES = {"headerRows": "header_rows", "commentRows": "comment_rows"}
ITEM_TYPES = ("array", "object")
DESCRIPTIVE_PROPERTIES = ("$schema", "name", "type", "title", "description")
"""Properties that describe a dialect and say nothing of how to read."""
KNOWN_PROPERTIES = (
    *TEXT_PROPERTIES,
    *FLAG_PROPERTIES,
    *ROW_PROPERTIES,
    "sheetNumber",
    "itemType",
    "itemKeys",
)
"""The properties that a format obeys; `schemas.reading.support` says which."""


@dataclass(frozen=True)
class TableDialect:
    """The properties of a dialect; None leaves one to detection. Row numbers count from 1.

    `skip_blank_rows` is a property of Frictionless 5, `footer` is ours (`entrepot:footer`): an RE2
    pattern that the whole first cell of a record below the table matches.
    `other` has the properties that describe (`DESCRIPTIVE_PROPERTIES`).
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
    skip_blank_rows: bool | None = None
    footer: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict)


def parse_dialect(document: object) -> TableDialect:
    """Turn a parsed JSON document into a TableDialect. Raises SchemaInvalid."""
    if not isinstance(document, dict):
        raise SchemaInvalid("", "a Table Dialect must be an object")
    _check_names(document)
    properties: dict[str, Any] = {}
    for name, attribute in TEXT_PROPERTIES.items():
        if name in document:
            properties[attribute] = _parse_text(document[name], name)
    for name, attribute in FLAG_PROPERTIES.items():
        if name in document:
            if not isinstance(document[name], bool):
                raise SchemaInvalid(f"/{name}", "it must be true or false")
            properties[attribute] = document[name]
    for name, attribute in ROW_PROPERTIES.items():
        if name in document:
            properties[attribute] = _parse_rows(document[name], f"/{name}")
    if "sheetNumber" in document:
        properties["sheet_number"] = _parse_number(
            document["sheetNumber"], "/sheetNumber", 1_000_000
        )
    if "itemType" in document:
        if document["itemType"] not in ITEM_TYPES:
            raise SchemaInvalid("/itemType", f"it must be one of {', '.join(ITEM_TYPES)}")
        properties["item_type"] = document["itemType"]
    if "itemKeys" in document:
        properties["item_keys"] = _parse_keys(document["itemKeys"])
    dialect = TableDialect(
        **properties, other={k: v for k, v in document.items() if k not in KNOWN_PROPERTIES}
    )
    _check_conflicts(dialect)
    return dialect


def to_document(dialect: TableDialect) -> dict[str, Any]:
    """The dialect as a document."""
    document = dict(dialect.other)
    for name, attribute in {**TEXT_PROPERTIES, **FLAG_PROPERTIES, "sheetNumber": "sheet_number",
                            "itemType": "item_type"}.items():  # fmt: skip
        value = getattr(dialect, attribute)
        if value is not None:
            document[name] = value
    for name, attribute in {**ROW_PROPERTIES, "itemKeys": "item_keys"}.items():
        values = getattr(dialect, attribute)
        if values is not None:
            document[name] = list(values)
    return document


def _check_names(document: dict[str, Any]) -> None:
    for name in document:
        if name not in KNOWN_PROPERTIES and name not in DESCRIPTIVE_PROPERTIES:
            known = ", ".join(KNOWN_PROPERTIES)
            raise SchemaInvalid(
                join_pointer("", name[:MAX_SHOWN_CHARS]),
                f"no format supports such a property; those that exist are {known}",
            )


def _parse_text(value: object, name: str) -> str:
    pointer = f"/{name}"
    if not isinstance(value, str) or "\0" in value:
        raise SchemaInvalid(pointer, "it must be a string")
    if name in ("quoteChar", "escapeChar") and len(value) > 1:
        raise SchemaInvalid(pointer, "it must be one character, or none")
    if name == "delimiter" and not 1 <= len(value) <= MAX_MARK_CHARS:
        raise SchemaInvalid(pointer, f"it must have 1 to {MAX_MARK_CHARS} characters")
    if name == "commentChar" and not 1 <= len(value) <= MAX_MARK_CHARS:
        raise SchemaInvalid(pointer, f"it must have 1 to {MAX_MARK_CHARS} characters")
    if name == "lineTerminator" and value not in ("\n", "\r\n", "\r"):
        raise SchemaInvalid(pointer, "it must be LF, CRLF or CR")
    if name == "entrepot:footer":
        try:
            check_pattern(value)
        except InvalidPattern as error:
            raise SchemaInvalid("/entrepot:footer", f"it is not an RE2 pattern: {error}") from None
    if name in ("delimiter", "quoteChar", "escapeChar", "commentChar") and set(value) & set("\r\n"):
        raise SchemaInvalid(pointer, "it must not hold a line end")
    return value


def describe_properties(dialect: TableDialect) -> dict[str, Any]:
    """What the dialect states, by property, without what only describes it."""
    document = to_document(dialect)
    return {name: document[name] for name in KNOWN_PROPERTIES if name in document}


def _parse_rows(value: object, pointer: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MAX_ROW_NUMBERS:
        raise SchemaInvalid(pointer, f"it must be a list of at most {MAX_ROW_NUMBERS} row numbers")
    rows = tuple(
        _parse_number(each, f"{pointer}/{n}", MAX_ROW_NUMBER) for n, each in enumerate(value)
    )
    if list(rows) != sorted(set(rows)):
        raise SchemaInvalid(pointer, "the row numbers must rise")
    return rows


def _parse_number(value: object, pointer: str, maximum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise SchemaInvalid(pointer, f"it must be a whole number from 1 to {maximum:,}")
    return value


def _parse_keys(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SchemaInvalid("/itemKeys", "it must be a list of strings")
    if not 1 <= len(value) <= MAX_ITEM_KEYS or len(set(value)) < len(value):
        reason = f"it must have 1 to {MAX_ITEM_KEYS:,} keys, each once"
        raise SchemaInvalid("/itemKeys", reason)
    return tuple(value)


def _check_conflicts(dialect: TableDialect) -> None:
    """Check that no two properties contradict each other."""
    if dialect.header is False and dialect.header_rows:
        raise SchemaInvalid("/headerRows", "a table without a header has no header rows")
    delimiter = dialect.delimiter
    if delimiter is None:
        return
    if dialect.quote_char and dialect.quote_char in delimiter:
        raise SchemaInvalid("/quoteChar", "the delimiter holds the quote character")
    if dialect.escape_char and dialect.escape_char in delimiter:
        raise SchemaInvalid("/escapeChar", "the delimiter holds the escape character")
