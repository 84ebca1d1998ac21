"""The record of activity: of a file, of the account or of the user; and as a file to download."""

from functools import partial
from typing import Literal

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.files.queries.activity import (
    ActivityFilter,
    ActivityRow,
    KnownFile,
    PageRange,
    can_see_account,
    get_known_files,
    list_activity,
    list_file_activity,
)
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.http.api.activity import Find, export, render_page
from entrepot.http.lists.listings import ACTIVITY
from entrepot.http.lists.paging import Page, position_number
from entrepot.http.parameters import Cursor, FileIdInPath
from entrepot.http.web.activity.lines import activity_lines
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import PageWork, SessionWork

router = page_router()

PAGE = 50
"""Rows of the list on one page."""


@router.get("/activity", response_model=None)
async def activity(request: Request, work: SessionWork, cursor: Cursor = None) -> Response:
    """What was done in the account, for its admins; for others what they did themselves."""
    page_range = PageRange(PAGE + 1, position_number(ACTIVITY.read_cursor(cursor)))

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[ActivityRow], dict[str, KnownFile]]:
        rows = list_activity(conn, actor, ActivityFilter(), page_range)
        return rows, get_known_files(conn, actor, rows)

    actor, (rows, known) = await work.read_with_actor(load)
    return _page(request, actor, ACTIVITY.page(rows, PAGE), known, None, cursor)


@router.get("/files/{file_id}/activity", response_model=None)
async def file_activity(
    request: Request, file_id: FileIdInPath, work: SessionWork, cursor: Cursor = None
) -> Response:
    """What happened to a file, for its owner and the account's admins."""
    listing = ACTIVITY.of(file_id)
    page_range = PageRange(PAGE + 1, position_number(listing.read_cursor(cursor)))

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[ActivityRow], FileRecord]:
        rows = list_file_activity(conn, actor, file_id, ActivityFilter(), page_range)
        return rows, get_file(conn, actor, file_id)

    actor, (rows, file) = await work.read_with_actor(load)
    return _page(request, actor, listing.page(rows, PAGE), {}, file, cursor)


@router.get("/activity/export", response_model=None)
async def export_all(work: SessionWork, format: Literal["csv", "jsonl"] = "csv") -> Response:
    """All of it as a file."""
    return await _export(work, list_activity, format)


@router.get("/files/{file_id}/activity/export", response_model=None)
async def export_file(
    file_id: FileIdInPath, work: SessionWork, format: Literal["csv", "jsonl"] = "csv"
) -> Response:
    """All of a file's as a file."""

    def find(
        conn: ReadConnection, actor: Actor, activity_filter: ActivityFilter, page_range: PageRange
    ) -> list[ActivityRow]:
        return list_file_activity(conn, actor, file_id, activity_filter, page_range)

    return await _export(work, find, format)


async def _export(work: PageWork, find: Find, form: str) -> Response:
    return await export(work, form, partial(render_page, find, ActivityFilter(), form))


def _page(
    request: Request,
    actor: Actor,
    activity_page: Page[ActivityRow],
    known: dict[str, KnownFile],
    file: FileRecord | None,
    cursor: str | None,
) -> Response:
    return page(
        request,
        "activity/page.html",
        actor,
        lines=activity_lines(activity_page.items, known),
        file=file,
        whole_account=can_see_account(actor),
        next_cursor=activity_page.next_cursor,
        first_page=cursor is None,
    )
