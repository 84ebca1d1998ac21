"""A file's contract: what each delivery must keep, every revision of its schema, and the next one.

A new schema never takes effect unchecked. It is compared with the old one, breaking changes must
be accepted, and a background task validates the current version with it
(`files.processing.validation`). If the file changed meanwhile, it validates again or fails.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from entrepot.accounts.actor import AccountId, Actor
from entrepot.activity.record import record
from entrepot.db.tables import accounts, checks, files, schema_revisions, users, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import BreakingChange, NotFound
from entrepot.files.versions import FileId
from entrepot.grants.access import access_visible, lock_manageable
from entrepot.inspection.results import Mode
from entrepot.schemas.changes import Change, Effect, breaking_change, compatible_change
from entrepot.schemas.compare_schemas import compare_schemas, is_compatible
from entrepot.schemas.model import TableSchema
from entrepot.schemas.table_schema import to_document
from entrepot.tasks.queue import TaskQueue
from entrepot.tasks.records import TaskId, create_task

CHECK = "check.bytes"
"""The workflow's name in the queue; part of the task protocol."""


@dataclass(frozen=True)
class Contract:
    """A file's contract as it stands; `size_limit` is bytes, `revision` 0 where it has no schema.

    `mode` says how it binds: a schema that was inferred and frozen binds as a given one does.
    """

    file_id: FileId
    account_id: AccountId
    file_name: str
    size_limit: int
    mode: Mode
    schema: dict[str, Any] | None
    revision: int
    dialect: dict[str, Any] | None
    current_version: int | None


@dataclass(frozen=True)
class Revision:
    """One schema that the file has had. `version` is the one that it was inferred from, or that
    was held against it; `changes` is None for a first schema."""

    number: int
    source: Literal["given", "inferred"]
    schema: dict[str, Any]
    version: int | None
    changes: list[dict[str, Any]] | None
    user_name: str
    created_at: datetime

    @property
    def effect(self) -> Effect | None:
        """Whether it was compatible with the one before, or breaking; None for a first."""
        if self.changes is None:
            return None
        broken = any(change["effect"] == "breaking" for change in self.changes)
        return "breaking" if broken else "compatible"


def load_contract(conn: ReadConnection, file_id: UUID) -> Contract:
    """The contract of a file that is known to be there."""
    row = conn.execute(select(files).where(files.c.id == file_id)).one()
    newest = conn.execute(
        select(schema_revisions.c.revision, schema_revisions.c.schema)
        .where(schema_revisions.c.file_id == file_id)
        .order_by(schema_revisions.c.revision.desc())
        .limit(1)
    ).one_or_none()
    return Contract(
        file_id=FileId(row.id),
        account_id=AccountId(row.account_id),
        file_name=row.name,
        size_limit=row.size_limit,
        mode="given" if newest else row.enforcement,
        schema=newest.schema if newest else None,
        revision=newest.revision if newest else 0,
        dialect=row.dialect,
        current_version=row.current_version,
    )


def load_visible_contract(conn: ReadConnection, actor: Actor, file_id: UUID) -> Contract:
    """The contract of a file that the actor may know of. Raises NotFound."""
    return load_contract(conn, access_visible(conn, actor, file_id).file_id)


def list_schema_revisions(conn: ReadConnection, actor: Actor, file_id: UUID) -> list[Revision]:
    """Every schema of a file that the actor may know of, the newest first. Raises NotFound."""
    target = access_visible(conn, actor, file_id)
    query = (
        select(
            schema_revisions, users.c.name.label("user_name"), accounts.c.name.label("account_name")
        )
        .join(users, users.c.id == schema_revisions.c.created_by)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where(schema_revisions.c.file_id == file_id)
        .order_by(schema_revisions.c.revision.desc())
    )
    return [
        Revision(
            number=row.revision,
            source=row.source,
            schema=row.schema,
            version=row.version if target.rights.reads else None,
            changes=row.changes,
            user_name=f"{row.account_name}:{row.user_name}",
            created_at=row.created_at,
        )
        for row in conn.execute(query)
    ]


def compare_with_contract(contract: Contract, schema: dict[str, Any]) -> tuple[Change, ...]:
    """What a new schema changes of the contract, that it is enforced from now on included."""
    if contract.schema is not None:
        return compare_schemas(contract.schema, schema)
    what = f"enforcement: {contract.mode} → given"
    if contract.current_version is None:
        return (compatible_change("", what, "nothing was published under the old contract"),)
    reason = "deliveries that break the schema are rejected from now on"
    return (breaking_change("", what, reason),)


def propose_schema(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    schema: TableSchema,
    accept_breaking: bool,
    queue: TaskQueue,
    now: datetime,
) -> TaskId:
    """Have a new schema checked; it takes effect when the task succeeds.

    Raises NotFound, NotAllowed, and BreakingChange where it breaks something and that was not
    accepted.
    """
    lock_manageable(conn, actor, file_id)
    contract = load_contract(conn, file_id)
    document = to_document(schema)
    changes = compare_with_contract(contract, document)
    change_documents = [change.to_document() for change in changes]
    if not is_compatible(changes) and not accept_breaking:
        raise BreakingChange(changes=change_documents)
    task_id = TaskId(uuid4())
    conn.execute(
        insert(checks).values(
            id=uuid4(),
            task_id=task_id,
            account_id=contract.account_id,
            file_id=file_id,
            name=contract.file_name,
            mode="given",
            schema=document,
            dialect=contract.dialect,
            revision=contract.revision,
            changes=change_documents,
            created_by=actor.user_id,
            key_id=actor.key_id,
            created_at=now,
        )
    )
    create_task(
        conn,
        task_id,
        contract.account_id,
        actor.user_id,
        kind="schema.change",
        file_id=file_id,
        version=None,
        total=_current_size(conn, contract),
        now=now,
    )
    detail = {"after_revision": contract.revision, "task_id": str(task_id)}
    record(conn, contract.account_id, actor, "schema.propose", now, file_id, None, detail)
    queue.enqueue(conn, CHECK, task_id, contract.account_id)
    return task_id


def add_revision(
    conn: WriteConnection,
    contract: Contract,
    schema: dict[str, Any],
    changes: list[dict[str, Any]],
    user_id: UUID,
    now: datetime,
) -> int:
    """Make a schema the file's own from now on; its revision's number."""
    number = contract.revision + 1
    conn.execute(
        insert(schema_revisions).values(
            file_id=contract.file_id,
            revision=number,
            source="given",
            schema=schema,
            version=contract.current_version,
            changes=changes,
            created_by=user_id,
            created_at=now,
        )
    )
    conn.execute(
        update(files)
        .where(files.c.id == contract.file_id)
        .values(enforcement="given", updated_at=now)
    )
    return number


def revise_contract(
    conn: WriteConnection,
    contract: Contract,
    schema: dict[str, Any],
    dialect: dict[str, Any] | None,
    changes: list[dict[str, Any]],
    user_id: UUID,
    now: datetime,
) -> int:
    """Make a schema and a dialect the file's own from now on; their revision's number."""
    number = add_revision(conn, contract, schema, changes, user_id, now)
    if dialect != contract.dialect:
        this = files.c.id == contract.file_id
        conn.execute(update(files).where(this).values(dialect=dialect))
    return number


def lock_contract(conn: WriteConnection, file_id: UUID) -> Contract:
    """The contract, which stays as it is until the transaction's end."""
    # SQLite's writer holds the whole database already and ignores FOR UPDATE. Without the key:
    # rows that refer to the file need not wait.
    conn.execute(select(files.c.id).where(files.c.id == file_id).with_for_update(key_share=True))
    return load_contract(conn, file_id)


def find_revision(revisions: list[Revision], number: int | None) -> Revision | None:
    """The revision of that number, the newest by default; None where there is none at all.

    Raises NotFound for a number that the file has not had.
    """
    if number is None:
        return revisions[0] if revisions else None
    for revision in revisions:
        if revision.number == number:
            return revision
    raise NotFound


def _current_size(conn: ReadConnection, contract: Contract) -> int:
    current = versions.c.file_id == contract.file_id, versions.c.number == contract.current_version
    return conn.scalar(select(versions.c.size).where(*current)) or 0
