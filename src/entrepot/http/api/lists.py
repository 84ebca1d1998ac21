"""What every list of the API does: `limit`, `cursor`, and the next page in a `Link` header."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.http.deps import UnitOfWork
from entrepot.http.lists.paging import Listing, next_page_link

T = TypeVar("T")

MAX_ITEMS_WITHOUT_LIMIT = 10_000
"""Items in one answer to a client that knows no paging."""

Find = Callable[[ReadConnection, Actor, int, Position | None], list[T]]
"""At most this many of a list's items beyond a place."""


async def list_response(
    request: Request,
    work: UnitOfWork,
    listing: Listing[T],
    find: Find[T],
    document: Callable[[T], Mapping[str, object]],
    limit: int | None,
    cursor: str | None,
) -> Response:
    """A page of a list, in an envelope that is called by the list's name."""
    size, after = limit or MAX_ITEMS_WITHOUT_LIMIT, listing.read_cursor(cursor)

    def load(conn: ReadConnection, actor: Actor) -> tuple[list[Mapping[str, object]], str | None]:
        # Made into documents in the same call: a thousand dicts in the event loop stall it.
        page = listing.page(find(conn, actor, size + 1, after), size)
        return [document(each) for each in page.items], page.next_cursor

    items, next_cursor = await work.read(load)
    return JSONResponse({listing.envelope: items}, headers=next_page_link(request, next_cursor))
