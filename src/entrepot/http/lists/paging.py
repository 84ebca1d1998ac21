"""Keyset pages: opaque cursors, and the Link header that names the next page (RFC 8288)."""

import base64
import json
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, Self, TypeVar
from uuid import UUID

from fastapi import Request

from entrepot.db.pages import Position
from entrepot.errors import FieldInvalid

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_KEY_BYTES = 2_400
"""Bytes of a key that is text."""
MAX_NUMBER = 2**63 - 1
"""What a BIGINT column of either database holds."""


class Page(NamedTuple, Generic[T]):
    """Items of a list, and the cursor of the page after them; None if they are the last."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A list as it is paged through: `position` is that of an item in its order, `kind` what the
    keys of that order are, `scope` tells it from the others of its name: whose it is, or its order
    and filters. Cursors say of which list they are, so that no other takes them."""

    name: str
    position: Callable[[T], Position]
    kind: type[datetime] | type[str] | type[int] = datetime
    scope: str = ""

    @property
    def envelope(self) -> str:
        """The one member of an answer of the API that has this list."""
        return f"{self.name}_list"

    def of(self, owner: UUID) -> Self:
        """The list of this name that belongs to one thing."""
        return replace(self, scope=owner.hex)

    def page(self, items: list[T], size: int) -> Page[T]:
        """The page of `size` items, of which one more was looked for."""
        more = len(items) > size
        return Page(items[:size], self._cursor(items[size - 1]) if more else None)

    def wrote(self, cursor: str) -> bool:
        """Whether a cursor is of this list."""
        try:
            with _invalid_cursor():
                return _decode(cursor)[2:] == [self.name, self.scope]
        except FieldInvalid:
            return False

    def read_cursor(self, cursor: str | None) -> Position | None:
        """The place that a cursor stands for. Raises FieldInvalid for one of another list, and
        anything we never wrote."""
        if cursor is None:
            return None
        with _invalid_cursor():
            key, last_id, *of = _decode(cursor)
            if of != [self.name, self.scope]:
                reason = "is of another list, or of this one with another `sort` or other filters."
                raise FieldInvalid(field="cursor", reason=reason)
            return _key(key, self.kind), UUID(hex=last_id)

    def _cursor(self, last: T) -> str:
        key, last_id = self.position(last)
        plain = _microseconds(key) if isinstance(key, datetime) else key
        return _encode([plain, last_id.hex, self.name, self.scope])


def number_position(moment: datetime, number: int) -> Position:
    """The place of an item in a list whose order is that of numbers."""
    return moment, UUID(int=number)


def position_number(position: Position | None) -> int | None:
    """The number of such a place. Raises FieldInvalid for one that no database compares."""
    if position is None:
        return None
    with _invalid_cursor():
        if position[1].int > MAX_NUMBER:
            raise ValueError(position)
    return position[1].int


def next_page_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The header that names the page of a cursor, with the other parameters as they are."""
    if cursor is None:
        return {}
    url = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def _key(key: Any, kind: type[datetime] | type[str] | type[int]) -> datetime | str | int:
    if kind is datetime:
        return _moment(key)
    if type(key) is not kind:
        raise ValueError(key)
    if isinstance(key, str) and ("\0" in key or len(key.encode()) > MAX_KEY_BYTES):
        raise ValueError(key)
    if isinstance(key, int) and not -1 <= key < 2**63:
        raise ValueError(key)
    return key


def _microseconds(moment: datetime) -> int:
    return round((moment - EPOCH).total_seconds() * 1_000_000)


def _moment(microseconds: Any) -> datetime:
    moment = datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC)
    return moment.replace(microsecond=int(microseconds) % 1_000_000)


def _encode(parts: list[Any]) -> str:
    raw = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decode(text: str) -> list[Any]:
    parts = json.loads(
        base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    )
    # What a slice of an object raises differs between versions of Python.
    if not isinstance(parts, list):
        raise TypeError(parts)
    return parts


@contextmanager
def _invalid_cursor() -> Iterator[None]:
    """Whatever fails in reading what a client may have written itself is a FieldInvalid."""
    try:
        yield
    except (
        Base64Error,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        OSError,
        RecursionError,
    ):
        raise FieldInvalid(
            field="cursor", reason="is not one that a `Link` header of this list named."
        ) from None
