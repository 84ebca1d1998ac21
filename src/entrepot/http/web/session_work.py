"""Who looks at a page: the session's cookie, and the unit of work of its holder.

The cookie is `__Host-` and Secure wherever people reach us by https; plain http, for a laptop
or a test, gets a plain name. Pages never look at the Authorization header, and the API never
looks at a cookie.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from entrepot.accounts.actor import Actor
from entrepot.accounts.sessions import (
    SEEN_INTERVAL,
    SESSION_MAX_AGE,
    authenticate_session,
    touch_session,
)
from entrepot.db.types import ReadConnection
from entrepot.errors import NotAuthenticated
from entrepot.files.transfer import count_offers
from entrepot.http.deps import UnitOfWork, get_runtime, read_request_origin
from entrepot.http.run_unit import Outcome, SideQuery
from entrepot.http.web.confirmations import Confirmation, confirm
from entrepot.http.web.rendering import Pages, pages_of
from entrepot.texts import is_safe_line

P = ParamSpec("P")
R = TypeVar("R")

MAX_SESSIONS = 10_000
"""Sessions whose last use is remembered before the old ones are dropped."""


@dataclass(kw_only=True)
class PageWork(UnitOfWork):
    """The unit of work of one page, by the holder of a session.

    `counts` tells whether it counts as use of the session, which ends without any. How many offers
    the holder has is noted in the request's scope, for the page's navigation.
    """

    pages: Pages
    token: str
    counts: bool = True

    @property
    def side_query(self) -> SideQuery | None:
        """How many offers the holder has."""
        return count_offers if self.counts and self.asgi_scope is not None else None

    def _done(self, outcome: Outcome[R]) -> R:
        result = super()._done(outcome)
        if self.asgi_scope is not None and self.counts:
            self.asgi_scope["offers"] = outcome.side_result
        if self.counts:
            self._write_last_use()
        return result

    def unattended(self) -> "PageWork":
        """The same for what continues by itself, as a stream does in a tab that nobody looks at."""
        return replace(self, counts=False)

    async def read_with_actor(
        self,
        work: Callable[Concatenate[ReadConnection, Actor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[Actor, R]:
        """Like `read`, and also who looks: what most pages need."""

        def both(conn: ReadConnection, actor: Actor) -> tuple[Actor, R]:
            return actor, work(conn, actor, *args, **kwargs)

        return await self.read(both)

    def _write_last_use(self) -> None:
        """Write the session's last use, at most once a minute and not while anyone waits."""
        last_uses = self.pages.last_uses
        last = last_uses.get(self.token)
        if last is not None and self.now - last < SEEN_INTERVAL:
            return
        if len(last_uses) > MAX_SESSIONS:
            for token in [
                session for session, at in last_uses.items() if self.now - at > SEEN_INTERVAL
            ]:
                del last_uses[token]
        last_uses[self.token] = self.now
        database, secret = self.parts.database, self.parts.secret
        write = self.runtime.run_in_database_thread(
            database.write, touch_session, secret, self.token, self.now
        )
        self.runtime.run_in_background(write)


def is_secure(request: Request) -> bool:
    """Whether people reach us by https."""
    public_url = get_runtime(request).parts.settings.public_url or ""
    return public_url.startswith("https://") or request.url.scheme == "https"


def host_cookie(request: Request, name: str) -> str:
    """`__Host-…` (RFC 6265bis) where that is possible: no other host can set or read it."""
    return f"__Host-{name}" if is_secure(request) else name


def cookie_name(request: Request) -> str:
    """The name of the session's cookie."""
    return host_cookie(request, "entrepot")


def session_token(request: Request) -> str | None:
    """The session's token as the browser sent it."""
    return request.cookies.get(cookie_name(request)) or None


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Have the browser hold the session."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=int(SESSION_MAX_AGE.total_seconds()),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def delete_session_cookie(request: Request, response: Response) -> None:
    """Have the browser forget the session."""
    secure = is_secure(request)
    response.delete_cookie(
        cookie_name(request), path="/", secure=secure, httponly=True, samesite="lax"
    )


def page_work(request: Request) -> PageWork:
    """The unit of work of who is signed in. Raises NotAuthenticated for who is not."""
    token = session_token(request)
    if token is None:
        raise NotAuthenticated(reason="Sign in first.")
    runtime = get_runtime(request)
    secret = runtime.parts.secret

    def who(conn: ReadConnection, now: datetime) -> Actor:
        return authenticate_session(conn, secret, token, now)

    now, request_origin, pages = (
        runtime.parts.clock(),
        read_request_origin(request),
        pages_of(request),
    )
    return PageWork(
        runtime,
        who,
        None,
        now,
        request_origin=request_origin,
        asgi_scope=request.scope,
        pages=pages,
        token=token,
    )


async def visitor(request: Request) -> Actor | None:
    """Who is signed in, or None, for pages that everybody may see."""
    try:
        return await page_work(request).read(_get_actor)
    except NotAuthenticated:
        return None


def _get_actor(conn: ReadConnection, actor: Actor) -> Actor:
    del conn
    return actor


def local_path(text: str | None, otherwise: str = "/files") -> str:
    """`text` if it is a path of ours, as a redirect may follow it; else `otherwise`."""
    if not text or not text.startswith("/") or not is_safe_line(text) or "\\" in text:
        return otherwise
    parts = urlsplit(text)
    if text.startswith("//") or parts.scheme or parts.netloc:
        return otherwise
    return text


def redirect(path: str, done: Confirmation | None = None) -> RedirectResponse:
    """Send the browser to a path of ours, after an act or instead of a page. The page there
    confirms what was `done`."""
    response = RedirectResponse(path, 303, {"Cache-Control": "no-store"})
    if done is not None:
        confirm(response, done)
    return response


SessionWork = Annotated[PageWork, Depends(page_work)]
Visitor = Annotated[Actor | None, Depends(visitor)]
