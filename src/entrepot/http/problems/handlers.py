"""Answer errors with RFC 9457 problem documents; the table is in `http.problems.table`.

The figures of an error become extension members. No handler anywhere catches these errors.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from entrepot import errors
from entrepot.db.unavailable import is_unavailable
from entrepot.http.methods import allowed_methods
from entrepot.http.places import is_download, is_link
from entrepot.http.problems.table import FRAMEWORK_KINDS, problem_kind
from entrepot.http.problems.task_table import TASK_KINDS, ProblemKind
from entrepot.http.timestamps import format_timestamp
from entrepot_client.field_sentences import field_sentence
from entrepot_client.pydantic_words import plain_words

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
CHALLENGES = ('Bearer realm="entrepot"', 'Basic realm="entrepot", charset="UTF-8"')
"""How a key is sent. Where files are read the answer names both, for tools that know only Basic; on
the whole API it would make browsers ask people for a password that they do not have."""

LINK_CHALLENGE = 'Basic realm="link", charset="UTF-8"'
"""How the password of a link is sent."""


def problem_document(
    kind: ProblemKind, detail: str, request_id: str | None = None, **members: Any
) -> dict[str, Any]:
    """The problem's JSON; `members` are extension members (figures)."""
    document = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": kind.code,
        **{name: _plain(value) for name, value in members.items() if value is not None},
    }
    if request_id is not None:
        document["request_id"] = request_id
    return document


def task_problem(error: dict[str, Any]) -> dict[str, Any]:
    """A task's stored error (`code`, `detail`, figures) as a problem document."""
    kind = TASK_KINDS.get(error["code"], FRAMEWORK_KINDS[500])
    members = {name: value for name, value in error.items() if name not in ("code", "detail")}
    return problem_document(kind, error["detail"], **members)


def install(app: FastAPI) -> None:
    """Make every 4xx and 5xx of the app, the framework's own included, a problem."""
    app.add_exception_handler(errors.EntrepotError, answer_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_framework_error)
    app.add_exception_handler(SQLAlchemyError, answer_unexpected)
    app.add_exception_handler(Exception, answer_unexpected)


def problem_response(request: Request, kind: ProblemKind, detail: str, **members: Any) -> Response:
    """A problem as a response."""
    request_id = request.scope.get("request_id")
    # Without it a cache may keep a 404 or a 410 for as long as it likes (RFC 9111, section 4.2.2).
    headers = {"Cache-Control": "no-store"}
    if "retry_after" in members:
        headers["Retry-After"] = str(members["retry_after"])
    if kind.status == 416:
        headers["Content-Range"] = f"bytes */{members['size']}"
    document = problem_document(kind, detail, request_id, **members)
    response = JSONResponse(document, kind.status, headers, media_type=MEDIA_TYPE)
    if kind.status == 401:
        for challenge in _challenges(request):
            response.headers.append("WWW-Authenticate", challenge)
    return response


def _challenges(request: Request) -> tuple[str, ...]:
    if is_link(request):
        return (LINK_CHALLENGE,)
    return CHALLENGES if is_download(request) else CHALLENGES[:1]


async def answer_error(request: Request, error: Exception) -> Response:
    """The problem that an error of the domain is; one of our own fault is logged too."""
    assert isinstance(error, errors.EntrepotError)
    kind = problem_kind(error)
    if kind.status >= 500 and not isinstance(error, errors.FormNotReady):
        log.error("request failed", error=type(error).__name__, detail=str(error))
    return problem_response(request, kind, error.detail, **answer_members(error, kind))


async def answer_as_app(request: Request, error: Exception) -> Response:
    """The answer of the app's own handler, for what never comes to its routes: a browser gets a
    page."""
    kind = errors.EntrepotError if isinstance(error, errors.EntrepotError) else Exception
    answer: Response = await request.app.exception_handlers[kind](request, error)
    return answer


def answer_members(error: errors.EntrepotError, kind: ProblemKind) -> dict[str, Any]:
    """The figures that the answer has as extension members."""
    members = error.figures() if kind.status != 500 else {}
    members.pop("reason", None)
    return members


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["loc"][0] == "path":  # a malformed id is what never existed
        return await answer_error(request, errors.NotFound())
    # Of JSON that cannot be read the place is a number of characters, not a field.
    place = () if first["type"] == "json_invalid" else first["loc"][1:]
    field = ".".join(str(part) for part in place) or "body"
    words = plain_words(first["msg"])
    detail = field_sentence(f"`{field}`", f"{words[:1].lower()}{words[1:]}.")
    return problem_response(request, FRAMEWORK_KINDS[422], detail, field=field)


async def _answer_framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await answer_error(request, errors.NotFound())
    kind = FRAMEWORK_KINDS.get(error.status_code)
    if kind is None:
        base = FRAMEWORK_KINDS[400 if error.status_code < 500 else 500]
        kind = ProblemKind(error.status_code, base.code, base.title, base.advice)
    response = problem_response(request, kind, kind.title + ".")
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    if error.status_code == 405:  # the framework names the methods of one route alone
        response.headers["Allow"] = ", ".join(allowed_methods(request.app, request.scope))
    return response


async def answer_unexpected(request: Request, error: Exception) -> Response:
    """The problem that an error nobody foresaw is, logged with its traceback; 503 where the driver
    says that the database does not answer."""
    if is_unavailable(error):
        log.error("the database does not answer", reason=str(error).partition("\n")[0])
        unavailable = errors.DatabaseUnavailable()
        kind = problem_kind(unavailable)
        return problem_response(request, kind, str(unavailable), **unavailable.figures())
    log.error("unexpected error", exc_info=error)
    kind = FRAMEWORK_KINDS[500]
    return problem_response(
        request, kind, "An unexpected error occurred; it was logged with this id."
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_timestamp(value)
    return str(value) if isinstance(value, UUID) else value
