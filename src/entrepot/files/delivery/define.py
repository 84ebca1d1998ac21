"""Define a new file with its first version: the commit point of an upload.

By now the bytes lie durably in the blob store under the version's id, and nothing names them.
One transaction makes the file, its contract, the version that waits, the task, the quota's exact
figure and the activity row, and enqueues the work; after it the delivery is acknowledged.
"""

import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.db.inserts import insert_row
from entrepot.db.tables import files, schema_revisions
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid, FileTooLarge
from entrepot.files.delivery.deliver import AcceptedDelivery, NewVersion, add_version
from entrepot.files.delivery.uploads import AnyUpload
from entrepot.files.names import fold_name
from entrepot.files.paths import claim_path
from entrepot.files.versions import FileId
from entrepot.schemas.enforcement import Enforcement
from entrepot.schemas.reading.stated import DETECTED, StatedReading
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import TaskId
from entrepot.texts import check_text
from entrepot_client.counts import counted

MAX_NAME_CHARS = 255
"""As many as file systems take (ext4, NTFS), so that a download keeps its name."""
MAX_DESCRIPTION_CHARS = 10_000
"""A few pages."""
MAX_SIZE_LIMIT_BYTES = 2**63 - 1
"""What a BIGINT column of either database holds."""


@dataclass(frozen=True)
class Definition:
    """A file's contract as its sender gave it; `size_limit` is bytes, `reading` how its deliveries
    are read as far as that is stated, `path` its address in its account, if it has one."""

    name: str
    description: str
    size_limit: int
    enforcement: Enforcement
    reading: StatedReading = DETECTED
    path: str | None = None


def check_file_name(name: str, field: str = "file", example: str = 'filename="orders.csv"') -> str:
    """The name in Unicode's NFC, if it is sound (1 to 255 characters). Raises FieldInvalid."""
    normalized = unicodedata.normalize("NFC", name)
    reason = None
    if not normalized or len(normalized) > MAX_NAME_CHARS:
        reason = (
            f"the file name must have 1 to {MAX_NAME_CHARS} characters; it has {len(normalized)}."
        )
    elif normalized in (".", ".."):
        reason = "the file name must not be . or .."
    elif any(char in "/\\" for char in normalized):
        reason = "the file name must not contain path separators."
    if reason:
        raise FieldInvalid(field=field, reason=reason, example=example)
    return check_text(normalized, field, MAX_NAME_CHARS, one_line=True)


def check_description(text: str) -> str:
    """A sound description of at most 10,000 characters. Raises FieldInvalid."""
    return check_text(text, "file_description", MAX_DESCRIPTION_CHARS, one_line=False)


def parse_size_limit(text: str | None, max_bytes: int = MAX_SIZE_LIMIT_BYTES) -> int:
    """A size limit in bytes from plain digits, 1 to `max_bytes`. Raises FieldInvalid."""
    example = "100000"
    if text is None or text == "":
        raise FieldInvalid(
            "file_size_limit", "is required: the most bytes a delivery may have.", example
        )
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise FieldInvalid("file_size_limit", "must be a number of bytes in plain digits.", example)
    limit = int(text)
    if limit < 1 or limit > max_bytes:
        raise FieldInvalid(
            "file_size_limit", f"must lie between 1 and {counted(max_bytes, 'byte')}.", example
        )
    return limit


def define_file(
    conn: WriteConnection,
    actor: Actor,
    definition: Definition,
    upload: AnyUpload,
    queue: TaskQueue,
    now: datetime,
    file_id: UUID | None = None,
) -> AcceptedDelivery:
    """Make the file and its first version, which waits for inspection.

    Raises FileTooLarge if what was stored exceeds the contract, UploadInterrupted if the
    reservation is gone, PathTaken.
    """
    account_id, stored = actor.account_id, upload.stored
    if stored.size > definition.size_limit:
        raise FileTooLarge(limit=definition.size_limit, requested=stored.size)
    new_id = FileId(file_id or uuid4())
    path = definition.path
    accepted = AcceptedDelivery(TaskId(uuid4()), new_id, version=1)
    insert_row(
        conn,
        files,
        id=new_id,
        account_id=account_id,
        owner_id=actor.user_id,
        name=definition.name,
        name_key=fold_name(definition.name),
        path=path,
        path_key=claim_path(conn, account_id, path) if path is not None else None,
        description=definition.description,
        size_limit=definition.size_limit,
        enforcement=definition.enforcement.mode,
        created_at=now,
        updated_at=now,
        **asdict(definition.reading),
    )
    _save_given_schema(conn, actor, accepted, definition, now)
    new_version = NewVersion(accepted, account_id, upload.blob_id, stored, "file.new")
    add_version(conn, actor, new_version, queue, now)
    detail = {"file_name": definition.name, "size": stored.size, "sha256": stored.sha256}
    if path is not None:
        detail["path"] = path
    record(conn, account_id, actor, "file.define", now, new_id, accepted.version, detail)
    # Last: what comes to the account beside this waits for its row from here on.
    upload.settle(conn, actor, account_id, now)
    return accepted


def _save_given_schema(
    conn: WriteConnection,
    actor: Actor,
    accepted: AcceptedDelivery,
    definition: Definition,
    now: datetime,
) -> None:
    schema = definition.enforcement.schema
    if schema is None:
        return
    insert_row(
        conn,
        schema_revisions,
        file_id=accepted.file_id,
        revision=1,
        source="given",
        schema=schema,
        version=None,
        created_by=actor.user_id,
        created_at=now,
        **asdict(definition.reading),
    )
