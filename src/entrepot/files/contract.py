"""A file's contract: what each delivery must keep, every revision of it, and the next one.

A revision is a schema with the dialect and the encoding by which deliveries are read. A new one
never takes effect unchecked. It is compared with the old one, breaking changes must
be accepted, and a background task validates the current version with it
(`files.processing.validation`). If the file changed meanwhile, it validates again or fails.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Row,
    Select,
    and_,
    exists,
    select,
    update,
)

from entrepot.accounts.actor import AccountId, Actor
from entrepot.activity.record import record
from entrepot.db.inserts import insert_row
from entrepot.db.locks import lock_rows_later
from entrepot.db.tables import checks, files, schema_revisions, versions
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter
from entrepot.errors import (
    BreakingChange,
    FieldInvalid,
    NotAllowed,
    SchemaInvalid,
)
from entrepot.files.versions import FileId
from entrepot.grants.access import Deliverable, access_manageable, access_visible, lock_manageable
from entrepot.inspection.results import Mode
from entrepot.schemas.changes import Change, breaking_change, compatible_change
from entrepot.schemas.compare_schemas import is_compatible
from entrepot.schemas.reading.compare_dialects import compare_readings
from entrepot.schemas.reading.contract_document import ContractDocument
from entrepot.schemas.reading.stated import StatedReading
from entrepot.tasks.queue import NewEntry, TaskQueue
from entrepot.tasks.records import TaskId, create_task
from entrepot.texts.json_text import JsonText, to_json_text

CHECK = "check.bytes"
"""The workflow's name in the queue; part of the task protocol."""
API_NAMES = {"dialect": "table_dialect", "encoding": "encoding"}
"""What is stated of how a file is read, and what forms call it."""
NOTHING_PUBLISHED = "nothing was published under the old contract"


@dataclass(frozen=True)
class NewContract:
    """What a request makes of a contract: a schema, and how deliveries are read from now on."""

    schema: JsonText
    reading: StatedReading


@dataclass(frozen=True)
class SchemaComparison:
    """What a new schema changes of the file's one of that revision (0: it had none)."""

    revision: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class ContractProposal:
    """What a request wants of a contract, and what that changes of the schema."""

    document: ContractDocument
    comparison: SchemaComparison


@dataclass(frozen=True)
class ContractTerms:
    """A file's contract as it stands, without its schema, which may be long; `size_limit` is bytes,
    `revision` 0 where it has no schema.

    `mode` says how it binds: a schema that was inferred and frozen binds as a given one does.
    `frozen`: it is such a one.
    `retention` is the rule by which versions are deleted (`files.cleanup.retention`).
    """

    file_id: FileId
    account_id: AccountId
    file_name: str
    size_limit: int
    mode: Mode
    frozen: bool
    revision: int
    reading: StatedReading
    current_version: int | None
    retention: dict[str, int] | None


@dataclass(frozen=True)
class Contract(ContractTerms):
    """A file's contract with its schema."""

    schema: JsonText | None


def load_terms(conn: ReadConnection, file_id: UUID) -> ContractTerms:
    """The contract of a file that is known to be there, without its schema."""
    return _terms_from_row(conn.execute(_terms_query(), {"file_id": file_id}).one())


def load_contract(conn: ReadConnection, file_id: UUID) -> Contract:
    """The contract of a file that is known to be there."""
    row = conn.execute(_contract_query(), {"file_id": file_id}).one()
    terms = vars(_terms_from_row(row))
    return Contract(**terms, schema=row.schema)


@cache
def _contract_query() -> Select[Any]:
    return _terms_query().add_columns(schema_revisions.c.schema)


@cache
def _terms_query() -> Select[Any]:
    """The file's row, beside its newest revision if it has one."""
    later = schema_revisions.alias("later")
    of_file = later.c.file_id == files.c.id, later.c.revision > schema_revisions.c.revision
    newest = and_(schema_revisions.c.file_id == files.c.id, ~exists().where(*of_file))
    joined = files.outerjoin(schema_revisions, newest)
    query = select(files, schema_revisions.c.revision).select_from(joined)
    return query.where(files.c.id == uuid_parameter("file_id"))


def _terms_from_row(row: Row[Any]) -> ContractTerms:
    return ContractTerms(
        file_id=FileId(row.id),
        account_id=AccountId(row.account_id),
        file_name=row.name,
        size_limit=row.size_limit,
        mode="given" if row.revision else row.enforcement,
        frozen=bool(row.revision) and row.enforcement == "infer",
        revision=row.revision or 0,
        reading=StatedReading(row.dialect, row.encoding),
        current_version=row.current_version,
        retention=row.retention,
    )


def load_visible_terms(conn: ReadConnection, actor: Actor, file_id: UUID) -> ContractTerms:
    """The contract of a file that the actor may see, without its schema. Raises NotFound."""
    return load_terms(conn, access_visible(conn, actor, file_id).file_id)


def load_visible_contract(conn: ReadConnection, actor: Actor, file_id: UUID) -> Contract:
    """The contract of a file that the actor may see. Raises NotFound."""
    return load_contract(conn, access_visible(conn, actor, file_id).file_id)


def require_changeable(conn: ReadConnection, actor: Actor, file_id: UUID) -> None:
    """Check that the actor may change the contract of a file. Raises NotFound, NotAllowed."""
    access_manageable(conn, actor, file_id)


def load_changeable_contract(conn: ReadConnection, actor: Actor, file_id: UUID) -> Contract:
    """The contract of a file that the actor may change. Raises NotFound, NotAllowed."""
    return load_contract(conn, access_manageable(conn, actor, file_id).file_id)


def complete_contract(contract: Contract, document: ContractDocument) -> NewContract:
    """The whole contract that a file is to have. Raises SchemaInvalid where it has no schema."""
    schema = document.schema if document.schema is not None else contract.schema
    if schema is None:
        raise SchemaInvalid("/schema", "it is required, since the file has none to keep")
    changed = {name: getattr(document.reading, name) for name in document.changed}
    return NewContract(schema, replace(contract.reading, **changed))


def compare_with_contract(
    contract: Contract, new: NewContract, schema_changes: tuple[Change, ...]
) -> tuple[Change, ...]:
    """What is changed of the contract, that it is enforced from now on included. `schema_changes`
    are those of the schema, if it has one."""
    if contract.schema is not None:
        changes = schema_changes
    else:
        what = f"enforcement: {contract.mode} → given"
        reason = "deliveries that break the schema are rejected from now on"
        changes = (breaking_change("", what, reason),)
        if contract.current_version is None:
            changes = (compatible_change("", what, NOTHING_PUBLISHED),)
    return (*changes, *compare_readings_of(contract, new.reading))


def compare_readings_of(contract: ContractTerms, reading: StatedReading) -> tuple[Change, ...]:
    """What is changed of how deliveries are read: nothing that breaks, if none was published."""
    changes = compare_readings(contract.reading, reading)
    if contract.current_version is not None:
        return changes
    return tuple(
        compatible_change(change.pointer, change.what, NOTHING_PUBLISHED) for change in changes
    )


class ComparisonOutdated(Exception):
    """The schema has changed since it was compared: the new one has to be compared again."""


def propose_contract(
    conn: WriteConnection,
    actor: Actor,
    file_id: UUID,
    proposal: ContractProposal,
    accept_breaking: bool,
    queue: TaskQueue,
    now: datetime,
) -> TaskId:
    """Have a new contract checked; it takes effect when the task succeeds.

    Raises NotFound, NotAllowed, SchemaInvalid where there is no schema to keep, ComparisonOutdated
    if the schema has changed since the comparison, and BreakingChange where it breaks something and
    that was not accepted.
    """
    lock_manageable(conn, actor, file_id)
    contract = load_contract(conn, file_id)
    if contract.revision != proposal.comparison.revision:
        raise ComparisonOutdated
    new = complete_contract(contract, proposal.document)
    changes = compare_with_contract(contract, new, proposal.comparison.changes)
    change_documents = [change.to_document() for change in changes]
    if not is_compatible(changes) and not accept_breaking:
        raise BreakingChange(changes=change_documents)
    task_id = TaskId(uuid4())
    size = _current_size(conn, contract)
    insert_row(
        conn,
        checks,
        id=uuid4(),
        task_id=task_id,
        account_id=contract.account_id,
        file_id=file_id,
        name=contract.file_name,
        mode="given",
        schema=new.schema,
        dialect=new.reading.dialect,
        encoding=new.reading.encoding,
        revision=contract.revision,
        changes=to_json_text(change_documents),
        created_by=actor.user_id,
        key_id=actor.key_id,
        created_at=now,
    )
    create_task(
        conn,
        task_id,
        contract.account_id,
        actor.user_id,
        kind="schema.change",
        file_id=file_id,
        version=None,
        total=size,
        now=now,
    )
    detail = {"after_revision": contract.revision, "task_id": str(task_id)}
    record(conn, contract.account_id, actor, "schema.propose", now, file_id, None, detail)
    entry = NewEntry(task_id, CHECK, contract.account_id, actor.user_id, size)
    queue.enqueue(conn, entry, now)
    return task_id


def add_revision(
    conn: WriteConnection,
    contract: ContractTerms,
    new: NewContract,
    changes: JsonText,
    user_id: UUID,
    now: datetime,
) -> int:
    """Make a schema, and how deliveries are read, the file's own from now on; its revision's
    number."""
    number = contract.revision + 1
    reading = asdict(new.reading)
    insert_row(
        conn,
        schema_revisions,
        file_id=contract.file_id,
        revision=number,
        source="given",
        schema=new.schema,
        version=contract.current_version,
        changes=changes,
        created_by=user_id,
        created_at=now,
        **reading,
    )
    conn.execute(
        update(files)
        .where(files.c.id == contract.file_id)
        .values(enforcement="given", updated_at=now, **reading)
    )
    return number


def check_reading(
    contract: ContractTerms, target: Deliverable, reading: StatedReading
) -> StatedReading:
    """How the file is to be read once a delivery states this; a part that is not stated stays.

    Raises NotAllowed for who may not change the contract, and FieldInvalid once a version is
    published: what is stated later is checked against that version.
    """
    before = contract.reading
    merged = StatedReading(
        before.dialect if reading.dialect is None else reading.dialect,
        before.encoding if reading.encoding is None else reading.encoding,
    )
    if merged == before:
        return merged
    if not target.rights.manages:
        raise NotAllowed(reason="only the owner of the file and admins state how it is read.")
    if contract.current_version is not None:
        field = "table_dialect" if merged.dialect != before.dialect else "encoding"
        reason = "is another than the file's, which has a published version; change it with PUT"
        raise FieldInvalid(field, f"{reason} /api/v1/file/{{file_id}}/schema.")
    return merged


def state_reading(
    conn: WriteConnection, target: Deliverable, reading: StatedReading, now: datetime
) -> None:
    """Say with a delivery how a file is read of which no version is published; the file is locked.
    Raises what `check_reading` raises."""
    terms = load_terms(conn, target.file_id)
    before, merged = terms.reading, check_reading(terms, target, reading)
    if merged == before:
        return
    contract = load_contract(conn, target.file_id)
    detail: dict[str, Any]
    if contract.schema is not None:
        action = "schema.change"
        compared = compare_readings_of(contract, merged)
        changes = to_json_text([change.to_document() for change in compared])
        new = NewContract(contract.schema, merged)
        number = add_revision(conn, contract, new, changes, target.actor.user_id, now)
        detail = {"revision": number, "changes": changes}
    else:
        action = "file.change"
        values = {**asdict(merged), "updated_at": now}
        conn.execute(update(files).where(files.c.id == contract.file_id).values(**values))
        detail = {
            API_NAMES[name]: {"from": getattr(before, name), "to": value}
            for name, value in asdict(merged).items()
            if value != getattr(before, name)
        }
    record(conn, contract.account_id, target.actor, action, now, contract.file_id, None, detail)


def lock_contract(conn: WriteConnection, file_id: UUID) -> Contract:
    """The contract, which stays as it is until the transaction's end."""
    lock_terms(conn, file_id)
    return load_contract(conn, file_id)


def lock_terms(conn: WriteConnection, file_id: UUID) -> ContractTerms:
    """As `lock_contract`, without the schema."""
    lock_rows_later(conn, _lock_query, {"file_id": file_id})
    return load_terms(conn, file_id)


@cache
def _lock_query() -> Select[Any]:
    query = select(files.c.id).where(files.c.id == uuid_parameter("file_id"))
    return query.with_for_update(key_share=True)


def _current_size(conn: ReadConnection, contract: Contract) -> int:
    current = versions.c.file_id == contract.file_id, versions.c.number == contract.current_version
    return conn.scalar(select(versions.c.size).where(*current)) or 0
