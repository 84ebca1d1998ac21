"""Change a file's settings, hand it over, delete it or one of its versions, and undo that."""

import unicodedata
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import FieldInvalid, NotFound, NothingToUndo, PathTaken, SizeLimitTooSmall
from entrepot.files.change import change_file
from entrepot.files.cleanup.delete import (
    delete_file,
    delete_version,
    get_deleted_file,
    undelete_file,
    undelete_version,
)
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.files.transfer import transfer_file
from entrepot.grants.access import access_manageable
from entrepot.grants.entitlements import list_entitlements
from entrepot.http.parameters import FileIdInPath, NumberInPath
from entrepot.http.web.changes.draft import SettingsDraft, draft_of, field_errors, read_draft
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.form import read_form
from entrepot.http.web.form_labels import KEPT_LABELS
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.repeated import done_already
from entrepot.http.web.session_work import PageWork, SessionWork, redirect

router = page_router()


@router.get("/files/{file_id}/settings", response_model=None)
async def show(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """The settings of a file, for its owner and the account's admins."""
    return await _page(request, file_id, work, None)


@router.post("/files/{file_id}/settings", response_model=None)
async def change(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Change the settings and go back to the file; or the form again, and why not."""
    draft = read_draft(await read_form(request))
    try:
        changes = draft.change(work.parts.settings.max_file_size)
        await work.write(change_file, file_id, changes, work.now)
    except (FieldInvalid, PathTaken, SizeLimitTooSmall) as error:
        return await _page(request, file_id, work, replace(draft, errors=field_errors(error)))
    return redirect(f"/files/{file_id}", Confirmation.SETTINGS)


@router.post("/files/{file_id}/owner", response_model=None)
async def transfer(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Make another user of the account the owner; or the form again, and why not."""
    user_name = (await read_form(request)).text("user_name").strip()
    try:
        await work.write(transfer_file, file_id, user_name, work.now)
    except FieldInvalid as error:
        reason = {"user_name": error.reason}
        return await _page(request, file_id, work, None, user_name=user_name, errors=reason)
    try:
        await work.read(get_file, file_id)
    except NotFound:  # it is another's now
        return redirect("/files", Confirmation.HANDED_OVER)
    return redirect(f"/files/{file_id}", Confirmation.HANDED_OVER)


@router.post("/files/{file_id}/delete", response_model=None)
async def delete(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Delete the file whose name was given; or the form again. It can be undone for 7 days."""
    confirm = (await read_form(request)).text("confirm")
    try:
        file = await work.read(_manageable, file_id)
    except NotFound:  # or it was deleted meanwhile
        await work.read(get_deleted_file, file_id, work.now)
        return redirect(f"/files/{file_id}/deleted")
    if unicodedata.normalize("NFC", confirm.strip()) != file.name.strip():
        errors = {"confirm": f"must be {file.name}. Nothing was deleted."}
        return await _page(request, file_id, work, None, confirm=confirm, errors=errors)
    await work.write_into_reserve(delete_file, file_id, work.now)
    return redirect(f"/files/{file_id}/deleted")


@router.get("/files/{file_id}/deleted", response_model=None)
async def deleted(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """What was deleted, until when it can be undone, and the button for it."""
    actor, deleted_file = await work.read_with_actor(get_deleted_file, file_id, work.now)
    return page(request, "changes/deleted.html", actor, deleted_file=deleted_file)


@router.post("/files/{file_id}/undelete", response_model=None)
async def undelete(file_id: FileIdInPath, work: SessionWork) -> Response:
    """Undo the deletion; one that was undone meanwhile just shows the file."""
    with suppress(NothingToUndo):
        await work.write(undelete_file, file_id, work.now)
    return redirect(f"/files/{file_id}", Confirmation.UNDELETED)


@router.post("/files/{file_id}/versions/{number}/delete", response_model=None)
async def remove_version(
    file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Delete a published version that is not the current one; the list offers to undo it."""
    async with done_already(work, file_id, number, "deleted"):
        await work.write_into_reserve(delete_version, file_id, number, work.now)
    return redirect(f"/files/{file_id}#versions", Confirmation.VERSION_DELETED)


@router.post("/files/{file_id}/versions/{number}/undelete", response_model=None)
async def bring_version_back(
    file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Undo the deletion of a version."""
    async with done_already(work, file_id, number, "published"):
        await work.write(undelete_version, file_id, number, work.now)
    return redirect(f"/files/{file_id}#versions", Confirmation.VERSION_UNDELETED)


def _manageable(conn: ReadConnection, actor: Actor, file_id: UUID) -> FileRecord:
    access_manageable(conn, actor, file_id)
    return get_file(conn, actor, file_id)


async def _page(
    request: Request, file_id: UUID, work: PageWork, draft: SettingsDraft | None, **changed: object
) -> Response:
    """The forms as the file is, or as they were filled in."""

    def load(conn: ReadConnection, actor: Actor) -> tuple[FileRecord, bool]:
        file = _manageable(conn, actor, file_id)
        return file, bool(list_entitlements(conn, actor, file_id, 1))

    actor, (file, is_shared) = await work.read_with_actor(load)
    filled = draft or replace(draft_of(file), **changed)  # type: ignore[arg-type]
    return page(
        request,
        "changes/settings.html",
        actor,
        status=422 if filled.errors else 200,
        file=file,
        is_shared=is_shared,
        draft=filled,
        errors=filled.errors,
        rules=KEPT_LABELS,
    )
