"""Versions of a file: list them, show one, deliver a further one, restore an earlier one."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.files.queries.versions_list import Version, get_version, list_versions
from entrepot.http.api.file_document import match_condition
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.tasks import TaskAccepted
from entrepot.http.api.models.versions import VersionDetails, VersionList
from entrepot.http.api.openapi.answers import (
    ACCEPTED,
    COPYING,
    DELIVERING,
    LISTED,
    REPEATING,
    problems,
)
from entrepot.http.api.payloads import version_payload
from entrepot.http.api.restoration import restore
from entrepot.http.api.uploads import PROPERTIES, accepted_response, form_schema
from entrepot.http.deps import ReadWork, WriteWork
from entrepot.http.lists.listings import VERSIONS
from entrepot.http.lists.paging import position_number
from entrepot.http.parameters import (
    REPLACES,
    Cursor,
    FileIdInPath,
    FileIdTextInPath,
    NumberInPath,
    PageItems,
)
from entrepot.http.places import API
from entrepot.http.uploads.form import receive_form
from entrepot.http.uploads.idempotency import IdempotentRequest
from entrepot.http.uploads.target import NextVersion

router = APIRouter(prefix=API, tags=["files"])

VERSION_FORM = form_schema(
    {name: PROPERTIES[name] for name in ("file", "table_dialect", "encoding")}
    | {"replaces": REPLACES.schema},
    ["file"],
)


@router.get(
    "/file/{file_id}/versions",
    operation_id="list_versions",
    response_model=VersionList,
    responses=LISTED,
)
async def versions(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    limit: PageItems = 100,
    cursor: Cursor = None,
) -> Response:
    """Every version of a file with any status, the newest first.

    Users who may read the file see its published versions. Everybody sees the versions that they
    delivered.
    """

    def find(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[Version]:
        return list_versions(conn, actor, file_id, size, position_number(after))

    listing = VERSIONS.of(file_id)
    return await list_response(request, work, listing, find, version_payload, limit, cursor)


@router.get(
    "/file/{file_id}/versions/{number}",
    operation_id="get_version",
    response_model=VersionDetails,
    responses=problems(errors.VersionDeleted),
)
async def version(file_id: FileIdInPath, number: NumberInPath, work: ReadWork) -> Response:
    """One version of a file."""
    return JSONResponse(version_payload(await work.read(get_version, file_id, number)))


@router.post(
    "/file/{file_id}/versions",
    status_code=202,
    operation_id="upload_version",
    response_model=TaskAccepted,
    openapi_extra=VERSION_FORM,
    responses=ACCEPTED
    | problems(
        *DELIVERING,
        *REPEATING,
        errors.DialectInvalid,
        errors.SchemaTooCostly,
        errors.TooManySchemas,
        errors.FormMalformed,
        errors.NotAllowed,
        errors.PreconditionFailed,
        errors.VersionNotRejected,
    ),
)
async def new_version(file_id: FileIdTextInPath, request: Request, work: WriteWork) -> JSONResponse:
    """Deliver a further version of a file; answers the task that inspects it.

    The size limit, schema and dialect of the file apply, and the quota of its account. Versions of
    one file are inspected in the order of their numbers. Until this one is published, and if it is
    rejected, readers keep the last good version. `replaces` names a rejected (or failed) version of
    which this is a correction: once this one is published, the bytes of that version are removed.
    As long as no version is published, the owner and admins may state `table_dialect` and
    `encoding` here. With `If-Match` (the `ETag` of the file or its download) nothing is delivered
    if it has changed since; with an `Idempotency-Key` the request may be repeated.
    """
    conditions = request.headers.get("if-match"), request.headers.get("if-none-match")
    target = NextVersion(file_id, match_condition(*conditions))
    return accepted_response(await receive_form(request, work, target))


@router.post(
    "/file/{file_id}/versions/{number}/restore",
    status_code=202,
    operation_id="restore_version",
    response_model=TaskAccepted,
    responses=ACCEPTED | problems(*REPEATING, *COPYING, errors.VersionNotPublished),
)
async def restore_version(
    file_id: FileIdInPath, number: NumberInPath, request: Request, work: WriteWork
) -> JSONResponse:
    """Make an earlier published version the newest one, under a new number.

    It is inspected again if the file's schema has changed since; the answer is the task. Both
    versions count against the quota. `If-Match` and `Idempotency-Key` are supported as for a
    delivery.
    """
    match = request.headers.get("if-match")
    idempotent = IdempotentRequest.of(request, "restore", str(file_id), number)
    return accepted_response(await restore(work, file_id, number, match, idempotent))
