"""The form field `table_dialect`: how the deliveries of a file are read."""

from typing import Any

from entrepot.errors import DialectInvalid, SchemaInvalid
from entrepot.schemas.enforcement import load_document
from entrepot.schemas.table_dialect import parse_dialect, to_document


def parse_dialect_field(text: str | None) -> dict[str, Any] | None:
    """The Table Dialect as a document; None if the field is absent or blank.

    Raises DialectInvalid for invalid JSON and for an invalid Table Dialect.
    """
    if text is None or not text.strip():
        return None
    try:
        return to_document(parse_dialect(load_document(text)))
    except SchemaInvalid as error:
        reason = error.reason.replace("neither true, false nor JSON", "no JSON")
        raise DialectInvalid(error.pointer, reason.replace("the schema", "it")) from None
