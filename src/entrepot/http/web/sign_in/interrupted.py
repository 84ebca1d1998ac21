"""A form whose session had ended: what was typed goes with the person through the sign-in.

Nothing of it is stored here. The sign-in page carries the fields, and after it a page shows them to
be sent with one button, as the person who has signed in. Passwords and files are left out: the page
asks again for a password that was typed, and the form of an upload is shown again with its other
fields, so that the file can be chosen again.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import Response

from entrepot.errors import EntrepotError
from entrepot.http.deps import get_runtime
from entrepot.http.uploads.body import MAX_JSON_BYTES, body_chunks
from entrepot.http.uploads.multipart import FormReader, PartBegin, PartData, boundary_of
from entrepot.http.uploads.pace import small_body_pace
from entrepot.http.web.form import PageForm, read_form
from entrepot.http.web.rendering import page
from entrepot.http.web.session_work import local_path

MAX_KEPT_BYTES = 20_000
"""Bytes of the fields as a form sends them; with them the form of the sign-in is at most 64 KiB."""
FORM_OF_UPLOAD = "/upload"
"""The form with a file beside which people fill in other fields."""
NEVER_KEPT = ("/password", "/sign-in", "/sign-out", "/theme")
"""Forms with passwords, and those that say nothing."""


@dataclass(frozen=True)
class InterruptedForm:
    """Where a form was sent, and its fields (`application/x-www-form-urlencoded`)."""

    path: str
    fields: str

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The fields by name, without the passwords."""
        pairs = parse_qsl(self.fields, keep_blank_values=True)
        return [pair for pair in pairs if not _is_password(pair[0])]

    @property
    def passwords(self) -> list[str]:
        """The names of the passwords that were typed, which have to be typed again."""
        names = (name for name, _value in parse_qsl(self.fields, keep_blank_values=True))
        return [name for name in names if _is_password(name)]

    @property
    def had_file(self) -> bool:
        """Whether a file was sent with it, which has to be chosen again."""
        return self.path.partition("?")[0] == FORM_OF_UPLOAD


async def keep_form(request: Request) -> InterruptedForm | None:
    """The form that the request brings, if it is one to be kept."""
    content_type = request.headers.get("content-type", "")
    path = request.url.path
    if request.method != "POST" or path.startswith(NEVER_KEPT):
        return None
    try:
        if content_type.startswith("application/x-www-form-urlencoded"):
            form: PageForm = getattr(request.state, "page_form", None) or await read_form(
                request, MAX_KEPT_BYTES
            )
            pairs = form.pairs()
        elif path == FORM_OF_UPLOAD:
            pairs = await _fields_beside_file(request)
        else:
            return None
    # Too long, too slow, or not readable: the person signs in without it.
    except EntrepotError:
        return None
    fields = urlencode(
        [
            (name, "" if _is_password(name) else value)
            for name, value in pairs
            if value or not _is_password(name)
        ]
    )
    if request.url.query:
        path += f"?{request.url.query}"
    return InterruptedForm(path, fields) if len(fields) <= MAX_KEPT_BYTES else None


def _is_password(name: str) -> bool:
    return "password" in name


async def _fields_beside_file(request: Request) -> list[tuple[str, str]]:
    """The texts of a form with a file, as far as they come before the file or with a small one.

    Raises MediaTypeUnsupported, FormMalformed, BodyTooSlow, BodyIncomplete.
    """
    reader = FormReader(boundary_of(request.headers.get("content-type")))
    texts: list[tuple[str, bytearray]] = []
    is_text, received = False, 0
    async for chunk in body_chunks(request, small_body_pace(get_runtime(request).parts.settings)):
        received += len(chunk)
        for event in reader.feed(chunk):
            if isinstance(event, PartBegin):
                is_text = event.file_name is None
                if is_text:
                    texts.append((event.name, bytearray()))
            elif isinstance(event, PartData) and is_text:
                texts[-1][1].extend(event.data)
        if received > MAX_JSON_BYTES:
            break
    return [(name, raw.decode("utf-8", "replace")) for name, raw in texts]


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
