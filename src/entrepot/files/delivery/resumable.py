"""Uploads that outlive their requests: who may go on with one, how far it is, when it ends.

A row says what the upload is to be and holds its quota; its bytes so far are the store's draft of
the same id. The draft is the truth about how many there are; `received` is what the sender was
told, and never more. All state lies in the database and the store, so that any process can go on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from entrepot.accounts.actor import AccountId, Actor
from entrepot.db.tables import uploads
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FileTooLarge, KeyReused, NotFound, TooManyUploads, UploadIncomplete
from entrepot.files.delivery.uploads import Admission, CommitContext, StoredUpload, UploadTarget
from entrepot.quotas.reserve import (
    ReservationId,
    hide_owner_figures,
    lock_account,
    release_reservation,
)
from entrepot.quotas.upload_reservations import (
    extend_reservation,
    merge_reservations,
    reserve_upload,
)
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import check_key_unused

BATCH = 500


@dataclass(frozen=True)
class Announced:
    """What a sender says of an upload before its bytes: `size` in bytes, `told` is the raw
    Upload-Metadata, `if_match` the condition on the file, `key` an Idempotency-Key; `parts` are the
    uploads that it joins."""

    size: int
    told: str
    if_match: str | None = None
    partial: bool = False
    key: str | None = None
    parts: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class UploadLimits:
    """What binds an upload that begins: the bytes that it may have, how many its account may leave
    unfinished, and how long it lives without any that come."""

    file_size: int
    unfinished: int
    lifetime: timedelta


@dataclass(frozen=True)
class Upload:
    """One upload as it stands. `received` and `unproven` are bytes; `turn` says who may hold it."""

    upload_id: UUID
    account_id: AccountId
    size: int
    received: int
    unproven: int | None
    told: str
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


def begin_upload(
    conn: WriteConnection,
    actor: Actor,
    announced: Announced,
    target: UploadTarget | None,
    limits: UploadLimits,
    now: datetime,
) -> Upload:
    """Make the upload and hold its quota; an earlier one if its key was seen.

    A part has no `target`: what is joined of it has. Raises FileTooLarge, QuotaExceeded,
    OwnerQuotaExceeded, TooManyUploads, KeyReused, and what `UploadTarget.admit` raises.
    """
    admission = Admission(actor.account_id)
    if target is not None:
        admission = target.admit(conn, actor)
    found = _by_key(conn, actor, announced, now)
    if found is not None:
        return found
    account_id, limit = admission.account_id, admission.limit(limits.file_size)
    lock_account(conn, account_id)
    if announced.size > limit:
        raise FileTooLarge(limit=limit, requested=announced.size)
    unfinished = uploads.c.account_id == account_id, _unfinished(), uploads.c.expires_at > now
    under_way = conn.scalar(select(func.count()).select_from(uploads).where(*unfinished)) or 0
    if under_way >= limits.unfinished:
        raise TooManyUploads(limit=limits.unfinished)
    made, until = uuid4(), now + limits.lifetime
    concat = "partial" if announced.partial else None
    begun = {"concat": concat, "request_key": announced.key, "turn": 1}
    _add(conn, made, actor, account_id, announced, now, expires_at=until, **begun)
    with hide_owner_figures(actor.account_id, account_id):
        reserve_upload(conn, account_id, made, announced.size, until, now)
    return _required(conn, uploads.c.id == made)


def take_turn(conn: WriteConnection, actor: Actor, upload_id: UUID, now: datetime) -> Upload:
    """The actor's own upload; who has it under way will let it go. Raises NotFound."""
    mine = _of(actor, upload_id, now)
    if not conn.execute(update(uploads).where(*mine).values(turn=uploads.c.turn + 1)).rowcount:
        raise NotFound
    return _required(conn, uploads.c.id == upload_id)


def find_upload(conn: ReadConnection, upload_id: UUID) -> Upload | None:
    """An upload whose sender was checked by `take_turn`, as it is now; None once it is gone."""
    return _found(conn, uploads.c.id == upload_id)


def note_received(conn: WriteConnection, upload_id: UUID, received: int, until: datetime) -> None:
    """So many bytes are durable, and none of them wait for a checksum; the upload lives on."""
    values = {"received": received, "unproven": None, "expires_at": until}
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(**values))
    extend_reservation(conn, upload_id, until)


def note_found(conn: WriteConnection, upload_id: UUID, received: int) -> None:
    """So many bytes were found to be durable; that alone does not let the upload live on."""
    found = update(uploads).where(uploads.c.id == upload_id)
    conn.execute(found.values(received=received, unproven=None))


def note_unproven(conn: WriteConnection, upload_id: UUID, proven: int) -> None:
    """What comes beyond `proven` bytes counts only once its checksum is known to be right."""
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(unproven=proven))


def keep_upload(conn: WriteConnection, upload_id: UUID, until: datetime) -> None:
    """Say that a long request still brings bytes."""
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(expires_at=until))
    extend_reservation(conn, upload_id, until)


def deliver_upload(
    conn: WriteConnection,
    actor: Actor,
    upload: StoredUpload,
    target: UploadTarget,
    until: datetime,
    context: CommitContext,
) -> TaskId:
    """The commit point of an upload that is whole; its reservation has its id.

    It is committed once, whoever else completes it. If the file is another account's by now, the
    reservation moves to that account. Raises NotFound, QuotaExceeded, OwnerQuotaExceeded, and what
    `UploadTarget.commit` raises.
    """
    upload_id, now = upload.reservation, context.clock()
    found = _locked(conn, _of(actor, upload_id, now))
    if not found:
        raise NotFound
    if found[0].task_id is not None:
        return found[0].task_id
    holder, account_id = found[0].account_id, target.admit(conn, actor).account_id
    if account_id != holder:
        held = [(holder, upload_id)]
        with hide_owner_figures(actor.account_id, account_id):
            merge_reservations(conn, held, account_id, upload_id, upload.stored.size, now)
    task_id = target.commit(conn, actor, upload, context)
    ended = {"task_id": task_id, "received": found[0].size, "unproven": None, "expires_at": until}
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(**ended))
    return task_id


def parts_of(
    conn: ReadConnection, actor: Actor, parts: Sequence[UUID], told: str, now: datetime
) -> tuple[list[Upload], Upload | None]:
    """The actor's own partial uploads in that order, and what they were joined into already, if
    they were, with the same `told` of it. Raises NotFound, UploadIncomplete."""
    own = uploads.c.user_id == actor.user_id, uploads.c.expires_at > now
    rows = conn.execute(select(uploads).where(uploads.c.id.in_(parts), *own))
    found = {row.id: _upload(row) for row in rows}
    if set(parts) - found.keys():
        raise NotFound
    named = [found[part] for part in parts]
    into = {part.joined_into for part in named}
    if into != {None}:
        whole = _found(conn, uploads.c.id == next(iter(into))) if len(into) == 1 else None
        if whole is None or whole.parts != tuple(parts) or whole.told != told:
            raise NotFound
        return named, whole
    for part in named:
        if not part.partial or part.received < part.size:
            raise UploadIncomplete(upload=str(part.upload_id))
    return named, None


def check_joined_size(
    conn: WriteConnection, actor: Actor, target: UploadTarget, size: int, largest: int
) -> None:
    """Check a join of `size` bytes before they are copied. Raises FileTooLarge and what
    `UploadTarget.admit` raises."""
    limit = target.admit(conn, actor).limit(largest)
    if size > limit:
        raise FileTooLarge(limit=limit, requested=size)


def join_uploads(
    conn: WriteConnection,
    actor: Actor,
    announced: Announced,
    upload: StoredUpload,
    target: UploadTarget,
    until: datetime,
    context: CommitContext,
) -> Upload:
    """The commit point of a join: the reservations of its parts become the version's bytes.

    The reservation that `upload` names is made of theirs, and the joined upload has its id. Whoever
    comes second with the same parts gets what the first one made. Raises NotFound,
    UploadIncomplete, QuotaExceeded, OwnerQuotaExceeded and what `UploadTarget.commit` raises.
    """
    account_id, now = target.admit(conn, actor).account_id, context.clock()
    made, parts = upload.reservation, announced.parts
    _locked(conn, (uploads.c.id.in_(parts), uploads.c.user_id == actor.user_id))
    named, whole = parts_of(conn, actor, parts, announced.told, now)
    if whole is not None:
        return whole
    held = [(part.account_id, part.upload_id) for part in named]
    with hide_owner_figures(actor.account_id, account_id):
        merge_reservations(conn, held, account_id, made, announced.size, now)
    task_id = target.commit(conn, actor, upload, context)
    final = {"concat": "final", "parts": [str(part) for part in parts]}
    ended = {"received": announced.size, "task_id": task_id, "expires_at": until}
    _add(conn, made, actor, account_id, announced, now, **final, **ended)
    joined = update(uploads).where(uploads.c.id.in_(parts))
    conn.execute(joined.values(joined_into=made, expires_at=until))
    return _required(conn, uploads.c.id == made)


def end_upload(conn: WriteConnection, actor: Actor, upload_id: UUID, now: datetime) -> None:
    """Forget the actor's own upload and give its quota back; what it delivered stays. Raises
    NotFound."""
    found = _locked(conn, _of(actor, upload_id, now))
    if not found:
        raise NotFound
    _remove(conn, found)


def drop_upload(conn: WriteConnection, upload_id: UUID) -> None:
    """Forget an upload that was refused for good, if it has not ended."""
    _remove(conn, _locked(conn, (uploads.c.id == upload_id, _unfinished())))


def drop_expired_uploads(conn: WriteConnection, now: datetime) -> list[UUID]:
    """Forget the uploads whose time is over, at most one batch, and give their quota back."""
    due = _locked(conn, (uploads.c.expires_at <= now,), most=BATCH)
    _remove(conn, due)
    return [upload.upload_id for upload in due]


def needed_drafts(conn: ReadConnection, drafts: Iterable[UUID]) -> set[UUID]:
    """Those of the drafts that belong to an upload which has not ended."""
    needed = select(uploads.c.id).where(uploads.c.id.in_(list(drafts)), _unfinished())
    return set(conn.scalars(needed))


def _add(
    conn: WriteConnection,
    upload_id: UUID,
    actor: Actor,
    account_id: AccountId,
    announced: Announced,
    now: datetime,
    **values: Any,
) -> None:
    conn.execute(
        insert(uploads).values(
            id=upload_id,
            account_id=account_id,
            user_id=actor.user_id,
            size=announced.size,
            told=announced.told,
            if_match=announced.if_match,
            created_at=now,
            **values,
        )
    )


def _remove(conn: WriteConnection, found: list[Upload]) -> None:
    for upload in found:
        release_reservation(conn, upload.account_id, ReservationId(upload.upload_id))
    gone = [upload.upload_id for upload in found]
    # The parts of one that was joined have nothing but the memory of it.
    conn.execute(
        delete(uploads).where(or_(uploads.c.id.in_(gone), uploads.c.joined_into.in_(gone)))
    )


def _by_key(
    conn: WriteConnection, actor: Actor, announced: Announced, now: datetime
) -> Upload | None:
    if announced.key is None:
        return None
    check_key_unused(conn, actor.user_id, announced.key, now)
    seen = uploads.c.user_id == actor.user_id, uploads.c.request_key == announced.key
    found = _found(conn, and_(*seen))
    if found is None:
        return None
    if found.expires_at <= now:
        _remove(conn, [found])  # its draft is nobody's now, which the sweep sees
        return None
    same = Announced(found.size, found.told, found.if_match, found.partial, announced.key)
    if same != announced:
        raise KeyReused
    return found


def _unfinished() -> ColumnElement[bool]:
    return and_(uploads.c.task_id.is_(None), uploads.c.joined_into.is_(None))


def _of(actor: Actor, upload_id: UUID, now: datetime) -> tuple[ColumnElement[bool], ...]:
    own = uploads.c.id == upload_id, uploads.c.user_id == actor.user_id
    return *own, uploads.c.expires_at > now


def _locked(
    conn: WriteConnection, wanted: tuple[ColumnElement[bool], ...], most: int | None = None
) -> list[Upload]:
    """Uploads that stay as they are until the transaction's end; with `most`, free ones alone."""
    # In one order, so that no two transactions wait for each other.
    rows = select(uploads).where(*wanted).order_by(uploads.c.id).limit(most)
    return [_upload(row) for row in conn.execute(rows.with_for_update(skip_locked=bool(most)))]


def _found(conn: ReadConnection, wanted: ColumnElement[bool]) -> Upload | None:
    row = conn.execute(select(uploads).where(wanted)).one_or_none()
    return _upload(row) if row is not None else None


def _required(conn: ReadConnection, wanted: ColumnElement[bool]) -> Upload:
    return _upload(conn.execute(select(uploads).where(wanted)).one())


def _upload(row: Any) -> Upload:
    return Upload(
        upload_id=row.id,
        account_id=AccountId(row.account_id),
        size=row.size,
        received=row.received,
        unproven=row.unproven,
        told=row.told,
        if_match=row.if_match,
        concat=row.concat,
        parts=tuple(UUID(part) for part in row.parts or ()),
        joined_into=row.joined_into,
        turn=row.turn,
        task_id=TaskId(row.task_id) if row.task_id is not None else None,
        expires_at=row.expires_at,
    )
