"""Check everything that must always hold: what `entrepot doctor --deep` runs.

The invariants are those of ARCHITECTURE.md. Each check yields sentences, one a breach; none
means that it holds. Nothing is changed.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import and_, func, or_, select

from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.tables import (
    accounts,
    activity,
    files,
    inspections,
    reservations,
    tasks,
    versions,
)
from entrepot.db.types import Reading
from entrepot.errors import BlobMissing
from entrepot.files.sweep import GRACE
from entrepot.files.versions import UNDECIDED

Check = Callable[[Reading, BlobStore, datetime], Iterator[str]]
STUCK = timedelta(days=1)
"""A task that has not ended after so long is reported."""


def bytes_are_there(conn: Reading, store: BlobStore, now: datetime) -> Iterator[str]:
    """Every kept version's bytes exist, with the recorded size and SHA-256."""
    del now
    kept = select(versions).where(versions.c.bytes_removed_at.is_(None))
    for row in conn.execute(kept.execution_options(yield_per=500)):
        yield from _check_bytes(row, store)


def quotas_are_exact(conn: Reading, store: BlobStore, now: datetime) -> Iterator[str]:
    """`used` is the sum of kept bytes, `reserved` of reservations, both within the quota."""
    del store, now
    kept = select(versions.c.account_id, func.sum(versions.c.size)).where(
        versions.c.bytes_removed_at.is_(None)
    )
    used = {row[0]: row[1] for row in conn.execute(kept.group_by(versions.c.account_id))}
    held = select(reservations.c.account_id, func.sum(reservations.c.size))
    reserved = {row[0]: row[1] for row in conn.execute(held.group_by(reservations.c.account_id))}
    for row in conn.execute(select(accounts)):
        for name, recorded, actual in (
            ("used", row.used, int(used.get(row.id, 0))),
            ("reserved", row.reserved, int(reserved.get(row.id, 0))),
        ):
            if recorded != actual:
                yield f"account {row.name}: {name} is {recorded}, the sum is {actual}"
        if row.used + row.reserved > row.quota:
            yield f"account {row.name}: {row.used} + {row.reserved} exceed the quota {row.quota}"


def current_is_newest(conn: Reading, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file's current version is its newest published one."""
    del store, now
    newest = (
        select(versions.c.file_id, func.max(versions.c.number).label("number"))
        .where(versions.c.status == "published")
        .group_by(versions.c.file_id)
        .subquery()
    )
    wrong = (
        select(files.c.id, files.c.current_version, newest.c.number)
        .outerjoin(newest, newest.c.file_id == files.c.id)
        .where(func.coalesce(files.c.current_version, 0) != func.coalesce(newest.c.number, 0))
    )
    for row in conn.execute(wrong):
        yield f"file {row.id}: current version {row.current_version}, newest {row.number}"


def tasks_and_versions_agree(conn: Reading, store: BlobStore, now: datetime) -> Iterator[str]:
    """A task has ended just when its version is decided, in the same way; and none is stuck."""
    del store
    ended = {"published": "succeeded", "refused": "failed", "canceled": "canceled"}
    both = select(tasks.c.id, tasks.c.status, tasks.c.created_at, versions.c.status.label("state"))
    both = both.outerjoin(versions, versions.c.task_id == tasks.c.id)
    agree = or_(
        and_(versions.c.status.in_(UNDECIDED), tasks.c.status.in_(("queued", "running"))),
        *(and_(versions.c.status == v, tasks.c.status == t) for v, t in ended.items()),
    )
    for row in conn.execute(both.where(or_(versions.c.id.is_(None), ~agree))):
        yield f"task {row.id} is {row.status}, its version {row.state}"
    waiting = tasks.c.status.in_(("queued", "running")), tasks.c.created_at < now - STUCK
    for stuck in conn.execute(select(tasks.c.id, tasks.c.created_at).where(*waiting)):
        yield f"task {stuck.id} has not ended since {stuck.created_at.isoformat()}"


def changes_are_recorded(conn: Reading, store: BlobStore, now: datetime) -> Iterator[str]:
    """Every file and every decision has its activity row; every published version its report."""
    del store, now
    for action, found in (
        ("file.define", select(files.c.id.label("file_id"), files.c.id.label("subject"))),
        (
            "version.publish",
            select(versions.c.file_id, versions.c.id.label("subject")).where(
                versions.c.status == "published"
            ),
        ),
    ):
        wanted = found.subquery()
        noted = select(activity.c.id).where(
            activity.c.action == action, activity.c.file_id == wanted.c.file_id
        )
        for row in conn.execute(select(wanted.c.subject).where(~noted.exists())):
            yield f"{action} of {row.subject} has no activity row"
    reported = select(inspections.c.version_id).where(inspections.c.version_id == versions.c.id)
    published = versions.c.status == "published"
    for row in conn.execute(select(versions.c.id).where(published, ~reported.exists())):
        yield f"published version {row.id} has no report"


def no_bytes_without_row(conn: Reading, store: BlobStore, now: datetime) -> Iterator[str]:
    """No bytes lie in the store that no row names, beyond the sweep's time of grace."""
    known = set(conn.scalars(select(versions.c.id).where(versions.c.bytes_removed_at.is_(None))))
    for blob in store.list():
        if blob.blob_id not in known and blob.modified < now - 2 * GRACE:
            yield f"bytes {blob.blob_id} ({blob.size}) belong to no version"


CHECKS: dict[str, Check] = {
    "bytes": bytes_are_there,
    "quotas": quotas_are_exact,
    "current versions": current_is_newest,
    "tasks": tasks_and_versions_agree,
    "activity": changes_are_recorded,
    "orphans": no_bytes_without_row,
}


def _check_bytes(row: Any, store: BlobStore) -> Iterator[str]:
    digest = sha256()
    size = 0
    try:
        for block in store.read(BlobId(row.id)):
            digest.update(block)
            size += len(block)
    except BlobMissing:
        if row.keep_until is None:
            yield f"version {row.id}: its bytes are missing"
        return
    if size != row.size or digest.hexdigest() != row.sha256:
        yield f"version {row.id}: {size} bytes with SHA-256 {digest.hexdigest()} lie in the store"
