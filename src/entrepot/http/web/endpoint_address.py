"""The address that people paste into their scripts."""

import re

from fastapi import Request

from entrepot.http.deps import get_runtime

HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
"""A host of RFC 3986 as we show it: nothing that a shell or a page would read otherwise."""


def endpoint_of(request: Request) -> str:
    """The public URL if one is set; else the host by which this request reached us, if it is
    sound; else the address we listen on.
    """
    settings = get_runtime(request).parts.settings
    host = request.headers.get("host", "")
    if settings.public_url is None and HOST.fullmatch(host):
        return f"{request.url.scheme}://{host}"
    return settings.endpoint
