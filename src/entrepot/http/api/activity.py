"""The record of activity: of a file, of an account, and as a file to keep."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import AfterValidator, BaseModel
from pydantic_core import PydanticCustomError

from entrepot import errors
from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.files.queries.activity import (
    ActivityFilter,
    ActivityRow,
    PageRange,
    list_activity,
    list_file_activity,
    newest_activity_number,
)
from entrepot.http.api.lists import list_response
from entrepot.http.api.models.activity import ActivityList
from entrepot.http.api.openapi.answers import Responses, headers, problems, text_content
from entrepot.http.deps import ReadWork, UnitOfWork
from entrepot.http.downloads.disposition import attachment
from entrepot.http.lists.listings import ACTIVITY
from entrepot.http.lists.paging import Listing, position_number
from entrepot.http.parameters import Cursor, FileIdInPath, FileIdInQuery, Moment, PageItems
from entrepot.http.places import API
from entrepot.http.timestamps import format_timestamp
from entrepot.inspection.convert.csv_injection import escape_formula

router = APIRouter(prefix=API, tags=["activity"])

EXPORT_BATCH_ROWS = 1_000
"""Rows that an export reads in one transaction, and holds in memory."""
ACTIVITY_RESPONSES: Responses = {
    200: {"headers": headers("Link"), "content": text_content("text/csv", "application/x-ndjson")}
}
COLUMNS = (
    "at", "action", "result", "user_name", "key_id", "address", "request_id", "file_id", "version",
    "detail", "account_id", "user_id", "hash",
)  # fmt: skip
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

Find = Callable[[ReadConnection, Actor, ActivityFilter, PageRange], list[ActivityRow]]


ACTION = r"^[a-z]+\.[a-z-]+$"


def _check_action(text: str) -> str:
    if not re.fullmatch(ACTION, text):
        raise PydanticCustomError("action", "must be the name of an action, such as version.read")
    return text


ActionInQuery = Annotated[
    str, AfterValidator(_check_action), Query(max_length=40, json_schema_extra={"pattern": ACTION})
]


class ActivityQuery(BaseModel):
    """Which rows, and in which form."""

    action: ActionInQuery | None = None
    user_name: Annotated[str, Query(pattern=r"^[!-~]+$", max_length=140)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: PageItems = 100
    cursor: Cursor = None
    format: Literal["json", "csv", "jsonl"] = "json"

    def to_filter(self) -> ActivityFilter:
        """The choice among rows."""
        return ActivityFilter(self.action, self.user_name, self.since, self.until)


@router.get(
    "/activity",
    operation_id="list_activity",
    response_model=ActivityList,
    responses=ACTIVITY_RESPONSES,
)
async def activity(
    request: Request,
    work: ReadWork,
    query: Annotated[ActivityQuery, Query()],
    file_id: FileIdInQuery | None = None,
) -> Response:
    """What was done in the account, for admins with the scope `admin`; else what the caller did.

    The newest first. As `csv` or `jsonl` it is the whole record, the oldest first, and `limit` and
    `cursor` have no effect. `at` is when it was done, or began. An admin's export of everything is
    a chain: each `hash` is the SHA-256 of the `hash` before it (64 zeros before the first), a line
    feed, and the line of the `jsonl` without `hash`. If rows are left out, because of a filter or
    because the caller may see only a part, each line also has `previous_hash`, so that it can be
    verified by itself; the hash does not cover that either.
    """
    activity_filter = replace(query.to_filter(), file_id=file_id)
    return await _answer(request, work, query, activity_filter, list_activity, ACTIVITY)


@router.get(
    "/file/{file_id}/activity",
    operation_id="list_file_activity",
    response_model=ActivityList,
    responses=ACTIVITY_RESPONSES | problems(errors.NotAllowed),
)
async def file_activity(
    file_id: FileIdInPath,
    request: Request,
    work: ReadWork,
    query: Annotated[ActivityQuery, Query()],
) -> Response:
    """What happened to a file, reads included, for its owner and the account's admins.

    Otherwise as the account's activity. What happened while another account owned the file stays in
    the record of that account.
    """

    def find(
        conn: ReadConnection, actor: Actor, activity_filter: ActivityFilter, page_range: PageRange
    ) -> list[ActivityRow]:
        return list_file_activity(conn, actor, file_id, activity_filter, page_range)

    return await _answer(request, work, query, query.to_filter(), find, ACTIVITY.of(file_id))


async def _answer(
    request: Request,
    work: UnitOfWork,
    query: ActivityQuery,
    activity_filter: ActivityFilter,
    find: Find,
    listing: Listing[ActivityRow],
) -> Response:
    if query.format != "json":
        return await export(
            work, query.format, partial(render_page, find, activity_filter, query.format)
        )

    def page(
        conn: ReadConnection, actor: Actor, size: int, after: Position | None
    ) -> list[ActivityRow]:
        return find(conn, actor, activity_filter, PageRange(size, position_number(after)))

    return await list_response(request, work, listing, page, _list_item, query.limit, query.cursor)


def _list_item(row: ActivityRow) -> dict[str, Any]:
    """A row with its time in the API's form; in an export it has the form that its hash covers."""
    return {**row.document(), "at": format_timestamp(row.at)}


Render = Callable[[ReadConnection, Actor, PageRange], tuple[str, int | None]]


async def export(work: UnitOfWork, form: str, render: Render) -> Response:
    """All rows as a file, page by page: memory holds one page, whatever there is."""
    newest = await work.read(_newest)
    first = PageRange(EXPORT_BATCH_ROWS, newest_first=False, max_number=newest, for_export=True)
    # Before the answer begins, so that a refusal is a problem and not a broken body.
    text, last = await work.read(render, first)

    async def body() -> AsyncIterator[str]:
        yield _heading(form) + text
        after = last
        while after is not None:
            # As the actor at that moment: the right to read on may have ended, and then the
            # body breaks off, so that nobody takes it for the whole.
            more, after = await work.with_current_time().read(render, replace(first, after=after))
            yield more

    return StreamingResponse(
        body(),
        media_type=MEDIA_TYPES[form],
        headers={
            "Content-Disposition": attachment(f"activity.{form}"),
            "Cache-Control": "no-store",
        },
    )


def _newest(conn: ReadConnection, actor: Actor) -> int:
    del actor
    return newest_activity_number(conn)


def render_page(
    find: Find,
    activity_filter: ActivityFilter,
    form: str,
    conn: ReadConnection,
    actor: Actor,
    page_range: PageRange,
) -> tuple[str, int | None]:
    """A page as text, and the number of its last row if there may be more."""
    entries = find(conn, actor, activity_filter, page_range)
    last = entries[-1].number if len(entries) == page_range.size else None
    return (_csv if form == "csv" else _jsonl)([entry.document() for entry in entries]), last


def _heading(form: str) -> str:
    return ",".join(COLUMNS) + "\r\n" if form == "csv" else ""


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        cells = (_compact(row[name]) if name == "detail" else row[name] for name in COLUMNS)
        writer.writerow(["" if cell is None else escape_formula(str(cell)) for cell in cells])
    return text.getvalue()


def _jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(_compact(row) + "\n" for row in rows)


def _compact(value: Any) -> str:
    """JSON as the hashes cover it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
