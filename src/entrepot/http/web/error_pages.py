"""Errors as pages, for browsers; the API's answers stay problem documents."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from entrepot.accounts.actor import Actor
from entrepot.errors import EntrepotError, NotAuthenticated
from entrepot.http.places import DOWNLOADS, is_download, is_navigation, page_of_download
from entrepot.http.problems.table import all_kinds
from entrepot.http.web.rendering import nearest_page, page
from entrepot.http.web.session_work import delete_session_cookie, redirect, visitor
from entrepot.http.web.sign_in.interrupted import InterruptedForm, keep_form
from entrepot.http.web.sign_in.route import sign_in_page

Handler = Callable[[Request, Any], Awaitable[Response]]
CHALLENGE = {"WWW-Authenticate": "Bearer"}
CAN_BE_REPEATED = (409, 413, 429, 503)
"""Statuses of refusals that end by themselves or by what the person does elsewhere."""
MACHINES = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")


def wants_page(request: Request) -> bool:
    """Whether a person with a browser waits for the answer."""
    if is_download(request):
        return is_navigation(request)  # `Accept` says nothing there: tools ask for anything
    if request.url.path.startswith(MACHINES):
        return False
    return "text/html" in request.headers.get("accept", "")


def show_errors_as_pages(app: FastAPI) -> None:
    """Wrap the app's handlers of errors: a browser gets their response as a page."""
    for error in (EntrepotError, RequestValidationError, HTTPException, Exception):
        inner = cast(Handler, app.exception_handlers[error])
        app.add_exception_handler(error, _in_html(inner))


def _in_html(inner: Handler) -> Handler:
    async def handler(request: Request, error: Exception) -> Response:
        if not wants_page(request):
            return await inner(request, error)
        if isinstance(error, NotAuthenticated):
            return await _to_sign_in(request)
        response = await inner(request, error)
        if request.url.path.startswith(MACHINES):
            return response
        # Who asks too often, or finds the server at fault, costs it no more queries.
        costs_nothing = response.status_code == 429 or response.status_code >= 500
        actor = None if costs_nothing else await visitor(request)
        # What was filled in belongs to whoever sent it, unless they may not send it.
        kept = await keep_form(request) if response.status_code in CAN_BE_REPEATED else None
        return _as_page(request, response, actor, kept)

    return handler


async def _to_sign_in(request: Request) -> Response:
    if request.url.path.startswith(DOWNLOADS):
        # Whoever is signed in already is sent on: the API looks at no session.
        return redirect(f"/sign-in?next={quote(page_of_download(request), safe='/')}")
    path = request.url.path if is_download(request) else nearest_page(request)
    if path == request.url.path and request.url.query:
        path += f"?{request.url.query}"
    interrupted = await keep_form(request)
    if interrupted is not None:
        response = sign_in_page(
            request, path, status=401, headers=CHALLENGE, interrupted=interrupted
        )
    else:
        next_query = f"?next={quote(path, safe='/')}" if path != "/" else ""
        response = redirect(f"/sign-in{next_query}")
    delete_session_cookie(request, response)
    return response


def _as_page(
    request: Request, response: Response, actor: Actor | None, kept: InterruptedForm | None
) -> Response:
    problem = json.loads(bytes(response.body))
    kind = all_kinds().get(problem["code"])
    header_names = ("retry-after", "allow", "content-range", "www-authenticate")
    headers = {name: response.headers[name] for name in header_names if name in response.headers}
    if problem["code"] == "form-not-ready":
        headers["Refresh"] = headers["retry-after"]  # the browser asks again by itself
    return page(
        request,
        "parts/problem.html",
        actor,
        status=response.status_code,
        headers=headers,
        problem=problem,
        interrupted=kept if kept and kept.pairs else None,
        of_link=request.url.path.startswith("/l/"),
        advice=kind.advice if kind else "",
    )
