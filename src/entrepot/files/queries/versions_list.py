"""A file's versions as they are listed: each with its state, with any status."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import accounts, users, versions
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound
from entrepot.files.queries.gone import require_not_gone
from entrepot.files.versions import QUARANTINED_STATUSES, UNDO_PERIOD, FileId, VersionStatus
from entrepot.grants.access import Visible, access_visible, visible_versions


@dataclass(frozen=True)
class Withdrawal:
    """That a version was withdrawn; when, why and by whom, for those who may read the file.

    `undo_until` is None once it cannot be undone: its bytes and all that shows them are `purged`.
    """

    withdrawn_at: datetime
    reason: str
    user_name: str
    purged: bool

    @property
    def undo_until(self) -> datetime | None:
        """Until when it can be undone; None if it cannot."""
        return None if self.purged else self.withdrawn_at + UNDO_PERIOD


@dataclass(frozen=True)
class Version:
    """One version as a reader of its file may know it; `size` is bytes.

    The bytes of a quarantined one are kept for its sender until `quarantined_until`. For the
    numbers of other versions see `deliver.Origin`. `link_id` is the link that it was delivered
    with; then `user_name` is who made that.
    """

    file_id: FileId
    number: int
    status: VersionStatus
    size: int
    sha256: str
    row_count: int | None
    created_at: datetime
    user_name: str
    task_id: UUID
    restored_from: int | None
    accepted_from: int | None
    reason: str | None
    replaces: int | None
    quarantined_until: datetime | None
    deleted_at: datetime | None = None
    withdrawal: Withdrawal | None = None
    link_id: UUID | None = None

    @property
    def undo_until(self) -> datetime | None:
        """Until when its deletion or withdrawal can be undone; None if it cannot, or was not."""
        if self.withdrawal is not None:
            return self.withdrawal.undo_until
        return self.deleted_at + UNDO_PERIOD if self.deleted_at is not None else None


def list_versions(
    conn: ReadConnection, actor: Actor, file_id: UUID, limit: int, after: int | None = None
) -> list[Version]:
    """A file's versions that the actor may see, the newest first; `after` is the number of
    the last one of the page before.

    Raises NotFound for a file that the actor may not know of.
    """
    target = access_visible(conn, actor, file_id)
    page = _versions_of(target).order_by(versions.c.number.desc()).limit(limit)
    if after is not None:
        page = page.where(versions.c.number < after)
    return [_version(row, target.rights.reads) for row in conn.execute(page)]


def get_version(conn: ReadConnection, actor: Actor, file_id: UUID, number: int) -> Version:
    """One version that the actor may see. Raises NotFound, VersionDeleted."""
    target = access_visible(conn, actor, file_id)
    row = conn.execute(_versions_of(target).where(versions.c.number == number)).one_or_none()
    if row is None:
        if target.rights.reads:
            require_not_gone(conn, file_id, number)
        raise NotFound
    return _version(row, target.rights.reads)


def find_accepted_version(
    conn: ReadConnection, file_id: UUID, number: int | None
) -> Version | None:
    """Version `number` of a file that the actor may read, if it was published although it had been
    rejected, or could not be inspected; else None."""
    accepted = versions.c.number == number, versions.c.accepted_from.is_not(None)
    row = conn.execute(
        _versions_query().where(versions.c.file_id == file_id, *accepted)
    ).one_or_none()
    return _version(row, reads=True) if row is not None else None


def _versions_of(target: Visible) -> Select[Any]:
    return _versions_query().where(versions.c.file_id == target.file_id, visible_versions(target))


def _versions_query() -> Select[Any]:
    return (
        select(versions, users.c.name.label("user"), accounts.c.name.label("account"))
        .join(users, users.c.id == versions.c.created_by)
        .join(accounts, accounts.c.id == users.c.account_id)
    )


def _version(row: Row[Any], reads: bool) -> Version:
    """A version of a row; who does not read the file learns of a withdrawal that it was, alone."""
    held = row.status in QUARANTINED_STATUSES and row.bytes_removed_at is None
    return Version(
        file_id=FileId(row.file_id),
        number=row.number,
        status=row.status,
        size=row.size,
        sha256=row.sha256,
        row_count=row.row_count,
        created_at=row.created_at,
        user_name=f"{row.account}:{row.user}",
        task_id=row.task_id,
        restored_from=row.restored_from,
        accepted_from=row.accepted_from,
        reason=row.reason,
        replaces=row.replaces,
        quarantined_until=row.keep_until if held else None,
        deleted_at=row.deleted_at,
        withdrawal=_withdrawal(row) if reads and row.status == "withdrawn" else None,
        link_id=row.link_id,
    )


def _withdrawal(row: Row[Any]) -> Withdrawal:
    return Withdrawal(row.withdrawn_at, row.withdrawal_reason, row.withdrawn_by or "", row.purged)
