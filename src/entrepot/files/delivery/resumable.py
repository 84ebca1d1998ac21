"""Uploads that outlive their requests: who may continue with one, how far it is, when it ends.

A row says what the upload is to be and holds its quota; its bytes so far are the store's draft of
the same id. The draft is the truth about how many there are; `received` is what was
acknowledged to the sender, and never more. All state lies in the
database and the store, so any process can continue.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from entrepot.accounts.actor import AccountId, Actor
from entrepot.db.inserts import insert_row
from entrepot.db.tables import uploads
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    DraftBusy,
    EntrepotError,
    FileTooLarge,
    KeyReused,
    NotFound,
    UploadIncomplete,
)
from entrepot.files.delivery.upload_state import Upload, UploadLimits, UploadRequest
from entrepot.files.delivery.uploads import Admission, CommitContext, StoredUpload, UploadTarget
from entrepot.quotas.reserve import (
    ReservationId,
    hide_owner_figures,
    lock_accounts,
    release_reservation,
)
from entrepot.quotas.shares import require_guest_places, require_place
from entrepot.quotas.upload_reservations import (
    extend_reservation,
    merge_reservations,
    note_key,
    reserve_upload,
)
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import check_key_unused, lock_keys

BATCH_UPLOADS = 500
"""Expired uploads that one transaction ends."""


def begin_upload(
    conn: WriteConnection,
    actor: Actor,
    request: UploadRequest,
    target: UploadTarget | None,
    limits: UploadLimits,
    now: datetime,
) -> Upload:
    """Make the upload and hold its quota; an earlier one if its key was seen.

    A part has no `target`: what is joined of it has. Raises FileTooLarge, QuotaExceeded,
    OwnerQuotaExceeded, TooManyUploads, KeyReused, and what `UploadTarget.admit` raises.
    """
    admission = Admission(actor.account_id)
    if request.key is not None:
        lock_keys(conn, actor.user_id)  # before the file, as by all that is sent with a key
    if target is not None:
        admission = target.admit(conn, actor)
    earlier = _find_by_key(conn, actor, request, now)
    if earlier is not None:
        return claim_upload(conn, actor, earlier.upload_id, now)
    account_id, limit = admission.account_id, admission.limit(limits.max_file_bytes)
    lock_accounts(conn, account_id)
    if request.size > limit:
        raise FileTooLarge(limit=limit, requested=request.size)
    sender = admission.sender(actor)
    if sender.account_id != account_id:
        guest = account_id, sender.account_id, sender.file_id
        require_guest_places(conn, *guest, limits.guest_unfinished, now)
    require_place(conn, account_id, sender.account_id, limits.max_unfinished, True, now)
    upload_id, expires_at = uuid4(), now + limits.lifetime
    concat = "partial" if request.partial else None
    values = {"concat": concat, "request_key": request.key, "turn": 1}
    _insert_upload(
        conn, upload_id, actor, account_id, request, now, expires_at=expires_at, **values
    )
    with hide_owner_figures(actor.account_id, account_id):
        reserve_upload(conn, account_id, upload_id, request.size, expires_at, now, sender)
    return _get_upload(conn, uploads.c.id == upload_id)


def claim_upload(conn: WriteConnection, actor: Actor, upload_id: UUID, now: datetime) -> Upload:
    """The actor's own upload; who has it under way will let it go. Raises NotFound."""
    own_upload = _own_upload(actor, upload_id, now)
    if not conn.execute(
        update(uploads).where(*own_upload).values(turn=uploads.c.turn + 1)
    ).rowcount:
        raise NotFound
    note_key(conn, upload_id, actor.key_id)
    return _get_upload(conn, uploads.c.id == upload_id)


def find_upload(conn: ReadConnection, upload_id: UUID) -> Upload | None:
    """An upload whose sender was checked by `claim_upload`, as it is now; None once it is gone."""
    return _find_upload(conn, uploads.c.id == upload_id)


def record_received(
    conn: WriteConnection, upload: Upload, received: int, expires_at: datetime
) -> None:
    """This many bytes are durable, and none of them wait for a checksum; the upload lives on.

    Raises as `record_stored` does.
    """
    record_stored(conn, upload, received)
    extend_upload(conn, upload.upload_id, expires_at)


def record_stored(conn: WriteConnection, upload: Upload, received: int) -> None:
    """This many bytes are durable; that alone does not let the upload live on.

    Raises DraftBusy if a newer request has taken its turn meanwhile: it decides what counts. So
    what is acknowledged is right even where the store has no lock between hosts.
    """
    of_this_turn = (uploads.c.id == upload.upload_id, uploads.c.turn == upload.turn)
    statement = update(uploads).where(*of_this_turn).values(received=received, unproven=None)
    if not conn.execute(statement).rowcount and find_upload(conn, upload.upload_id) is not None:
        raise DraftBusy


def record_unverified(conn: WriteConnection, upload_id: UUID, verified: int) -> None:
    """What comes beyond `verified` bytes counts only once its checksum is known to be right."""
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(unproven=verified))


def extend_upload(conn: WriteConnection, upload_id: UUID, expires_at: datetime) -> None:
    """Say that a long request still brings bytes."""
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(expires_at=expires_at))
    extend_reservation(conn, upload_id, expires_at)


def deliver_upload(
    conn: WriteConnection,
    actor: Actor,
    upload: StoredUpload,
    target: UploadTarget,
    expires_at: datetime,
    context: CommitContext,
) -> TaskId:
    """The commit point of an upload that is whole; its reservation has its id.

    It is committed once, whoever else completes it. If the file is another account's by now, the
    reservation moves to that account. Raises NotFound, QuotaExceeded, OwnerQuotaExceeded, and what
    `UploadTarget.commit` raises.
    """
    upload_id, now = upload.reservation, context.clock()
    try:
        # The file is locked before the upload, as by whoever revokes an entitlement to it.
        account_id = target.admit(conn, actor).account_id
    except EntrepotError:
        delivered = _lock_uploads(conn, _own_upload(actor, upload_id, now))
        if delivered and delivered[0].task_id is not None:
            return delivered[0].task_id  # and has changed what admits it, such as an ETag
        raise
    locked = _lock_uploads(conn, _own_upload(actor, upload_id, now))
    if not locked:
        raise NotFound
    if locked[0].task_id is not None:
        return locked[0].task_id
    holder = locked[0].account_id
    if account_id != holder:
        reservations = [(holder, upload_id)]
        with hide_owner_figures(actor.account_id, account_id):
            merge_reservations(conn, reservations, account_id, upload_id, upload.stored.size, now)
    task_id = target.commit(conn, actor, upload, context)
    values = {
        "task_id": task_id,
        "received": locked[0].size,
        "unproven": None,
        "expires_at": expires_at,
    }
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(**values))
    return task_id


def get_parts(
    conn: ReadConnection, actor: Actor, parts: Sequence[UUID], metadata: str, now: datetime
) -> tuple[list[Upload], Upload | None]:
    """The actor's own partial uploads in that order, and what they were joined into already, if
    they were, with the same `metadata` of it. Raises NotFound, UploadIncomplete."""
    own = uploads.c.user_id == actor.user_id, uploads.c.expires_at > now
    rows = conn.execute(select(uploads).where(uploads.c.id.in_(parts), *own))
    by_id = {row.id: _upload_from_row(row) for row in rows}
    if set(parts) - by_id.keys():
        raise NotFound
    part_uploads = [by_id[part] for part in parts]
    joined_ids = {part.joined_into for part in part_uploads}
    if joined_ids != {None}:
        joined = uploads.c.id.in_(joined_ids - {None})
        whole = _find_upload(conn, joined) if len(joined_ids) == 1 else None
        if whole is None or (whole.parts, whole.metadata) != (tuple(parts), metadata):
            raise NotFound
        return part_uploads, whole
    for part in part_uploads:
        if not part.partial or part.received < part.size:
            raise UploadIncomplete(upload=str(part.upload_id))
    return part_uploads, None


def check_joined_size(
    conn: WriteConnection, actor: Actor, target: UploadTarget, size: int, max_bytes: int
) -> None:
    """Check a join of `size` bytes before they are copied. Raises FileTooLarge and what
    `UploadTarget.admit` raises."""
    limit = target.admit(conn, actor).limit(max_bytes)
    if size > limit:
        raise FileTooLarge(limit=limit, requested=size)


def join_uploads(
    conn: WriteConnection,
    actor: Actor,
    request: UploadRequest,
    upload: StoredUpload,
    target: UploadTarget,
    expires_at: datetime,
    context: CommitContext,
) -> Upload:
    """The commit point of a join: the reservations of its parts become the version's bytes.

    The reservation that `upload` names is made of theirs, and the joined upload has its id. Whoever
    comes second with the same parts gets what the first one made. Raises NotFound,
    UploadIncomplete, QuotaExceeded, OwnerQuotaExceeded and what `UploadTarget.commit` raises.
    """
    account_id, now = target.admit(conn, actor).account_id, context.clock()
    upload_id, parts = upload.reservation, request.parts
    _lock_uploads(conn, (uploads.c.id.in_(parts), uploads.c.user_id == actor.user_id))
    part_uploads, whole = get_parts(conn, actor, parts, request.metadata, now)
    if whole is not None:
        return whole
    reservations = [(part.account_id, part.upload_id) for part in part_uploads]
    with hide_owner_figures(actor.account_id, account_id):
        merge_reservations(conn, reservations, account_id, upload_id, request.size, now)
    task_id = target.commit(conn, actor, upload, context)
    final = {"concat": "final", "parts": [str(part) for part in parts]}
    values = {"received": request.size, "task_id": task_id, "expires_at": expires_at}
    _insert_upload(conn, upload_id, actor, account_id, request, now, **final, **values)
    statement = update(uploads).where(uploads.c.id.in_(parts))
    conn.execute(statement.values(joined_into=upload_id, expires_at=expires_at))
    return _get_upload(conn, uploads.c.id == upload_id)


def delete_own_upload(conn: WriteConnection, actor: Actor, upload_id: UUID, now: datetime) -> bool:
    """Forget the actor's own resumable upload and give its quota back; what it delivered stays.
    Whether there was one."""
    locked = _lock_uploads(conn, _own_upload(actor, upload_id, now))
    _delete_uploads(conn, locked)
    return bool(locked)


def drop_upload(conn: WriteConnection, upload: Upload) -> bool:
    """Forget an upload that was refused permanently, if it has not ended and no newer request has
    taken its turn; whether it did."""
    of_this_turn = (uploads.c.id == upload.upload_id, uploads.c.turn == upload.turn)
    locked = _lock_uploads(conn, (*of_this_turn, _unfinished()))
    _delete_uploads(conn, locked)
    return bool(locked)


def drop_expired_uploads(conn: WriteConnection, now: datetime) -> list[UUID]:
    """Forget the uploads whose time is over, at most one batch, and give their quota back."""
    expired = _lock_uploads(conn, (uploads.c.expires_at <= now,), limit=BATCH_UPLOADS)
    _delete_uploads(conn, expired)
    return [upload.upload_id for upload in expired]


def find_needed_drafts(conn: ReadConnection, drafts: Iterable[UUID]) -> set[UUID]:
    """Those of the drafts that belong to an upload which has not ended."""
    needed = select(uploads.c.id).where(uploads.c.id.in_(list(drafts)), _unfinished())
    return set(conn.scalars(needed))


def _insert_upload(
    conn: WriteConnection,
    upload_id: UUID,
    actor: Actor,
    account_id: AccountId,
    request: UploadRequest,
    now: datetime,
    **values: Any,
) -> None:
    insert_row(
        conn,
        uploads,
        id=upload_id,
        account_id=account_id,
        user_id=actor.user_id,
        size=request.size,
        told=request.metadata,
        if_match=request.if_match,
        created_at=now,
        **values,
    )


def _delete_uploads(conn: WriteConnection, deleted: list[Upload]) -> None:
    for upload in deleted:
        release_reservation(conn, upload.account_id, ReservationId(upload.upload_id))
    ids = [upload.upload_id for upload in deleted]
    # The parts of one that was joined have nothing but the memory of it.
    conn.execute(delete(uploads).where(or_(uploads.c.id.in_(ids), uploads.c.joined_into.in_(ids))))


def _find_by_key(
    conn: WriteConnection, actor: Actor, request: UploadRequest, now: datetime
) -> Upload | None:
    if request.key is None:
        return None
    check_key_unused(conn, actor.user_id, request.key, now)
    same_key = uploads.c.user_id == actor.user_id, uploads.c.request_key == request.key
    earlier = _find_upload(conn, and_(*same_key))
    if earlier is None:
        return None
    if earlier.expires_at <= now:
        _delete_uploads(conn, [earlier])  # its draft is nobody's now, which the sweep sees
        return None
    earlier_request = UploadRequest(
        earlier.size, earlier.metadata, earlier.if_match, earlier.partial, request.key
    )
    if earlier_request != request:
        raise KeyReused
    return earlier


def _unfinished() -> ColumnElement[bool]:
    return and_(uploads.c.task_id.is_(None), uploads.c.joined_into.is_(None))


def _own_upload(actor: Actor, upload_id: UUID, now: datetime) -> tuple[ColumnElement[bool], ...]:
    key = uploads.c.id == upload_id, uploads.c.user_id == actor.user_id
    return *key, uploads.c.expires_at > now


def _lock_uploads(
    conn: WriteConnection, conditions: tuple[ColumnElement[bool], ...], limit: int | None = None
) -> list[Upload]:
    """Uploads that stay as they are until the transaction's end; with `limit`, free ones alone."""
    # In one order, so that no two transactions wait for each other.
    query = select(uploads).where(*conditions).order_by(uploads.c.id).limit(limit)
    return [
        _upload_from_row(row)
        for row in conn.execute(query.with_for_update(skip_locked=bool(limit)))
    ]


def _find_upload(conn: ReadConnection, condition: ColumnElement[bool]) -> Upload | None:
    row = conn.execute(select(uploads).where(condition)).one_or_none()
    return _upload_from_row(row) if row is not None else None


def _get_upload(conn: ReadConnection, condition: ColumnElement[bool]) -> Upload:
    return _upload_from_row(conn.execute(select(uploads).where(condition)).one())


def _upload_from_row(row: Any) -> Upload:
    return Upload(
        upload_id=row.id,
        account_id=AccountId(row.account_id),
        size=row.size,
        received=row.received,
        unproven=row.unproven,
        metadata=row.told,
        if_match=row.if_match,
        concat=row.concat,
        parts=tuple(UUID(part) for part in row.parts or ()),
        joined_into=row.joined_into,
        turn=row.turn,
        task_id=TaskId(row.task_id) if row.task_id is not None else None,
        expires_at=row.expires_at,
    )
