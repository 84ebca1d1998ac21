"""The endpoint address, how to send a key, and the published examples ready to paste."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.http.web.curl_examples import curl_examples
from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import SessionWork

router = APIRouter()


@router.get("/endpoint", response_model=None)
async def endpoint(request: Request, work: SessionWork) -> Response:
    """The endpoint address."""

    def load(conn: ReadConnection, actor: Actor) -> Actor:
        del conn
        return actor

    actor = await work.read(load)
    address = endpoint_of(request)
    return page(
        request,
        "endpoint/page.html",
        actor,
        endpoint=address,
        examples=curl_examples(address, "<API KEY>"),
    )
