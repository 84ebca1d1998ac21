"""`POST /api/v1/file/new` and `POST /api/v1/files`: define a file and upload its first version.

`POST /api/v1/file/validate`: the same form, judged and forgotten.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from entrepot import errors
from entrepot.http.api.models.tasks import TaskAccepted
from entrepot.http.api.openapi.answers import ACCEPTED, DEFINING, DELIVERING, REPEATING, problems
from entrepot.http.deps import WriteWork
from entrepot.http.parameters import SIZE_LIMIT_SCHEMA
from entrepot.http.places import API
from entrepot.http.uploads.form import receive_form
from entrepot.http.uploads.target import NewFile, ValidationOnly
from entrepot.tasks.records import TaskId

router = APIRouter(prefix=API, tags=["files"])

PROPERTIES: dict[str, Any] = {
    "file": {"type": "string", "format": "binary"},
    "file_description": {"type": "string", "maxLength": 10_000},
    "file_size_limit": SIZE_LIMIT_SCHEMA,
    "enforce_schema": {
        "type": "string",
        "description": "true, false (default), or a Table Schema as JSON.",
    },
    "table_dialect": {
        "type": "string",
        "description": "A Table Dialect as JSON: how deliveries are read; by default detected.",
    },
    "encoding": {
        "type": "string",
        "maxLength": 40,
        "description": "The encoding of texts, such as `windows-1252`; by default detected.",
    },
}


PATH_PROPERTY: dict[str, Any] = {
    "type": "string",
    "maxLength": 255,
    "description": "The file's address in its account, such as `sales/2026/orders`; without one it "
    "has none.",
}


def form_schema(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """How OpenAPI describes a form."""
    schema = {"type": "object", "required": required, "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


NEW_RESPONSES = ACCEPTED | problems(*DELIVERING, *DEFINING, *REPEATING, errors.FormMalformed)
NEW_FILE_FORM = form_schema(PROPERTIES | {"path": PATH_PROPERTY}, ["file", "file_size_limit"])
VALIDATION_FORM = form_schema(
    PROPERTIES
    | {
        "file_id": {
            "type": "string",
            "format": "uuid",
            "description": "Check with the contract of this file, instead of the one in the form.",
        }
    },
    ["file"],
)


@router.post(
    "/file/new",
    status_code=202,
    operation_id="upload_new_file",
    response_model=TaskAccepted,
    openapi_extra=NEW_FILE_FORM,
    responses=NEW_RESPONSES,
)
@router.post(
    "/files",
    status_code=202,
    operation_id="upload_file",
    response_model=TaskAccepted,
    openapi_extra=NEW_FILE_FORM,
    responses=NEW_RESPONSES,
)
async def new_file(request: Request, work: WriteWork) -> JSONResponse:
    """Define a file and upload its first version; answers the task that inspects it."""
    return accepted_response(await receive_form(request, work, NewFile()))


@router.post(
    "/file/validate",
    status_code=202,
    operation_id="validate_file",
    response_model=TaskAccepted,
    openapi_extra=VALIDATION_FORM,
    responses=ACCEPTED | problems(*DELIVERING, *DEFINING, errors.FormMalformed, errors.NotFound),
)
async def validate(request: Request, work: WriteWork) -> JSONResponse:
    """Check a file without storing it; answers the task, whose result is the report.

    With the contract in the form, or that of the file `file_id`. The bytes count for the quota
    until the task has ended. If the file breaks the contract, the task fails like that of a
    delivery.
    """
    return accepted_response(await receive_form(request, work, ValidationOnly()))


def accepted_response(task_id: TaskId) -> JSONResponse:
    """`202` with the task that continues in the background."""
    headers = {"Location": f"{API}/task/{task_id}"}
    return JSONResponse({"task_id": str(task_id)}, status_code=202, headers=headers)
