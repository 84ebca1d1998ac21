"""Take bytes to be validated: the commit point of an upload that makes no version.

As for a delivery (`files.delivery.define`), the bytes are already durable in the blob store. One
transaction creates the validation, its task and its activity row, and settles the quota. The bytes
count until the validation has ended and they are removed.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.db.inserts import insert_row
from entrepot.db.tables import checks
from entrepot.db.types import WriteConnection
from entrepot.errors import FileTooLarge
from entrepot.files.contract import CHECK, load_visible_contract
from entrepot.files.delivery.uploads import AnyUpload
from entrepot.inspection.results import Mode
from entrepot.schemas.enforcement import Enforcement
from entrepot.schemas.reading.stated import DETECTED, StatedReading
from entrepot.tasks.queue import NewEntry, TaskQueue
from entrepot.tasks.records import TaskId, create_task


@dataclass(frozen=True)
class ValidationRequest:
    """What is to be judged by what: a contract of its own, or that of the file `file_id`.

    `size_limit` is bytes; with a `file_id` the file's own binds too.
    """

    name: str
    size_limit: int
    enforcement: Enforcement
    reading: StatedReading = DETECTED
    file_id: UUID | None = None


def submit_validation(
    conn: WriteConnection,
    actor: Actor,
    request: ValidationRequest,
    upload: AnyUpload,
    queue: TaskQueue,
    now: datetime,
) -> TaskId:
    """Make the check, which waits for inspection.

    A file's contract counts as it stands now. Raises NotFound for a file that the actor may not
    know of, FileTooLarge, and UploadInterrupted if the reservation is gone.
    """
    mode: Mode = request.enforcement.mode
    schema = request.enforcement.schema
    reading, limit = request.reading, request.size_limit
    if request.file_id is not None:
        contract = load_visible_contract(conn, actor, request.file_id)
        mode, schema, reading = contract.mode, contract.schema, contract.reading
        limit = min(limit, contract.size_limit)
    stored = upload.stored
    if stored.size > limit:
        raise FileTooLarge(limit=limit, requested=stored.size)
    task_id = TaskId(uuid4())
    insert_row(
        conn,
        checks,
        id=upload.blob_id,
        task_id=task_id,
        account_id=actor.account_id,
        file_id=request.file_id,
        name=request.name,
        mode=mode,
        schema=schema,
        size=stored.size,
        sha256=stored.sha256,
        created_by=actor.user_id,
        key_id=actor.key_id,
        created_at=now,
        **asdict(reading),
    )
    create_task(
        conn,
        task_id,
        actor.account_id,
        actor.user_id,
        kind="file.validate",
        file_id=request.file_id,
        version=None,
        total=stored.size,
        now=now,
    )
    detail = {"file_name": request.name, "size": stored.size, "sha256": stored.sha256}
    record(conn, actor.account_id, actor, "file.validate", now, request.file_id, None, detail)
    entry = NewEntry(task_id, CHECK, actor.account_id, actor.user_id, stored.size)
    queue.enqueue(conn, entry, now)
    # Last: what comes to the account beside this waits for its row from here on.
    upload.settle(conn, actor, actor.account_id, now)
    return task_id
