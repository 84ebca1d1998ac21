"""`/docs`: the API reference, made from `/openapi.json` on the server, with no foreign host."""

from fastapi import Request
from fastapi.responses import Response

from entrepot.http.web.endpoint_address import endpoint_of
from entrepot.http.web.page_router import page_router
from entrepot.http.web.reference.outline import outline
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import Visitor

router = page_router()


@router.get("/docs", response_model=None)
async def reference(request: Request, actor: Visitor) -> Response:
    """Every operation of the API."""
    document = request.app.openapi()  # made once, then kept by the app
    return page(
        request,
        "reference/page.html",
        actor,
        sections=outline(document),
        version=document["info"]["version"],
        endpoint=endpoint_of(request),
    )
