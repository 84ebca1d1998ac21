"""Sign in with a password or a one-time link, and sign out.

Opening a link uses nothing up: mail programs and chats open links to preview them. Its page has
one button, which posts the token.
"""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from entrepot.accounts.sign_in import (
    close_session,
    get_password_hash,
    open_session,
    use_link,
    verify_password,
)
from entrepot.db.types import WriteConnection
from entrepot.errors import SignInFailed, TooManyAttempts
from entrepot.http.deps import get_runtime
from entrepot.http.web.form import read_form
from entrepot.http.web.rendering import page, pages_of
from entrepot.http.web.session_work import (
    Visitor,
    delete_session_cookie,
    local_path,
    redirect,
    session_token,
    set_session_cookie,
)
from entrepot.http.web.sign_in.attempts import Attempts
from entrepot.texts import is_safe_line

router = APIRouter()

MAX_PASSWORD_CHECKS = 20
"""Passwords under check and waiting for it; beyond that a flood would starve everything else."""
SIGN_IN_FAILED = "The user name and the password do not belong together."
LINK_USED = "This link was used before or has expired. Links last an hour and work once."


@router.get("/sign-in", response_model=None)
async def show(request: Request, actor: Visitor, next: str = "", link: str = "") -> Response:
    """The form; or with a link's token, the button that uses it."""
    if link:
        return page(request, "sign_in/link.html", None, token=link, failure=None)
    if actor is not None:
        return redirect(local_path(next))
    return _form(request, next)


@router.post("/sign-in", response_model=None)
async def sign_in(request: Request) -> Response:
    """Check the password and start a session."""
    form = await read_form(request)
    user_name, next_path = form.text("user_name").strip(), form.text("next")
    try:
        token = await _token_for(request, user_name, form.text("password"))
    except SignInFailed:
        return _form(request, next_path, user_name, SIGN_IN_FAILED, status=422)
    except TooManyAttempts as error:
        waiting = {"Retry-After": str(error.retry_after)}
        return _form(request, next_path, user_name, str(error), status=429, headers=waiting)
    return await _begin(request, token, next_path)


@router.post("/sign-in/link", response_model=None)
async def sign_in_by_link(request: Request) -> Response:
    """Use a link up and start a session."""
    form = await read_form(request)
    runtime = get_runtime(request)
    parts = runtime.parts
    try:
        token = await runtime.run_in_database_thread(
            parts.database.write, use_link, parts.secret, form.text("link"), parts.clock()
        )
    except SignInFailed:
        return page(request, "sign_in/link.html", None, status=422, token=None, failure=LINK_USED)
    return await _begin(request, token, "")


@router.post("/sign-out", response_model=None)
async def sign_out(request: Request) -> Response:
    """End the session, here and on the server."""
    await _end(request)
    response = redirect("/sign-in")
    delete_session_cookie(request, response)
    return response


def attempts_of(request: Request) -> Attempts:
    """The app's count of attempts."""
    attempts: Attempts = request.app.state.attempts
    return attempts


async def _token_for(request: Request, user_name: str, password: str) -> str:
    """A new session's token. Raises SignInFailed, TooManyAttempts."""
    pages = pages_of(request)
    if not is_safe_line(user_name):
        raise SignInFailed
    address = request.client.host if request.client else ""
    is_known_address = attempts_of(request).count(user_name, address)
    if pages.signing_in >= MAX_PASSWORD_CHECKS:
        raise TooManyAttempts(retry_after=5)  # all are checked by then: two take 100 ms
    pages.signing_in += 1
    try:
        token = await _check(request, user_name, password, is_known_address)
    finally:
        pages.signing_in -= 1
    attempts_of(request).succeeded(user_name, address)
    return token


async def _check(request: Request, user_name: str, password: str, is_known_address: bool) -> str:
    runtime = get_runtime(request)
    database, secret, now = runtime.parts.database, runtime.parts.secret, runtime.parts.clock()
    user_id, stored = await runtime.run_in_database_thread(
        database.write, get_password_hash, user_name, now, is_known_address
    )
    # Outside of any transaction: it takes 100 ms, and on SQLite all others would wait.
    async with pages_of(request).hashing:
        fits = await run_in_threadpool(verify_password, stored, password)
    if not fits or user_id is None:
        raise SignInFailed

    def begin(conn: WriteConnection, user_id: UUID) -> str:
        return open_session(conn, secret, user_id, user_name, now)

    return await runtime.run_in_database_thread(database.write, begin, user_id)


async def _begin(request: Request, token: str, next_path: str) -> Response:
    await _end(request)  # whoever was signed in here before
    response = redirect(local_path(next_path))
    set_session_cookie(request, response, token)
    return response


async def _end(request: Request) -> None:
    token = session_token(request)
    if token is not None:
        runtime = get_runtime(request)
        pages_of(request).last_uses.pop(token, None)
        database = runtime.parts.database
        await runtime.run_in_database_thread(
            database.write, close_session, runtime.parts.secret, token
        )


def _form(
    request: Request,
    next_path: str,
    user_name: str = "",
    failure: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    return page(
        request,
        "sign_in/page.html",
        None,
        status=status,
        headers=headers,
        next_path=local_path(next_path, ""),
        user_name=user_name,
        failure=failure,
    )
