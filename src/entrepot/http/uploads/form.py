"""Receive one file with its form fields, in any order, while its bytes stream in.

What the fields mean is for the route; here they are bounded, decoded and known by name, and the
file goes to a `UploadSession`. Nothing is made before every field is known and sound.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import Request

from entrepot.errors import EntrepotError, FieldInvalid, FileTooLarge, ShuttingDown
from entrepot.files.delivery.define import check_file_name
from entrepot.files.delivery.uploads import (
    AnyUpload,
    KeyedReply,
    UnclaimedReply,
    UploadTarget,
)
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.body import content_length, reject_encoded
from entrepot.http.uploads.body_upload import BodyUpload
from entrepot.http.uploads.digest import StatedDigests, read_digests
from entrepot.http.uploads.idempotency import fingerprint, idempotency_key
from entrepot.http.uploads.multipart import Event, FormReader, PartBegin, PartData, boundary_of
from entrepot.http.uploads.small import open_uploads
from entrepot.schemas.reading.stated import MAX_DIALECT_BYTES
from entrepot.tasks.records import TaskId
from entrepot_client.counts import counted

FIELD_LIMITS = {
    "file_description": 4 * 10_000,
    "file_size_limit": 64,
    "enforce_schema": 1024 * 1024,
    "table_dialect": MAX_DIALECT_BYTES,
    "encoding": 256,
    "file_id": 64,
    "path": 1024,
    "replaces": 16,
    "contract": 16,
    "schema": 1024 * 1024,
    "schema_file": 1024 * 1024,
    "only_check": 16,
}
"""The fields that a form may have beside `file`, and the bytes of each; the last four are the
page's, which has one field for each way to give a contract."""
MAX_OVERHEAD_BYTES = sum(FIELD_LIMITS.values()) + 1024 * 1024
"""Bytes of a form that are not the file, at the very most: what a stated length may exceed."""


@dataclass
class UploadForm:
    """The fields as far as they have come, and where the file part stands.

    A wrong limit is a `refusal` of the whole form, but not before the other fields have come, which
    a page shows again: it is raised at the end, or as the file begins.
    """

    fields: dict[str, bytearray] = field(default_factory=dict)
    file_name: str | None = None
    digests: StatedDigests = field(default_factory=lambda: read_digests(()))
    current_field: str | None = None
    refusal: EntrepotError | None = None

    def clear(self) -> None:
        """Forget what has come, before all of it comes again."""
        self.fields.clear()
        self.file_name = self.current_field = self.refusal = None
        self.digests = read_digests(())

    def raise_refusal(self) -> None:
        """Raise FieldInvalid or FileTooLarge if a limit is wrong or exceeded."""
        if self.refusal is not None:
            raise self.refusal

    def text(self, name: str) -> str | None:
        """A field's text; None if it did not come. Raises FieldInvalid."""
        raw = self.fields.get(name)
        if raw is None:
            return None
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise FieldInvalid(field=name, reason="is not UTF-8.") from None

    def name_of_file(self) -> str:
        """The file's name. Raises FieldInvalid if no file came."""
        if self.file_name is None:
            example = "--form 'file=@\"orders.csv\"'"
            raise FieldInvalid(field="file", reason="is required.", example=example)
        return self.file_name


class FormTarget(UploadTarget, Protocol):
    """A target that a form completes: it is known in part before the body, by the route."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the form may have beside `file`."""
        ...

    @property
    def request_name(self) -> str | None:
        """What is asked beside the form, if the request may be repeated by an Idempotency-Key."""
        ...

    async def limit(self, form: UploadForm, name: str, work: UnitOfWork) -> int | None:
        """The most bytes that the file may have by the field `name`, which has come; None: any.

        Raises FieldInvalid, NotFound.
        """
        ...

    async def with_form(self, form: UploadForm, work: UnitOfWork) -> UploadTarget:
        """The target with what the whole form says.

        Raises FieldInvalid, SchemaInvalid, DialectInvalid, NotFound.
        """
        ...


async def receive_form(
    request: Request,
    work: UnitOfWork,
    target: FormTarget,
    form: UploadForm | None = None,
    key: str | None = None,
) -> TaskId:
    """Take the form as it streams in; it is done as a whole, or nothing stays. The task of it.

    `form` is filled as far as it comes. `key` is used where the request has no Idempotency-Key.
    Raises what is wrong with it, its fields, its size, or with the caller.
    """
    if work.runtime.draining:
        raise ShuttingDown
    boundary = boundary_of(request.headers.get("content-type"))
    if target.request_name is not None:
        key = idempotency_key(request) or key
    form = form if form is not None else UploadForm()
    length = content_length(request)
    for opened, chunks in await open_uploads(request, work, target, key, length):
        form.clear()
        async with opened as upload_session:
            reader = FormReader(boundary)
            if length is not None:
                upload_session.reject_oversized(length - MAX_OVERHEAD_BYTES)
            await _read_body(chunks, reader, form, target, upload_session, work, length)
            complete_target = await target.with_form(form, work)
            if upload_session.received == 0:
                raise FieldInvalid(field="file", reason="is empty; nothing was stored.")
            upload = await upload_session.finish()
            request_parts = (target.request_name or "", form.file_name, form.fields)
            replayed, reply = await find_reply(upload_session, key, request_parts, upload)
            if replayed is not None:
                return replayed
            return await upload_session.commit(complete_target, upload, reply)
    raise AssertionError("the last way to receive a body ends with an answer or an error")


async def find_reply(
    upload_session: BodyUpload,
    key: str | None,
    request_parts: tuple[str, str | None, Mapping[str, bytes | bytearray]],
    upload: AnyUpload,
) -> tuple[TaskId | None, KeyedReply | UnclaimedReply | None]:
    """The task that the same request with this Idempotency-Key was answered with, or what is to be
    stored as the answer. `request_parts` are what is asked, the file's name and the fields.

    Raises KeyReused.
    """
    if key is None:
        return None, None
    request_fingerprint = fingerprint(*request_parts, upload.stored)
    replayed = await upload_session.find_replayed_task(request_fingerprint)
    return replayed, upload_session.keyed_reply(request_fingerprint) if not replayed else None


async def _read_body(
    chunks: AsyncIterator[bytes],
    reader: FormReader,
    form: UploadForm,
    target: FormTarget,
    upload_session: BodyUpload,
    work: UnitOfWork,
    length: int | None,
) -> None:
    """Fill the form and have the upload take its file, to the end of the body."""
    async for chunk in chunks:
        for event in reader.feed(chunk):
            if isinstance(event, PartData):
                await _handle_data(event, form, upload_session, work, length, len(reader.boundary))
            else:
                await _handle_boundary(event, form, upload_session, target, work)
    reader.finish()
    form.raise_refusal()
    form.digests.check()


async def _handle_data(
    part: PartData,
    form: UploadForm,
    upload_session: BodyUpload,
    work: UnitOfWork,
    length: int | None,
    boundary: int,
) -> None:
    if form.current_field == "file":
        if upload_session.received == 0 and length is not None:
            # What follows the file at least: CR LF, the closing boundary, CR LF.
            upload_session.set_expected_size(length - part.offset - boundary - 8)
        await form.digests.take(part.data, work.runtime)
        await upload_session.take(part.data)
    elif form.current_field is not None:
        form.fields[form.current_field] += part.data
        max_bytes = FIELD_LIMITS[form.current_field]
        if len(form.fields[form.current_field]) > max_bytes:
            raise FieldInvalid(
                field=form.current_field, reason=f"may have at most {counted(max_bytes, 'byte')}."
            )


async def _handle_boundary(
    event: Event,
    form: UploadForm,
    upload_session: BodyUpload,
    target: FormTarget,
    work: UnitOfWork,
) -> None:
    """A part begins, or one has ended, which may set a limit that binds from now on."""
    if isinstance(event, PartBegin):
        _begin_part(event, form, target.fields)
    elif form.current_field is not None and form.current_field != "file":
        await _apply_limit(form, form.current_field, upload_session, target, work)


async def _apply_limit(
    form: UploadForm, name: str, upload_session: BodyUpload, target: FormTarget, work: UnitOfWork
) -> None:
    try:
        limit = await target.limit(form, name, work)
    except FieldInvalid as error:
        form.refusal = form.refusal or error
        return
    if limit is None:
        return
    upload_session.limit = min(upload_session.limit, limit)
    if upload_session.received > limit:
        too_large = FileTooLarge(limit=limit, requested=upload_session.received)
        form.refusal = form.refusal or too_large


def _begin_part(part: PartBegin, form: UploadForm, fields: tuple[str, ...]) -> None:
    form.current_field = part.name
    reject_encoded(part.headers.get("content-encoding", ""))
    if part.name == "file":
        form.raise_refusal()
        if form.file_name is not None:
            raise FieldInvalid(field="file", reason="came twice; a request has one file.")
        if part.file_name is None:
            raise FieldInvalid(
                field="file",
                reason="must be a file with a name.",
                example="--form 'file=@\"orders.csv\"'",
            )
        form.file_name = check_file_name(part.file_name)
        form.digests = read_digests(part.headers.items())
        return
    if part.name not in fields:
        known = ", ".join(["file", *fields])
        raise FieldInvalid(
            field=part.name[:100].replace("\0", ""), reason=f"is unknown; fields are {known}."
        )
    if part.name in form.fields:
        raise FieldInvalid(field=part.name, reason="came twice.")
    form.fields[part.name] = bytearray()
