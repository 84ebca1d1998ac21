"""Uploads under way: the user's own, and those to files that they manage; and the end of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import accounts, files, reservations, uploads, users
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NotFound
from entrepot.files.delivery.resumable import delete_own_upload
from entrepot.grants.access import access_manageable, actor_parameters, managed_files
from entrepot.quotas.upload_reservations import end_uploads


@dataclass(frozen=True)
class UploadUnderWay:
    """One upload that has not ended. Sizes are bytes; `size` and `received` are None for one that
    is not resumable, whose `reserved` says about how much has come."""

    upload_id: UUID
    user_name: str | None
    file_id: UUID | None
    file_name: str | None
    size: int | None
    received: int | None
    reserved: int
    created_at: datetime
    expires_at: datetime

    @property
    def is_resumable(self) -> bool:
        """Whether it outlives its request."""
        return self.size is not None


def list_uploads_under_way(
    conn: ReadConnection, actor: Actor, limit: int, after: Position | None = None
) -> list[UploadUnderWay]:
    """The actor's own uploads, those to files that they manage, and for an admin all in the
    account; oldest first.

    `after` is the position of the last one on the previous page: `created_at` and `upload_id`.
    """
    page = page_after(
        _query(_visible(actor), actor), reservations.c.created_at, reservations.c.id, limit, after
    )
    return [_from_row(row) for row in conn.execute(page, actor_parameters(actor))]


def list_uploads_to_file(
    conn: ReadConnection, actor: Actor, file_id: UUID, limit: int
) -> list[UploadUnderWay]:
    """The oldest uploads under way to a file, for those who manage it. Raises NotFound,
    NotAllowed."""
    access_manageable(conn, actor, file_id)
    query = _query(reservations.c.file_id == file_id, actor)
    ordered = query.order_by(reservations.c.created_at, reservations.c.id).limit(limit)
    return [_from_row(row) for row in conn.execute(ordered, actor_parameters(actor))]


def end_upload(conn: WriteConnection, actor: Actor, upload_id: UUID, now: datetime) -> None:
    """End an upload: the actor's own one, what it delivered stays, or one under way that the actor
    sees. Raises NotFound."""
    if delete_own_upload(conn, actor, upload_id, now):
        return
    query = _query(and_(reservations.c.id == upload_id, _visible(actor)), actor)
    row = conn.execute(query, actor_parameters(actor)).one_or_none()
    if row is None:
        raise NotFound
    end_uploads(conn, reservations.c.id == upload_id)
    upload = _from_row(row)
    if row.user_id != actor.user_id:
        detail = {"user_name": upload.user_name, "bytes": upload.received or upload.reserved}
        record(conn, row.account_id, actor, "upload.end", now, upload.file_id, None, detail)


def _visible(actor: Actor) -> ColumnElement[bool]:
    managed = select(files.c.id).where(managed_files(actor.is_admin))
    conditions = [reservations.c.user_id == actor.user_id, reservations.c.file_id.in_(managed)]
    if actor.is_admin:
        conditions.append(reservations.c.account_id == actor.account_id)
    return or_(*conditions)


def _query(condition: ColumnElement[bool], actor: Actor) -> Select[Any]:
    return (
        select(
            reservations,
            uploads.c.size.label("declared"),
            uploads.c.received,
            users.c.name.label("user"),
            accounts.c.name.label("account"),
            files.c.name.label("file_name"),
        )
        .outerjoin(uploads, uploads.c.id == reservations.c.id)
        .outerjoin(users, users.c.id == reservations.c.user_id)
        .outerjoin(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(files, files.c.id == reservations.c.file_id)
        .where(condition, reservations.c.expires_at > actor.at)
    )


def _from_row(row: Row[Any]) -> UploadUnderWay:
    return UploadUnderWay(
        upload_id=row.id,
        user_name=f"{row.account}:{row.user}" if row.user is not None else None,
        file_id=row.file_id,
        file_name=row.file_name,
        size=row.declared,
        received=row.received,
        reserved=row.size,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
