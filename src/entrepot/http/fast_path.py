"""Take plain downloads, the most frequent request, past the framework's way to its routes.

The framework's routing, dependencies and exit stacks cost a small download more than all the rest
of it. This calls the same function with the same unit of work and answers the same problems;
whatever is unusual about a request (a query, an odd path, another method) goes the common way.
"""

from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from entrepot.errors import EntrepotError
from entrepot.http.api.files import download
from entrepot.http.deps import open_work
from entrepot.http.places import DOWNLOADS
from entrepot.http.problems.handlers import answer_error, answer_unexpected


class FastPathMiddleware:
    """The app's ASGI callable, with plain downloads taken out of its hands."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        file_id = _plain_download(scope)
        if file_id is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        scope["endpoint"] = download  # for the count of requests, as the router would
        request = Request(scope, receive, send)
        response = await _download_response(file_id, request)
        try:
            await response(scope, receive, send)
        except EntrepotError as error:  # a blob that is missing: no header has gone out yet
            problem = await answer_error(request, error)
            await problem(scope, receive, send)


async def _download_response(file_id: UUID, request: Request) -> Response:
    try:
        return await download(file_id, request, open_work(request, "read"))
    except EntrepotError as error:
        return await answer_error(request, error)
    except Exception as error:
        return await answer_unexpected(request, error)


def _plain_download(scope: Scope) -> UUID | None:
    """The file that is asked for, if the request is nothing but a download."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None
    path: str = scope["path"]
    if not path.startswith(DOWNLOADS) or scope["query_string"]:
        return None
    try:
        return UUID(path[len(DOWNLOADS) :])
    except ValueError:
        return None
