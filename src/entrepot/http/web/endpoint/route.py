"""The endpoint address, how to send a key, and the published examples ready to paste."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.files.queries.lists import FileFilter, list_files
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import SessionWork
from entrepot.http.web.usage_examples import examples_for

router = page_router()

LOOKED_AT = 20
"""The newest files, one of which the lines download."""


@router.get("/endpoint", response_model=None)
async def endpoint(request: Request, work: SessionWork) -> Response:
    """The endpoint address."""

    def load(conn: ReadConnection, actor: Actor) -> UUID | None:
        """A published file that they may read."""
        newest = list_files(conn, actor, LOOKED_AT, None, FileFilter("-created_at", published=True))
        return next((file.id for file in newest if file.rights.reads), None)

    actor, file_id = await work.read_with_actor(load)
    address = endpoint_of(request)
    return page(
        request,
        "endpoint/page.html",
        actor,
        endpoint=address,
        examples=examples_for(address, "<API KEY>", file_id, actor.is_admin),
    )
