"""`/api/v1/uploads`: uploads that are resumed after their connection broke (tus 1.0.0).

What a form has as fields travels in `Upload-Metadata`, and is checked by the same rules at the
creation. The answer that completes an upload, and each HEAD after it, has `Entrepot-Task-Id`.
"""

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from entrepot.errors import (
    BlobMissing,
    BodyTooLarge,
    DraftBusy,
    FieldInvalid,
    MediaTypeUnsupported,
    NotFound,
    OffsetMismatch,
    ShuttingDown,
    UploadSealed,
)
from entrepot.files.delivery.resumable import (
    begin_upload,
    check_joined_size,
    get_parts,
    join_uploads,
)
from entrepot.files.delivery.under_way import end_upload
from entrepot.files.delivery.upload_state import Upload, UploadLimits, UploadRequest
from entrepot.files.delivery.uploads import CommitContext, StoredUpload, UploadTarget
from entrepot.http.api.file_document import match_condition
from entrepot.http.api.openapi.tus_answers import (
    APPENDED,
    CAPABILITIES,
    CREATED,
    CREATION,
    DELETED,
    PART,
    SHOWN,
    UPLOAD_ID_PARAMETER,
    UPLOAD_PARAMETERS,
)
from entrepot.http.deps import RuntimeDep, UnitOfWork, WriteWork
from entrepot.http.parameters import UPLOAD_LENGTH, UPLOAD_OFFSET, UploadIdInPath
from entrepot.http.places import API
from entrepot.http.uploads.body import content_length
from entrepot.http.uploads.commit import create_blob, remove_unneeded
from entrepot.http.uploads.idempotency import idempotency_key
from entrepot.http.uploads.join_drafts import join_drafts
from entrepot.http.uploads.resumable_session import (
    ResumableSession,
    discard_upload,
    expiry_time,
    open_new_session,
    open_session,
    reload_upload,
)
from entrepot.http.uploads.target import target_from_metadata
from entrepot.http.uploads.tus_headers import (
    OFFSET_STREAM,
    Checksum,
    Concat,
    TusRoute,
    capability_headers,
    read_checksum,
    read_concat,
    read_if_match,
    read_part_metadata,
    upload_address,
    upload_description,
    upload_headers,
)
from entrepot.quotas.reserve import ReservationId

router = APIRouter(prefix=API, tags=["resumable uploads"], route_class=TusRoute)


@router.options(
    "/uploads",
    status_code=204,
    operation_id="describe_uploads",
    response_class=Response,
    responses=CAPABILITIES,
)
@router.options(
    "/uploads/{upload_id}",
    status_code=204,
    operation_id="describe_upload",
    openapi_extra=UPLOAD_ID_PARAMETER,
    response_class=Response,
    responses=CAPABILITIES,
)
async def options(runtime: RuntimeDep) -> Response:
    """What this server can do: the protocol's version, its extensions, the largest file."""
    return Response(
        status_code=204, headers=capability_headers(runtime.parts.settings.max_file_size)
    )


@router.post(
    "/uploads",
    status_code=201,
    operation_id="create_upload",
    response_class=Response,
    openapi_extra=CREATION,
    responses=CREATED,
)
async def create(request: Request, work: WriteWork) -> Response:
    """Begin a resumable upload; its address is in `Location`.

    The length and all metadata of the file are checked now, and its bytes of the quota are reserved
    until the upload has ended. The body can have the first bytes. With `Upload-Concat: partial` it
    is a part; with `final;` and the addresses of parts it joins the parts and delivers them as one
    file.
    """
    if work.runtime.draining:
        raise ShuttingDown
    if "upload-defer-length" in request.headers:
        raise FieldInvalid("Upload-Defer-Length", "is not supported: send Upload-Length.")
    concat = read_concat(request)
    metadata = request.headers.get("upload-metadata", "")
    if concat.parts:
        return await _join(request, work, concat, metadata)
    size = UPLOAD_LENGTH.require(request.headers.get("upload-length"), "Upload-Length")
    match = read_if_match(request)
    target = None if concat.partial else await _target(metadata, match, work)
    if concat.partial:
        read_part_metadata(metadata)
    elif size == 0:
        raise FieldInvalid("Upload-Length", "the file is empty; nothing was stored.")
    key = idempotency_key(request)
    upload_request = UploadRequest(size, metadata, match, concat.partial, key)
    has_body, checksum = _has_body(request), read_checksum(request)
    _reject_surplus(request, size)
    settings = work.parts.settings
    lifetime = timedelta(seconds=settings.upload_lifetime)
    limits = UploadLimits(settings.max_file_size, settings.unfinished_uploads, lifetime)
    upload = await work.write(begin_upload, upload_request, target, limits, work.now)
    location = {"Location": upload_address(upload.upload_id)}
    if not has_body:
        return Response(status_code=201, headers=upload_headers(upload, upload.received) | location)
    async with open_new_session(work, upload, idempotent=key is not None) as session:
        if session is None:  # repeated, after the first time was answered or almost was
            return Response(status_code=201, headers=upload_headers(upload, upload.size) | location)
        if session.size == 0:  # else repeated, and the sender continues at the offset in the answer
            with work.runtime.uploads.slot(upload.account_id, work.account_id):
                target = await _take_body(session, request, checksum, work)
                upload = await (session.complete(target) if target else reload_upload(work, upload))
        return Response(status_code=201, headers=upload_headers(upload, session.size) | location)


@router.head(
    "/uploads/{upload_id}",
    operation_id="get_upload_offset",
    response_class=Response,
    openapi_extra=UPLOAD_PARAMETERS,
    responses=SHOWN,
)
async def show(upload_id: UploadIdInPath, work: WriteWork) -> Response:
    """How many bytes of an upload are stored durably, and its task once it is complete.

    A request that is still sending bytes to it is ended; its bytes are kept.
    """
    try:
        return await _show(upload_id, work)
    except DraftBusy:
        # A request that was sent before came only now, such as one whose connection is closed.
        return await _show(upload_id, work)


async def _show(upload_id: UUID, work: UnitOfWork) -> Response:
    async with open_session(work, upload_id) as (upload, session):
        if session is None:
            return Response(
                headers=upload_headers(upload, upload.received) | upload_description(upload)
            )
        current = upload
        if session.is_deliverable:
            # Its last bytes came, but not its last transaction: nobody may learn that all
            # is here before there is a task.
            current = await session.complete(await _target(upload.metadata, upload.if_match, work))
        else:
            await session.record_stored_bytes()
        return Response(headers=upload_headers(current, session.size) | upload_description(current))


@router.patch(
    "/uploads/{upload_id}",
    status_code=204,
    operation_id="append_to_upload",
    response_class=Response,
    openapi_extra=PART,
    responses=APPENDED,
)
async def resume(upload_id: UploadIdInPath, request: Request, work: WriteWork) -> Response:
    """Send the next bytes of an upload, from `Upload-Offset` on; the last ones complete it."""
    if work.runtime.draining:
        raise ShuttingDown
    _require_stream(request)
    offset = UPLOAD_OFFSET.require(request.headers.get("upload-offset"), "Upload-Offset")
    checksum = read_checksum(request)
    async with open_session(work, upload_id) as (upload, session):
        if session is None:
            if upload.concat == "final" or upload.joined_into is not None:
                raise UploadSealed
            if offset != upload.size or content_length(request):
                raise OffsetMismatch(offset=upload.size, requested=offset)
            return Response(status_code=204, headers=upload_headers(upload, upload.size))
        await session.replace_from(offset)
        if offset != session.size:
            await session.record_stored_bytes()
            raise OffsetMismatch(offset=session.size, requested=offset)
        with work.runtime.uploads.slot(upload.account_id, work.account_id):
            target = await _take_body(session, request, checksum, work)
            current = await (session.complete(target) if target else reload_upload(work, upload))
        return Response(status_code=204, headers=upload_headers(current, session.size))


@router.delete(
    "/uploads/{upload_id}",
    status_code=204,
    operation_id="delete_upload",
    response_class=Response,
    openapi_extra=UPLOAD_PARAMETERS,
    responses=DELETED,
)
async def terminate(upload_id: UploadIdInPath, work: WriteWork) -> Response:
    """End an upload: its bytes are removed and its quota is free again. A delivered version stays.

    The owner of the file that it is for, and admins of its account, may end it too, also one that
    is not resumable. `Tus-Resumable` may be left out.
    """
    await work.write_into_reserve(end_upload, upload_id, work.now)
    await remove_unneeded(work, work.parts.store.drafts.drop, upload_id)
    return Response(status_code=204)


@router.post(
    "/uploads/{upload_id}", status_code=204, response_class=Response, include_in_schema=False
)
async def override(upload_id: UploadIdInPath, request: Request, work: WriteWork) -> Response:
    """The methods above for clients that know only POST, by `X-HTTP-Method-Override`."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await resume(upload_id, request, work)
    if method == "DELETE":
        return await terminate(upload_id, work)
    if method == "HEAD":
        return await show(upload_id, work)
    raise HTTPException(405, headers={"Allow": "HEAD, PATCH, DELETE, OPTIONS"})


async def _take_body(
    session: ResumableSession, request: Request, checksum: Checksum | None, work: UnitOfWork
) -> UploadTarget | None:
    """Take the body; the target of the upload, if it is whole then and is not to be joined."""
    _reject_surplus(request, session.upload.size - session.size)
    target = await _checked_target(session.upload, work)
    await session.take(request, checksum)
    return target if session.is_deliverable else None


async def _checked_target(upload: Upload, work: UnitOfWork) -> UploadTarget | None:
    """What the upload is to become; None for a part.

    No bytes are taken for a file that their sender may deliver to no more, and no quota is held
    for it. Raises NotFound, NotAllowed.
    """
    if upload.partial:
        return None
    try:
        target = await _target(upload.metadata, upload.if_match, work)
        await work.read(target.require_access)
    except NotFound:
        await discard_upload(work, upload)
        raise
    return target


async def _join(request: Request, work: UnitOfWork, concat: Concat, metadata: str) -> Response:
    if "upload-length" in request.headers:
        raise FieldInvalid("Upload-Length", "does not go with `Upload-Concat: final`.")
    if _has_body(request):
        raise FieldInvalid("Upload-Concat", "a final upload has no bytes of its own.")
    match, max_bytes = read_if_match(request), work.parts.settings.max_file_size
    target = await _target(metadata, match, work)
    parts, whole = await work.read(get_parts, concat.parts, metadata, work.now)
    if whole is None:
        size = sum(part.size for part in parts)
        if size == 0:
            raise FieldInvalid("Upload-Concat", "the file is empty; nothing was stored.")
        await work.write(check_joined_size, target, size, max_bytes)
        upload_request = UploadRequest(size, metadata, match, parts=concat.parts)
        expires_at, drafts = expiry_time(work), work.parts.store.drafts
        context = CommitContext(work.parts.queue, work.parts.clock)
        copy = partial(join_drafts, drafts, parts)
        try:
            with work.runtime.uploads.slot(parts[0].account_id):
                async with create_blob(work, copy) as (blob_id, stored):
                    upload = StoredUpload(blob_id, stored, ReservationId(uuid4()))
                    commit = work.with_current_time().write
                    whole = await commit(
                        join_uploads, upload_request, upload, target, expires_at, context
                    )
                for part in parts:
                    await remove_unneeded(work, drafts.drop, part.upload_id)
        except BlobMissing:
            # Somebody else joined them first, or gave one up, and their bytes went while we copied.
            _, whole = await work.read(get_parts, concat.parts, metadata, work.parts.clock())
            if whole is None:
                raise
    headers = upload_headers(whole, whole.size) | {"Location": upload_address(whole.upload_id)}
    return Response(status_code=201, headers=headers)


async def _target(metadata: str, if_match: str | None, work: UnitOfWork) -> UploadTarget:
    """What an upload becomes by its metadata. Raises as `target_from_metadata` does."""
    return await target_from_metadata(metadata, match_condition(if_match), work)


def _has_body(request: Request) -> bool:
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


def _reject_surplus(request: Request, missing: int) -> None:
    """Refuse before its first byte a body that is longer than what is missing."""
    if (content_length(request) or 0) > missing:
        raise BodyTooLarge(limit=missing)
