"""Deliver a further version by a form; restore one, accept a rejected one, or what its report
suggests."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import EntrepotError, FieldInvalid, NotAuthenticated, NotFound
from entrepot.files.delivery.quarantine import check_reason
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.files.queries.versions_list import get_version
from entrepot.grants.access import require_delivering
from entrepot.http.api.restoration import accept, accept_suggested, restore
from entrepot.http.parameters import FileIdInPath, NumberInPath, NumberInQuery
from entrepot.http.uploads.form import receive_form
from entrepot.http.uploads.target import NextVersion
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import failure_values, page
from entrepot.http.web.repeated import sent_form, single_upload
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.http.web.tasks.route import AcceptanceDraft, task_page
from entrepot.quotas.reserve import Usage, get_usage

router = page_router()


@router.get("/files/{file_id}/deliver", response_model=None)
async def show(
    request: Request,
    file_id: FileIdInPath,
    work: SessionWork,
    replaces: NumberInQuery | None = None,
) -> Response:
    """The form; `replaces` is the number of the rejected version that is to be corrected."""
    return await _form(request, work, file_id, replaces, None)


@router.post("/files/{file_id}/deliver", response_model=None)
async def deliver(
    request: Request,
    file_id: FileIdInPath,
    work: SessionWork,
    replaces: NumberInQuery | None = None,
) -> Response:
    """Take the delivery and continue to the page of its task; or the form again, and why."""
    try:
        async with single_upload(request, work) as key:
            target = NextVersion(str(file_id))
            task_id = await receive_form(request, work, target, key=key)
    except (NotAuthenticated, NotFound):
        raise
    except EntrepotError as failure:
        return await _form(request, work, file_id, replaces, failure)
    return redirect(f"/tasks/{task_id}")


@router.post("/files/{file_id}/versions/{number}/restore", response_model=None)
async def restore_version(
    request: Request, file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Restore a published version and continue to the page of the task that does it."""
    return redirect(f"/tasks/{await restore(work, file_id, number, None, sent_form(request))}")


@router.post("/files/{file_id}/versions/{number}/accept", response_model=None)
async def accept_version(
    request: Request, file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Accept a rejected version and continue to the page of the task that publishes it; or the page
    of the version's own task with the form again, and why not."""
    form = await read_form(request)
    text = form.text("reason")
    try:
        reason = check_reason(text)
    except FieldInvalid as error:
        version = await work.read(get_version, file_id, number)
        return await task_page(request, work, version.task_id, AcceptanceDraft(text, error))
    idempotent = sent_form(request, form)
    task_id = await accept(work, file_id, number, reason, idempotent=idempotent)
    return redirect(f"/tasks/{task_id}")


@router.post("/files/{file_id}/versions/{number}/accept-suggestion", response_model=None)
async def accept_suggestion(
    request: Request, file_id: FileIdInPath, number: NumberInPath, work: SessionWork
) -> Response:
    """Change the contract as suggested and continue to the page of the task that judges by it."""
    idempotent = sent_form(request)
    task_id = await accept_suggested(work, file_id, number, idempotent=idempotent)
    return redirect(f"/tasks/{task_id}")


async def _form(
    request: Request,
    work: PageWork,
    file_id: UUID,
    replaces: int | None,
    failure: EntrepotError | None,
) -> Response:
    def load(conn: ReadConnection, actor: Actor) -> tuple[FileRecord, Usage]:
        file = get_file(conn, actor, file_id)
        require_delivering(file.rights)
        return file, get_usage(conn, actor.account_id)

    actor, (file, usage) = await work.read_with_actor(load)
    return page(
        request,
        "versions/deliver.html",
        actor,
        **failure_values(failure),
        file=file,
        usage=usage,
        replaces=replaces,
        field=failure.field if isinstance(failure, FieldInvalid) else None,
    )
