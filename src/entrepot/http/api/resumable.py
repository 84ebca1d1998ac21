"""`/api/v1/uploads`: uploads that are resumed after their connection broke (tus 1.0.0).

What a form has as fields travels in `Upload-Metadata`, and is checked by the same rules at the
creation. The answer that completes an upload, and each HEAD after it, has `Entrepot-Task-Id`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.types import WriteConnection
from entrepot.errors import (
    BlobMissing,
    BodyTooLarge,
    FieldInvalid,
    FileTooLarge,
    MediaTypeUnsupported,
    NotFound,
    OffsetMismatch,
    ShuttingDown,
    UploadSealed,
)
from entrepot.files.delivery.resumable import (
    Announced,
    Upload,
    begin_upload,
    deliver_upload,
    drop_upload,
    end_upload,
    join_uploads,
    parts_of,
)
from entrepot.http.api.tus_target import Aim, read_aim
from entrepot.http.deps import RuntimeDep, UnitOfWork, WriteWork
from entrepot.http.uploads.body import content_length
from entrepot.http.uploads.commit import Commit
from entrepot.http.uploads.idempotency import idempotency_key
from entrepot.http.uploads.resumable_session import (
    ResumableSession,
    current,
    expiry,
    hold,
    join_drafts,
)
from entrepot.http.uploads.session import Admission
from entrepot.http.uploads.tus_headers import (
    OFFSET_STREAM,
    Checksum,
    Concat,
    TusRoute,
    abilities,
    address_of,
    description_of,
    headers_of,
    read_checksum,
    read_concat,
    read_count,
    read_metadata,
)
from entrepot.quotas.reserve import ReservationId
from entrepot.tasks.records import TaskId

router = APIRouter(tags=["resumable uploads"], route_class=TusRoute)


def _header(name: str, schema: Mapping[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": dict(schema)}


TUS = _header("Tus-Resumable", {"type": "string", "const": "1.0.0"}, required=True)
BYTES = {"type": "integer", "minimum": 0}
BODY = {"content": {OFFSET_STREAM: {"schema": {"type": "string", "format": "binary"}}}}
CREATION = {
    "parameters": [
        TUS,
        _header("Upload-Length", BYTES),
        _header(
            "Upload-Metadata",
            {
                "type": "string",
                "description": "`filename`, `file_size_limit`, `file_description`, "
                "`enforce_schema`, `table_dialect`; or `filename`, `file_id`, `replaces`. "
                "In base64.",
            },
        ),
        _header("Upload-Concat", {"type": "string"}),
        _header("Upload-Checksum", {"type": "string"}),
    ],
    "requestBody": {"required": False, **BODY},
}
PART = {
    "parameters": [
        TUS,
        _header("Upload-Offset", BYTES, required=True),
        _header("Upload-Checksum", {"type": "string"}),
    ],
    "requestBody": {"required": True, **BODY},
}


@router.options("/uploads", status_code=204, response_class=Response)
@router.options("/uploads/{upload_id}", status_code=204, response_class=Response)
async def options(runtime: RuntimeDep) -> Response:
    """What this server can do: the protocol's version, its extensions, the largest file."""
    return Response(status_code=204, headers=abilities(runtime.parts.settings.max_file_size))


@router.post("/uploads", status_code=201, response_class=Response, openapi_extra=CREATION)
async def create(request: Request, work: WriteWork) -> Response:
    """Begin a resumable upload; its address is in `Location`.

    The length and all that is told of the file are checked now, and the quota is held until the
    upload has ended. The body may bring the first bytes. With `Upload-Concat: partial` it is a
    part; with `final;` and the addresses of parts it joins them and delivers the whole.
    """
    if work.runtime.draining:
        raise ShuttingDown
    if "upload-defer-length" in request.headers:
        raise FieldInvalid("Upload-Defer-Length", "is not supported: send Upload-Length.")
    concat = read_concat(request)
    told = request.headers.get("upload-metadata", "")
    if concat.parts:
        return await _join(request, work, concat, told)
    size = read_count(request, "Upload-Length")
    aim = None if concat.partial else _aim(request, told, work)
    if concat.partial:
        read_metadata(told)
    elif size == 0:
        raise FieldInvalid("Upload-Length", "the file is empty; nothing was stored.")
    key = idempotency_key(request)
    match = request.headers.get("if-match")
    announced = Announced(size, told, match, concat.partial, key)
    brings, checksum = _brings_bytes(request), read_checksum(request)
    _refuse_surplus(request, size)
    upload = await work.write(_begin, announced, aim, work)
    location = {"Location": address_of(upload.upload_id)}
    if not brings:
        return Response(status_code=201, headers=headers_of(upload, upload.received) | location)
    return await _create_with_bytes(request, work, upload, checksum, location)


@router.head("/uploads/{upload_id}", response_class=Response, openapi_extra={"parameters": [TUS]})
async def show(upload_id: UUID, work: WriteWork) -> Response:
    """How much of an upload is here, durably, and what became of it.

    A request that still brings bytes to it is ended: what came stays.
    """
    return await _show(upload_id, work)


@router.patch("/uploads/{upload_id}", status_code=204, response_class=Response, openapi_extra=PART)
async def resume(upload_id: UUID, request: Request, work: WriteWork) -> Response:
    """Bring the next bytes of an upload, from `Upload-Offset` on; the last ones complete it."""
    return await _resume(upload_id, request, work)


@router.delete(
    "/uploads/{upload_id}",
    status_code=204,
    response_class=Response,
    openapi_extra={"parameters": [TUS]},
)
async def terminate(upload_id: UUID, work: WriteWork) -> Response:
    """Give an upload up: its bytes go, and its quota comes back. What it delivered stays."""
    return await _terminate(upload_id, work)


@router.post(
    "/uploads/{upload_id}", status_code=204, response_class=Response, include_in_schema=False
)
async def override(upload_id: UUID, request: Request, work: WriteWork) -> Response:
    """The methods above for clients that know only POST, by `X-HTTP-Method-Override`."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await _resume(upload_id, request, work)
    if method == "DELETE":
        return await _terminate(upload_id, work)
    if method == "HEAD":
        return await _show(upload_id, work)
    raise HTTPException(405, headers={"Allow": "HEAD, PATCH, DELETE, OPTIONS"})


async def _show(upload_id: UUID, work: UnitOfWork) -> Response:
    upload, held = await hold(work, upload_id)
    offset = upload.received
    if held is not None:
        try:
            if held.whole and not upload.partial:
                # Its last bytes came, but not its last transaction: nobody shall be told that all
                # is here before there is a task.
                upload = await _complete(held, work)
            else:
                await held.found()
            offset = held.size
        finally:
            await held.close()
    return Response(headers=headers_of(upload, offset) | description_of(upload))


async def _resume(upload_id: UUID, request: Request, work: UnitOfWork) -> Response:
    if work.runtime.draining:
        raise ShuttingDown
    _require_stream(request)
    stated, checksum = read_count(request, "Upload-Offset"), read_checksum(request)
    upload, held = await hold(work, upload_id)
    if held is None:
        if upload.concat == "final" or upload.joined_into is not None:
            raise UploadSealed
        if stated != upload.size or content_length(request):
            raise OffsetMismatch(offset=upload.size, requested=stated)
        return Response(status_code=204, headers=headers_of(upload, upload.size))
    try:
        if stated != held.size:
            await held.found()
            raise OffsetMismatch(offset=held.size, requested=stated)
        with work.runtime.uploads.one(upload.account_id):
            upload = await _take(held, request, checksum, work)
        return Response(status_code=204, headers=headers_of(upload, held.size))
    finally:
        await held.close()


async def _terminate(upload_id: UUID, work: UnitOfWork) -> Response:
    await work.write(end_upload, upload_id, work.now)
    await work.runtime.in_thread(work.parts.store.drafts.drop, upload_id)
    return Response(status_code=204)


async def _create_with_bytes(
    request: Request,
    work: UnitOfWork,
    upload: Upload,
    checksum: Checksum | None,
    location: dict[str, str],
) -> Response:
    held = await ResumableSession.open(work, upload) if not upload.ended else None
    if held is None:  # repeated, after the first time was answered or almost was
        return Response(status_code=201, headers=headers_of(upload, upload.size) | location)
    try:
        if held.size == 0:  # else repeated, and the sender goes on where it is told to
            with work.runtime.uploads.one(upload.account_id):
                upload = await _take(held, request, checksum, work)
        return Response(status_code=201, headers=headers_of(upload, held.size) | location)
    except BaseException:
        # Its sender was never told the address, so that nobody can go on.
        if "idempotency-key" not in request.headers:
            await _drop(upload.upload_id, work)
        raise
    finally:
        await held.close()


async def _take(
    held: ResumableSession, request: Request, checksum: Checksum | None, work: UnitOfWork
) -> Upload:
    """Take the body, and deliver the upload if it is whole then; the upload as it is now."""
    _refuse_surplus(request, held.upload.size - held.size)
    await _check_aim(held.upload, work)
    await held.take(request, checksum)
    if held.whole and not held.upload.partial:
        return await _complete(held, work)
    return await current(work, held.upload)


async def _check_aim(upload: Upload, work: UnitOfWork) -> None:
    """Take no bytes for a file that their sender may deliver to no more, and hold no quota for it.

    Raises NotFound, NotAllowed.
    """
    if upload.partial:
        return
    try:
        await work.read(read_aim(upload.told, upload.if_match, work).check)
    except NotFound:
        await _drop(upload.upload_id, work)
        raise


async def _drop(upload_id: UUID, work: UnitOfWork) -> None:
    await work.runtime.run_in_database_thread(work.parts.database.write, drop_upload, upload_id)
    await work.runtime.in_thread(work.parts.store.drafts.drop, upload_id)


async def _complete(held: ResumableSession, work: UnitOfWork) -> Upload:
    upload = held.upload
    aim = read_aim(upload.told, upload.if_match, work)
    until = expiry(work)

    def commit(conn: WriteConnection, actor: Actor, blob_id: BlobId, stored: StoredBlob) -> None:
        def deliver(reservation: ReservationId) -> TaskId:
            return aim.deliver(conn, actor, blob_id, stored, reservation, upload.account_id, work)

        now = work.parts.clock()
        deliver_upload(conn, actor, upload.upload_id, deliver, until, now)

    await held.complete(commit)
    return await current(work, upload)


async def _join(request: Request, work: UnitOfWork, concat: Concat, told: str) -> Response:
    if "upload-length" in request.headers:
        raise FieldInvalid("Upload-Length", "does not go with `Upload-Concat: final`.")
    if _brings_bytes(request):
        raise FieldInvalid("Upload-Concat", "a final upload has no bytes of its own.")
    aim = _aim(request, told, work)
    parts, joined = await work.read(parts_of, concat.parts, told, work.now)
    try:
        whole = joined or await _joined(parts, aim, told, work)
    except BlobMissing:
        # Somebody else joined them first, or gave one up, and their bytes went while we copied.
        _, joined = await work.read(parts_of, concat.parts, told, work.parts.clock())
        if joined is None:
            raise
        whole = joined
    headers = headers_of(whole, whole.size) | {"Location": address_of(whole.upload_id)}
    return Response(status_code=201, headers=headers)


async def _joined(parts: list[Upload], aim: Aim, told: str, work: UnitOfWork) -> Upload:
    size = sum(part.size for part in parts)
    if size == 0:
        raise FieldInvalid("Upload-Concat", "the file is empty; nothing was stored.")
    await work.write(_admitted, aim, size, work)
    announced = Announced(size, told, aim.if_match)
    with work.runtime.uploads.one(parts[0].account_id):
        return await join_drafts(work, parts, _joining(parts, aim, announced, work))


def _joining(
    parts: list[Upload], aim: Aim, announced: Announced, work: UnitOfWork
) -> Commit[Upload]:
    until = expiry(work)

    def commit(conn: WriteConnection, actor: Actor, blob_id: BlobId, stored: StoredBlob) -> Upload:
        def deliver(reservation: ReservationId) -> TaskId:
            return aim.deliver(conn, actor, blob_id, stored, reservation, account_id, work)

        account_id = aim.admit(conn, actor, work.parts.settings.max_file_size).account_id
        named = [part.upload_id for part in parts]
        now = work.parts.clock()
        return join_uploads(conn, actor, named, announced, account_id, deliver, until, now)

    return commit


def _begin(
    conn: WriteConnection, actor: Actor, announced: Announced, aim: Aim | None, work: UnitOfWork
) -> Upload:
    settings = work.parts.settings
    largest, most = settings.max_file_size, settings.unfinished_uploads
    admission = Admission(actor.account_id)
    if aim is not None:
        admission = aim.admit(conn, actor, largest)
    limit = min(largest, admission.size_limit or largest)
    life = timedelta(seconds=settings.upload_lifetime)
    return begin_upload(conn, actor, announced, admission.account_id, limit, most, life, work.now)


def _admitted(conn: WriteConnection, actor: Actor, aim: Aim, size: int, work: UnitOfWork) -> None:
    """Refuse a join before its bytes are copied. Raises FileTooLarge, NotFound, …"""
    limit = aim.admit(conn, actor, work.parts.settings.max_file_size).size_limit
    if limit is not None and size > limit:
        raise FileTooLarge(limit=limit, requested=size)


def _aim(request: Request, told: str, work: UnitOfWork) -> Aim:
    return read_aim(told, request.headers.get("if-match"), work)


def _brings_bytes(request: Request) -> bool:
    """Whether the request has a body. Raises MediaTypeUnsupported if it is of another kind."""
    length = content_length(request)
    if not length and "transfer-encoding" not in request.headers:
        return False
    _require_stream(request)
    return True


def _require_stream(request: Request) -> None:
    received = request.headers.get("content-type", "").partition(";")[0].strip()
    if received.lower() != OFFSET_STREAM:
        raise MediaTypeUnsupported(received=received[:100], expected=OFFSET_STREAM)


def _refuse_surplus(request: Request, left: int) -> None:
    """Refuse before its first byte a body that is longer than what is missing."""
    if (content_length(request) or 0) > left:
        raise BodyTooLarge(limit=left)
