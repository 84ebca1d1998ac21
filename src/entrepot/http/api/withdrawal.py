"""Withdraw a version of a file, and undo that."""

from collections.abc import Callable
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.types import WriteConnection
from entrepot.files.cleanup.withdraw import (
    NewWithdrawal,
    find_copies,
    find_purged_blobs,
    undo_withdrawal,
    withdraw_version,
)
from entrepot.files.delivery.quarantine import MAX_REASON_CHARS, check_reason
from entrepot.files.drift import DriftNotPrepared, RenewedReports, renewed_report
from entrepot.files.queries.versions_list import Version
from entrepot.files.remove import remove_expired_bytes, remove_released_blobs
from entrepot.grants.access import lock_manageable
from entrepot.http.api.file_document import require_match
from entrepot.http.api.models.versions import VersionDetails, WithdrawnVersion
from entrepot.http.api.openapi.answers import problems
from entrepot.http.api.payloads import version_payload
from entrepot.http.deps import UnitOfWork, WriteWork
from entrepot.http.parameters import FileIdInPath, NumberInPath
from entrepot.http.places import API
from entrepot.http.uploads.body import SmallBodyRoute

R = TypeVar("R")

router = APIRouter(prefix=API, tags=["files"], route_class=SmallBodyRoute)


class WithdrawalBody(BaseModel):
    """Why the version is withdrawn, which its readers see; `purge`: its bytes and all that
    shows them are removed now, which cannot be undone."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]
    purge: StrictBool = False


@router.post(
    "/file/{file_id}/versions/{number}/withdraw",
    operation_id="withdraw_version",
    response_model=WithdrawnVersion,
    responses=problems(
        errors.NotAllowed,
        errors.PreconditionFailed,
        errors.VersionNotPublished,
        errors.StoreUnavailable,
    ),
)
async def withdraw(
    file_id: FileIdInPath,
    number: NumberInPath,
    body: WithdrawalBody,
    request: Request,
    work: WriteWork,
) -> Response:
    """Withdraw a published version: nobody reads it any more, and its readers see why.

    Readers who do not name a version get the newest one that is published. The withdrawn version,
    and a file without another published version, answer `410 version-withdrawn`. It can be undone
    until `undo_until`. With `purge` the bytes, the report, the rejected rows, the profile, forms
    and comparisons are removed now, permanently; the record keeps who withdrew the version, when
    and why. A withdrawn version can be purged later by the same request. `copies` are the file's
    other published versions with the same bytes, which stay. `If-Match` is supported.
    """
    reason, match = check_reason(body.reason), request.headers.get("if-match")
    version, copies = await withdraw_and_purge(
        work, file_id, number, reason, body.purge, match=match
    )
    answer: WithdrawnVersion = {**version_payload(version), "copies": copies}
    return JSONResponse(answer)


@router.delete(
    "/file/{file_id}/versions/{number}/withdrawal",
    operation_id="undo_withdrawal",
    response_model=VersionDetails,
    responses=problems(errors.NotAllowed, errors.NothingToUndo),
)
async def undo(file_id: FileIdInPath, number: NumberInPath, work: WriteWork) -> Response:
    """Publish a withdrawn version again, within 7 days, unless it was purged."""
    return JSONResponse(version_payload(await publish_withdrawn(work, file_id, number)))


async def publish_withdrawn(work: UnitOfWork, file_id: UUID, number: int) -> Version:
    """Undo a withdrawal. Raises NotFound, NotAllowed, NothingToUndo."""

    def act(conn: WriteConnection, actor: Actor, prepared: RenewedReports) -> Version:
        return undo_withdrawal(conn, actor, file_id, number, prepared, work.parts.clock())

    return await _with_drift(work, act)


async def withdraw_and_purge(
    work: UnitOfWork,
    file_id: UUID,
    number: int,
    reason: str,
    purge: bool,
    match: str | None = None,
) -> tuple[Version, list[int]]:
    """Withdraw a version, and remove its bytes if it is purged; and its copies.

    Raises NotFound, NotAllowed, PreconditionFailed, VersionNotPublished.
    """
    parts, new = work.parts, NewWithdrawal(reason, purge)

    def act(
        conn: WriteConnection, actor: Actor, prepared: RenewedReports
    ) -> tuple[Version, list[int], list[BlobId]]:
        lock_manageable(conn, actor, file_id)
        require_match(conn, actor, file_id, match)
        now = parts.clock()
        version = withdraw_version(conn, actor, file_id, number, new, prepared, now)
        return version, find_copies(conn, version), find_purged_blobs(conn, version)

    version, copies, blob_ids = await _with_drift(work, act)
    if purge:
        # If this process dies before it is done, the sweep does it.
        run = work.runtime.run_in_database_thread
        for blob_id in blob_ids:
            await run(remove_expired_bytes, parts.database, parts.store, blob_id, parts.clock)
        await run(remove_released_blobs, parts.database, parts.store)
    return version, copies


async def _with_drift(
    work: UnitOfWork, act: Callable[[WriteConnection, Actor, RenewedReports], R]
) -> R:
    """Run `act` in a transaction, again with each long report that it needs, which a parsing
    process makes. Raises what that raises, SchemaTooCostly, TooManySchemas."""
    prepared: RenewedReports = {}
    while True:
        try:
            return await work.write_into_reserve(act, prepared)
        except DriftNotPrepared as missing:
            pair = missing.pair
            run = work.runtime.parser.run
            prepared[pair] = await run(work.account_id, pair.chars, renewed_report, pair)
