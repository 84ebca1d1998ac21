"""What a page confirms after an act: the redirect names it in a cookie, the next page shows it."""

from enum import Enum, unique

from fastapi import Request
from fastapi.responses import Response

CONFIRMATION_COOKIE = "entrepot_done"
LIFE_SECONDS = 60
"""How long a browser keeps what the next page is to confirm."""


@unique
class Confirmation(Enum):
    """The name is what the cookie holds, the value is the sentence that the page shows."""

    SHARED = "The file is shared. The list below shows with whom."
    UNSHARED = "This share has ended. The list below shows with whom the file is still shared."
    DECLINED_SHARE = "The file is not listed for you any more."
    UPLOAD_ENDED = "The upload was ended. What it reserved is free again."
    OFFERED = "The file is offered. It stays yours until the offer is accepted."
    OFFER_WITHDRAWN = "The offer was withdrawn."
    OFFER_DECLINED = "The offer was declined."
    TAKEN_OVER = "The file is yours now."
    SETTINGS = "The settings were saved."
    HANDED_OVER = "The file has a new owner."
    UNDELETED = "The file is back, with all its versions."
    VERSION_DELETED = "The version was deleted. “Undo” in the list below brings it back."
    VERSION_UNDELETED = "The version is back."
    WITHDRAWN = "The version was withdrawn. Nobody can read it any more."
    PURGED = "The version was withdrawn, and its bytes were removed."
    WITHDRAWAL_UNDONE = "The version is published again."
    KEY_REVOKED = "The key was revoked. Requests with it fail from now on."
    LINK_REVOKED = "The link was revoked. It does not work any more."
    SIGNED_OUT = "You are signed out."
    SIGNED_IN = "Your password is set, and you are signed in."
    SENDER = "Your decision was saved."


def confirm(response: Response, done: Confirmation) -> None:
    """Have the page to which the response leads confirm what was done."""
    # It holds a word of ours and no secret; whoever sets it changes one sentence on their own page.
    response.set_cookie(
        CONFIRMATION_COOKIE, done.name, max_age=LIFE_SECONDS, httponly=True, samesite="lax"
    )


def confirmation_of(request: Request) -> str:
    """The sentence that the page shows, empty for none."""
    done = Confirmation.__members__.get(request.cookies.get(CONFIRMATION_COOKIE, ""))
    return "" if done is None else done.value


def forget_confirmation(request: Request, response: Response) -> None:
    """Show it once only."""
    if CONFIRMATION_COOKIE in request.cookies:
        response.delete_cookie(CONFIRMATION_COOKIE, httponly=True, samesite="lax")
