"""Change the user's password. All other sessions end, and this browser gets a new one."""

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.actor import Actor
from entrepot.accounts.passwords import MIN_PASSWORD_CHARS
from entrepot.accounts.sign_in import PasswordHolder, change_password, find_password, sign_in
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, SignInFailed, TooManyAttempts
from entrepot.http.deps import read_request_origin
from entrepot.http.password_change import hash_new_password, verify_holder
from entrepot.http.web.form import read_form
from entrepot.http.web.page_router import page_router
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import PageWork, SessionWork, redirect
from entrepot.http.web.sign_in.known_browser import known_browser
from entrepot.http.web.sign_in.route import begin_session

router = page_router()

WRONG = FieldInvalid("current_password", "This is not your password.")


@router.get("/.well-known/change-password", response_model=None)
async def well_known() -> Response:
    """Where password managers look for the page (W3C, A Well-Known URL for Changing Passwords)."""
    return redirect("/password")


@router.get("/password", response_model=None)
async def show(request: Request, work: SessionWork, changed: str = "") -> Response:
    """The form; after a change, that it was made."""
    return await _page(request, work, changed=bool(changed))


@router.post("/password", response_model=None)
async def change(request: Request, work: SessionWork) -> Response:
    """Check the current password, set the new one, and sign in again."""
    form = await read_form(request)
    holder = await work.read(_own_password)
    if holder is None:
        return await _page(request, work, status=409)
    try:
        browser = known_browser(request, holder.user)
        await verify_holder(request, holder, form.text("current_password"), browser)
        new_hash = await hash_new_password(form.text("password"), holder.user)
        origin, secret = read_request_origin(request), work.parts.secret

        def replace(conn: WriteConnection, actor: Actor) -> str:
            del actor
            change_password(conn, holder, new_hash, origin, work.now)
            renewed = PasswordHolder(holder.user, new_hash)
            return sign_in(conn, secret, renewed, origin, work.now)

        token = await work.write(replace)
    except SignInFailed:
        return await _page(request, work, error=WRONG, status=422)
    except FieldInvalid as error:
        return await _page(request, work, error=error, status=422)
    except TooManyAttempts as error:
        wrong = FieldInvalid("current_password", str(error))
        waiting = {"Retry-After": str(error.retry_after)}
        return await _page(request, work, error=wrong, status=429, headers=waiting)
    return await begin_session(request, holder.user, token, "/password?changed=yes")


async def _page(
    request: Request,
    work: PageWork,
    error: FieldInvalid | None = None,
    changed: bool = False,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    actor, holder = await work.read_with_actor(_own_password)
    return page(
        request,
        "password/page.html",
        actor,
        status=status,
        headers=headers,
        has_password=holder is not None,
        error=error,
        changed=changed,
        min_password_chars=MIN_PASSWORD_CHARS,
    )


def _own_password(conn: ReadConnection, actor: Actor) -> PasswordHolder | None:
    return find_password(conn, actor.user_name)
