"""Join or refuse what can be read in two ways: what came twice, and encoded bodies.

Frameworks take the first value of a name or the last one, and proxies the other.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.types import Scope

from entrepot.errors import ExpectationUnknown, FieldInvalid
from entrepot.http.raw_headers import RawHeaders, find_header

Name = TypeVar("Name", str, bytes)
SINGLE_HEADERS = {
    name.lower().encode(): name
    for name in (
        "Authorization", "Content-Length", "Content-MD5", "Content-Range", "Content-Type", "Expect",
        "Host", "Idempotency-Key", "If-Modified-Since", "If-Range", "If-Unmodified-Since",
        "Last-Event-ID", "Range", "Transfer-Encoding", "Tus-Resumable", "Upload-Checksum",
        "Upload-Concat", "Upload-Length", "Upload-Metadata", "Upload-Offset",
        "X-HTTP-Method-Override",
    )
}  # fmt: skip
"""Headers with one value. Of all others several lines are one list (RFC 9110, section 5.3)."""


def join_lines(scope: Scope) -> None:
    """Make one line of those of a header that has a list, such as If-Match or X-Forwarded-For, so
    that nobody reads the first alone."""
    headers: RawHeaders = scope["headers"]
    if len({name for name, _ in headers}) == len(headers):
        return
    joined: RawHeaders = []
    places: dict[bytes, int] = {}
    for name, value in headers:
        place = places.setdefault(name, len(joined))
        if place == len(joined) or name in SINGLE_HEADERS:
            joined.append((name, value))
        else:
            separator = b"; " if name == b"cookie" else b", "  # RFC 9113, section 8.2.3
            joined[place] = name, joined[place][1] + separator + value
    scope["headers"] = joined


def refuse_ambiguous(scope: Scope) -> None:
    """Raise FieldInvalid if a parameter of the query or a header with one value came twice, or if
    the body has another transfer coding than `chunked`, which nobody decodes. Raise
    ExpectationUnknown for any but `100-continue`.

    The server takes a Content-Length out that came with a Transfer-Encoding, and closes the
    connection (RFC 9112, section 6.3).
    """
    coding = find_header(scope, b"transfer-encoding")
    if coding is not None and coding.strip().lower() != b"chunked":
        raise FieldInvalid("Transfer-Encoding", "must be `chunked`.")
    header = _repeated(name for name, _ in scope["headers"] if name in SINGLE_HEADERS)
    if header is not None:
        raise FieldInvalid(SINGLE_HEADERS[header], "came twice. Send it once.")
    expected = find_header(scope, b"expect")
    if expected is not None and expected.strip().lower() != b"100-continue":
        raise ExpectationUnknown(received=expected[:100].decode("latin-1"))
    query: bytes = scope["query_string"]
    if b"&" in query:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        parameter = _repeated(name for name, _ in pairs)
        if parameter is not None:
            name = parameter[:100].replace("\0", "")
            raise FieldInvalid(name, "came twice in the address. Send it once.")


def _repeated(names: Iterable[Name]) -> Name | None:
    counted = Counter(names)
    return next((name for name, times in counted.items() if times > 1), None)
