"""Refuse forms that another site made a browser send (cross-site request forgery).

The cookie is SameSite=Lax, which alone leaves sibling hosts of the same site. So every unsafe
request to a page must say that it comes from us: by `Sec-Fetch-Site` (Fetch Metadata), which a
page cannot forge and browsers send to https and loopback hosts; else by `Origin`, which all
send with a POST. No token is needed, so that a page stays sound in a tab left open. A request
with neither is refused: no browser of today makes one. The sign-in forms must pass it too.

A browser also repeats a password that it was given for this server (Basic) with whatever another
site makes it send. So a request of the API that brings its key that way must not come from another
site; programs, which send neither header, are not asked for one.
"""

from urllib.parse import urlsplit

from fastapi import Request

from entrepot.errors import NotAllowed
from entrepot.http.deps import get_runtime

SAFE = ("GET", "HEAD", "OPTIONS")


async def same_origin(request: Request) -> None:
    """A dependency of every page. Raises NotAllowed for an unsafe request of another origin."""
    if request.method in SAFE:
        return
    if not _comes_from_us(request):
        raise NotAllowed(reason="This form was sent from another site. Open the page here.")


def is_sent_by_another_site(request: Request) -> bool:
    """Whether a browser says of an unsafe request that another site made it."""
    has_origin = {"sec-fetch-site", "origin"} & {*request.headers}
    return request.method not in SAFE and bool(has_origin) and not _comes_from_us(request)


def _comes_from_us(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # `none`: the person did it themself, by reloading a form's answer for instance.
        return site in ("same-origin", "none")
    return _is_ours(request, request.headers.get("origin"))


def _is_ours(request: Request, origin: str | None) -> bool:
    """Whether an Origin header names us. The host must fit, the scheme may be a proxy's."""
    if not origin:
        return False
    public_url = get_runtime(request).parts.settings.public_url
    hosts = {request.headers.get("host", "").lower()}
    if public_url is not None:
        hosts.add(urlsplit(public_url).netloc.lower())
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() in hosts
