"""Accept what a rejection's report suggests: the contract changes, and the bytes are judged by it.

One transaction writes the revision and makes the quarantined bytes the file's next version, so that
neither is there without the other. The version is judged like any other; it corrects the rejected
one. A suggestion holds for the revision by which the delivery was judged, and for no later one.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId
from entrepot.db.tables import inspections
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NoSuggestion, SchemaInvalid, SuggestionOutdated
from entrepot.files.contract import (
    Contract,
    NewContract,
    add_revision,
    compare_with_contract,
    load_contract,
)
from entrepot.files.delivery.deliver import AcceptedDelivery, SuggestedOrigin
from entrepot.files.delivery.quarantine import find_quarantined_source
from entrepot.files.delivery.restore import RestoreSource, add_copy
from entrepot.grants.access import Manageable, access_manageable
from entrepot.schemas.compare_schemas import is_compatible
from entrepot.schemas.table_dialect import parse_dialect
from entrepot.schemas.table_schema import parse_schema
from entrepot.tasks.queue import TaskQueue


def find_suggested_source(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int, now: datetime
) -> RestoreSource:
    """The quarantined version whose report suggests a way out.

    Raises NotFound, NotAllowed, VersionNotRejected, QuarantineEnded if its bytes are gone,
    NoSuggestion, and SuggestionOutdated if the contract has changed since.
    """
    target = access_manageable(conn, actor, file_id)
    source, _ = _load(conn, load_contract(conn, target.file_id), number, now)
    return source


def accept_suggestion(
    conn: WriteConnection,
    target: Manageable,
    number: int,
    blob_id: BlobId,
    queue: TaskQueue,
    now: datetime,
) -> AcceptedDelivery:
    """Change the contract as the report of version `number` suggests, and make its bytes, which lie
    under `blob_id` too by now, the file's next version.

    The file is locked. Raises as `find_suggested_source` does, and FileTooLarge, QuotaExceeded.
    """
    contract = load_contract(conn, target.file_id)
    source, new = _load(conn, contract, number, now)
    actor = target.actor
    changes = [change.to_document() for change in compare_with_contract(contract, new)]
    revision = add_revision(conn, contract, new, changes, actor.user_id, now)
    detail = {"revision": revision, "changes": changes, "suggested_for": number}
    account_id, file_id = contract.account_id, contract.file_id
    current = contract.current_version
    record(conn, account_id, actor, "schema.change", now, file_id, current, detail)
    return add_copy(conn, target, source, blob_id, SuggestedOrigin(replaces=number), queue, now)


def _load(
    conn: ReadConnection, contract: Contract, number: int, now: datetime
) -> tuple[RestoreSource, NewContract]:
    source = find_quarantined_source(conn, contract.file_id, number, now)
    query = select(inspections.c.report, inspections.c.revision)
    row = conn.execute(query.where(inspections.c.version_id == source.blob_id)).one_or_none()
    suggested = row.report.get("suggested") if row is not None else None
    if row is None or suggested is None:
        raise NoSuggestion(version=number)
    if row.revision != contract.revision:
        raise SuggestionOutdated(number, revision=row.revision, current_revision=contract.revision)
    reading = replace(contract.reading, dialect=suggested["dialect"])
    new = NewContract(suggested["schema"], reading)
    if not _is_sound(contract, new):
        raise NoSuggestion(version=number)
    return source, new


def _is_sound(contract: Contract, new: NewContract) -> bool:
    """Whether what is suggested, by a sandbox process that had read an untrusted file, is a
    contract, and keeps what is valid."""
    try:
        parse_schema(new.schema)
        if new.reading.dialect is not None:
            parse_dialect(new.reading.dialect)
    except SchemaInvalid:
        return False
    return contract.schema is not None and is_compatible(compare_with_contract(contract, new))
