"""Check what must always hold of resumable uploads: their quota, their bytes, their end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import reservations, tasks, uploads
from entrepot.db.types import ReadConnection
from entrepot.files.delivery.resumable import find_needed_drafts
from entrepot_client.counts import counted

OVERDUE_AGE = timedelta(days=1)
"""An upload that should have expired so long ago is reported."""


def uploads_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """An unfinished upload holds its whole size of its account's quota (a guest's at least what has
    come) and has all bytes that its sender was promised; one that has ended holds nothing."""
    drafts = {draft.blob_id: draft.size for draft in store.drafts.list()}
    query = select(
        uploads,
        reservations.c.size.label("held"),
        reservations.c.account_id.label("holder"),
        reservations.c.sender_account_id,
    ).outerjoin(reservations, reservations.c.id == uploads.c.id)
    for row in conn.execute(query.execution_options(yield_per=500)):
        if row.expires_at < now - OVERDUE_AGE:
            yield f"upload {row.id} has expired and was not removed"
        if row.task_id is not None or row.joined_into is not None:
            if row.held is not None:
                yield f"upload {row.id} has ended and still holds {counted(row.held, 'byte')}"
            continue
        is_guest = row.sender_account_id not in (None, row.account_id)
        least = row.received if is_guest else row.size
        if row.holder != row.account_id or not least <= row.held <= row.size:
            yield f"upload {row.id} of {counted(row.size, 'byte')} holds {row.held} of its account"
        yield from _check_draft(row, drafts.get(row.id), store)
    without_task = select(uploads.c.id).outerjoin(tasks, tasks.c.id == uploads.c.task_id)
    for upload_id in conn.scalars(
        without_task.where(uploads.c.task_id.is_not(None), tasks.c.id.is_(None))
    ):
        yield f"upload {upload_id} was delivered by a task that is not there"
    joined = uploads.alias()
    joined_parts = select(uploads.c.id).outerjoin(joined, joined.c.id == uploads.c.joined_into)
    invalid = or_(joined.c.id.is_(None), joined.c.user_id != uploads.c.user_id)
    for upload_id in conn.scalars(joined_parts.where(uploads.c.joined_into.is_not(None), invalid)):
        yield f"partial upload {upload_id} was joined into none of its user's"


def drafts_without_upload(
    conn: ReadConnection, store: BlobStore, before: datetime
) -> Iterator[str]:
    """Drafts last written `before` that no unfinished upload needs."""
    old_ids = [draft.blob_id for draft in store.drafts.list() if draft.modified < before]
    for start in range(0, len(old_ids), 500):
        batch = old_ids[start : start + 500]
        for draft_id in sorted(set(batch) - find_needed_drafts(conn, batch)):
            yield f"draft {draft_id} belongs to no upload"


def _check_draft(row: Any, listed_size: int | None, store: BlobStore) -> Iterator[str]:
    size = listed_size or 0
    if size < row.received:
        # The server may have gone on since the drafts were listed.
        size = next((d.size for d in store.drafts.list() if d.blob_id == row.id), 0)
    if size < row.received:
        yield (f"upload {row.id} has {counted(size, 'byte')}, {row.received} were acknowledged")
    if size > row.size:
        yield f"upload {row.id} of {counted(row.size, 'byte')} has {size}"
