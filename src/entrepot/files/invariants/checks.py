"""Check everything that must always hold: what `entrepot doctor --deep` runs.

The invariants are those of ARCHITECTURE.md. Each check yields sentences, one a breach; none
means that it holds. Nothing is changed. A check reads the database in one transaction, so that it
is right beside a running server too.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Table, and_, func, or_, select, union_all

from entrepot.activity.chain import check_chains
from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.tables import (
    accounts,
    checks,
    comparisons,
    derivatives,
    files,
    inspections,
    replies,
    reservations,
    tasks,
    versions,
)
from entrepot.db.types import ReadConnection
from entrepot.errors import BlobMissing
from entrepot.files.derivative_space import EAGER
from entrepot.files.invariants.activity import changes_are_recorded
from entrepot.files.invariants.derivative_bytes import derivatives_are_counted
from entrepot.files.invariants.metadata import metadata_is_counted
from entrepot.files.invariants.networks import networks_are_known
from entrepot.files.invariants.paths import paths_are_sound
from entrepot.files.invariants.queue import queue_is_sound
from entrepot.files.invariants.references import references_have_rows
from entrepot.files.invariants.search import files_are_found
from entrepot.files.invariants.tenant_isolation import sharing_is_sound, tenants_are_isolated
from entrepot.files.invariants.uploads import drafts_without_upload, uploads_are_sound
from entrepot.files.invariants.withdrawals import withdrawals_are_complete
from entrepot.files.names import fold_name
from entrepot.files.remove import BYTES_TABLES, bytes_kept
from entrepot.files.sweep import GRACE_PERIOD
from entrepot.files.versions import UNDECIDED_STATUSES, UNDO_PERIOD
from entrepot_client.counts import counted

InvariantCheck = Callable[[ReadConnection, BlobStore, datetime], Iterator[str]]
STUCK_AGE = timedelta(days=1)
"""A task that has not ended after so long is reported."""
TASK_STATUSES = {
    "published": "succeeded",
    "withdrawn": "succeeded",
    "deleted": "succeeded",
    "rejected": "failed",
    "failed": "failed",
    "canceled": "canceled",
}
"""How a version's task ends, by the status of the version."""
VERSION_STATUSES = {"rejected": ("published", "rejected", "withdrawn", "deleted")}
"""The states of versions that each derivative may be of, if not of published ones alone."""


def bytes_are_there(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """The bytes of every kept version and check exist, with the recorded size and SHA-256."""
    for table in BYTES_TABLES:
        rows = select(table).where(*bytes_kept(table)).execution_options(yield_per=500)
        for row in conn.execute(rows):
            yield from _check_bytes(f"{_row_noun(table)} {row.id}", row, store, now)


def quotas_match_bytes(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """`used` is the sum of kept bytes, `reserved` of reservations, both within the quota."""
    del store
    rows = union_all(
        *(
            select(table.c.account_id, table.c.size).where(*bytes_kept(table))
            for table in BYTES_TABLES
        )
    )
    sizes = rows.subquery()
    sums = select(sizes.c.account_id, func.sum(sizes.c.size)).group_by(sizes.c.account_id)
    used = {row[0]: row[1] for row in conn.execute(sums)}
    query = select(reservations.c.account_id, func.sum(reservations.c.size))
    reserved = {row[0]: row[1] for row in conn.execute(query.group_by(reservations.c.account_id))}
    for row in conn.execute(select(accounts)):
        for name, recorded, actual in (
            ("used", row.used, int(used.get(row.id, 0))),
            ("reserved", row.reserved, int(reserved.get(row.id, 0))),
        ):
            if recorded != actual:
                yield f"account {row.name}: {name} is {recorded}, the sum is {actual}"
        if row.used + row.reserved > row.quota:
            yield f"account {row.name}: {row.used} + {row.reserved} exceed the quota {row.quota}"
    query_expired = select(reservations.c.id, reservations.c.size).where(
        reservations.c.expires_at < now - STUCK_AGE
    )
    for row in conn.execute(query_expired):
        yield f"reservation {row.id} of {counted(row.size, 'byte')} is dead and was not released"


def current_is_newest(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file's current version is its newest published one: nothing rejected or half-done."""
    del store, now
    newest = (
        select(versions.c.file_id, func.max(versions.c.number).label("number"))
        .where(versions.c.status == "published")
        .group_by(versions.c.file_id)
        .subquery()
    )
    query = (
        select(files.c.id, files.c.current_version, newest.c.number)
        .outerjoin(newest, newest.c.file_id == files.c.id)
        .where(func.coalesce(files.c.current_version, 0) != func.coalesce(newest.c.number, 0))
    )
    for row in conn.execute(query):
        yield f"file {row.id}: current version {row.current_version}, newest {row.number}"


def lists_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What lists search and sort by is what it was made from: the name, the current version."""
    del store, now
    current = and_(versions.c.file_id == files.c.id, versions.c.number == files.c.current_version)
    query = select(
        files.c.id, files.c.name, files.c.name_key, files.c.current_size, versions.c.size
    )
    rows = conn.execute(query.outerjoin(versions, current).execution_options(yield_per=500))
    for row in rows:
        if row.name_key != fold_name(row.name):
            yield f"file {row.id}: it is searched as {row.name_key!r}, its name is {row.name!r}"
        if row.current_size != (-1 if row.size is None else row.size):
            yield (
                f"file {row.id}: it is sorted by {counted(row.current_size, 'byte')}, it has "
                f"{row.size}"
            )


def published_can_be_read(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What is published stays: it was decided, has its report, and its bytes are kept."""
    del store, now
    query = (
        select(versions, inspections.c.version_id.label("reported"))
        .outerjoin(inspections, inspections.c.version_id == versions.c.id)
        .where(versions.c.status == "published")
    )
    for row in conn.execute(query):
        if row.reported is None:
            yield f"published version {row.id} has no report"
        if row.decided_at is None:
            yield f"published version {row.id} was never decided"
        if row.bytes_removed_at is not None:
            yield f"published version {row.id}: its bytes were removed"
        elif row.keep_until is not None:
            yield f"published version {row.id}: its bytes are to be removed"


def tasks_and_versions_agree(
    conn: ReadConnection, store: BlobStore, now: datetime
) -> Iterator[str]:
    """A task has ended just when its version or check has, in the same way; and none is stuck."""
    del store
    query = select(tasks.c.id, tasks.c.status, tasks.c.created_at, versions.c.status.label("state"))
    query = query.outerjoin(versions, versions.c.task_id == tasks.c.id)
    agree = or_(
        and_(versions.c.status.in_(UNDECIDED_STATUSES), tasks.c.status.in_(("queued", "running"))),
        *(and_(versions.c.status == v, tasks.c.status == t) for v, t in TASK_STATUSES.items()),
    )
    has_check = select(checks.c.id).where(checks.c.task_id == tasks.c.id).exists()
    has_comparison = (
        select(comparisons.c.task_id).where(comparisons.c.task_id == tasks.c.id).exists()
    )
    without_subject = and_(versions.c.id.is_(None), ~has_check, ~has_comparison)
    for row in conn.execute(query.where(or_(without_subject, ~agree))):
        yield f"task {row.id} is {row.status}, its version {row.state}"
    ended = tasks.c.status.not_in(("queued", "running"))
    disagreeing = select(checks.c.id).outerjoin(tasks, tasks.c.id == checks.c.task_id)
    disagreeing = disagreeing.where(
        or_(tasks.c.id.is_(None), ended == checks.c.decided_at.is_(None))
    )
    for check_id in conn.scalars(disagreeing):
        yield f"check {check_id} and its task do not agree on whether it has ended"
    ownerless = select(versions.c.id).where(
        ~select(tasks.c.id).where(tasks.c.id == versions.c.task_id).exists()
    )
    for version_id in conn.scalars(ownerless):
        yield f"version {version_id} has no task"
    waiting = tasks.c.status.in_(("queued", "running")), tasks.c.created_at < now - STUCK_AGE
    for task in conn.execute(select(tasks.c.id, tasks.c.created_at).where(*waiting)):
        yield f"task {task.id} has not ended since {task.created_at.isoformat()}"


def numbers_have_no_gaps(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file's versions are numbered from 1 on without a gap, and decided in that order."""
    del store, now
    numbered = select(
        versions.c.file_id, func.max(versions.c.number).label("last"), func.count().label("total")
    ).group_by(versions.c.file_id)
    for row in conn.execute(numbered):
        if row.last != row.total:
            yield f"file {row.file_id}: {counted(row.total, 'version')}, the last one is {row.last}"
    yield from _copies_without_source(conn)
    later = versions.alias()
    undecided = versions.c.status.in_(UNDECIDED_STATUSES)
    early = select(later.c.id).join(
        versions, and_(versions.c.file_id == later.c.file_id, versions.c.number < later.c.number)
    )
    for version_id in conn.scalars(early.where(undecided, later.c.status == "published")):
        yield f"version {version_id} was published before an earlier one was decided"


def all_bytes_have_rows(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """No bytes lie in the store that no row names, beyond the sweep's time of grace."""
    named = union_all(*(select(table.c.id).where(*bytes_kept(table)) for table in BYTES_TABLES))
    named_ids = set(conn.scalars(named))
    named_ids |= set(
        conn.scalars(select(derivatives.c.blob_id).where(derivatives.c.status == "ready"))
    )
    for blob in store.list():
        if blob.blob_id not in named_ids and blob.modified < now - 2 * GRACE_PERIOD:
            yield f"bytes {blob.blob_id} ({blob.size}) belong to no version"
    yield from drafts_without_upload(conn, store, now - 2 * GRACE_PERIOD)


def derivatives_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A derivative that is ready has its bytes, one that is pending is still to be made; each
    belongs to a version of its own account, a published one but for the rejected rows. A published
    table has its Parquet, whatever has become of it."""
    del now
    parquet = derivatives.c.version_id == versions.c.id, derivatives.c.form == EAGER
    has_parquet = select(derivatives.c.form).where(*parquet).exists()
    judged = select(versions.c.id).join(inspections, inspections.c.version_id == versions.c.id)
    is_table = versions.c.row_count.is_not(None), inspections.c.schema.is_not(None)
    without = judged.where(versions.c.status == "published", *is_table, ~has_parquet)
    for version_id in conn.scalars(without):
        yield f"published version {version_id} has no row for its {EAGER}"
    query = select(
        derivatives,
        versions.c.status.label("state"),
        versions.c.account_id.label("home"),
        versions.c.bytes_removed_at.label("gone"),
    )
    query = query.join(versions, versions.c.id == derivatives.c.version_id)
    for row in conn.execute(query.execution_options(yield_per=500)):
        name = f"{row.form} of version {row.version_id}"
        if row.state not in VERSION_STATUSES.get(row.form, ("published", "withdrawn", "deleted")):
            yield f"{name}: the version is {row.state}"
        if row.gone is not None:
            yield f"{name} outlives the version's own bytes"
        if row.home != row.account_id:
            yield f"{name} belongs to another account than its version"
        if row.status == "ready":
            yield from _check_derivative(name, row, store)


def replies_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What an Idempotency-Key was answered is a task of the user whose key it is, or a delivery by
    the link whose form it is; and a key that an upload holds is let go once that has ended."""
    del store
    task = tasks.c.id == replies.c.task_id, tasks.c.user_id == replies.c.user_id
    sent = versions.c.task_id == replies.c.task_id, versions.c.link_id == replies.c.user_id
    is_own = or_(
        select(tasks.c.id).where(*task).exists(), select(versions.c.id).where(*sent).exists()
    )
    lost = replies.c.task_id.is_not(None), ~is_own
    for row in conn.execute(select(replies.c.task_id).where(*lost)):
        yield f"an Idempotency-Key was answered with task {row.task_id}, which is not its user's"
    upload = select(reservations.c.id).where(reservations.c.id == replies.c.reservation_id)
    dead = replies.c.task_id.is_(None), ~upload.exists(), replies.c.created_at < now - STUCK_AGE
    for row in conn.execute(select(replies.c.reservation_id).where(*dead)):
        yield f"upload {row.reservation_id} has ended and still holds an Idempotency-Key"


def deletions_are_complete(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A deleted version says when it was deleted and when its bytes may go; of a file whose
    deletion cannot be undone any more, the bytes go."""
    del store
    incomplete = or_(versions.c.deleted_at.is_(None), versions.c.keep_until.is_(None))
    deleted = versions.c.status == "deleted"
    other = versions.c.status != "deleted", versions.c.deleted_at.is_not(None)
    query = select(versions.c.id).where(or_(and_(deleted, incomplete), and_(*other)))
    for version_id in conn.scalars(query):
        yield f"version {version_id} is deleted by half"
    kept_bytes = select(versions.c.id).where(
        versions.c.file_id == files.c.id, versions.c.keep_until.is_(None)
    )
    purged = files.c.purged_at.is_not(None), kept_bytes.exists()
    overdue = files.c.purged_at.is_(None), files.c.deleted_at < now - UNDO_PERIOD - STUCK_AGE
    for file_id in conn.scalars(select(files.c.id).where(or_(and_(*purged), and_(*overdue)))):
        yield f"file {file_id} was deleted long ago and its bytes are kept"


CHECKS: dict[str, InvariantCheck] = {
    "bytes": bytes_are_there,
    "references": references_have_rows,
    "quotas": quotas_match_bytes,
    "metadata": metadata_is_counted,
    "current versions": current_is_newest,
    "lists": lists_are_sound,
    "search": files_are_found,
    "paths": paths_are_sound,
    "published versions": published_can_be_read,
    "numbers": numbers_have_no_gaps,
    "tasks": tasks_and_versions_agree,
    "queue": queue_is_sound,
    "activity": changes_are_recorded,
    "activity chains": check_chains,
    "accounts": tenants_are_isolated,
    "sharing": sharing_is_sound,
    "key networks": networks_are_known,
    "derivatives": derivatives_are_sound,
    "derivative bytes": derivatives_are_counted,
    "replies": replies_are_sound,
    "deletions": deletions_are_complete,
    "withdrawals": withdrawals_are_complete,
    "uploads": uploads_are_sound,
    "orphans": all_bytes_have_rows,
}


def _copies_without_source(conn: ReadConnection) -> Iterator[str]:
    """A restored or accepted version has the bytes of an earlier one of its file."""
    source = versions.alias()
    earlier = func.coalesce(versions.c.restored_from, versions.c.accepted_from)
    source_matches = (
        source.c.file_id == versions.c.file_id,
        source.c.number == earlier,
        source.c.number < versions.c.number,
        source.c.size == versions.c.size,
        source.c.sha256 == versions.c.sha256,
    )
    without_source = earlier.is_not(None), ~select(source.c.id).where(*source_matches).exists()
    for version_id in conn.scalars(select(versions.c.id).where(*without_source)):
        yield f"version {version_id} was restored or accepted from none that has its bytes"


def _row_noun(table: Table) -> str:
    return table.name.removesuffix("s")


def _check_derivative(name: str, row: Any, store: BlobStore) -> Iterator[str]:
    try:
        size, digest = _digest(store, row.blob_id)
    except BlobMissing:
        yield f"{name}: its bytes are missing"
        return
    if size != row.size or digest != row.sha256:
        yield f"{name}: {counted(size, 'byte')} with SHA-256 {digest} lie in the store"


def _check_bytes(name: str, row: Any, store: BlobStore, now: datetime) -> Iterator[str]:
    try:
        size, digest = _digest(store, row.id)
    except BlobMissing:
        # Bytes go before it is noted that they went, and only once their time is over.
        if row.keep_until is None or row.keep_until > now:
            yield f"{name}: its bytes are missing"
        return
    if size != row.size or digest != row.sha256:
        yield f"{name}: {counted(size, 'byte')} with SHA-256 {digest} lie in the store"


def _digest(store: BlobStore, blob_id: UUID) -> tuple[int, str]:
    """Size and SHA-256 of what lies in the store. Raises BlobMissing."""
    digest = sha256()
    size = 0
    for block in store.read(BlobId(blob_id)):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
