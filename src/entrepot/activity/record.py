"""Append one activity row, in the transaction that makes the change it speaks of.

It is written, and chained to the one before it, right before that transaction is committed.
"""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from entrepot.activity.chain import append
from entrepot.db.engine import before_commit
from entrepot.db.types import Writing


class By(Protocol):
    """What the record needs to know of who acts (an `accounts.actor.Actor` fits)."""

    @property
    def user_id(self) -> UUID:
        """The user who acts."""
        ...

    @property
    def key_id(self) -> UUID | None:
        """The key they act with, None in a browser."""
        ...


def record(
    conn: Writing,
    account_id: UUID,
    by: By | None,
    action: str,
    now: datetime,
    file_id: UUID | None = None,
    version: int | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Append one row. `by` is None for an operator or the system; `action` is `noun.verb`."""
    said = {
        "at": now,
        "account_id": account_id,
        "user_id": by.user_id if by else None,
        "key_id": by.key_id if by else None,
        "action": action,
        "file_id": file_id,
        "version": version,
        "detail": detail or {},
    }
    before_commit(conn, append, said)
