"""Take plain downloads, the most frequent request, past the framework's way to its routes.

The framework's routing, dependencies and exit stacks cost a small download more than all the rest
of it. This calls the same function with the same unit of work and answers the same problems;
whatever is unusual about a request (a query, an odd path, another method) goes the common way.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from entrepot.errors import EntrepotError, NotFound
from entrepot.http.addresses.read import read_address, require_reader_or_session
from entrepot.http.api.files import download
from entrepot.http.deps import RequireScope, require_reader
from entrepot.http.places import ADDRESSES, DOWNLOADS
from entrepot.http.problems.handlers import answer_as_app
from entrepot_client.paths import PACKAGE_NAME


class FastPathMiddleware:
    """The app's ASGI callable, with plain downloads taken out of its hands."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and "\n" in scope["path"]:
            # The patterns of the framework's routes end with `$`, which also holds before a line
            # break at the end: another address would be read as this one.
            scope["app"] = self._app
            not_found = await answer_as_app(Request(scope, receive, send), NotFound())
            await not_found(scope, receive, send)
            return
        plain = _plain_download(scope)
        if plain is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        scope["endpoint"] = plain.route  # for the count of requests, as the router would
        request = Request(scope, receive, send)
        response = await _download_response(plain, request)
        try:
            await response(scope, receive, send)
        except EntrepotError as error:  # a blob that is missing: no header has gone out yet
            problem = await answer_as_app(request, error)
            await problem(scope, receive, send)


class PlainDownload(NamedTuple):
    """What is asked for: the function of the route, what it takes of the path, and who may ask."""

    route: Callable[..., Awaitable[Response]]
    arguments: tuple[Any, ...]
    require: RequireScope


async def _download_response(plain: PlainDownload, request: Request) -> Response:
    try:
        return await plain.route(*plain.arguments, request, plain.require.open(request))
    except Exception as error:
        return await answer_as_app(request, error)


def _plain_download(scope: Scope) -> PlainDownload | None:
    """What is asked for, if the request is nothing but a download."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["query_string"]:
        return None
    path: str = scope["path"]
    if path.startswith(DOWNLOADS):
        file_id = _read_id(path[len(DOWNLOADS) :])
        return PlainDownload(download, (file_id,), require_reader) if file_id else None
    if path.startswith(ADDRESSES):
        account, slash, address = path[len(ADDRESSES) :].partition("/")
        if account and slash and address != PACKAGE_NAME:  # another route has the package
            return PlainDownload(read_address, (account, address), require_reader_or_session)
    return None


@lru_cache(1024)
def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
