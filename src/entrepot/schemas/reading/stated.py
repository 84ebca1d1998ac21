"""What a request states of how deliveries are read: `table_dialect` and `encoding` of a form,
`dialect` and `encoding` of a JSON body."""

from dataclasses import dataclass
from typing import Any

from entrepot.errors import DialectInvalid, FieldInvalid, SchemaInvalid
from entrepot.schemas.enforcement import load_document
from entrepot.schemas.reading.encodings import known_encodings, normalize_encoding
from entrepot.schemas.table_dialect import parse_dialect, to_document

MAX_DIALECT_BYTES = 64 * 1024


@dataclass(frozen=True)
class StatedReading:
    """How deliveries are read as far as it is stated: a Table Dialect document, and the name of an
    encoding as `normalize_encoding` spells it. None: it is detected."""

    dialect: dict[str, Any] | None = None
    encoding: str | None = None


DETECTED = StatedReading()


def parse_reading_fields(dialect: str | None, encoding: str | None) -> StatedReading:
    """What the two fields of a form say; an absent or blank one says nothing.

    Raises DialectInvalid, FieldInvalid.
    """
    return StatedReading(parse_dialect_field(dialect), parse_encoding(encoding))


def parse_dialect_field(text: str | None) -> dict[str, Any] | None:
    """The Table Dialect as a document; None if the field is absent or blank.

    Raises DialectInvalid for invalid JSON and for an invalid Table Dialect.
    """
    if text is None or not text.strip():
        return None
    try:
        document = load_document(text)
    except SchemaInvalid as error:
        raise DialectInvalid(error.pointer, error.reason.replace("the schema", "it")) from None
    return check_dialect(document)


def check_dialect(document: object, field: str = "table_dialect") -> dict[str, Any]:
    """The Table Dialect as a sound document. Raises DialectInvalid, which names the `field`."""
    try:
        sound = to_document(parse_dialect(document))
    except SchemaInvalid as error:
        raise DialectInvalid(error.pointer, error.reason, field) from None
    return sound


def parse_encoding(text: object, field: str = "encoding") -> str | None:
    """The encoding by its normalized name; None if it is absent or blank. Raises FieldInvalid with
    all those that there are."""
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    name = normalize_encoding(text) if isinstance(text, str) else None
    if name is None:
        known = ", ".join(known_encodings())
        raise FieldInvalid(field, f"is not a known encoding; those are {known}.", "utf-8")
    return name
