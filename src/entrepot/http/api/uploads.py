"""`POST /api/v1/file/new` and `POST /api/v1/files`: define a file and upload its first version.

Form fields come in any order, so also after the file: no version exists before every field is
known and sound.
"""

from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from entrepot.accounts.actor import Actor
from entrepot.db.types import Writing
from entrepot.errors import FieldInvalid, FileTooLarge, FormMalformed, ShuttingDown
from entrepot.files.define import (
    Accepted,
    Definition,
    check_description,
    check_file_name,
    define_file,
    parse_size_limit,
)
from entrepot.http.api.payloads import TaskAccepted
from entrepot.http.body import body_chunks, content_length
from entrepot.http.deps import Work, WriteWork
from entrepot.http.forms import Event, FormReader, PartBegin, PartData, boundary_of
from entrepot.http.reception import Reception
from entrepot.schemas.enforcement import parse_enforcement

router = APIRouter(tags=["files"])

FIELD_LIMITS = {
    "file_description": 4 * 10_000,
    "file_size_limit": 64,
    "enforce_schema": 1024 * 1024,
}
"""The fields beside `file`, and the bytes each may have."""
OVERHEAD = sum(FIELD_LIMITS.values()) + 1024 * 1024
"""Bytes of a form that are not the file, at the very most: what a stated length may exceed."""

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "file_size_limit"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "file_description": {"type": "string", "maxLength": 10_000},
                        "file_size_limit": {
                            "type": "integer",
                            "minimum": 1,
                            "description": "Bytes; binds every later version too.",
                        },
                        "enforce_schema": {
                            "type": "string",
                            "description": "true, false (default), or a Table Schema as JSON.",
                        },
                    },
                }
            }
        },
    }
}


@dataclass
class Form:
    """The fields as far as they have come, and where the file part stands."""

    fields: dict[str, bytearray] = field(default_factory=dict)
    file_name: str | None = None
    digest: str | None = None
    into: str | None = None


@router.post("/file/new", status_code=202, openapi_extra=FORM, response_model=TaskAccepted)
@router.post("/files", status_code=202, openapi_extra=FORM, response_model=TaskAccepted)
async def new_file(request: Request, work: WriteWork) -> JSONResponse:
    """Define a file and upload its first version; answers the task that inspects it."""
    accepted = await receive_new_file(request, work)
    return JSONResponse(
        {"task_id": str(accepted.task_id)},
        status_code=202,
        headers={"Location": f"/api/v1/task/{accepted.task_id}"},
    )


async def receive_new_file(request: Request, work: Work) -> Accepted:
    """Take the form as it streams in; the file is defined and its task waits, or nothing stays.

    For the API and for the page that uploads. Raises what is wrong with the form, its fields,
    its size, or with the caller.
    """
    if work.runtime.draining:
        raise ShuttingDown
    reader = FormReader(boundary_of(request.headers.get("content-type")))
    reception = await Reception.open(work)
    try:
        accepted = await _receive(request, work, reader, reception)
    except BaseException as failure:
        await reception.abort()
        if isinstance(failure, ClientDisconnect):
            # Nobody reads this answer; it is for the log.
            raise FormMalformed(reason="The client went away before the end.") from None
        raise
    work.parts.queue.wake()
    return accepted


async def _receive(
    request: Request, work: Work, reader: FormReader, reception: Reception
) -> Accepted:
    length = content_length(request)
    if length is not None:
        reception.refuse_doomed(length - OVERHEAD)
    form = Form()
    async for chunk in body_chunks(request, work.parts.settings.body_timeout):
        for event in reader.feed(chunk):
            await _handle(event, form, reception, length, len(reader.boundary))
        await reception.keep_alive()
    reader.finish()
    definition = _definition(form, work)
    if reception.received == 0:
        raise FieldInvalid(field="file", reason="the file is empty; nothing was stored.")
    if reception.received > definition.size_limit:
        raise FileTooLarge(limit=definition.size_limit, requested=reception.received)
    stored = await reception.finish(form.digest)
    return await reception.hand_over(_define, definition, reception, stored, work)


def _define(
    conn: Writing,
    actor: Actor,
    definition: Definition,
    reception: Reception,
    stored: Any,
    work: Work,
) -> Accepted:
    now = work.parts.clock()
    parts = work.parts
    return define_file(
        conn,
        actor,
        definition,
        reception.blob_id,
        stored,
        reception.reservation,
        parts.queue,
        now,
    )


async def _handle(
    event: Event, form: Form, reception: Reception, length: int | None, boundary: int
) -> None:
    if isinstance(event, PartData):
        if form.into == "file":
            if reception.received == 0 and length is not None:
                # What follows the file at least: CR LF, the closing boundary, CR LF.
                reception.expect(length - event.offset - boundary - 8)
            await reception.take(event.data)
        elif form.into is not None:
            _extend(form, form.into, event.data)
    elif isinstance(event, PartBegin):
        _begin_part(event, form, reception)
    elif form.into == "file_size_limit":
        limit = parse_size_limit(_text(form, "file_size_limit"))
        reception.limit = min(reception.limit, limit)
        if reception.received > limit:
            raise FileTooLarge(limit=limit, requested=reception.received)


def _begin_part(part: PartBegin, form: Form, reception: Reception) -> None:
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
    if part.name not in FIELD_LIMITS:
        known = ", ".join(["file", *FIELD_LIMITS])
        raise FieldInvalid(
            field=part.name[:100].replace("\0", ""), reason=f"is unknown; fields are {known}."
        )
    if part.name in form.fields:
        raise FieldInvalid(field=part.name, reason="came twice.")
    form.fields[part.name] = bytearray()


def _extend(form: Form, name: str, data: memoryview) -> None:
    form.fields[name] += data
    most = FIELD_LIMITS[name]
    if len(form.fields[name]) > most:
        raise FieldInvalid(field=name, reason=f"may have at most {most:,} bytes.")


def _definition(form: Form, work: Work) -> Definition:
    """The contract, once every field is known. Raises FieldInvalid, SchemaInvalid."""
    if form.file_name is None:
        raise FieldInvalid(
            field="file", reason="is required.", example="--form 'file=@\"orders.csv\"'"
        )
    largest = work.parts.settings.max_file_size
    return Definition(
        name=form.file_name,
        description=check_description(_text(form, "file_description") or ""),
        size_limit=parse_size_limit(_text(form, "file_size_limit"), largest),
        enforcement=parse_enforcement(_text(form, "enforce_schema")),
    )


def _text(form: Form, name: str) -> str | None:
    raw = form.fields.get(name)
    if raw is None:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FieldInvalid(field=name, reason="is not UTF-8.") from None
