"""Append one activity row, in the transaction that makes the change it speaks of."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import insert

from entrepot.db.tables import activity
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
    conn.execute(
        insert(activity).values(
            at=now,
            account_id=account_id,
            user_id=by.user_id if by else None,
            key_id=by.key_id if by else None,
            action=action,
            file_id=file_id,
            version=version,
            detail=detail or {},
        )
    )
