"""The methods of each address: HEAD wherever there is GET, and what `Allow` names."""

import asyncio

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def has_route(app: FastAPI, scope: Scope, method: str) -> bool:
    """Whether the app has a route of that method at the address of the request."""
    request_scope = {**scope, "method": method}
    return any(route.matches(request_scope)[0] is Match.FULL for route in app.router.routes)


def _route_of_head(app: FastAPI, scope: Scope) -> str | None:
    """The method of the first route at the address that answers a HEAD: its own, or GET.

    In the order of the routes: a HEAD must not pass over the route of the GET to a later, wider
    one.
    """
    for route in app.router.routes:
        for method in ("HEAD", "GET"):
            if route.matches({**scope, "method": method})[0] is Match.FULL:
                return method
    return None


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """All methods that the address of the request has."""
    methods = {method for method in METHODS if has_route(app, scope, method)}
    if "GET" in methods:
        methods.add("HEAD")
    return [method for method in METHODS if method in methods]


class HeadMiddleware:
    """Answers HEAD where only GET has a route: as GET would be answered, without the body.

    `answers_head` in the scope says so to a route, which then prepares no body that nobody gets.
    """

    def __init__(self, app: ASGIApp, framework: FastAPI) -> None:
        self._app = app
        self._framework = framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        if _route_of_head(self._framework, scope) == "GET":
            scope = {**scope, "method": "GET", "answers_head": True}
        answer = _HeadOfAnswer(send)
        answer.route = asyncio.ensure_future(self._app(scope, receive, answer.send))
        try:
            await answer.route
        except asyncio.CancelledError:
            if not answer.cut_off:
                raise


class _HeadOfAnswer:
    """Sends the head of an answer, and ends the route that would continue with a body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._ended = False
        self.cut_off = False
        self.route: asyncio.Future[None] | None = None

    async def send(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            await self._send(message)
            return
        self._ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if message.get("more_body", False) and self.route is not None:
            self.cut_off = True
            self.route.cancel()
            await asyncio.sleep(0)
