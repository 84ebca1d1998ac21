"""What a resumable upload is to become by its metadata: a new file, or a further version of one."""

from dataclasses import dataclass
from uuid import UUID

from entrepot.accounts.actor import AccountId, Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid
from entrepot.files.contract import load_contract
from entrepot.files.delivery.define import Definition, check_file_name, define_file
from entrepot.files.delivery.deliver import deliver_version
from entrepot.files.delivery.quarantine import check_replaced
from entrepot.grants.access import (
    Deliverable,
    access_deliverable,
    access_visible,
    require_delivering,
)
from entrepot.http.api.file_document import require_match
from entrepot.http.api.uploads import FIELDS, read_definition, read_id
from entrepot.http.api.versions import read_number
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.form import FIELD_LIMITS, UploadForm
from entrepot.http.uploads.session import Admission
from entrepot.http.uploads.tus_headers import read_metadata
from entrepot.quotas.reserve import ReservationId, hide_owner_figures
from entrepot.quotas.upload_reservations import merge_reservations
from entrepot.tasks.records import TaskId

NAMES = ("filename", *FIELDS, "file_id", "replaces")
IGNORED = ("filetype", "type", "name", "relativePath")
"""What common clients tell of their own accord: the type is found out, the name is `filename`."""


@dataclass(frozen=True)
class Aim:
    """What an upload becomes once it is whole: a new file, or a further version of one, which may
    be a correction of the refused version that it `replaces`."""

    file_name: str
    definition: Definition | None
    file_id: UUID | None
    if_match: str | None
    replaces: int | None = None

    def admit(self, conn: WriteConnection, actor: Actor, largest: int) -> Admission:
        """Whose quota it takes, and what limit binds. Raises NotFound, PreconditionFailed."""
        if self.definition is not None:
            return Admission(actor.account_id, self.definition.size_limit)
        target = self._target(conn, actor)
        limit = min(largest, load_contract(conn, target.file_id).size_limit)
        return Admission(target.account_id, limit)

    def deliver(
        self,
        conn: WriteConnection,
        actor: Actor,
        blob_id: BlobId,
        stored: StoredBlob,
        reservation: ReservationId,
        holder: AccountId,
        work: UnitOfWork,
    ) -> TaskId:
        """Make the version; the right to deliver is checked as it is now.

        `holder` is the account that the reservation is of. Raises NotFound, PreconditionFailed,
        FileTooLarge; QuotaExceeded or OwnerQuotaExceeded where the file is another account's by
        now, without the room.
        """
        queue, now = work.parts.queue, work.parts.clock()
        if self.definition is not None:
            made = define_file(
                conn, actor, self.definition, blob_id, stored, reservation, queue, now
            )
            return made.task_id
        target, name = self._target(conn, actor), self.file_name
        if target.account_id != holder:
            held, size = [(holder, reservation)], stored.size
            with hide_owner_figures(actor.account_id, target.account_id):
                merge_reservations(conn, held, target.account_id, reservation, size, now)
        made = deliver_version(
            conn, target, name, blob_id, stored, reservation, queue, now, self.replaces
        )
        return made.task_id

    def check(self, conn: ReadConnection, actor: Actor) -> None:
        """See that the actor may still deliver there. Raises NotFound, NotAllowed."""
        if self.file_id is not None:
            require_delivering(access_visible(conn, actor, self.file_id).rights)

    def _target(self, conn: WriteConnection, actor: Actor) -> Deliverable:
        assert self.file_id is not None
        target = access_deliverable(conn, actor, self.file_id)
        require_match(conn, actor, target.file_id, self.if_match)
        if self.replaces is not None:
            check_replaced(conn, target, self.replaces)
        return target


def read_aim(told: str, if_match: str | None, work: UnitOfWork) -> Aim:
    """What the metadata asks for, by the rules of the form.

    Raises FieldInvalid, SchemaInvalid, DialectInvalid, NotFound.
    """
    metadata = read_metadata(told)
    for name, value in metadata.items():
        if name not in NAMES + IGNORED:
            known = ", ".join(NAMES)
            shown = name[:100].replace("\0", "")
            raise FieldInvalid(shown, f"is unknown; names in Upload-Metadata are {known}.")
        if len(value) > FIELD_LIMITS.get(name, 4096):
            raise FieldInvalid(name, f"may have at most {FIELD_LIMITS.get(name, 4096):,} bytes.")
    form = UploadForm({name: bytearray(metadata[name]) for name in NAMES if name in metadata})
    given = form.text("filename")
    if given is None:
        example = "Upload-Metadata: filename b3JkZXJzLmNzdg=="
        raise FieldInvalid("filename", "is required in Upload-Metadata.", example)
    form.file_name = check_file_name(given, "filename", "orders.csv, in base64")
    file_id = form.text("file_id") or None
    replaces = read_number(form.text("replaces"))
    if file_id is None and replaces is not None:
        raise FieldInvalid("replaces", "needs a file_id: it is a version of that file.")
    if file_id is None:
        return Aim(form.file_name, read_definition(form, work), None, if_match)
    for name in FIELDS:
        if name in form.fields:
            raise FieldInvalid(name, "is that of the file where a file_id is given.")
    return Aim(form.file_name, None, read_id(file_id), if_match, replaces)
