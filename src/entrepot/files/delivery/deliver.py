"""Deliver a further version of a file: the commit point of such an upload.

As for a first version (`files.delivery.define`), the bytes are already durable in the blob store.
The file is locked meanwhile: two concurrent deliveries get two numbers, in the order in which they
are acknowledged, and are inspected in that order.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.inserts import insert_row
from entrepot.db.tables import versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FileTooLarge
from entrepot.files.contract import load_terms
from entrepot.files.delivery.uploads import AnyUpload
from entrepot.files.versions import UNDECIDED_STATUSES, FileId
from entrepot.grants.access import Deliverable, access_visible, visible_versions
from entrepot.tasks.queue import NewEntry, TaskQueue
from entrepot.tasks.records import TaskId, create_task

INSPECT = "inspect.version"
"""The workflow's name in the queue; part of the task protocol."""


@dataclass(frozen=True)
class Origin:
    """What a version has to do with an earlier one of its file, by that one's number.

    Its bytes were `restored_from` a published one, or `accepted_from` a quarantined one for a
    `reason`; or they were uploaded, and it `replaces` a quarantined one.
    """

    restored_from: int | None = None
    accepted_from: int | None = None
    reason: str | None = None
    replaces: int | None = None

    @property
    def kind(self) -> str:
        """What the task is called that decides on such a version."""
        if self.restored_from is not None:
            return "version.restore"
        return "version.new" if self.accepted_from is None else "version.accept"


class SuggestedOrigin(Origin):
    """Of a version whose bytes are those of the quarantined one that it `replaces`, by a contract
    that was changed as the report on that one suggested."""

    @property
    def kind(self) -> str:
        """As of `Origin`."""
        return "version.accept-suggestion"


NO_ORIGIN = Origin()


@dataclass(frozen=True)
class AcceptedDelivery:
    """A delivery that is acknowledged: the task that will decide on it."""

    task_id: TaskId
    file_id: FileId
    version: int


@dataclass(frozen=True)
class NewVersion:
    """A version that is to be made: what is acknowledged, its bytes and the account that they count
    for, and the `kind` of its task."""

    accepted: AcceptedDelivery
    account_id: UUID
    blob_id: BlobId
    stored: StoredBlob
    kind: str
    origin: Origin = NO_ORIGIN


def deliver_version(
    conn: WriteConnection,
    target: Deliverable,
    file_name: str,
    upload: AnyUpload,
    queue: TaskQueue,
    now: datetime,
    replaces: int | None = None,
) -> AcceptedDelivery:
    """Make the file's next version, which waits for inspection.

    `file_name` is what the sender calls it; the file keeps its own name. `replaces` is the number
    of the quarantined version that this is a correction of (`quarantine.check_replaced`). Raises
    FileTooLarge if what was stored exceeds the contract as it stands, UploadInterrupted if the
    reservation is gone.
    """
    stored, limit = upload.stored, load_terms(conn, target.file_id).size_limit
    if stored.size > limit:
        raise FileTooLarge(limit=limit, requested=stored.size)
    accepted = next_delivery(conn, target.file_id)
    actor, account_id, origin = target.actor, target.account_id, Origin(replaces=replaces)
    new_version = NewVersion(accepted, account_id, upload.blob_id, stored, origin.kind, origin)
    add_version(conn, actor, new_version, queue, now)
    detail = {"file_name": file_name, "size": stored.size, "sha256": stored.sha256}
    if replaces is not None:
        detail["replaces"] = replaces
    number, file_id = accepted.version, accepted.file_id
    record(conn, account_id, actor, "version.deliver", now, file_id, number, detail)
    # Last: what comes to the account beside this waits for its row from here on.
    upload.settle(conn, actor, account_id, now)
    return accepted


def next_delivery(conn: WriteConnection, file_id: UUID) -> AcceptedDelivery:
    """A task's id, and the number after the highest that the file, which is locked, has given."""
    return AcceptedDelivery(TaskId(uuid4()), FileId(file_id), highest_number(conn, file_id) + 1)


def highest_number(conn: ReadConnection, file_id: UUID, *conditions: ColumnElement[bool]) -> int:
    """The highest number of a version of the file (one of `conditions`), any status; 0: none."""
    query = select(func.max(versions.c.number)).where(versions.c.file_id == file_id, *conditions)
    return conn.scalar(query) or 0


def newest_visible_number(conn: ReadConnection, actor: Actor, file_id: UUID) -> int:
    """As `highest_number`, of the versions that the actor may see; who may both read and
    deliver sees each delivery. Raises NotFound."""
    target = access_visible(conn, actor, file_id)
    sees_all = target.rights.reads and target.rights.writes
    return highest_number(conn, file_id, *(() if sees_all else (visible_versions(target),)))


def has_undecided_version(conn: ReadConnection, file_id: UUID) -> bool:
    """Whether a version of the file waits for its verdict."""
    undecided = versions.c.status.in_(UNDECIDED_STATUSES)
    return highest_number(conn, file_id, undecided) > 0


def add_version(
    conn: WriteConnection, actor: Actor, new: NewVersion, queue: TaskQueue, now: datetime
) -> None:
    """Write the version's row and its task, and enqueue the work; the account has its bytes."""
    accepted = new.accepted
    insert_row(
        conn,
        versions,
        id=new.blob_id,
        file_id=accepted.file_id,
        account_id=new.account_id,
        number=accepted.version,
        status="received",
        size=new.stored.size,
        sha256=new.stored.sha256,
        media_type="application/octet-stream",
        created_by=actor.answering_user_id,
        link_id=actor.link.link_id if actor.link is not None else None,
        created_at=now,
        task_id=accepted.task_id,
        **asdict(new.origin),
    )
    create_task(
        conn,
        accepted.task_id,
        new.account_id,
        actor.answering_user_id,
        kind=new.kind,
        file_id=accepted.file_id,
        version=accepted.version,
        total=new.stored.size,
        now=now,
    )
    entry = NewEntry(
        accepted.task_id,
        INSPECT,
        new.account_id,
        actor.user_id,
        new.stored.size,
        accepted.file_id,
        accepted.version,
    )
    queue.enqueue(conn, entry, now)
