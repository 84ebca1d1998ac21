"""Keyset pages: opaque cursors, and the Link header that names the next page (RFC 8288)."""

import base64
import json
from binascii import Error as Base64Error
from datetime import UTC, datetime
from uuid import UUID

from fastapi import Request

from entrepot.errors import FieldInvalid

Position = tuple[datetime, UUID]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_cursor(position: Position) -> str:
    """A position in a list ordered by time and id, as an opaque text."""
    moment, last_id = position
    microseconds = round((moment - EPOCH).total_seconds() * 1_000_000)
    raw = json.dumps([microseconds, last_id.hex], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> Position | None:
    """The position that a cursor stands for. Raises FieldInvalid for anything we never wrote."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        microseconds, last_id = json.loads(raw)
        moment = datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC)
        position = moment.replace(microsecond=int(microseconds) % 1_000_000), UUID(hex=last_id)
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
    return position


def next_link(request: Request, position: Position) -> dict[str, str]:
    """The header that names the page after `position`, with the other parameters as they are."""
    url = request.url.include_query_params(cursor=write_cursor(position))
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}
