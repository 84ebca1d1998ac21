"""Invalid input: which part of the request is wrong, and why."""

from dataclasses import dataclass

from entrepot.errors.base import EntrepotError
from entrepot_client.counts import counted
from entrepot_client.field_sentences import field_sentence


@dataclass(eq=False)
class FieldInvalid(EntrepotError):
    """One named field, header or parameter is missing or wrong."""

    field: str
    reason: str
    example: str | None = None

    def __str__(self) -> str:
        return field_sentence(f"`{self.field}`", self.at_field)

    @property
    def at_field(self) -> str:
        """The reason, and an example if there is one."""
        return f"{self.reason} Example: {self.example}" if self.example else self.reason


@dataclass(eq=False)
class SchemaInvalid(EntrepotError):
    """An invalid Table Schema; `pointer` is a JSON pointer (RFC 6901) to the fault."""

    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"The schema is wrong at {self.pointer or 'the top'}: {self.reason}."


@dataclass(eq=False)
class SchemaTooCostly(EntrepotError):
    """A schema or a dialect cannot be parsed or compared within a bound; `bound` is the figure and
    its unit, in words."""

    bound: str

    def __str__(self) -> str:
        return f"Parsing the contract takes more than {self.bound}, which is the limit."


@dataclass(eq=False)
class DialectInvalid(EntrepotError):
    """An invalid Table Dialect in a `field` of the request; `pointer` is a JSON pointer (RFC 6901)
    to the fault in it."""

    pointer: str
    reason: str
    field: str = "table_dialect"

    def __str__(self) -> str:
        return f"{self.field}: at {self.pointer or 'the top'}: {self.reason}."

    @property
    def at_field(self) -> str:
        """The place in it, and the reason."""
        return f"At {self.pointer or 'the top'}: {self.reason}."


@dataclass(eq=False)
class FormMalformed(EntrepotError):
    """The multipart form cannot be parsed (RFC 7578): no last boundary, a wrong one, …"""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class MediaTypeUnsupported(EntrepotError):
    """The operation does not accept this media type."""

    received: str
    expected: str

    def __str__(self) -> str:
        return f"The body must be {self.expected}; it is {self.received or 'of no stated type'}."


@dataclass(eq=False)
class ContentEncodingUnsupported(EntrepotError):
    """The body has a Content-Encoding; bytes are stored and judged as they are sent."""

    received: str
    expected: str = "identity"

    def __str__(self) -> str:
        return (
            f"The body has the Content-Encoding {self.received}; send it without one. A compressed "
            "file is a file of its own kind: upload it as it is."
        )


@dataclass(eq=False)
class BodyTooSlow(EntrepotError):
    """The client took `seconds` for the `received` bytes, which is too long; or it sent nothing
    more. The server ends the request."""

    seconds: float
    received: int

    def __str__(self) -> str:
        return (
            f"The body came too slowly: {counted(self.received, 'byte')} in "
            f"{counted(self.seconds, 'second')}. Nothing was stored; send it again."
        )


@dataclass(eq=False)
class BodyIncomplete(EntrepotError):
    """The body broke off after `received` bytes: the connection ended, or the length of a chunk
    cannot be parsed (RFC 9112, section 7.1). The HTTP server does not say which."""

    received: int

    def __str__(self) -> str:
        return (
            f"The body broke off after {counted(self.received, 'byte')}: the connection ended "
            "before its last byte, or its chunked coding is malformed."
        )


@dataclass(eq=False)
class BodyTooLarge(EntrepotError):
    """The body of a request without a file is too large (bytes)."""

    limit: int

    def __str__(self) -> str:
        return f"The body may have at most {counted(self.limit, 'byte')}."


@dataclass(eq=False)
class DigestMismatch(EntrepotError):
    """The received bytes do not have the digest that the sender stated (RFC 9530), in the header
    `field`. Digests are hex."""

    field: str
    algorithm: str
    expected: str
    received: str

    def __str__(self) -> str:
        return (
            f"The {self.algorithm} of the received bytes is {self.received}, not {self.expected} "
            f"as `{self.field}` states. Nothing of them was stored."
        )


@dataclass(eq=False)
class ExpectationUnknown(EntrepotError):
    """The request expects something else of the server than `100-continue` (RFC 9110)."""

    received: str

    def __str__(self) -> str:
        return f"The server cannot do what `Expect: {self.received}` asks for."


@dataclass(eq=False)
class RangeNotSatisfiable(EntrepotError):
    """No requested range overlaps the representation of `size` bytes."""

    size: int

    def __str__(self) -> str:
        return f"The file has {counted(self.size, 'byte')}; the requested range is outside."


@dataclass(eq=False)
class KeyReused(EntrepotError):
    """Another request was made with the same Idempotency-Key in the last 24 hours."""


@dataclass(eq=False)
class PreconditionFailed(EntrepotError):
    """The file is not as the request demands (If-Match or If-None-Match, RFC 9110)."""


@dataclass(eq=False)
class TusVersionUnsupported(EntrepotError):
    """The request speaks another version of the tus protocol, or does not say which."""

    received: str
    supported: str

    def __str__(self) -> str:
        return f"Send `Tus-Resumable: {self.supported}`; it is {self.received or 'missing'}."


@dataclass(eq=False)
class ChecksumUnsupported(EntrepotError):
    """The algorithm of an Upload-Checksum is not supported."""

    received: str
    supported: str

    def __str__(self) -> str:
        return f"Upload-Checksum must use {self.supported}; it uses {self.received or 'none'}."


@dataclass(eq=False)
class ChecksumMismatch(EntrepotError):
    """The bytes of one request do not have the stated checksum; none of them were kept."""

    algorithm: str
    offset: int

    def __str__(self) -> str:
        return (
            f"The bytes do not have the {self.algorithm} that was stated. None of this request's "
            f"were kept; continue at {self.offset:,}."
        )


@dataclass(eq=False)
class ExpressionInvalid(EntrepotError):
    """The filter has a syntax error: at the character `position`, from 1, something else was
    `expected`."""

    reason: str
    position: int
    expected: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class UnknownColumn(EntrepotError):
    """The table has no column with this name. `parameter` has the name; `position` is its place in
    a filter."""

    reason: str
    parameter: str
    column: str
    position: int | None = None

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class TypeMismatch(EntrepotError):
    """The operation does not apply to the column's type; `column_type` is the engine's type."""

    reason: str
    parameter: str
    column: str
    column_type: str
    position: int | None = None

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class CursorMismatch(EntrepotError):
    """The cursor belongs to another version, filter or order than the request."""
