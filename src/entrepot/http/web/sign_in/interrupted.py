"""A form whose session had ended: what was typed goes with the person through the sign-in.

Nothing of it is stored here. The sign-in page carries the fields, and after it a page shows them to
be sent with one button, as the person who has signed in. Passwords and files are left out.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import Response

from entrepot.errors import EntrepotError
from entrepot.http.web.form import PageForm, read_form
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import local_path

MAX_KEPT_BYTES = 20_000
"""Bytes of the fields as a form sends them; with them the form of the sign-in is at most 64 KiB."""
NEVER_KEPT = ("/password", "/sign-in", "/sign-out", "/theme")
"""Forms with passwords, and those that say nothing."""


@dataclass(frozen=True)
class InterruptedForm:
    """Where a form was sent, and its fields (`application/x-www-form-urlencoded`)."""

    path: str
    fields: str

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The fields by name."""
        return parse_qsl(self.fields, keep_blank_values=True)


async def keep_form(request: Request) -> InterruptedForm | None:
    """The form that the request brings, if it is one to be kept."""
    content_type = request.headers.get("content-type", "")
    path = request.url.path
    if (
        request.method != "POST"
        or path.startswith(NEVER_KEPT)
        or not content_type.startswith("application/x-www-form-urlencoded")
    ):
        return None
    try:
        form: PageForm = getattr(request.state, "page_form", None) or await read_form(
            request, MAX_KEPT_BYTES
        )
    except EntrepotError:  # too long, too slow, or not readable: the person signs in without it
        return None
    fields = urlencode([pair for pair in form.pairs() if "password" not in pair[0]])
    if request.url.query:
        path += f"?{request.url.query}"
    return InterruptedForm(path, fields) if len(fields) <= MAX_KEPT_BYTES else None


def kept_form(form: PageForm) -> InterruptedForm | None:
    """The form that the sign-in page carried."""
    path = local_path(form.text("resume_path"), "")
    fields = form.text("resume_fields")
    if not path or path.startswith(NEVER_KEPT) or len(fields) > MAX_KEPT_BYTES:
        return None
    return InterruptedForm(path, fields)


def resume_page(request: Request, interrupted: InterruptedForm, user_name: str) -> Response:
    """The page that shows what was typed, and sends it."""
    return page(request, "sign_in/resume.html", None, interrupted=interrupted, user_name=user_name)
