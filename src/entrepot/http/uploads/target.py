"""What an upload becomes: a new file, the next version of one, or only a validation.

A target is known in part before the bytes come, by the route; the fields of a form, or of a
resumable upload's metadata, complete it. The same three are the targets of both.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid
from entrepot.files.contract import (
    check_reading,
    load_terms,
    load_visible_terms,
    state_reading,
)
from entrepot.files.delivery.define import (
    Definition,
    check_description,
    check_file_name,
    define_file,
    parse_size_limit,
)
from entrepot.files.delivery.deliver import deliver_version
from entrepot.files.delivery.quarantine import check_replaced
from entrepot.files.delivery.uploads import Admission, AnyUpload, CommitContext, UploadTarget
from entrepot.files.delivery.validate import ValidationRequest, submit_validation
from entrepot.files.paths import check_path
from entrepot.grants.access import (
    Deliverable,
    access_deliverable,
    access_visible,
    require_delivering,
)
from entrepot.grants.link_use import require_delivery_left
from entrepot.http.deps import UnitOfWork
from entrepot.http.parameters import REPLACES, read_file_id
from entrepot.http.uploads.contract_fields import read_enforcement, read_reading
from entrepot.http.uploads.form import FIELD_LIMITS, UploadForm
from entrepot.http.uploads.tus_headers import read_metadata
from entrepot.schemas.reading.stated import DETECTED, StatedReading
from entrepot.tasks.records import TaskId
from entrepot_client.counts import counted

READING_FIELDS = ("table_dialect", "encoding")
"""The fields that say how deliveries are read."""
DEFINING_FIELDS = ("file_description", "file_size_limit", "enforce_schema", "path")
VALIDATION_FIELDS = ("file_description", "file_size_limit", "enforce_schema", *READING_FIELDS)
FIELDS = (*DEFINING_FIELDS, *READING_FIELDS)
CONTRACT_FIELDS = ("enforce_schema", "file_size_limit", *READING_FIELDS)
"""The fields that are a contract of their own, which the contract of a `file_id` excludes."""
METADATA_NAMES = ("filename", *FIELDS, "file_id", "replaces")
IGNORED_NAMES = ("filetype", "type", "name", "relativePath")
"""What common clients send of their own accord: the type is detected, the name is `filename`."""
MAX_OTHER_BYTES = 1_024
"""A name, or a value that is ignored but kept with the upload."""

Condition = Callable[[ReadConnection, Actor, UUID], None]
"""What a request demands of the file as it is, such as an If-Match; raises if it is not so."""


@dataclass(frozen=True)
class NewFile:
    """A new file and its first version; `definition` is known once the fields are."""

    definition: Definition | None = None
    fields: ClassVar[tuple[str, ...]] = FIELDS
    request_name: ClassVar[str | None] = "file.new"

    def admit(self, conn: WriteConnection, actor: Actor) -> Admission:
        """The sender's account, and the limit of the definition if it is known."""
        del conn
        return _sender_admission(actor, self.definition)

    def require_access(self, conn: ReadConnection, actor: Actor) -> None:
        """Whoever may write may define a file."""

    async def limit(self, form: UploadForm, name: str, work: UnitOfWork) -> int | None:
        """The bytes of `file_size_limit`. Raises FieldInvalid."""
        del work
        return parse_size_limit(form.text(name)) if name == "file_size_limit" else None

    async def with_form(self, form: UploadForm, work: UnitOfWork) -> UploadTarget:
        """The file with its contract. Raises FieldInvalid, SchemaInvalid, DialectInvalid."""
        definition = Definition(
            name=form.name_of_file(),
            description=check_description(form.text("file_description") or ""),
            size_limit=parse_size_limit(
                form.text("file_size_limit"), work.parts.settings.max_file_size
            ),
            enforcement=await read_enforcement(work, form.text("enforce_schema")),
            reading=await _reading(form, work),
            path=check_path(path) if (path := form.text("path")) else None,
        )
        return NewFile(definition)

    def commit(
        self, conn: WriteConnection, actor: Actor, upload: AnyUpload, context: CommitContext
    ) -> TaskId:
        """Make the file. Raises FileTooLarge, UploadInterrupted, PathTaken."""
        assert self.definition is not None
        now = context.clock()
        return define_file(conn, actor, self.definition, upload, context.queue, now).task_id


@dataclass(frozen=True)
class NextVersion:
    """The next version of a file that fulfils the `condition`; it may be a correction of the
    rejected version that it `replaces`.

    `file_id` is text as it was sent: a malformed one is refused as what never existed, after the
    key is checked. `file_name`, `replaces` and how the file is read are known once the fields are.
    A body that is sent to an id has no name (empty).
    """

    file_id: str
    condition: Condition | None = None
    file_name: str = ""
    replaces: int | None = None
    reading: StatedReading = DETECTED
    fields: ClassVar[tuple[str, ...]] = ("replaces", *READING_FIELDS)

    @property
    def request_name(self) -> str | None:
        """What is asked: a version of this file."""
        return f"version.new {self.file_id.lower()}"

    def admit(self, conn: WriteConnection, actor: Actor) -> Admission:
        """The file's account and limit. Raises NotFound, NotAllowed, PreconditionFailed,
        FieldInvalid, VersionNotRefused."""
        target = self._lock(conn, actor)
        contract = load_terms(conn, target.file_id)
        check_reading(contract, target, self.reading)
        return Admission(target.account_id, contract.size_limit, target.file_id)

    def require_access(self, conn: ReadConnection, actor: Actor) -> None:
        """Check that the actor may still deliver. Raises NotFound, NotAllowed."""
        require_delivering(access_visible(conn, actor, read_file_id(self.file_id)).rights)

    async def limit(self, form: UploadForm, name: str, work: UnitOfWork) -> int | None:
        """No field sets one: the file's own binds from the beginning."""
        del form, name, work
        return None

    async def with_form(self, form: UploadForm, work: UnitOfWork) -> UploadTarget:
        """The version by its file's name, what it replaces, and how the file is read. Raises
        FieldInvalid, DialectInvalid."""
        name, reading = form.name_of_file(), await _reading(form, work)
        replaces = REPLACES.read(form.text("replaces"), "replaces")
        return replace(self, file_name=name, replaces=replaces, reading=reading)

    def commit(
        self, conn: WriteConnection, actor: Actor, upload: AnyUpload, context: CommitContext
    ) -> TaskId:
        """Make the version, if the actor may deliver to the file as it is now. Raises what `admit`
        raises, FileTooLarge, UploadInterrupted."""
        target, name = self._lock(conn, actor), self.file_name
        queue, now = context.queue, context.clock()
        state_reading(conn, target, self.reading, now)
        return deliver_version(conn, target, name, upload, queue, now, self.replaces).task_id

    def _lock(self, conn: WriteConnection, actor: Actor) -> Deliverable:
        # Checked before the body, and again in the transaction that delivers.
        target = access_deliverable(conn, actor, read_file_id(self.file_id))
        if self.condition is not None:
            self.condition(conn, actor, target.file_id)
        if self.replaces is not None:
            check_replaced(conn, target, self.replaces)
        return target


@dataclass(frozen=True)
class LinkedVersion(NextVersion):
    """The next version of the file to which the sender has a link that delivers."""

    fields: ClassVar[tuple[str, ...]] = ()

    @property
    def request_name(self) -> str | None:
        """Nothing: an Idempotency-Key belongs to a user."""
        return None

    def _lock(self, conn: WriteConnection, actor: Actor) -> Deliverable:
        """The file, locked. Raises LinkEnded if the link has no delivery left."""
        target = super()._lock(conn, actor)
        require_delivery_left(conn, target)
        return target


@dataclass(frozen=True)
class ValidationOnly:
    """No version: a check of the bytes, which are then removed; `validation` is known once the
    fields are."""

    validation: ValidationRequest | None = None
    fields: ClassVar[tuple[str, ...]] = (*VALIDATION_FIELDS, "file_id")
    request_name: ClassVar[str | None] = None

    def admit(self, conn: WriteConnection, actor: Actor) -> Admission:
        """The sender's account, and the limit of the validation if it is known."""
        del conn
        return _sender_admission(actor, self.validation)

    def require_access(self, conn: ReadConnection, actor: Actor) -> None:
        """Whoever may write may have a file checked; its contract is looked up at the commit."""

    async def limit(self, form: UploadForm, name: str, work: UnitOfWork) -> int | None:
        """The bytes of `file_size_limit`, or of the file whose contract is to judge. Raises
        FieldInvalid, NotFound."""
        text = form.text(name) if name in ("file_size_limit", "file_id") else None
        if name == "file_size_limit":
            return parse_size_limit(text)
        return (
            (await work.read(load_visible_terms, read_file_id(text))).size_limit if text else None
        )

    async def with_form(self, form: UploadForm, work: UnitOfWork) -> UploadTarget:
        """The check by a contract of the form's own or of a file's. Raises FieldInvalid,
        SchemaInvalid, DialectInvalid, NotFound."""
        file_id = form.text("file_id") or None
        if file_id is not None:
            excluded = [name for name in CONTRACT_FIELDS if name in form.fields]
            if excluded:
                raise FieldInvalid(
                    excluded[0],
                    "must be left out with a file_id: the file has it.",
                )
        check_description(form.text("file_description") or "")
        has_limit = "file_size_limit" in form.fields
        max_bytes = work.parts.settings.max_file_size
        limit = (
            parse_size_limit(form.text("file_size_limit"), max_bytes) if has_limit else max_bytes
        )
        validation = ValidationRequest(
            name=form.name_of_file(),
            size_limit=limit,
            enforcement=await read_enforcement(work, form.text("enforce_schema")),
            reading=await _reading(form, work),
            file_id=read_file_id(file_id) if file_id is not None else None,
        )
        return ValidationOnly(validation)

    def commit(
        self, conn: WriteConnection, actor: Actor, upload: AnyUpload, context: CommitContext
    ) -> TaskId:
        """Make the check. Raises NotFound, FileTooLarge, UploadInterrupted."""
        assert self.validation is not None
        now = context.clock()
        return submit_validation(conn, actor, self.validation, upload, context.queue, now)


async def _reading(form: UploadForm, work: UnitOfWork) -> StatedReading:
    """How deliveries are read by the form. Raises DialectInvalid, FieldInvalid."""
    return await read_reading(work, form.text("table_dialect"), form.text("encoding"))


def _sender_admission(actor: Actor, request: Definition | ValidationRequest | None) -> Admission:
    return Admission(actor.account_id, request.size_limit if request is not None else None)


async def target_from_metadata(
    header: str, condition: Condition | None, work: UnitOfWork
) -> UploadTarget:
    """What the Upload-Metadata of a resumable upload asks for, by the rules of the form.

    Raises FieldInvalid, SchemaInvalid, DialectInvalid, NotFound.
    """
    metadata = read_metadata(header)
    for name, value in metadata.items():
        if name not in METADATA_NAMES + IGNORED_NAMES:
            known = ", ".join(METADATA_NAMES)
            field = name[:100].replace("\0", "")
            raise FieldInvalid(field, f"is unknown; names in Upload-Metadata are {known}.")
        limit = FIELD_LIMITS.get(name, MAX_OTHER_BYTES)
        if len(value) > limit:
            raise FieldInvalid(name, f"may have at most {counted(limit, 'byte')}.")
    form = UploadForm(
        {name: bytearray(metadata[name]) for name in METADATA_NAMES if name in metadata}
    )
    file_name = form.text("filename")
    if file_name is None:
        example = "Upload-Metadata: filename b3JkZXJzLmNzdg=="
        raise FieldInvalid("filename", "is required in Upload-Metadata.", example)
    form.file_name = check_file_name(file_name, "filename", "orders.csv, in base64")
    file_id = form.text("file_id") or None
    replaces = REPLACES.read(form.text("replaces"), "replaces")
    if file_id is None:
        if replaces is not None:
            raise FieldInvalid("replaces", "needs a file_id: it is a version of that file.")
        return await NewFile().with_form(form, work)
    for name in DEFINING_FIELDS:
        if name in form.fields:
            raise FieldInvalid(name, "must be left out with a file_id: the file has it.")
    read_file_id(file_id)
    return await NextVersion(file_id, condition).with_form(form, work)
