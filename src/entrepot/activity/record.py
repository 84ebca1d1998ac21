"""Append one activity row in the transaction that makes the change.

The row is inserted and chained to the previous one right before the transaction is committed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from entrepot.activity.chain import append_rows
from entrepot.db.engine import before_commit
from entrepot.db.types import WriteConnection

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
    """Append one row. `actor` is None for an operator or the system; `action` is `noun.verb`."""
    request_origin = actor.request_origin if actor else None
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
        "detail": detail or {},
    }
    before_commit(conn, append_rows, row)
