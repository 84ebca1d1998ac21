"""What all lines of the log have in common: the request, the time, and no secret."""

import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

SECRETS = re.compile(r"(epk_[0-9A-Za-z]{4})[0-9A-Za-z]{45}|(//[^:/@\s]+:)[^@/\s]+@")
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being served, for every line that comes of it.

Set for the length of a request (`http.middleware`); binding it with structlog takes 15 times as
long.
"""


def writes_for_people(log_format: str | None) -> bool:
    """Whether lines are for people on a terminal, not JSON."""
    if log_format is None:
        return sys.stderr.isatty()
    return log_format == "human"


def timestamp() -> str:
    """The present moment as lines have it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def redact(text: str) -> str:
    """The text without the secrets that a library, or an address, may have in it."""
    if "epk_" not in text and "@" not in text:
        return text
    return SECRETS.sub(lambda match: (match[1] or match[2]) + ("…" if match[1] else "…@"), text)
