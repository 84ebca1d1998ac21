"""A resumable upload as it is asked for, what binds it, and how it stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from entrepot.accounts.actor import AccountId
from entrepot.tasks.records import TaskId

GUEST_UPLOADS_PER_FILE, GUEST_UPLOADS_PER_ACCOUNT = 10, 50
"""Unfinished uploads of the people of one other account, on a file and in an account."""


@dataclass(frozen=True)
class UploadRequest:
    """What a sender says of an upload before its bytes: `size` in bytes, `metadata` is the raw
    Upload-Metadata, `if_match` the condition on the file, `key` an Idempotency-Key; `parts` are the
    uploads that it joins."""

    size: int
    metadata: str
    if_match: str | None = None
    partial: bool = False
    key: str | None = None
    parts: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class UploadLimits:
    """What binds an upload that begins: the bytes that it may have, how many may be unfinished (of
    the account's own people; of one guest on a file, and in the account), and how long it lives
    without any that come."""

    max_file_bytes: int
    max_unfinished: int
    lifetime: timedelta
    guest_unfinished: tuple[int, int] = (GUEST_UPLOADS_PER_FILE, GUEST_UPLOADS_PER_ACCOUNT)


@dataclass(frozen=True)
class Upload:
    """One upload as it stands. `received` and `unproven` are bytes; `turn` says who may hold it."""

    upload_id: UUID
    account_id: AccountId
    size: int
    received: int
    unproven: int | None
    metadata: str
    if_match: str | None
    concat: str | None
    parts: tuple[UUID, ...]
    joined_into: UUID | None
    turn: int
    task_id: TaskId | None
    expires_at: datetime

    @property
    def partial(self) -> bool:
        """Whether it is to be joined with others."""
        return self.concat == "partial"

    @property
    def ended(self) -> bool:
        """Whether it takes no bytes any more: it was delivered, or joined."""
        return self.task_id is not None or self.joined_into is not None
