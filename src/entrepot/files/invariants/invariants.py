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
    activity,
    checks,
    comparisons,
    derivatives,
    files,
    inspections,
    replies,
    reservations,
    schema_revisions,
    tasks,
    users,
    versions,
)
from entrepot.db.types import ReadConnection
from entrepot.errors import BlobMissing
from entrepot.files.derivatives import pending_runs
from entrepot.files.invariants.tenant_isolation import accounts_are_apart, sharing_is_sound
from entrepot.files.invariants.uploads import drafts_without_upload, uploads_are_sound
from entrepot.files.names import folded
from entrepot.files.remove import HOLDERS, kept
from entrepot.files.sweep import GRACE
from entrepot.files.versions import UNDECIDED, UNDO
from entrepot.tasks.queue import find_dead_runs, find_lost_tasks

Validation = Callable[[ReadConnection, BlobStore, datetime], Iterator[str]]
STUCK = timedelta(days=1)
"""A task that has not ended after so long is reported."""
ENDINGS = {
    "published": "succeeded",
    "deleted": "succeeded",
    "refused": "failed",
    "canceled": "canceled",
}
"""How a version's task ends by what becomes of the version."""
ALLOWED = {"rejected": ("published", "refused")}
"""The states of versions that each derivative may be of, if not of published ones alone."""
DECISIONS = {
    "published": ("version.publish",),
    "deleted": ("version.publish",),
    "refused": ("version.refuse", "version.fail"),
    "canceled": ("version.cancel",),
}
"""The activity that records each decision."""

DELIVERIES = ("version.deliver", "version.restore", "version.accept")
"""The activity that records each version after a file's first."""


def bytes_are_there(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """The bytes of every kept version and check exist, with the recorded size and SHA-256."""
    for held in HOLDERS:
        rows = select(held).where(*kept(held)).execution_options(yield_per=500)
        for row in conn.execute(rows):
            yield from _check_bytes(f"{_noun(held)} {row.id}", row, store, now)


def quotas_are_exact(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """`used` is the sum of kept bytes, `reserved` of reservations, both within the quota."""
    del store
    every = union_all(*(select(h.c.account_id, h.c.size).where(*kept(h)) for h in HOLDERS))
    sizes = every.subquery()
    sums = select(sizes.c.account_id, func.sum(sizes.c.size)).group_by(sizes.c.account_id)
    used = {row[0]: row[1] for row in conn.execute(sums)}
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
    dead = select(reservations.c.id, reservations.c.size).where(
        reservations.c.expires_at < now - STUCK
    )
    for row in conn.execute(dead):
        yield f"reservation {row.id} of {row.size} bytes is dead and was not released"


def current_is_newest(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file's current version is its newest published one: nothing refused or half-done."""
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


def lists_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What lists search and sort by is what it was made from: the name, the current version."""
    del store, now
    current = and_(versions.c.file_id == files.c.id, versions.c.number == files.c.current_version)
    found = select(
        files.c.id, files.c.name, files.c.name_key, files.c.current_size, versions.c.size
    )
    rows = conn.execute(found.outerjoin(versions, current).execution_options(yield_per=500))
    for row in rows:
        if row.name_key != folded(row.name):
            yield f"file {row.id}: it is searched as {row.name_key!r}, its name is {row.name!r}"
        if row.current_size != (-1 if row.size is None else row.size):
            yield f"file {row.id}: it is sorted by {row.current_size} bytes, it has {row.size}"


def published_can_be_read(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What is published stays: it was decided, has its report, and its bytes are kept."""
    del store, now
    found = (
        select(versions, inspections.c.version_id.label("reported"))
        .outerjoin(inspections, inspections.c.version_id == versions.c.id)
        .where(versions.c.status == "published")
    )
    for row in conn.execute(found):
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
    both = select(tasks.c.id, tasks.c.status, tasks.c.created_at, versions.c.status.label("state"))
    both = both.outerjoin(versions, versions.c.task_id == tasks.c.id)
    agree = or_(
        and_(versions.c.status.in_(UNDECIDED), tasks.c.status.in_(("queued", "running"))),
        *(and_(versions.c.status == v, tasks.c.status == t) for v, t in ENDINGS.items()),
    )
    of_a_check = select(checks.c.id).where(checks.c.task_id == tasks.c.id).exists()
    compared = select(comparisons.c.task_id).where(comparisons.c.task_id == tasks.c.id).exists()
    lone = and_(versions.c.id.is_(None), ~of_a_check, ~compared)
    for row in conn.execute(both.where(or_(lone, ~agree))):
        yield f"task {row.id} is {row.status}, its version {row.state}"
    ended = tasks.c.status.not_in(("queued", "running"))
    apart = select(checks.c.id).outerjoin(tasks, tasks.c.id == checks.c.task_id)
    apart = apart.where(or_(tasks.c.id.is_(None), ended == checks.c.decided_at.is_(None)))
    for check_id in conn.scalars(apart):
        yield f"check {check_id} and its task do not agree on whether it has ended"
    ownerless = select(versions.c.id).where(
        ~select(tasks.c.id).where(tasks.c.id == versions.c.task_id).exists()
    )
    for version_id in conn.scalars(ownerless):
        yield f"version {version_id} has no task"
    waiting = tasks.c.status.in_(("queued", "running")), tasks.c.created_at < now - STUCK
    for stuck in conn.execute(select(tasks.c.id, tasks.c.created_at).where(*waiting)):
        yield f"task {stuck.id} has not ended since {stuck.created_at.isoformat()}"
    for task_id in find_lost_tasks(conn):
        yield f"task {task_id} has not ended, and no worker will ever take it"


def changes_are_recorded(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Every file, user and decision has its activity row."""
    del store, now
    defined = _noted(files.c.id, None, ("file.define",))
    for file_id in conn.scalars(select(files.c.id).where(~defined)):
        yield f"file.define of {file_id} has no activity row"
    delivered = _noted(versions.c.file_id, versions.c.number, DELIVERIES)
    for version_id in conn.scalars(select(versions.c.id).where(versions.c.number > 1, ~delivered)):
        yield f"version.deliver of {version_id} has no activity row"
    for status, actions in DECISIONS.items():
        noted = _noted(versions.c.file_id, versions.c.number, actions)
        decided = select(versions.c.id).where(versions.c.status == status, ~noted)
        for version_id in conn.scalars(decided):
            yield f"{actions[0]} of {version_id} has no activity row"
    yield from _deletions_without_record(conn)
    yield from _schemas_without_record(conn)
    made = select(activity.c.id).where(
        activity.c.action == "user.create", activity.c.account_id == users.c.account_id
    )
    for user_id in conn.scalars(select(users.c.id).where(~made.exists())):
        yield f"user.create of {user_id} has no activity row"


def numbers_have_no_gap(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file's versions are numbered from 1 on without a gap, and decided in that order."""
    del store, now
    counted = select(
        versions.c.file_id, func.max(versions.c.number).label("last"), func.count().label("count")
    ).group_by(versions.c.file_id)
    for row in conn.execute(counted):
        if row.last != row.count:
            yield f"file {row.file_id}: {row.count} versions, the last one is {row.last}"
    yield from _restored_from_others(conn)
    later = versions.alias()
    undecided = versions.c.status.in_(UNDECIDED)
    early = select(later.c.id).join(
        versions, and_(versions.c.file_id == later.c.file_id, versions.c.number < later.c.number)
    )
    for version_id in conn.scalars(early.where(undecided, later.c.status == "published")):
        yield f"version {version_id} was published before an earlier one was decided"


def no_bytes_without_row(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """No bytes lie in the store that no row names, beyond the sweep's time of grace."""
    held = union_all(*(select(h.c.id).where(*kept(h)) for h in HOLDERS))
    known = set(conn.scalars(held))
    known |= set(conn.scalars(select(derivatives.c.blob_id).where(derivatives.c.status == "ready")))
    for blob in store.list():
        if blob.blob_id not in known and blob.modified < now - 2 * GRACE:
            yield f"bytes {blob.blob_id} ({blob.size}) belong to no version"
    yield from drafts_without_upload(conn, store, now - 2 * GRACE)


def derivatives_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A derivative that is ready has its bytes, one that is pending is still to be made; each
    belongs to a version of its own account, a published one but for the rejected rows."""
    del now
    found = select(
        derivatives,
        versions.c.status.label("state"),
        versions.c.account_id.label("home"),
        versions.c.bytes_removed_at.label("gone"),
    )
    found = found.join(versions, versions.c.id == derivatives.c.version_id)
    for row in conn.execute(found.execution_options(yield_per=500)):
        name = f"{row.form} of version {row.version_id}"
        if row.state not in ALLOWED.get(row.form, ("published", "deleted")):
            yield f"{name}: the version is {row.state}"
        if row.gone is not None:
            yield f"{name} outlives the version's own bytes"
        if row.home != row.account_id:
            yield f"{name} belongs to another account than its version"
        if row.status == "ready":
            yield from _check_derivative(name, row, store)
    for run_id in find_dead_runs(conn, pending_runs(conn)):
        yield f"derivation {run_id} has not ended, and no worker will ever take it"


def replies_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What an Idempotency-Key was answered is a task of the user whose key it is; and a key that
    an upload holds is let go once that has ended."""
    del store
    task = tasks.c.id == replies.c.task_id, tasks.c.user_id == replies.c.user_id
    lost = replies.c.task_id.is_not(None), ~select(tasks.c.id).where(*task).exists()
    for row in conn.execute(select(replies.c.task_id).where(*lost)):
        yield f"an Idempotency-Key was answered with task {row.task_id}, which is not its user's"
    upload = select(reservations.c.id).where(reservations.c.id == replies.c.reservation_id)
    dead = replies.c.task_id.is_(None), ~upload.exists(), replies.c.created_at < now - STUCK
    for row in conn.execute(select(replies.c.reservation_id).where(*dead)):
        yield f"upload {row.reservation_id} has ended and still holds an Idempotency-Key"


def deletions_are_whole(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A deleted version says when it was deleted and when its bytes may go; of a file whose
    deletion cannot be undone any more, the bytes go."""
    del store
    unsaid = or_(versions.c.deleted_at.is_(None), versions.c.keep_until.is_(None))
    buried = versions.c.status == "deleted"
    other = versions.c.status != "deleted", versions.c.deleted_at.is_not(None)
    wrong = select(versions.c.id).where(or_(and_(buried, unsaid), and_(*other)))
    for version_id in conn.scalars(wrong):
        yield f"version {version_id} is deleted by half"
    kept_bytes = select(versions.c.id).where(
        versions.c.file_id == files.c.id, versions.c.keep_until.is_(None)
    )
    purged = files.c.purged_at.is_not(None), kept_bytes.exists()
    overdue = files.c.purged_at.is_(None), files.c.deleted_at < now - UNDO - STUCK
    for file_id in conn.scalars(select(files.c.id).where(or_(and_(*purged), and_(*overdue)))):
        yield f"file {file_id} was deleted long ago and its bytes are kept"


CHECKS: dict[str, Validation] = {
    "bytes": bytes_are_there,
    "quotas": quotas_are_exact,
    "current versions": current_is_newest,
    "lists": lists_are_sound,
    "published versions": published_can_be_read,
    "numbers": numbers_have_no_gap,
    "tasks": tasks_and_versions_agree,
    "activity": changes_are_recorded,
    "activity chains": check_chains,
    "accounts": accounts_are_apart,
    "sharing": sharing_is_sound,
    "derivatives": derivatives_are_sound,
    "replies": replies_are_sound,
    "deletions": deletions_are_whole,
    "uploads": uploads_are_sound,
    "orphans": no_bytes_without_row,
}


def _noted(file_id: Any, number: Any, actions: tuple[str, ...]) -> Any:
    noted = select(activity.c.id).where(
        activity.c.file_id == file_id, activity.c.action.in_(actions)
    )
    if number is not None:
        noted = noted.where(activity.c.version == number)
    return noted.exists()


def _deletions_without_record(conn: ReadConnection) -> Iterator[str]:
    by_number = _noted(versions.c.file_id, versions.c.number, ("version.delete",))
    whole = _noted(versions.c.file_id, None, ("file.purge",))
    buried = select(versions.c.id).where(versions.c.status == "deleted", ~by_number, ~whole)
    for version_id in conn.scalars(buried):
        yield f"version.delete of {version_id} has no activity row"
    for column, action in ((files.c.deleted_at, "file.delete"), (files.c.purged_at, "file.purge")):
        untold = column.is_not(None), ~_noted(files.c.id, None, (action,))
        for file_id in conn.scalars(select(files.c.id).where(*untold)):
            yield f"{action} of {file_id} has no activity row"


def _schemas_without_record(conn: ReadConnection) -> Iterator[str]:
    """Each revision that changed a schema has one activity row of its file."""
    changed = schema_revisions.c.file_id, func.count()
    revisions = select(*changed).where(schema_revisions.c.changes.is_not(None))
    noted = select(activity.c.file_id, func.count()).where(activity.c.action == "schema.change")
    made = {row[0]: row[1] for row in conn.execute(revisions.group_by(changed[0]))}
    told = {row[0]: row[1] for row in conn.execute(noted.group_by(activity.c.file_id))}
    for file_id in sorted(made.keys() | told.keys()):
        if made.get(file_id, 0) != told.get(file_id, 0):
            yield f"file {file_id}: a schema.change has no activity row, or no revision"


def _restored_from_others(conn: ReadConnection) -> Iterator[str]:
    """A restored or accepted version has the bytes of an earlier one of its file."""
    source = versions.alias()
    earlier = func.coalesce(versions.c.restored_from, versions.c.accepted_from)
    same = (
        source.c.file_id == versions.c.file_id,
        source.c.number == earlier,
        source.c.number < versions.c.number,
        source.c.size == versions.c.size,
        source.c.sha256 == versions.c.sha256,
    )
    alone = earlier.is_not(None), ~select(source.c.id).where(*same).exists()
    for version_id in conn.scalars(select(versions.c.id).where(*alone)):
        yield f"version {version_id} was restored or accepted from none that has its bytes"


def _noun(held: Table) -> str:
    return held.name.removesuffix("s")


def _check_derivative(name: str, row: Any, store: BlobStore) -> Iterator[str]:
    try:
        size, digest = _digest(store, row.blob_id)
    except BlobMissing:
        yield f"{name}: its bytes are missing"
        return
    if size != row.size or digest != row.sha256:
        yield f"{name}: {size} bytes with SHA-256 {digest} lie in the store"


def _check_bytes(what: str, row: Any, store: BlobStore, now: datetime) -> Iterator[str]:
    try:
        size, digest = _digest(store, row.id)
    except BlobMissing:
        # Bytes go before it is noted that they went, and only once their time is over.
        if row.keep_until is None or row.keep_until > now:
            yield f"{what}: its bytes are missing"
        return
    if size != row.size or digest != row.sha256:
        yield f"{what}: {size} bytes with SHA-256 {digest} lie in the store"


def _digest(store: BlobStore, blob_id: UUID) -> tuple[int, str]:
    """Size and SHA-256 of what lies in the store. Raises BlobMissing."""
    digest = sha256()
    size = 0
    for block in store.read(BlobId(blob_id)):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
