"""Files that are offered to the user: take one over, with all its bytes, or decline it."""

from contextlib import suppress

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import EntrepotError, FileBusy, NotFound, QuotaExceeded
from entrepot.files.queries.read import get_file
from entrepot.files.transfer import Offer, accept_offer, list_offers, withdraw_offer
from entrepot.http.lists.listings import OFFERS
from entrepot.http.parameters import Cursor, FileIdInPath
from entrepot.http.web.confirmations import Confirmation
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import failure_values, page
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.quotas.reserve import Usage, get_usage

router = page_router()

PAGE = 50
"""Rows of the list on one page."""


@router.get("/offers", response_model=None)
async def offers(request: Request, work: SessionWork, cursor: Cursor = None) -> Response:
    """The files that are offered to the user, the oldest offer first."""
    return await _page(request, work, None, cursor)


@router.post("/offers/{file_id}/accept", response_model=None)
async def accept(request: Request, file_id: FileIdInPath, work: SessionWork) -> Response:
    """Take the file over and continue to its page, also if it is the user's already; or the offers
    again, and why not."""
    try:
        await work.write(accept_offer, file_id, work.parts.clock())
    except (QuotaExceeded, FileBusy) as failure:
        return await _page(request, work, failure)
    except NotFound:
        actor, file = await work.read_with_actor(get_file, file_id)
        if file.user_name != actor.user_name:
            raise
    return redirect(f"/files/{file_id}", Confirmation.TAKEN_OVER)


@router.post("/offers/{file_id}/decline", response_model=None)
async def decline(file_id: FileIdInPath, work: SessionWork) -> Response:
    """Decline the offer; one that was taken back meanwhile is gone already."""
    with suppress(NotFound):
        await work.write_into_reserve(withdraw_offer, file_id, work.parts.clock())
    return redirect("/offers", Confirmation.OFFER_DECLINED)


async def _page(
    request: Request, work: PageWork, failure: EntrepotError | None, cursor: str | None = None
) -> Response:
    after = OFFERS.read_cursor(cursor)

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[Offer], Usage]:
        return list_offers(conn, actor, PAGE + 1, after), get_usage(conn, actor.account_id)

    actor, (offers, usage) = await work.read_with_actor(load)
    items, next_cursor = OFFERS.page(offers, PAGE)
    return page(
        request,
        "offers/page.html",
        actor,
        **failure_values(failure),
        offers=items,
        next_cursor=next_cursor,
        first_page=cursor is None,
        usage=usage,
    )
