"""The body that gives a file another contract: a schema, a dialect and an encoding, or a bare
Table Schema, as the first release took it."""

from dataclasses import dataclass
from typing import Any

from entrepot.errors import DialectInvalid, FieldInvalid, SchemaInvalid
from entrepot.schemas.enforcement import load_document, sound_document
from entrepot.schemas.reading.stated import (
    DETECTED,
    StatedReading,
    check_dialect,
    parse_encoding,
)
from entrepot.texts.json_text import JsonText, to_json_text

PROPERTIES = ("schema", "dialect", "encoding", "enforced")
"""What a contract document says."""
ANSWERED = (
    "revision",
    "source",
    "version",
    "effect",
    "changes",
    "user_name",
    "created_at",
    "revisions_list",
)
"""What the answer to a GET says besides, so that it can be sent back as it came."""


@dataclass(frozen=True)
class ContractDocument:
    """What a request wants of a contract; what it leaves out stays. `schema` is a sound document in
    its normal form.

    A dialect or an encoding is ended by `null`, so that `changed` names which of the two (by its
    name in `StatedReading`) is to change at all.
    """

    schema: JsonText | None
    reading: StatedReading = DETECTED
    changed: frozenset[str] = frozenset()


def parse_contract_text(text: str) -> ContractDocument:
    """`parse_contract_document` of a JSON text. Raises SchemaInvalid also where it is none."""
    return parse_contract_document(load_document(text))


def parse_contract_document(document: Any) -> ContractDocument:
    """Turn a parsed JSON document into what it says of a contract.

    Pointers of faults lead into the document. Raises SchemaInvalid, DialectInvalid, FieldInvalid.
    """
    if not isinstance(document, dict) or "fields" in document or not _says_more(document):
        return ContractDocument(to_json_text(sound_document(document)))
    unknown = [name for name in document if name not in (*PROPERTIES, *ANSWERED)]
    if unknown:
        reason = f"is unknown; a contract has {', '.join(PROPERTIES)}."
        raise FieldInvalid(unknown[0][:100].replace("\0", ""), reason)
    enforced = document.get("enforced", True)
    if enforced is not True:
        reason = (
            "must be true or false." if enforced is not False else "is false: nothing would change."
        )
        raise FieldInvalid("enforced", f"{reason} Set it to true to enforce this schema.", "true")
    dialect = document.get("dialect")
    return ContractDocument(
        _parse_schema(document.get("schema")),
        StatedReading(
            _parse_dialect(dialect) if dialect is not None else None,
            parse_encoding(document.get("encoding")),
        ),
        frozenset({"dialect", "encoding"} & document.keys()),
    )


def _says_more(document: dict[str, Any]) -> bool:
    return any(name in document for name in PROPERTIES)


def _parse_schema(document: object) -> JsonText | None:
    if document is None:
        return None
    try:
        return to_json_text(sound_document(document))
    except SchemaInvalid as error:
        raise SchemaInvalid(f"/schema{error.pointer}", error.reason) from None


def _parse_dialect(document: object) -> dict[str, Any]:
    try:
        return check_dialect(document, "dialect")
    except DialectInvalid as error:
        raise DialectInvalid(f"/dialect{error.pointer}", error.reason, "dialect") from None
