"""Append one activity row, in the transaction that makes the change it speaks of.

It is written, and chained to the one before it, right before that transaction is committed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from entrepot.activity.chain import append
from entrepot.db.engine import before_commit
from entrepot.db.types import WriteConnection

LONGEST_ADDRESS = 64
"""Characters."""


@dataclass(frozen=True)
class RequestOrigin:
    """Where a request came from: the client's address, as trusted proxies tell it and of at most
    `LONGEST_ADDRESS` characters, and the request's id."""

    address: str
    request_id: str


class By(Protocol):
    """Who acts: a user, with or without a key, and by which request if it is under way."""

    @property
    def user_id(self) -> UUID:
        """The user."""
        ...

    @property
    def user_name(self) -> str:
        """The user's name, which stays in the record when the user goes."""
        ...

    @property
    def key_id(self) -> UUID | None:
        """The key they act with; None in a browser's session."""
        ...

    @property
    def request_origin(self) -> RequestOrigin | None:
        """None for what is done later, such as a schema that takes effect after its check."""
        ...


def record(
    conn: WriteConnection,
    account_id: UUID,
    by: By | None,
    action: str,
    now: datetime,
    file_id: UUID | None = None,
    version: int | None = None,
    detail: dict[str, Any] | None = None,
    result: str = "done",
) -> None:
    """Append one row. `by` is None for an operator or the system; `action` is `noun.verb`."""
    request_origin = by.request_origin if by else None
    said = {
        "at": now,
        "account_id": account_id,
        "user_id": by.user_id if by else None,
        "user_name": by.user_name if by else None,
        "key_id": by.key_id if by else None,
        "address": request_origin.address if request_origin else None,
        "request_id": request_origin.request_id if request_origin else None,
        "action": action,
        "result": result,
        "file_id": file_id,
        "version": version,
        "detail": detail or {},
    }
    before_commit(conn, append, said)
