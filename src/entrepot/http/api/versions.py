"""Versions of a file: list them, show one, deliver a further one, restore an earlier one."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import StoredBlob
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid
from entrepot.files.contract import load_contract
from entrepot.files.delivery.deliver import deliver_version
from entrepot.files.delivery.quarantine import check_replaced
from entrepot.files.queries.versions_list import Version, get_version, list_versions
from entrepot.grants.access import Deliverable, access_deliverable
from entrepot.http.api.file_document import require_match
from entrepot.http.api.lists import Limit, list_response
from entrepot.http.api.payloads import TaskAccepted, version_payload
from entrepot.http.api.restoration import restore
from entrepot.http.api.uploads import PROPERTIES, accepted_response, form_of, read_id
from entrepot.http.deps import ReadWork, UnitOfWork, WriteWork
from entrepot.http.lists.listings import VERSIONS
from entrepot.http.lists.paging import Cursor, number_of
from entrepot.http.uploads.form import Purpose, UploadForm, receive_form
from entrepot.http.uploads.idempotency import IdempotentRequest
from entrepot.http.uploads.session import Admission, UploadSession
from entrepot.tasks.records import TaskId

router = APIRouter(tags=["files"])

FileIdText = Annotated[str, PathParameter(json_schema_extra={"format": "uuid"})]
"""Not as a UUID, which the framework would refuse before all else, and so in another order."""

REPLACES = {
    "type": "integer",
    "minimum": 1,
    "description": "The refused version of which this is a correction.",
}
DELIVERED = form_of({"file": PROPERTIES["file"], "replaces": REPLACES}, ["file"])


@dataclass(frozen=True)
class VersionUpload:
    """What a form delivers: the file's name there, the most bytes that the server takes, and the
    number of the version that it corrects."""

    file_name: str
    size_limit: int
    replaces: int | None = None


NumberInPath = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
"""A version's number; what can be none is what never existed."""


@router.get("/file/{file_id}/versions", response_model=None)
async def versions(
    file_id: UUID,
    request: Request,
    work: ReadWork,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Every version of a file, the newest first, whatever became of it.

    Who is entitled to the file sees, if to read it, the published ones, and in any case their own.
    """

    def find(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[Version]:
        return list_versions(conn, actor, file_id, size, number_of(after))

    listing = VERSIONS.of(file_id)
    return await list_response(request, work, listing, find, version_payload, limit, cursor)


@router.get("/file/{file_id}/versions/{number}", response_model=None)
async def version(file_id: UUID, number: NumberInPath, work: ReadWork) -> Response:
    """One version of a file."""
    return JSONResponse(version_payload(await work.read(get_version, file_id, number)))


@router.post(
    "/file/{file_id}/versions",
    status_code=202,
    openapi_extra=DELIVERED,
    response_model=TaskAccepted,
)
async def new_version(file_id: FileIdText, request: Request, work: WriteWork) -> JSONResponse:
    """Deliver a further version of a file; answers the task that inspects it.

    The file's own size limit, schema and dialect bind, and its account's quota. Versions of one
    file are inspected in the order of their numbers; until this one is published, and if it is
    refused, readers stay on the last good one. `replaces` names a refused version of which this
    is a correction: once this one is published, that one's bytes are given up. With
    `If-Match` (the `ETag` of the file) nothing is delivered if it has changed since; with an
    `Idempotency-Key` the request may be repeated.
    """
    purpose = delivery_to(file_id, request.headers.get("if-match"))
    return accepted_response(await receive_form(request, work, purpose))


@router.post(
    "/file/{file_id}/versions/{number}/restore", status_code=202, response_model=TaskAccepted
)
async def restore_version(
    file_id: UUID, number: NumberInPath, request: Request, work: WriteWork
) -> JSONResponse:
    """Make an earlier published version the newest one, under a new number.

    It is inspected again if the file's schema has changed since; the answer is the task. Both
    versions count against the quota. `If-Match` and `Idempotency-Key` are honoured as for a
    delivery.
    """
    match = request.headers.get("if-match")
    idempotent = IdempotentRequest.of(request, "restore", str(file_id), number)
    return accepted_response(await restore(work, file_id, number, match, idempotent))


def delivery_to(file_id: str, match: str | None) -> Purpose[VersionUpload]:
    """What a form with a further version of a file is for; `match` is an If-Match."""

    def admit(conn: WriteConnection, actor: Actor) -> Admission:
        target = locked(conn, actor)
        return Admission(target.account_id, load_contract(conn, target.file_id).size_limit)

    def commit(
        conn: WriteConnection,
        actor: Actor,
        delivery: VersionUpload,
        upload_session: UploadSession,
        stored: StoredBlob,
        work: UnitOfWork,
    ) -> TaskId:
        target = locked(conn, actor)
        blob_id, reservation = upload_session.blob_id, upload_session.reservation
        queue, now = work.parts.queue, work.parts.clock()
        name, replaces = delivery.file_name, delivery.replaces
        if replaces is not None:
            check_replaced(conn, target, replaces)
        made = deliver_version(
            conn, target, name, blob_id, stored, reservation, queue, now, replaces
        )
        upload_session.answer(conn, made.task_id)
        return made.task_id

    def locked(conn: WriteConnection, actor: Actor) -> Deliverable:
        # Held against the file before the body, and again in the transaction that delivers.
        target = access_deliverable(conn, actor, read_id(file_id))
        require_match(conn, actor, target.file_id, match)
        return target

    name = f"version.new {file_id.lower()}"
    return Purpose(("replaces",), _no_bound, _read_delivery, commit, admit, name)


async def _no_bound(form: UploadForm, name: str, work: UnitOfWork) -> int | None:
    del form, name, work
    return None


def _read_delivery(form: UploadForm, work: UnitOfWork) -> VersionUpload:
    largest = work.parts.settings.max_file_size
    return VersionUpload(form.name_of_file(), largest, read_number(form.text("replaces")))


def read_number(text: str | None, field: str = "replaces") -> int | None:
    """A version's number from a form. Raises FieldInvalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:11]) < 2**31:
        raise FieldInvalid(field, "is the number of a version.", "2")
    return int(text)
