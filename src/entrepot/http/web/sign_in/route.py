"""Sign in with a password or a one-time link, and sign out.

Opening a link uses nothing up: mail programs and chats open links to preview them. Its page has
a form, which posts the token.
"""

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.accounts.links import SignInLink, find_link, use_link
from entrepot.accounts.passwords import (
    MIN_PASSWORD_CHARS,
)
from entrepot.accounts.sessions import close_session
from entrepot.accounts.sign_in import find_password, sign_in
from entrepot.accounts.users import User
from entrepot.errors import AccountSuspended, FieldInvalid, SignInFailed, TooManyAttempts
from entrepot.http.deps import get_runtime, read_request_origin
from entrepot.http.password_change import hash_new_password, verify_holder, verify_unknown
from entrepot.http.web.confirmations import Confirmation, confirm
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page, pages_of
from entrepot.http.web.session_work import (
    Visitor,
    delete_session_cookie,
    local_path,
    redirect,
    session_token,
    set_session_cookie,
)
from entrepot.http.web.sign_in.interrupted import InterruptedForm, kept_form, resume_page
from entrepot.http.web.sign_in.known_browser import known_browser, remember_browser
from entrepot.texts import is_safe_line

router = page_router()

SIGN_IN_FAILED = "The user name and the password do not belong together."
LINK_USED = (
    "It was used before, a newer one was created, or it has expired. Links work once, within 24 "
    "hours."
)


@router.get("/sign-in", response_model=None)
async def show(request: Request, actor: Visitor, next: str = "", link: str = "") -> Response:
    """The form; or with a link's token, the form that uses it."""
    if link:
        valid_link = await _find_link(request, link)
        return _link_page(request, link, valid_link, actor=actor)
    if actor is not None:
        return redirect(local_path(next))
    return sign_in_page(request, next)


@router.post("/sign-in", response_model=None)
async def sign_in_by_password(request: Request) -> Response:
    """Check the password and start a session."""
    form = await read_form(request)
    user_name, next_path = form.text("user_name").strip(), form.text("next")
    interrupted = kept_form(form)
    try:
        user, token = await _token_for(request, user_name, form.text("password"))
    except SignInFailed:
        return sign_in_page(
            request, next_path, user_name, SIGN_IN_FAILED, status=422, interrupted=interrupted
        )
    except AccountSuspended as error:
        return sign_in_page(
            request, next_path, user_name, str(error), status=403, interrupted=interrupted
        )
    except TooManyAttempts as error:
        waiting = {"Retry-After": str(error.retry_after)}
        return sign_in_page(
            request,
            next_path,
            user_name,
            str(error),
            status=429,
            headers=waiting,
            interrupted=interrupted,
        )
    return await begin_session(request, user, token, next_path, interrupted)


@router.post("/sign-in/link", response_model=None)
async def sign_in_by_link(request: Request) -> Response:
    """Set the password that came with a link, use the link up and start a session."""
    form = await read_form(request)
    link = form.text("link")
    valid_link = await _find_link(request, link)
    if valid_link is None:
        return _link_page(request, link, None)
    runtime = get_runtime(request)
    parts, password_hash = runtime.parts, None
    try:
        if valid_link.sets_password:
            password_hash = await hash_new_password(form.text("password"), valid_link.user)
        user, token = await runtime.run_in_database_thread(
            parts.database.write,
            use_link,
            parts.secret,
            link,
            password_hash,
            read_request_origin(request),
            parts.clock(),
        )
    except FieldInvalid as error:
        return _link_page(request, link, valid_link, error)
    except SignInFailed:
        return _link_page(request, link, None)
    response = await begin_session(request, user, token, "")
    if valid_link.sets_password:
        confirm(response, Confirmation.SIGNED_IN)
    return response


@router.post("/sign-out", response_model=None)
async def sign_out(request: Request) -> Response:
    """End the session, here and on the server."""
    await _end(request)
    response = redirect("/sign-in", Confirmation.SIGNED_OUT)
    delete_session_cookie(request, response)
    return response


async def begin_session(
    request: Request,
    user: User,
    token: str,
    next_path: str,
    interrupted: InterruptedForm | None = None,
) -> Response:
    """Continue with a session that was just opened, or with the form that it interrupted."""
    await _end(request)  # whoever was signed in here before
    if interrupted is None:
        response: Response = redirect(local_path(next_path))
    else:
        response = resume_page(request, interrupted, user.user_name)
    set_session_cookie(request, response, token)
    remember_browser(request, response, user)
    return response


async def _token_for(request: Request, user_name: str, password: str) -> tuple[User, str]:
    """The user, and a new session's token. Raises SignInFailed, TooManyAttempts."""
    if not is_safe_line(user_name):
        raise SignInFailed
    runtime = get_runtime(request)
    parts = runtime.parts
    holder = await runtime.run_in_database_thread(parts.database.read, find_password, user_name)
    if holder is None:
        await verify_unknown(request, user_name, password)
        raise SignInFailed
    await verify_holder(request, holder, password, known_browser(request, holder.user))
    token = await runtime.run_in_database_thread(
        parts.database.write,
        sign_in,
        parts.secret,
        holder,
        read_request_origin(request),
        parts.clock(),
    )
    return holder.user, token


async def _find_link(request: Request, token: str) -> SignInLink | None:
    runtime = get_runtime(request)
    parts = runtime.parts
    return await runtime.run_in_database_thread(
        parts.database.read, find_link, parts.secret, token, parts.clock()
    )


async def _end(request: Request) -> None:
    token = session_token(request)
    if token is not None:
        runtime = get_runtime(request)
        pages_of(request).last_uses.pop(token, None)
        parts, origin = runtime.parts, read_request_origin(request)
        await runtime.run_in_database_thread(
            parts.database.write, close_session, parts.secret, token, origin, parts.clock()
        )


def _link_page(
    request: Request,
    token: str,
    link: SignInLink | None,
    error: FieldInvalid | None = None,
    actor: Actor | None = None,
) -> Response:
    """The form that uses a link; or that it does not work, and what to do. Who opens a used one
    again is often signed in by it."""
    return page(
        request,
        "sign_in/link.html",
        actor if link is None else None,
        status=422 if link is None or error else 200,
        token=token,
        link=link,
        failure=LINK_USED,
        error=error,
        min_password_chars=MIN_PASSWORD_CHARS,
    )


def sign_in_page(
    request: Request,
    next_path: str,
    user_name: str = "",
    failure: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    interrupted: InterruptedForm | None = None,
) -> Response:
    """The form of the sign-in, what failed, and the form that the end of a session interrupted."""
    values: dict[str, Any] = {
        "user_name": user_name,
        "failure": failure,
        "interrupted": interrupted,
    }
    return page(
        request,
        "sign_in/page.html",
        None,
        status=status,
        headers=headers,
        next_path=local_path(next_path, ""),
        **values,
    )
