"""Keyset pages: opaque cursors, and the Link header that names the next page (RFC 8288)."""

import base64
import json
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Request

from entrepot.errors import FieldInvalid

Position = tuple[datetime, UUID]
SortedPosition = tuple[datetime | str | int, UUID]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_KEY = 2_400
"""Bytes of a key that is text."""


def write_cursor(position: Position) -> str:
    """A position in a list ordered by time and id, as an opaque text."""
    moment, last_id = position
    return _encoded([_microseconds(moment), last_id.hex])


def write_sorted_cursor(position: SortedPosition, list_id: str | None) -> str:
    """As `write_cursor`, of a list with several orders and filters, which `list_id` tells apart.

    None is the usual one, by time.
    """
    key, last_id = position
    plain = _microseconds(key) if isinstance(key, datetime) else key
    return _encoded([plain, last_id.hex, *([list_id] if list_id is not None else [])])


def read_cursor(text: str | None) -> Position | None:
    """The position that a cursor stands for. Raises FieldInvalid for anything we never wrote."""
    if text is None:
        return None
    with _refusing():
        microseconds, last_id = _decoded(text)
        return _moment(microseconds), UUID(hex=last_id)


def read_sorted_cursor(
    text: str | None, list_id: str | None, kind: type[datetime] | type[str] | type[int]
) -> SortedPosition | None:
    """The position that a cursor stands for in the list `list_id`, whose keys are of that kind.

    Raises FieldInvalid for one of another list, and anything we never wrote.
    """
    if text is None:
        return None
    with _refusing():
        key, last_id, *of = _decoded(text)
        if of != ([] if list_id is None else [list_id]):
            raise FieldInvalid(
                field="cursor", reason="is of this list with another `sort` or other filters."
            )
        return _key(key, kind), UUID(hex=last_id)


def next_link(request: Request, position: Position) -> dict[str, str]:
    """The header that names the page after `position`, with the other parameters as they are."""
    return link_to(request, write_cursor(position))


def link_to(request: Request, cursor: str) -> dict[str, str]:
    """The header that names the page of a cursor, with the other parameters as they are."""
    url = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def _key(key: Any, kind: type[datetime] | type[str] | type[int]) -> datetime | str | int:
    if kind is datetime:
        return _moment(key)
    if type(key) is not kind:
        raise ValueError(key)
    if isinstance(key, str) and ("\0" in key or len(key.encode()) > LONGEST_KEY):
        raise ValueError(key)
    if isinstance(key, int) and not -1 <= key < 2**63:
        raise ValueError(key)
    return key


def _microseconds(moment: datetime) -> int:
    return round((moment - EPOCH).total_seconds() * 1_000_000)


def _moment(microseconds: Any) -> datetime:
    moment = datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC)
    return moment.replace(microsecond=int(microseconds) % 1_000_000)


def _encoded(parts: list[Any]) -> str:
    raw = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decoded(text: str) -> Any:
    return json.loads(
        base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    )


@contextmanager
def _refusing() -> Iterator[None]:
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
