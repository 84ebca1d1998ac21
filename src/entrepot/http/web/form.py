"""Read the small forms of the pages (`application/x-www-form-urlencoded`)."""

from urllib.parse import parse_qs

from fastapi import Request

from entrepot.errors import FieldInvalid
from entrepot.http.deps import get_runtime
from entrepot.http.uploads.body import read_small_body

FORM_LIMIT = 64 * 1024
"""Bytes of a form without a file."""


class PageForm:
    """The fields of a form."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """A field's text, empty if it is not there."""
        return self._values.get(name, [""])[0]

    def pairs(self) -> list[tuple[str, str]]:
        """Every field with its value, as they were sent."""
        return [(name, value) for name, values in self._values.items() for value in values]

    def all(self, name: str) -> list[str]:
        """Every value of a field, as of boxes that are ticked."""
        return self._values.get(name, [])


async def read_form(request: Request, limit: int = FORM_LIMIT) -> PageForm:
    """The form, of at most `limit` bytes. Raises FieldInvalid, BodyTooLarge, BodyTooSlow."""
    body = await read_small_body(request, get_runtime(request).parts.settings, limit)
    try:
        text = body.decode("ascii")
        values = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except (UnicodeDecodeError, ValueError):
        raise FieldInvalid(field="form", reason="cannot be read; send it from the page.") from None
    form = request.state.page_form = PageForm(values)
    return form
