"""Withdraw a version of a file, remove what is left of one, and undo that."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import FieldInvalid, VersionNotPublished
from entrepot.files.cleanup.withdraw import find_copies, find_other_published
from entrepot.files.delivery.quarantine import MAX_REASON_CHARS, check_reason
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.files.queries.versions_list import Version, get_version
from entrepot.grants.access import access_manageable
from entrepot.http.api.withdrawal import publish_withdrawn, withdraw_and_purge
from entrepot.http.parameters import FileIdInPath, NumberInPath
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.repeated import done_already
from entrepot.http.web.session_work import PageWork, SessionWork, redirect

router = page_router()


@dataclass(frozen=True)
class _WithdrawalPage:
    """A version that may be withdrawn, or purged; `instead` is what readers get then."""

    file: FileRecord
    version: Version
    instead: int | None
    copies: list[int]


@router.get("/files/{file_id}/versions/{number}/withdraw", response_model=None)
async def ask_to_withdraw(
    request: Request, file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Say what will happen, and ask for the reason."""
    return await _page(request, work, file_id, number)


@router.post("/files/{file_id}/versions/{number}/withdraw", response_model=None)
async def withdraw(
    request: Request, file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Withdraw a published version, and remove its bytes if the box is ticked; or the form again,
    and why not."""
    form = await read_form(request)
    text, purge = form.text("reason"), form.text("purge") == "true"
    try:
        reason = check_reason(text)
    except FieldInvalid as error:
        return await _page(request, work, file_id, number, text, purge, error)
    async with done_already(work, file_id, number, "withdrawn"):
        await withdraw_and_purge(work, file_id, number, reason, purge)
    return redirect(
        f"/files/{file_id}#versions", Confirmation.PURGED if purge else Confirmation.WITHDRAWN
    )


@router.post("/files/{file_id}/versions/{number}/undo-withdrawal", response_model=None)
async def publish_again(file_id: FileIdInPath, number: NumberInPath, work: SessionWork) -> Response:
    """Publish a withdrawn version again."""
    async with done_already(work, file_id, number, "published"):
        await publish_withdrawn(work, file_id, number)
    return redirect(f"/files/{file_id}#versions", Confirmation.WITHDRAWAL_UNDONE)


async def _page(
    request: Request,
    work: PageWork,
    file_id: UUID,
    number: int,
    reason: str = "",
    purge: bool = False,
    error: FieldInvalid | None = None,
) -> Response:
    actor, content = await work.read_with_actor(_load, file_id, number)
    return page(
        request,
        "withdrawal/page.html",
        actor,
        status=422 if error else 200,
        file=content.file,
        version=content.version,
        instead=content.instead,
        copies=content.copies,
        reason=reason,
        purge=purge,
        max_reason_chars=MAX_REASON_CHARS,
        error=error,
    )


def _load(conn: ReadConnection, actor: Actor, file_id: UUID, number: int) -> _WithdrawalPage:
    access_manageable(conn, actor, file_id)
    version = get_version(conn, actor, file_id, number)
    withdrawal = version.withdrawal
    if version.status != "published" and (withdrawal is None or withdrawal.purged):
        raise VersionNotPublished(version=number, version_status=version.status)
    copies = [each for each in find_copies(conn, version) if each != number]
    file = get_file(conn, actor, file_id)
    return _WithdrawalPage(file, version, find_other_published(conn, file_id, number), copies)
