"""Append one activity row in the transaction that makes the change.

The row is inserted and chained to the previous one right before the transaction is committed.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from entrepot.activity.chain import append_rows
from entrepot.activity.metadata import GROWING_ACTIONS, require_metadata_room
from entrepot.db.engine import before_commit
from entrepot.db.types import WriteConnection
from entrepot.texts.json_text import JsonText

MAX_TEXT_CHARS, MAX_JSON_CHARS = 300, 4_000
"""What is recorded as it is; a name has 255 characters at most."""
MAX_ADDRESS_CHARS = 64
"""The length of the column `activity.address`."""


@dataclass(frozen=True)
class RequestOrigin:
    """Where a request came from: the client's address, as trusted proxies report it, cut to
    `MAX_ADDRESS_CHARS` characters, and the request's id."""

    address: str
    request_id: str


class ActingUser(Protocol):
    """The user who acts, with or without a key, and the origin of the request if one is running."""

    @property
    def user_id(self) -> UUID:
        """The user."""
        ...

    @property
    def user_name(self) -> str:
        """The user's name, which stays in the record when the user is deleted."""
        ...

    @property
    def key_id(self) -> UUID | None:
        """The API key that the user acts with; None in a browser session."""
        ...

    @property
    def request_origin(self) -> RequestOrigin | None:
        """None for a change that happens later, such as a schema that takes effect after its
        check."""
        ...


@dataclass(frozen=True)
class RecordedUser:
    """A user who acts without being an actor: as they sign in or out, or read."""

    user_id: UUID
    user_name: str
    key_id: UUID | None
    request_origin: RequestOrigin | None


def record(
    conn: WriteConnection,
    account_id: UUID,
    actor: ActingUser | None,
    action: str,
    now: datetime,
    file_id: UUID | None = None,
    version: int | None = None,
    detail: dict[str, Any] | None = None,
    result: str = "done",
) -> None:
    """Append one row. `actor` is None for an operator or the system; `action` is `noun.verb`.

    Long texts and lists in `detail` are recorded as digests. Raises QuotaExceeded for what adds
    metadata to an account that has no room for it.
    """
    request_origin = actor.request_origin if actor else None
    if request_origin is not None and action in GROWING_ACTIONS:
        require_metadata_room(conn, account_id)
    row = {
        "at": now,
        "account_id": account_id,
        "user_id": actor.user_id if actor else None,
        "user_name": actor.user_name if actor else None,
        "key_id": actor.key_id if actor else None,
        "address": request_origin.address if request_origin else None,
        "request_id": request_origin.request_id if request_origin else None,
        "action": action,
        "result": result,
        "file_id": file_id,
        "version": version,
        "detail": {name: _digest_long(value) for name, value in (detail or {}).items()},
    }
    before_commit(conn, append_rows, row)


def _digest_long(value: Any) -> Any:
    """The value, or what identifies it if it is long: each change of a description of 10,000
    characters would add both to the record, which is kept permanently."""
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return {name: _digest_long(each) for name, each in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, JsonText) and len(value) <= MAX_JSON_CHARS:
        return json.loads(value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) <= (MAX_TEXT_CHARS if isinstance(value, str) else MAX_JSON_CHARS):
        return value
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest} ({len(text):,} characters)"
