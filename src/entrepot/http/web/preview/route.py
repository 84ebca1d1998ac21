"""The rows of a file's newest version, or of an earlier one: sorted, filtered, page by page."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import (
    CursorMismatch,
    DerivativeFailed,
    EntrepotError,
    ExpressionInvalid,
    FieldInvalid,
    FormNotReady,
    NoPublishedVersion,
    PreviewTooCostly,
    PreviewUnavailable,
    TooManyFormWaits,
    TooManyPreviews,
    TypeMismatch,
    UnknownColumn,
    VersionNotTabular,
)
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.grants.access import require_reading
from entrepot.http.downloads.preview_page import PreviewQuery, RowsPage, get_preview_page
from entrepot.http.parameters import Expression, FileIdInPath, NumberInQuery, RowInQuery, RowOffset
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import failure_values, page
from entrepot.http.web.session_work import SessionWork

router = page_router()

PAGE_WAIT_SECONDS = 2.0
"""A person is shown that the rows are on their way rather than nothing."""
ROWS = 50
"""Rows on one page."""
COLUMNS = 50
"""Columns on the page; the API and the forms have all of them."""
SHOWN_ERRORS = (
    CursorMismatch,
    DerivativeFailed,
    ExpressionInvalid,
    FieldInvalid,
    FormNotReady,
    NoPublishedVersion,
    PreviewTooCostly,
    PreviewUnavailable,
    TooManyPreviews,
    TypeMismatch,
    TooManyFormWaits,
    UnknownColumn,
    VersionNotTabular,
)
"""What is shown beside the form, so that it can be corrected or asked again."""


@dataclass(frozen=True)
class PreviewColumnView:
    """A column's head: `link` sorts by it, or the other way round where it is sorted by already."""

    name: str
    type: str
    stored_as: str
    link: str
    sorted: str


@router.get("/files/{file_id}/preview", response_model=None)
async def rows(
    request: Request,
    file_id: FileIdInPath,
    work: SessionWork,
    version: NumberInQuery | None = None,
    where: Expression = "",
    order_by: Expression = "",
    offset: RowOffset = 0,
    row: RowInQuery = None,
) -> Response:
    """A page of rows. `row` jumps to the row of that number, as reports count them."""

    def load(conn: ReadConnection, actor: Actor) -> FileRecord:
        file = get_file(conn, actor, file_id)
        require_reading(file.rights)
        return file

    actor, file = await work.read_with_actor(load)
    query = PreviewQuery(
        order_by=order_by or None,
        where=where.strip() or None,
        limit=ROWS,
        offset=offset,
        row=row,
        most_columns=COLUMNS,
    )
    rows_page: RowsPage | None = None
    failure: EntrepotError | None = None
    try:
        rows_page = await get_preview_page(work, file_id, version, query, PAGE_WAIT_SECONDS)
    except SHOWN_ERRORS as error:
        failure = error

    def link(**changed: Any) -> str:
        parameters = {"version": version, "where": where.strip(), "order_by": order_by} | changed
        query_string = urlencode({name: value for name, value in parameters.items() if value})
        return f"/files/{file_id}/preview" + (f"?{query_string}" if query_string else "")

    return page(
        request,
        "preview/rows.html",
        actor,
        **failure_values(failure),
        # The page has one field for what the API has two parameters for.
        filter_error=str(failure or "").removeprefix("where: ").removeprefix("order_by: "),
        file=file,
        preview=rows_page.document if rows_page else None,
        offset=rows_page.offset if rows_page else 0,
        columns=[_column(each, order_by, link) for each in rows_page.document["columns"]]
        if rows_page
        else [],
        most_columns=COLUMNS,
        before=link(offset=max(0, rows_page.offset - ROWS))
        if rows_page and rows_page.offset
        else None,
        after=link(offset=rows_page.offset + len(rows_page.document["rows"]))
        if rows_page and rows_page.cursor
        else None,
        whole=link(where="", order_by=""),
        where=where,
        order_by=order_by,
        version=version,
    )


def _column(column: dict[str, str], order_by: str, link: Any) -> PreviewColumnView:
    name = column["name"]
    quoted = '"' + name.replace('"', '""') + '"'
    up, down = quoted, f"-{quoted}"
    order = {up: "ascending", down: "descending"}.get(order_by, "")
    next_order = {"": up, "ascending": down, "descending": ""}[order]
    return PreviewColumnView(
        name, column["type"], column["stored_as"], link(order_by=next_order), order
    )
