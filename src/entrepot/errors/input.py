"""Malformed input: what was sent cannot be understood, and which part of it."""

from dataclasses import dataclass

from entrepot.errors.base import EntrepotError


@dataclass(eq=False)
class FieldInvalid(EntrepotError):
    """One named field, header or parameter is missing or wrong."""

    field: str
    reason: str
    example: str | None = None

    def __str__(self) -> str:
        tail = f" Example: {self.example}" if self.example else ""
        return f"{self.field}: {self.reason}{tail}"


@dataclass(eq=False)
class SchemaInvalid(EntrepotError):
    """A Table Schema that is itself wrong; `pointer` is a JSON pointer (RFC 6901) to the fault."""

    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"The schema is wrong at {self.pointer or 'the top'}: {self.reason}."


@dataclass(eq=False)
class DialectInvalid(EntrepotError):
    """A Table Dialect that is itself wrong; `pointer` is a JSON pointer (RFC 6901) to the fault."""

    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"table_dialect: at {self.pointer or 'the top'}: {self.reason}."


@dataclass(eq=False)
class FormMalformed(EntrepotError):
    """The multipart form itself cannot be read (RFC 7578): truncated, wrong boundary, …"""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class MediaTypeUnsupported(EntrepotError):
    """The request's body is of a kind that this operation does not take."""

    received: str
    expected: str

    def __str__(self) -> str:
        return f"The body must be {self.expected}; it is {self.received or 'of no stated type'}."


@dataclass(eq=False)
class BodyTooSlow(EntrepotError):
    """The client sent nothing for `seconds`; the request is given up."""

    seconds: float

    def __str__(self) -> str:
        return f"Nothing arrived for {self.seconds:g} seconds. Nothing was stored; send it again."


@dataclass(eq=False)
class BodyTooLarge(EntrepotError):
    """A body that is no file is larger than such a body may be (bytes)."""

    limit: int

    def __str__(self) -> str:
        return f"The body may have at most {self.limit:,} bytes."


@dataclass(eq=False)
class DigestMismatch(EntrepotError):
    """What arrived does not have the digest that its sender stated (RFC 9530)."""

    expected: str
    received: str

    def __str__(self) -> str:
        return f"The file's SHA-256 is {self.received}, not {self.expected} as stated."


@dataclass(eq=False)
class RangeNotSatisfiable(EntrepotError):
    """No part of the requested ranges lies in the representation of `size` bytes."""

    size: int

    def __str__(self) -> str:
        return f"The file has {self.size:,} bytes; the requested range lies outside."


@dataclass(eq=False)
class KeyReused(EntrepotError):
    """Another request was made with the same Idempotency-Key in the last 24 hours."""


@dataclass(eq=False)
class PreconditionFailed(EntrepotError):
    """The thing has changed since the client read it (If-Match, RFC 9110)."""


@dataclass(eq=False)
class TusVersionUnsupported(EntrepotError):
    """The request speaks another version of the tus protocol, or does not say which."""

    received: str
    supported: str

    def __str__(self) -> str:
        return f"Send `Tus-Resumable: {self.supported}`; it is {self.received or 'missing'}."


@dataclass(eq=False)
class ChecksumUnsupported(EntrepotError):
    """An Upload-Checksum by an algorithm that is not known here."""

    received: str
    supported: str

    def __str__(self) -> str:
        return f"Upload-Checksum may be by {self.supported}; it is by {self.received or 'none'}."


@dataclass(eq=False)
class ChecksumMismatch(EntrepotError):
    """The bytes of one request have not the checksum that it states; none of them were kept."""

    algorithm: str
    offset: int

    def __str__(self) -> str:
        return (
            f"The bytes have not the {self.algorithm} that was stated. None of this request's "
            f"were kept; go on at {self.offset:,}."
        )


@dataclass(eq=False)
class ExpressionInvalid(EntrepotError):
    """The filter is no expression of its language: at the character `position`, from 1, something
    else was `expected`."""

    reason: str
    position: int
    expected: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class UnknownColumn(EntrepotError):
    """The table has no column of a name that `parameter` has; `position` is where in a filter."""

    reason: str
    parameter: str
    column: str
    position: int | None = None

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class TypeMismatch(EntrepotError):
    """The column is of a type that this cannot be asked of; `column_type` is the engine's."""

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
