"""Change and delete a file, delete its versions, and undo either."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, model_validator

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid, NotFound
from entrepot.files.change import FileChange, change_file
from entrepot.files.cleanup.delete import (
    delete_file,
    delete_version,
    undelete_file,
    undelete_version,
)
from entrepot.files.cleanup.retention import Retention
from entrepot.files.delivery.define import check_description, check_file_name, parse_size_limit
from entrepot.files.paths import check_path
from entrepot.files.transfer import transfer_file
from entrepot.grants.access import lock_manageable
from entrepot.http.api.file_document import FileDocument, load_file_document, require_match
from entrepot.http.api.models.files import DeletedFile, FileDetails
from entrepot.http.api.models.versions import VersionDetails
from entrepot.http.api.openapi.answers import problems, with_headers
from entrepot.http.api.payloads import version_payload
from entrepot.http.deps import UnitOfWork, WriteWork
from entrepot.http.parameters import (
    DaysInBody,
    FileIdInPath,
    FileNameInBody,
    KeepLastInBody,
    NumberInPath,
    PathInBody,
    SizeLimitInBody,
    UserNameInBody,
)
from entrepot.http.places import API
from entrepot.http.stored_documents import json_response
from entrepot.http.timestamps import format_timestamp
from entrepot.http.uploads.body import SmallBodyRoute

TRANSFERRED = {
    204: {"description": "The file has a new owner, and the caller cannot see it any more."}
}

router = APIRouter(prefix=API, tags=["files"], route_class=SmallBodyRoute)


class RetentionBody(BaseModel):
    """How many published versions are kept, or for how many days; the current one always is."""

    model_config = ConfigDict(extra="forbid")

    keep_last: KeepLastInBody | None = None
    days: DaysInBody | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> "RetentionBody":
        if (self.keep_last is None) == (self.days is None):
            raise ValueError("has one member, keep_last or days")
        return self


class FileChangeBody(BaseModel):
    """The changes of a file; a member that is absent stays as it is. `retention: null` and
    `path: null` remove them."""

    model_config = ConfigDict(extra="forbid")

    file_name: FileNameInBody | None = None
    file_description: str | None = None
    file_size_limit: SizeLimitInBody | None = None
    retention: RetentionBody | None = None
    path: PathInBody | None = None
    user_name: UserNameInBody | None = None


@router.patch(
    "/file/{file_id}",
    operation_id="change_file",
    response_model=FileDetails,
    responses=with_headers(200, "ETag")
    | TRANSFERRED
    | problems(
        errors.NotAllowed, errors.PathTaken, errors.PreconditionFailed, errors.SizeLimitTooSmall
    ),
)
async def patch_file(
    file_id: FileIdInPath, body: FileChangeBody, request: Request, work: WriteWork
) -> Response:
    """Change a file's name, path, description, size limit, retention or owner; answers the file.

    A size limit below the size of the current version is refused. `user_name` gives the file to
    another user of its account (of another account: `PUT …/offer`); if the caller cannot see it any
    more then, the answer is `204`. With `If-Match` nothing is changed if the file has changed
    since.
    """
    change = _parse_change(body, work)
    match = request.headers.get("if-match")

    def apply(conn: WriteConnection, actor: Actor) -> FileDocument | None:
        lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        change_file(conn, actor, file_id, change, work.parts.clock())
        if body.user_name is not None:
            transfer_file(conn, actor, file_id, body.user_name, work.parts.clock())
        try:
            return load_file_document(conn, actor, file_id)
        except NotFound:  # it is another's now
            return None

    document = await work.write(apply)
    return _document_response(document) if document is not None else Response(status_code=204)


@router.delete(
    "/file/{file_id}",
    operation_id="delete_file",
    response_model=DeletedFile,
    responses=problems(errors.NotAllowed, errors.PreconditionFailed),
)
async def remove_file(file_id: FileIdInPath, request: Request, work: WriteWork) -> Response:
    """Delete a file with all its versions. It can be undone until `undo_until`.

    Its bytes count for the quota until then. `If-Match` is supported.
    """
    match = request.headers.get("if-match")

    def act(conn: WriteConnection, actor: Actor) -> datetime:
        lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        return delete_file(conn, actor, file_id, work.parts.clock())

    deleted: DeletedFile = {
        "file_id": str(file_id),
        "undo_until": format_timestamp(await work.write_into_reserve(act)),
    }
    return JSONResponse(deleted)


@router.post(
    "/file/{file_id}/undelete",
    operation_id="undelete_file",
    response_model=FileDetails,
    responses=with_headers(200, "ETag")
    | problems(errors.NotAllowed, errors.NothingToUndo, errors.PathTaken),
)
async def restore_file(file_id: FileIdInPath, work: WriteWork) -> Response:
    """Undo the deletion of a file, within 7 days; answers the file."""

    def act(conn: WriteConnection, actor: Actor) -> FileDocument:
        undelete_file(conn, actor, file_id, work.parts.clock())
        return load_file_document(conn, actor, file_id)

    return _document_response(await work.write(act))


@router.delete(
    "/file/{file_id}/versions/{number}",
    operation_id="delete_version",
    response_model=VersionDetails,
    responses=problems(errors.NotAllowed, errors.VersionIsCurrent, errors.VersionNotPublished),
)
async def remove_version(file_id: FileIdInPath, number: NumberInPath, work: WriteWork) -> Response:
    """Delete a published version that is not the current one; it can be undone for 7 days."""
    version = await work.write_into_reserve(delete_version, file_id, number, work.parts.clock())
    return JSONResponse(version_payload(version))


@router.post(
    "/file/{file_id}/versions/{number}/undelete",
    operation_id="undelete_version",
    response_model=VersionDetails,
    responses=problems(errors.NotAllowed, errors.NothingToUndo),
)
async def bring_version_back(
    file_id: FileIdInPath, number: NumberInPath, work: WriteWork
) -> Response:
    """Undo the deletion of a version, within 7 days; retention does not delete it again."""
    version = await work.write(undelete_version, file_id, number, work.parts.clock())
    return JSONResponse(version_payload(version))


def _parse_change(body: FileChangeBody, work: UnitOfWork) -> FileChange:
    """The change, if it is sound. Raises FieldInvalid."""
    names = body.model_fields_set
    for field in ("file_name", "file_description", "file_size_limit", "user_name"):
        if field in names and getattr(body, field) is None:
            raise FieldInvalid(field=field, reason="must not be null; leave it out instead.")
    name, description, limit = body.file_name, body.file_description, body.file_size_limit
    max_bytes = work.parts.settings.max_file_size
    rule = body.retention
    return FileChange(
        name=check_file_name(name, "file_name", "orders.csv") if name is not None else None,
        description=check_description(description) if description is not None else None,
        size_limit=parse_size_limit(str(limit), max_bytes) if limit is not None else None,
        sets_retention="retention" in names,
        retention=Retention(rule.keep_last, rule.days) if rule else None,
        sets_path="path" in names,
        path=check_path(body.path) if body.path is not None else None,
    )


def _document_response(document: FileDocument) -> Response:
    return json_response(document.document, {"ETag": document.etag})
