"""A page of a version's rows: chosen columns, filtered, sorted."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from entrepot.http.api.files import VersionNumber
from entrepot.http.deps import ReadWork
from entrepot.http.downloads import preview_page

router = APIRouter(tags=["files"])

LONGEST = 4_000
"""Characters of a parameter."""
Text = Annotated[str, Query(max_length=LONGEST)]


@router.get("/file/{file_id}/preview", response_model=None)
async def preview(
    file_id: UUID,
    request: Request,
    work: ReadWork,
    version: VersionNumber | None = None,
    columns: Text | None = None,
    order_by: Text | None = None,
    where: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
    offset: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
) -> Response:
    """A page of a published version's rows, the newest version by default.

    `columns` are names with commas between them; `order_by` too, a minus before one sorts
    downwards, and missing cells come last; `where` is a condition like
    `amount > 10 AND city IN ('Kiel', 'Jena')`. The next page is in the `Link` header. `offset`
    jumps to a row. A page may be shorter than `limit` where its cells are many or long. Until the
    version's Parquet is made the answer is `409 derivative-pending`.
    """
    query = preview_page.Query(columns, order_by, where, limit, cursor, offset)
    made = await preview_page.preview_of(work, file_id, version, query)
    headers = {}
    if made.cursor is not None:
        further = {"cursor": made.cursor, "version": made.document["version"]}
        url = request.url.remove_query_params("offset").include_query_params(**further)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return JSONResponse(made.document, headers=headers)
