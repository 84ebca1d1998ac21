"""How long a request wants to wait: the preference `wait` of the header Prefer (RFC 7240)."""

from starlette.requests import Request

from entrepot.http.downloads.forms import MAX_WAIT_SECONDS
from entrepot.http.parameters import IntegerText

SECONDS = IntegerText(0, 10**9, "must be a number of seconds.")


def wait_seconds(request: Request) -> float:
    """The seconds that the request waits for a form: as many as it prefers, at most
    `MAX_WAIT_SECONDS`. What was applied of its preference goes with the answer; one that cannot be
    read is ignored, as the standard says."""
    preferred = preferred_seconds(request)
    if preferred is None or preferred > MAX_WAIT_SECONDS:
        return MAX_WAIT_SECONDS
    request.scope["preference_applied"] = f"wait={preferred}"
    return float(preferred)


def preferred_seconds(request: Request) -> int | None:
    """The first `wait` that is named; None without one."""
    for preference in request.headers.get("prefer", "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = SECONDS.or_default(value.strip().strip('"'), -1)
            return seconds if seconds >= 0 else None
    return None
