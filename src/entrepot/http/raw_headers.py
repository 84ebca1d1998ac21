"""Headers as ASGI has them: pairs of bytes, names in lower case.

`starlette.datastructures.Headers` decodes them for each look. These functions are for what every
request asks.
"""

from collections.abc import Mapping

from starlette.types import Scope

RawHeaders = list[tuple[bytes, bytes]]


def find_header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a request's header; None where there is none."""
    headers: RawHeaders = scope["headers"]
    for key, value in headers:
        if key == name:
            return value
    return None


def add_headers(scope: Scope, headers: RawHeaders) -> None:
    """Have the answer to a request say this too, whoever makes it.

    Cheaper than another `send`, which each message of an answer passes through.
    """
    added: RawHeaders = scope["added_headers"]
    added += headers


def encode_headers(headers: Mapping[str, str]) -> RawHeaders:
    """The headers of an answer as ASGI has them."""
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]
