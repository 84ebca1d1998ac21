"""Accept what a rejection's report suggests: the contract changes, and the bytes are judged by it.

One transaction writes the revision and makes the quarantined bytes the file's next version, so that
neither is there without the other. The version is judged like any other; it corrects the rejected
one. A suggestion holds for the revision by which the delivery was judged, and for no later one.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId
from entrepot.db.tables import inspections
from entrepot.db.types import ReadConnection, WriteConnection, json_member
from entrepot.errors import NoSuggestion, SuggestionOutdated
from entrepot.files.contract import (
    Contract,
    NewContract,
    add_revision,
    compare_with_contract,
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
from entrepot.texts.json_text import JsonText, to_json_text


@dataclass(frozen=True)
class Suggestion:
    """What the report of a rejected version suggests, for the contract of that time. Nobody has
    parsed its schema, or its dialect (None: it suggests none)."""

    version: int
    contract: Contract
    schema: JsonText
    dialect: JsonText | None

    @property
    def chars(self) -> int:
        """How long its documents are together."""
        documents = self.contract.schema, self.schema, self.dialect
        return sum(len(each) for each in documents if each is not None)


@dataclass(frozen=True)
class SoundSuggestion:
    """A suggestion that was parsed, and what it changes of the contract: nothing that breaks."""

    suggestion: Suggestion
    new: NewContract
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
        json_member(inspections.c.report, "suggested", "schema").label("schema"),
        json_member(inspections.c.report, "suggested", "dialect").label("dialect"),
        inspections.c.revision,
    ).where(inspections.c.version_id == source.blob_id)
    row = conn.execute(query).one_or_none()
    if row is None or row.schema is None:
        raise NoSuggestion(version=number)
    contract = load_contract(conn, target.file_id)
    if row.revision != contract.revision:
        raise SuggestionOutdated(number, revision=row.revision, current_revision=contract.revision)
    return source, Suggestion(number, contract, row.schema, row.dialect)


def check_suggestion(suggestion: Suggestion, schema_changes: tuple[Change, ...]) -> SoundSuggestion:
    """The suggestion with all that it changes, if it keeps what is valid. Raises NoSuggestion.

    A sandbox process made it that had read an untrusted file.
    """
    contract = suggestion.contract
    # Of at most `MAX_DIALECT_BYTES`.
    dialect = json.loads(suggestion.dialect) if suggestion.dialect is not None else None
    new = NewContract(suggestion.schema, replace(contract.reading, dialect=dialect))
    changes = compare_with_contract(contract, new, schema_changes)
    if contract.schema is None or not is_compatible(changes):
        raise NoSuggestion(version=suggestion.version)
    return SoundSuggestion(suggestion, new, changes)


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
    changes = to_json_text([change.to_document() for change in sound.changes])
    actor = target.actor
    revision = add_revision(conn, terms, sound.new, changes, actor.user_id, now)
    detail = {"revision": revision, "changes": changes, "suggested_for": number}
    account_id, file_id = terms.account_id, terms.file_id
    current = terms.current_version
    record(conn, account_id, actor, "schema.change", now, file_id, current, detail)
    return add_copy(conn, target, source, blob_id, SuggestedOrigin(replaces=number), queue, now)
