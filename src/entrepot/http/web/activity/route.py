"""The record of activity: of a file, of the account or of oneself; and as a file to keep."""

from functools import partial
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.files.queries.activity import (
    ActivityFilter,
    ActivityRow,
    PageRange,
    can_see_account,
    get_file_names,
    list_activity,
    list_file_activity,
)
from entrepot.files.queries.read import FileRecord, get_file
from entrepot.http.api.activity import Find, export, render_page
from entrepot.http.lists.listings import ACTIVITY
from entrepot.http.lists.paging import Page, position_number
from entrepot.http.parameters import Cursor, FileIdInPath
from entrepot.http.web.activity.words import lines_of
from entrepot.http.web.rendering import page
from entrepot.http.web.signed_in import PageWork, SignedIn

router = APIRouter()

PAGE = 50


@router.get("/activity", response_model=None)
async def activity(request: Request, work: SignedIn, cursor: Cursor = None) -> Response:
    """What was done in the account, for its admins; for others what they did themselves."""
    page_range = PageRange(PAGE + 1, position_number(ACTIVITY.read_cursor(cursor)))

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[ActivityRow], dict[str, str]]:
        found = list_activity(conn, actor, ActivityFilter(), page_range)
        return found, get_file_names(conn, actor, found)

    actor, (found, names) = await work.look(load)
    return _page(request, actor, ACTIVITY.page(found, PAGE), names, None, cursor)


@router.get("/files/{file_id}/activity", response_model=None)
async def file_activity(
    request: Request, file_id: FileIdInPath, work: SignedIn, cursor: Cursor = None
) -> Response:
    """What happened to a file, for its owner and the account's admins."""
    listing = ACTIVITY.of(file_id)
    page_range = PageRange(PAGE + 1, position_number(listing.read_cursor(cursor)))

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[ActivityRow], FileRecord]:
        found = list_file_activity(conn, actor, file_id, ActivityFilter(), page_range)
        return found, get_file(conn, actor, file_id)

    actor, (found, file) = await work.look(load)
    return _page(request, actor, listing.page(found, PAGE), {}, file, cursor)


@router.get("/activity/export", response_model=None)
async def export_all(work: SignedIn, format: Literal["csv", "jsonl"] = "csv") -> Response:
    """All of it as a file."""
    return await _export(work, list_activity, format)


@router.get("/files/{file_id}/activity/export", response_model=None)
async def export_file(
    file_id: FileIdInPath, work: SignedIn, format: Literal["csv", "jsonl"] = "csv"
) -> Response:
    """All of a file's as a file."""

    def find(
        conn: ReadConnection, actor: Actor, wanted: ActivityFilter, page_range: PageRange
    ) -> list[ActivityRow]:
        return list_file_activity(conn, actor, file_id, wanted, page_range)

    return await _export(work, find, format)


async def _export(work: PageWork, find: Find, form: str) -> Response:
    return await export(work, form, partial(render_page, find, ActivityFilter(), form))


def _page(
    request: Request,
    actor: Actor,
    shown: Page[ActivityRow],
    names: dict[str, str],
    file: FileRecord | None,
    cursor: str | None,
) -> Response:
    return page(
        request,
        "activity/page.html",
        actor,
        lines=lines_of(shown.items, names),
        file=file,
        whole_account=can_see_account(actor),
        next_cursor=shown.next_cursor,
        first_page=cursor is None,
    )
