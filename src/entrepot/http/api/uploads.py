"""`POST /api/v1/file/new` and `POST /api/v1/files`: define a file and upload its first version.

`POST /api/v1/file/validate`: the same form, judged and forgotten.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid, NotFound
from entrepot.files.contract import visible_contract
from entrepot.files.delivery.define import (
    Definition,
    check_description,
    define_file,
    parse_size_limit,
)
from entrepot.files.delivery.validate import ValidationRequest, submit_validation
from entrepot.http.api.payloads import TaskAccepted
from entrepot.http.deps import UnitOfWork, WriteWork
from entrepot.http.uploads.form import Purpose, UploadForm, receive_form
from entrepot.http.uploads.session import UploadSession
from entrepot.schemas.dialect_field import parse_dialect_field
from entrepot.schemas.enforcement import parse_enforcement
from entrepot.tasks.records import TaskId

router = APIRouter(tags=["files"])

FIELDS = ("file_description", "file_size_limit", "enforce_schema", "table_dialect")
CONTRACT = ("enforce_schema", "file_size_limit", "table_dialect")
"""The fields that are a contract of their own, which the contract of a `file_id` excludes."""

PROPERTIES: dict[str, Any] = {
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
    "table_dialect": {
        "type": "string",
        "description": "A Table Dialect as JSON, by which deliveries are read; without one it is "
        "found out.",
    },
}


def form_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """How OpenAPI describes a form."""
    schema = {"type": "object", "required": required, "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


NEW = form_of(PROPERTIES, ["file", "file_size_limit"])
JUDGED = form_of(
    PROPERTIES
    | {
        "file_id": {
            "type": "string",
            "format": "uuid",
            "description": "Judge by this file's contract, instead of one of the form's own.",
        }
    },
    ["file"],
)


@router.post("/file/new", status_code=202, openapi_extra=NEW, response_model=TaskAccepted)
@router.post("/files", status_code=202, openapi_extra=NEW, response_model=TaskAccepted)
async def new_file(request: Request, work: WriteWork) -> JSONResponse:
    """Define a file and upload its first version; answers the task that inspects it."""
    return accepted_response(await receive_form(request, work, DEFINITION))


@router.post("/file/validate", status_code=202, openapi_extra=JUDGED, response_model=TaskAccepted)
async def validate(request: Request, work: WriteWork) -> JSONResponse:
    """Judge a file without storing it; answers the task, whose result is the report.

    By a contract in the form, or by that of the file `file_id`. The bytes count against the
    quota until the task has ended. It fails if the contract is broken, as a delivery's does.
    """
    return accepted_response(await receive_form(request, work, VALIDATION))


def accepted_response(task_id: TaskId) -> JSONResponse:
    """`202` with the task that goes on in the background."""
    headers = {"Location": f"/api/v1/task/{task_id}"}
    return JSONResponse({"task_id": str(task_id)}, status_code=202, headers=headers)


async def _bound(form: UploadForm, name: str, work: UnitOfWork) -> int | None:
    """The limit that a field sets: its own, or that of the file whose contract is to judge."""
    text = form.text(name) if name in ("file_size_limit", "file_id") else None
    if text is None or name == "file_size_limit":
        return parse_size_limit(text) if text is not None else None
    return (await work.read(visible_contract, read_id(text))).size_limit if text else None


def read_definition(form: UploadForm, work: UnitOfWork) -> Definition:
    """The contract, once every field is known. Raises FieldInvalid, SchemaInvalid."""
    largest = work.parts.settings.max_file_size
    return Definition(
        name=form.name_of_file(),
        description=check_description(form.text("file_description") or ""),
        size_limit=parse_size_limit(form.text("file_size_limit"), largest),
        enforcement=parse_enforcement(form.text("enforce_schema")),
        dialect=parse_dialect_field(form.text("table_dialect")),
    )


def _define(
    conn: WriteConnection,
    actor: Actor,
    definition: Definition,
    upload_session: UploadSession,
    stored: StoredBlob,
    work: UnitOfWork,
) -> TaskId:
    blob_id, reservation = upload_session.blob_id, upload_session.reservation
    queue, now = work.parts.queue, work.parts.clock()
    made = define_file(conn, actor, definition, blob_id, stored, reservation, queue, now)
    upload_session.answer(conn, made.task_id)
    return made.task_id


def _validation(form: UploadForm, work: UnitOfWork) -> ValidationRequest:
    """What is to be judged by what. Raises FieldInvalid, SchemaInvalid, NotFound."""
    largest = work.parts.settings.max_file_size
    file_id = form.text("file_id") or None
    if file_id is not None:
        given = [name for name in CONTRACT if name in form.fields]
        if given:
            raise FieldInvalid(given[0], "is that of the file where a file_id is given.")
    check_description(form.text("file_description") or "")
    limited = "file_size_limit" in form.fields
    limit = parse_size_limit(form.text("file_size_limit"), largest) if limited else largest
    return ValidationRequest(
        name=form.name_of_file(),
        size_limit=limit,
        enforcement=parse_enforcement(form.text("enforce_schema")),
        dialect=parse_dialect_field(form.text("table_dialect")),
        file_id=read_id(file_id) if file_id is not None else None,
    )


def read_id(text: str) -> UUID:
    """An id as it was sent; a malformed one is what never existed. Raises NotFound."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _validate(
    conn: WriteConnection,
    actor: Actor,
    asked: ValidationRequest,
    upload_session: UploadSession,
    stored: StoredBlob,
    work: UnitOfWork,
) -> TaskId:
    blob_id, reservation = upload_session.blob_id, upload_session.reservation
    queue, now = work.parts.queue, work.parts.clock()
    return submit_validation(conn, actor, asked, blob_id, stored, reservation, queue, now)


DEFINITION = Purpose(FIELDS, _bound, read_definition, _define, name="file.new")
VALIDATION = Purpose((*FIELDS, "file_id"), _bound, _validation, _validate)
