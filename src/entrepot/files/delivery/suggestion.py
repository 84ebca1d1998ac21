"""Accept what a rejection's report suggests: the contract changes, and the bytes are judged by it.

One transaction writes the revision and makes the quarantined bytes the file's next version, so that
neither is there without the other. The version is judged like any other; it corrects the rejected
one. A suggestion holds for the revision by which the delivery was judged, and for no later one.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId
from entrepot.db.tables import inspections
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import NoSuggestion, SuggestionOutdated
from entrepot.files.contract import (
    Contract,
    NewContract,
    add_revision,
    compare_with_contract,
    json_chars,
    load_contract,
    load_terms,
)
from entrepot.files.delivery.deliver import AcceptedDelivery, SuggestedOrigin
from entrepot.files.delivery.quarantine import find_quarantined_source
from entrepot.files.delivery.restore import RestoreSource, add_copy
from entrepot.grants.access import Manageable, access_manageable
from entrepot.schemas.changes import Change
from entrepot.schemas.compare_schemas import is_compatible
from entrepot.tasks.queue import TaskQueue


@dataclass(frozen=True)
class Suggestion:
    """What the report of a rejected version suggests, for the contract of that time; `chars` is how
    long its documents are. Nobody has parsed its schema."""

    version: int
    contract: Contract
    new: NewContract
    chars: int


@dataclass(frozen=True)
class SoundSuggestion:
    """A suggestion that was parsed, and what it changes of the contract: nothing that breaks."""

    suggestion: Suggestion
    changes: tuple[Change, ...]


def find_suggestion(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int, now: datetime
) -> tuple[RestoreSource, Suggestion]:
    """The quarantined version whose report suggests a way out, and the suggestion.

    Raises NotFound, NotAllowed, VersionNotRejected, QuarantineEnded if its bytes are gone,
    NoSuggestion, and SuggestionOutdated if the contract has changed since.
    """
    target = access_manageable(conn, actor, file_id)
    source = find_quarantined_source(conn, target.file_id, number, now)
    query = select(
        inspections.c.report,
        inspections.c.revision,
        json_chars(inspections.c.report).label("chars"),
    ).where(inspections.c.version_id == source.blob_id)
    row = conn.execute(query).one_or_none()
    suggested = row.report.get("suggested") if row is not None else None
    if row is None or suggested is None:
        raise NoSuggestion(version=number)
    contract = load_contract(conn, target.file_id)
    if row.revision != contract.revision:
        raise SuggestionOutdated(number, revision=row.revision, current_revision=contract.revision)
    new = NewContract(suggested["schema"], replace(contract.reading, dialect=suggested["dialect"]))
    return source, Suggestion(number, contract, new, row.chars + contract.schema_chars)


def check_suggestion(suggestion: Suggestion, schema_changes: tuple[Change, ...]) -> SoundSuggestion:
    """The suggestion with all that it changes, if it keeps what is valid. Raises NoSuggestion.

    A sandbox process made it that had read an untrusted file.
    """
    contract = suggestion.contract
    changes = compare_with_contract(contract, suggestion.new, schema_changes)
    if contract.schema is None or not is_compatible(changes):
        raise NoSuggestion(version=suggestion.version)
    return SoundSuggestion(suggestion, changes)


def accept_suggestion(
    conn: WriteConnection,
    target: Manageable,
    sound: SoundSuggestion,
    blob_id: BlobId,
    queue: TaskQueue,
    now: datetime,
) -> AcceptedDelivery:
    """Change the contract as is suggested, and make the bytes of the rejected version, which lie
    under `blob_id` too by now, the file's next version.

    The file is locked. Raises VersionNotRejected, QuarantineEnded, SuggestionOutdated,
    FileTooLarge, QuotaExceeded.
    """
    number, judged = sound.suggestion.version, sound.suggestion.contract.revision
    terms = load_terms(conn, target.file_id)
    source = find_quarantined_source(conn, terms.file_id, number, now)
    if terms.revision != judged:
        raise SuggestionOutdated(number, revision=judged, current_revision=terms.revision)
    changes = [change.to_document() for change in sound.changes]
    actor = target.actor
    revision = add_revision(conn, terms, sound.suggestion.new, changes, actor.user_id, now)
    detail = {"revision": revision, "changes": changes, "suggested_for": number}
    account_id, file_id = terms.account_id, terms.file_id
    current = terms.current_version
    record(conn, account_id, actor, "schema.change", now, file_id, current, detail)
    return add_copy(conn, target, source, blob_id, SuggestedOrigin(replaces=number), queue, now)
