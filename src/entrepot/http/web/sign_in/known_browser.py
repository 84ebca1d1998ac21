"""A cookie that tells in which browser a user has signed in before.

It is not a credential: whoever holds it still needs the password. It only gives the browser
attempts of its own, so that nobody else's wrong passwords keep its user out.
"""

import secrets

from fastapi import Request
from fastapi.responses import Response

from entrepot.accounts.secrets import keyed_digest
from entrepot.accounts.users import User
from entrepot.http.deps import get_runtime
from entrepot.http.web.session_work import host_cookie, is_secure

YEAR_SECONDS = 31_536_000
NAME = "entrepot-browser"


def known_browser(request: Request, user: User) -> str | None:
    """What names this browser, if the user has signed in with it; else None."""
    browser_id, _, proof = request.cookies.get(host_cookie(request, NAME), "").partition(".")
    if not browser_id:
        return None
    expected = _proof(request, user, browser_id)
    return browser_id if secrets.compare_digest(proof.encode(), expected.encode()) else None


def remember_browser(request: Request, response: Response, user: User) -> None:
    """Have the browser remember that the user has signed in with it, for a year."""
    browser_id = known_browser(request, user) or secrets.token_hex(16)
    response.set_cookie(
        host_cookie(request, NAME),
        f"{browser_id}.{_proof(request, user, browser_id)}",
        max_age=YEAR_SECONDS,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _proof(request: Request, user: User, browser_id: str) -> str:
    secret = get_runtime(request).parts.secret
    return keyed_digest(secret, "browser", f"{user.id} {browser_id}").hex()
