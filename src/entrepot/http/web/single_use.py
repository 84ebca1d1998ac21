"""The value for a single use in the address of a form: a form that is sent twice is known by it."""

import re

from fastapi import Request

from entrepot.accounts.secrets import BODY_CHARS, new_token

PARAMETER = "once"
_VALUE = re.compile(rf"[0-9A-Za-z]{{{BODY_CHARS}}}")


def once() -> str:
    """The end of a form's address, with a value that no other form has."""
    return f"?{PARAMETER}={new_token()}"


def form_key(request: Request) -> str | None:
    """The same for each time that a form is sent; None without a value of its own."""
    value = request.query_params.get(PARAMETER, "")
    return f"form {value}" if _VALUE.fullmatch(value) else None
