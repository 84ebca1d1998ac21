"""A page of a version's rows: chosen columns, filtered, sorted."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from entrepot import errors
from entrepot.http.api.models.inspections import PreviewPage
from entrepot.http.api.openapi.answers import CONVERTING, GONE, problems, with_headers
from entrepot.http.deps import ReadWork
from entrepot.http.downloads import preview_page
from entrepot.http.downloads.prefer import wait_seconds
from entrepot.http.parameters import (
    Cursor,
    Expression,
    FileIdInPath,
    NumberInQuery,
    PageItems,
    RowOffset,
)
from entrepot.http.places import API

router = APIRouter(prefix=API, tags=["files"])


@router.get(
    "/file/{file_id}/preview",
    operation_id="preview_rows",
    response_model=PreviewPage,
    responses=with_headers(200, "Link", "Entrepot-Version", "Preference-Applied")
    | problems(
        *CONVERTING,
        *GONE,
        errors.NotAllowed,
        errors.NoPublishedVersion,
        errors.ExpressionInvalid,
        errors.UnknownColumn,
        errors.TypeMismatch,
        errors.CursorMismatch,
        errors.PreviewTooCostly,
        errors.TooManyPreviews,
        errors.PreviewUnavailable,
        errors.StoreUnavailable,
        errors.BlobDamaged,
        errors.StorageFull,
    ),
)
async def preview(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    version: NumberInQuery | None = None,
    columns: Expression | None = None,
    order_by: Expression | None = None,
    where: Expression | None = None,
    limit: PageItems = 100,
    cursor: Cursor = None,
    offset: RowOffset = 0,
) -> Response:
    """A page of a published version's rows, the newest version by default.

    `columns` and `order_by` are names, separated by commas; a minus before a name of `order_by`
    sorts the largest value first, and missing cells are last; `where` is a condition like `amount >
    10 AND city IN ('Kiel', 'Jena')`. The next page is in the `Link` header. `offset` jumps to a
    row. A page may have fewer rows than `limit` if its cells are many or long. While the Parquet of
    a large version is made, the newest version that has one is shown; a `version` that is asked for
    by its number is waited for, as for a download.
    """
    query = preview_page.PreviewQuery(columns, order_by, where, limit, cursor, offset)
    rows_page = await preview_page.get_preview_page(
        work, file_id, version, query, wait_seconds(request)
    )
    headers = {"Entrepot-Version": str(rows_page.document["version"])}
    if rows_page.cursor is not None:
        parameters = {"cursor": rows_page.cursor, "version": rows_page.document["version"]}
        url = request.url.remove_query_params("offset").include_query_params(**parameters)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return JSONResponse(rows_page.document, headers=headers)
