"""The wire types of what a request carries: numbers, times, ids and names, each defined once.

Every integer has a minimum and a maximum, wherever it stands: in the path, the query, a header, a
form or a JSON body. Without a maximum a number reaches the database, which raises for what its
column cannot hold, and the answer is 500. A test walks all routes, those of the pages included.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Path, Query, Request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StrictInt,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from entrepot.errors import FieldInvalid, NotFound
from entrepot.files.cleanup.retention import MAX_VALUES

MAX_NUMBER = 2**31 - 1
"""The number of a version or of a revision: what an INTEGER column of PostgreSQL holds."""
MAX_BYTES = 2**63 - 1
"""Bytes: what a BIGINT column of either database holds."""
MAX_UPLOAD_BYTES = 10**18 - 1
"""Bytes of a resumable upload: 18 digits."""
MAX_OFFSET = 2**53 - 1
"""Rows: the largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""
MAX_EVENT_ID = 10**18 - 1
"""18 digits, which fit into 64 bits."""
MAX_PAGE_ITEMS = 1_000
"""Items of one page of a list; a longer list has further pages."""
MAX_USER_NAME_CHARS = 130
"""Characters of `account:user`: 63 of each and the colon, and a few, so that a name that is a
little too long is answered with the rule for names."""
MAX_EXPRESSION_CHARS = 4_000
"""Characters of a filter, an order or a list of columns."""


def refuse_unknown(request: Request, known: Collection[str], advice: str) -> None:
    """Raise FieldInvalid for a parameter of the query that is not `known`: without it the answer
    would be another than the one that was asked for. `advice` ends the sentence "x is unknown"."""
    for name in request.query_params:
        if name not in known:
            raise FieldInvalid(name[:100].replace("\0", ""), f"is unknown {advice}")


# Ids. A malformed id in a path is answered with 404, as an id that does not exist.

FileIdInPath = Annotated[UUID, Path(description="The file's id.")]
TaskIdInPath = Annotated[UUID, Path(description="The task's id.")]
KeyIdInPath = Annotated[UUID, Path(description="The key's id.")]
UploadIdInPath = Annotated[UUID, Path(description="The upload's id, the end of its address.")]
FileIdTextInPath = Annotated[
    str, Path(description="The file's id.", json_schema_extra={"format": "uuid"})
]
"""Not as a UUID, which the framework would check before the key and before the body."""
PathOfFile = Annotated[str, Path(description="The file's path, such as `sales/2026/orders`.")]
FileIdInQuery = Annotated[UUID, Query(description="Only what happened to this file.")]

# Numbers.

Number = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
"""The number of a version or of a revision of a schema."""
NumberInPath = Annotated[Number, Path(description="The version's number.")]
NumberInQuery = Annotated[Number, Query(description="The version's number.")]
RevisionInQuery = Annotated[Number, Query(description="The revision's number.")]
NumberInBody = Annotated[StrictInt, Field(ge=1, le=MAX_NUMBER)]
SizeLimitInBody = Annotated[
    StrictInt,
    Field(
        ge=1, le=MAX_BYTES, description="The most bytes that this and every later version may have."
    ),
]
KeepLastInBody = Annotated[StrictInt, Field(ge=1, le=MAX_VALUES["keep_last"])]
DaysInBody = Annotated[StrictInt, Field(ge=1, le=MAX_VALUES["days"])]
ExampleRowsInBody = Annotated[
    StrictInt, Field(ge=0, le=1_000, description="How many rows of each kind to show.")
]
PageItems = Annotated[int, Query(ge=1, le=MAX_PAGE_ITEMS, description="Items on a page.")]
PageItemsOrAll = Annotated[
    int | None,
    Query(ge=1, le=MAX_PAGE_ITEMS, description="Items on a page; without it up to 10,000."),
]
RowOffset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Rows to skip.")]


def _or_none(text: Any) -> Any:
    return text or None


RowInQuery = Annotated[
    Annotated[int, Field(ge=1, le=MAX_OFFSET)] | None,
    BeforeValidator(_or_none),  # the form sends the field empty
    Query(description="The number of the row to begin at."),
]

# Times.


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("year", "lies beyond the years 1 to 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time with its zone, as UTC."""

# Names and texts.

UserNameInPath = Annotated[
    str, Path(description="`account:user`; where the operation says so, also `account:*`.")
]
UserNameInBody = Annotated[str, Field(max_length=MAX_USER_NAME_CHARS, examples=["acme:anna"])]
PathInBody = Annotated[str, Field(max_length=1_000, examples=["sales/2026/orders"])]
FileNameInBody = Annotated[str, Field(max_length=1_000, examples=["orders.csv"])]
Expression = Annotated[str, Query(max_length=MAX_EXPRESSION_CHARS)]
Cursor = Annotated[
    str | None,
    Query(description="Where the page begins: from the `Link` to the next page of the same list."),
]
LastEventId = Annotated[
    str | None, Header(description="The id of the last event that the client has seen.")
]


@dataclass(frozen=True)
class IntegerText:
    """A whole number that arrives as text: a field of a form, a header, a filter of a list.

    `reason` and `example` are what a client is answered that sends anything else.
    """

    minimum: int
    maximum: int
    reason: str
    example: str | None = None
    description: str = ""

    def read(self, text: str | None, field: str) -> int | None:
        """The number; None for an empty text. Raises FieldInvalid, which names the field."""
        if not text:
            return None
        number = self._number(text)
        if number is None:
            raise FieldInvalid(field, self.reason, self.example)
        return number

    def require(self, text: str | None, field: str) -> int:
        """The number. Raises FieldInvalid, also for an empty text."""
        number = self.read(text, field)
        if number is None:
            raise FieldInvalid(field, self.reason, self.example)
        return number

    def or_default(self, text: str | None, default: int) -> int:
        """The number; `default` for what is not one, where the protocol says to ignore that."""
        number = self._number(text or "")
        return default if number is None else number

    @property
    def schema(self) -> dict[str, Any]:
        """How OpenAPI describes it."""
        schema = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return schema | ({"description": self.description} if self.description else {})

    def _number(self, text: str) -> int | None:
        # Of the digits alone: int() also takes signs, blanks, underscores and the digits of other
        # scripts, and costs time by the square of a long text's length.
        if not (text.isascii() and text.isdigit()) or len(text) > len(str(self.maximum)):
            return None
        number = int(text)
        return number if self.minimum <= number <= self.maximum else None


NUMBER = IntegerText(1, MAX_NUMBER, "must be the number of a version.", "2")
REPLACES = IntegerText(
    1, MAX_NUMBER, NUMBER.reason, "2", "The rejected version of which this is a correction."
)
BYTES = IntegerText(0, MAX_BYTES, "must be a number of bytes in plain digits, 0 or more.", "100000")
CONTENT_LENGTH = IntegerText(0, MAX_BYTES, "must be a number of bytes.")
UPLOAD_LENGTH, UPLOAD_OFFSET = (
    IntegerText(
        0, MAX_UPLOAD_BYTES, "is required: a number of bytes in plain digits.", f"{name}: 0"
    )
    for name in ("Upload-Length", "Upload-Offset")
)
EVENT_ID = IntegerText(0, MAX_EVENT_ID, "must be the id of an event.")
RETENTION_NUMBERS = {
    rule: IntegerText(1, most, f"must be a number from 1 to {most:,}.")
    for rule, most in MAX_VALUES.items()
}
"""How many versions, or days, a file's retention keeps, by its rule."""
DAYS = IntegerText(1, 365, "choose one of the list.")
"""How long a key or an entitlement lasts, as the forms of the pages offer it."""
MinSize = Annotated[
    str | None,
    Query(description="The least bytes of the current version."),
    WithJsonSchema(BYTES.schema),
]
MaxSize = Annotated[
    str | None,
    Query(description="The most bytes of the current version."),
    WithJsonSchema(BYTES.schema),
]
"""As text, since the form of the page sends them empty, and `BYTES` reads them."""
SIZE_LIMIT_SCHEMA = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_BYTES,
    "description": "Bytes; binds every later version too.",
}
"""Read by `files.define.parse_size_limit`, since the server's own limit bounds it too."""


def read_file_id(text: str) -> UUID:
    """An id as it was sent; a malformed one is answered as one that does not exist.

    Raises NotFound.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
