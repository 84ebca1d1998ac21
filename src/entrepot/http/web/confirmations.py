"""What a page confirms after an act: the redirect names it in a cookie, the next page shows it."""

from typing import Literal, get_args

from fastapi import Request
from fastapi.responses import Response

CONFIRMATION_COOKIE = "entrepot_done"
LIFE_SECONDS = 60
"""How long a browser keeps what the next page is to confirm."""

Confirmation = Literal[
    "shared",
    "unshared",
    "declined-share",
    "upload-ended",
    "offered",
    "offer-withdrawn",
    "offer-declined",
    "taken-over",
    "settings",
    "handed-over",
    "undeleted",
    "version-deleted",
    "version-undeleted",
    "withdrawn",
    "purged",
    "withdrawal-undone",
    "key-revoked",
    "link-revoked",
    "sender",
]
SENTENCES: dict[str, str] = {
    "shared": "The file is shared. The list below shows with whom.",
    "unshared": "The grant was revoked.",
    "declined-share": "The file is not listed for you any more.",
    "upload-ended": "The upload was ended. What it reserved is free again.",
    "offered": "The file is offered. It stays yours until the offer is accepted.",
    "offer-withdrawn": "The offer was withdrawn.",
    "offer-declined": "The offer was declined.",
    "taken-over": "The file is yours now.",
    "settings": "The settings were saved.",
    "handed-over": "The file has a new owner.",
    "undeleted": "The file is back, with all its versions.",
    "version-deleted": "The version was deleted. “Undo” in the list below brings it back.",
    "version-undeleted": "The version is back.",
    "withdrawn": "The version was withdrawn. Nobody can read it any more.",
    "purged": "The version was withdrawn, and its bytes were removed.",
    "withdrawal-undone": "The version is published again.",
    "key-revoked": "The key was revoked. Requests with it fail from now on.",
    "link-revoked": "The link was revoked. It does not work any more.",
    "sender": "Your decision was saved.",
}
assert SENTENCES.keys() == set(get_args(Confirmation))


def confirm(response: Response, done: Confirmation) -> None:
    """Have the page to which the response leads confirm what was done."""
    # It holds a word of ours and no secret; whoever sets it changes one sentence on their own page.
    response.set_cookie(
        CONFIRMATION_COOKIE, done, max_age=LIFE_SECONDS, httponly=True, samesite="lax"
    )


def confirmation_of(request: Request) -> str:
    """The sentence that the page shows, empty for none."""
    return SENTENCES.get(request.cookies.get(CONFIRMATION_COOKIE, ""), "")


def forget_confirmation(request: Request, response: Response) -> None:
    """Show it once only."""
    if CONFIRMATION_COOKIE in request.cookies:
        response.delete_cookie(CONFIRMATION_COOKIE, httponly=True, samesite="lax")
