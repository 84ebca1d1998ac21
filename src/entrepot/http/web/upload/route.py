"""Define a file and upload its first version, by a plain form.

The bytes stream through the same reception as the API's; the form has the API's fields.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import Reading
from entrepot.errors import EntrepotError, FieldInvalid, NotAuthenticated
from entrepot.http.api.uploads import receive_new_file
from entrepot.http.problem_kinds import kind_of
from entrepot.http.web.rendering import page
from entrepot.http.web.signed_in import PageWork, SignedIn, go
from entrepot.quotas.reserve import Usage, usage_of

router = APIRouter()

SUGGESTED_LIMIT = 10_000_000
"""Bytes that the form suggests as a size limit, or what is free if that is less."""


@router.get("/upload", response_model=None)
async def show(request: Request, work: SignedIn) -> Response:
    """The form."""
    return await _form(request, work, None)


@router.post("/upload", response_model=None)
async def upload(request: Request, work: SignedIn) -> Response:
    """Take the delivery and go on to the page of its task; or the form again, and why."""
    try:
        accepted = await receive_new_file(request, work)
    except NotAuthenticated:
        raise
    except EntrepotError as failure:
        return await _form(request, work, failure)
    return go(f"/tasks/{accepted.task_id}")


async def _form(request: Request, work: PageWork, failure: EntrepotError | None) -> Response:
    def look(conn: Reading, actor: Actor) -> Usage:
        return usage_of(conn, actor.account_id)

    actor, usage = await work.look(look)
    kind = kind_of(failure) if failure is not None else None
    return page(
        request,
        "upload/page.html",
        actor,
        status=kind.status if kind else 200,
        usage=usage,
        suggested=max(1, min(SUGGESTED_LIMIT, usage.free)),
        failure=failure,
        kind=kind,
        field=failure.field if isinstance(failure, FieldInvalid) else None,
    )
