"""Receive one file with its form fields, in any order, while its bytes stream in.

What the fields mean is for the route; here they are bounded, decoded and known by name, and the
file goes to a `UploadSession`. Nothing is made before every field is known and sound.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import (
    FieldInvalid,
    FileTooLarge,
    FormMalformed,
    KeyReused,
    QuotaExceeded,
    ShuttingDown,
)
from entrepot.files.delivery.define import check_file_name
from entrepot.http.deps import UnitOfWork
from entrepot.http.uploads.body import body_chunks, content_length
from entrepot.http.uploads.idempotency import fingerprint, idempotency_key
from entrepot.http.uploads.multipart import Event, FormReader, PartBegin, PartData, boundary_of
from entrepot.http.uploads.session import Admit, UploadSession, own_account
from entrepot.tasks.records import TaskId
from entrepot.tasks.replies import Reply

FIELD_LIMITS = {
    "file_description": 4 * 10_000,
    "file_size_limit": 64,
    "enforce_schema": 1024 * 1024,
    "table_dialect": 64 * 1024,
    "file_id": 64,
    "replaces": 16,
    "contract": 16,
    "schema": 1024 * 1024,
    "schema_file": 1024 * 1024,
    "only_check": 16,
}
"""The fields that a form may have beside `file`, and the bytes of each; the last four are the
page's, which has one field for each way to give a contract."""
OVERHEAD = sum(FIELD_LIMITS.values()) + 1024 * 1024
"""Bytes of a form that are not the file, at the very most: what a stated length may exceed."""


class Bounded(Protocol):
    """What a form asks for, with the most bytes that its file may have."""

    @property
    def size_limit(self) -> int:
        """Bytes."""
        ...


T = TypeVar("T", bound=Bounded)


@dataclass
class UploadForm:
    """The fields as far as they have come, and where the file part stands."""

    fields: dict[str, bytearray] = field(default_factory=dict)
    file_name: str | None = None
    digest: str | None = None
    into: str | None = None

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


@dataclass(frozen=True)
class Purpose(Generic[T]):
    """What a form is for.

    `fields` it may have beside `file`; `bound` gives the size limit that a field sets once it has
    come (None: it sets none); `read` makes of the whole form what is asked, and `commit` does it
    in the transaction by which a row names the bytes. `admit` says before the body whose quota
    and what limit bind, or why nothing is taken. With a `name`, which says what is asked beside
    the form, the request may be repeated by its Idempotency-Key.
    """

    fields: tuple[str, ...]
    bound: Callable[[UploadForm, str, UnitOfWork], Awaitable[int | None]]
    read: Callable[[UploadForm, UnitOfWork], T]
    commit: Callable[[WriteConnection, Actor, T, UploadSession, StoredBlob, UnitOfWork], TaskId]
    admit: Admit = own_account
    name: str | None = None


async def receive_form(request: Request, work: UnitOfWork, purpose: Purpose[T]) -> TaskId:
    """Take the form as it streams in; it is done as a whole, or nothing stays. The task of it.

    Raises what is wrong with the form, its fields, its size, or with the caller.
    """
    if work.runtime.draining:
        raise ShuttingDown
    reader = FormReader(boundary_of(request.headers.get("content-type")))
    key = idempotency_key(request) if purpose.name is not None else None
    upload_session = await UploadSession.open(work, purpose.admit, key)
    try:
        # Its reservation counts for all hosts; the place here, beside this host's resumable ones.
        with work.runtime.uploads.one(upload_session.account_id):
            done = await _receive(request, work, purpose, reader, upload_session)
    except BaseException as failure:
        await upload_session.abort()
        if isinstance(failure, ClientDisconnect):
            # Nobody reads this answer; it is for the log.
            raise FormMalformed(reason="The client went away before the end.") from None
        if isinstance(failure, QuotaExceeded):
            raise upload_session.told(failure) from None
        raise
    work.parts.queue.wake()
    return done


async def _receive(
    request: Request,
    work: UnitOfWork,
    purpose: Purpose[T],
    reader: FormReader,
    upload_session: UploadSession,
) -> TaskId:
    length = content_length(request)
    if length is not None:
        upload_session.refuse_doomed(length - OVERHEAD)
    form = UploadForm()
    async for chunk in body_chunks(request, work.parts.settings.body_timeout):
        for event in reader.feed(chunk):
            if isinstance(event, PartData):
                await _take(event, form, upload_session, length, len(reader.boundary))
            else:
                await _turn(event, form, upload_session, purpose, work)
        await upload_session.keep_alive()
    reader.finish()
    asked = purpose.read(form, work)
    if upload_session.received == 0:
        raise FieldInvalid(field="file", reason="the file is empty; nothing was stored.")
    if upload_session.received > asked.size_limit:
        raise FileTooLarge(limit=asked.size_limit, requested=upload_session.received)
    stored = await upload_session.finish(form.digest)
    if purpose.name is not None:
        told = fingerprint(purpose.name, form.file_name, form.fields, stored)
        upload_session.fingerprint = told
    if upload_session.reply is not None:
        return await _repeat(upload_session, upload_session.reply)
    return await upload_session.hand_over(purpose.commit, asked, upload_session, stored, work)


async def _repeat(upload_session: UploadSession, reply: Reply) -> TaskId:
    """The answer that the same request had. Raises KeyReused if it was another one."""
    if reply.fingerprint != upload_session.fingerprint:
        raise KeyReused
    await upload_session.abort()
    return reply.task_id


async def _take(
    part: PartData,
    form: UploadForm,
    upload_session: UploadSession,
    length: int | None,
    boundary: int,
) -> None:
    if form.into == "file":
        if upload_session.received == 0 and length is not None:
            # What follows the file at least: CR LF, the closing boundary, CR LF.
            upload_session.expect(length - part.offset - boundary - 8)
        await upload_session.take(part.data)
    elif form.into is not None:
        form.fields[form.into] += part.data
        most = FIELD_LIMITS[form.into]
        if len(form.fields[form.into]) > most:
            raise FieldInvalid(field=form.into, reason=f"may have at most {most:,} bytes.")


async def _turn(
    event: Event,
    form: UploadForm,
    upload_session: UploadSession,
    purpose: Purpose[Any],
    work: UnitOfWork,
) -> None:
    """A part begins, or one has ended, which may set a limit that binds from now on."""
    if isinstance(event, PartBegin):
        _begin_part(event, form, purpose.fields)
    elif form.into is not None and form.into != "file":
        limit = await purpose.bound(form, form.into, work)
        if limit is not None:
            upload_session.limit = min(upload_session.limit, limit)
            if upload_session.received > limit:
                raise FileTooLarge(limit=limit, requested=upload_session.received)


def _begin_part(part: PartBegin, form: UploadForm, fields: tuple[str, ...]) -> None:
    form.into = part.name
    if part.name == "file":
        if form.file_name is not None:
            raise FieldInvalid(field="file", reason="came twice; a request has one file.")
        if part.file_name is None:
            raise FieldInvalid(
                field="file",
                reason="must be a file with a name.",
                example="--form 'file=@\"orders.csv\"'",
            )
        form.file_name = check_file_name(part.file_name)
        form.digest = part.headers.get("repr-digest")
        return
    if part.name not in fields:
        known = ", ".join(["file", *fields])
        raise FieldInvalid(
            field=part.name[:100].replace("\0", ""), reason=f"is unknown; fields are {known}."
        )
    if part.name in form.fields:
        raise FieldInvalid(field=part.name, reason="came twice.")
    form.fields[part.name] = bytearray()
