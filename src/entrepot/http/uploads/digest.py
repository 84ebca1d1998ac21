"""The digests that a request states of its bytes, computed while they stream in.

`Content-Digest` and `Repr-Digest` (RFC 9530), `Digest` (RFC 3230), `Content-MD5` (RFC 1864). No
delivery has a Content-Encoding, so all of them are of the same bytes: those of the body, or those
of a form's part that has them as headers. Algorithms that are not known are ignored.
"""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope

from entrepot.errors import DigestMismatch, FieldInvalid
from entrepot.http.raw_headers import find_header
from entrepot.http.runtime import Runtime

FIELDS = {
    "content-digest": "Content-Digest",
    "repr-digest": "Repr-Digest",
    "digest": "Digest",
    "content-md5": "Content-MD5",
}
"""As the answers name them."""
_RAW_NAMES = {name.encode() for name in FIELDS}
_BYTES_OF = {"sha-256": 32, "sha-512": 64, "md5": 16}
"""Bytes of a digest, by the algorithm."""
_MEMBER = re.compile(r"([A-Za-z0-9*][A-Za-z0-9_.*-]*)=(.*)")
_INLINE_BYTES = 16 * 1024
"""Bytes that the event loop hashes itself: a call of a thread takes longer."""


@dataclass(frozen=True)
class _Stated:
    field: str
    algorithm: str
    digest: bytes


class StatedDigests:
    """What is stated of some bytes, and the hashes of those that have come."""

    def __init__(self, stated: Iterable[_Stated]) -> None:
        self._stated = tuple(stated)
        self._hashes = {
            each.algorithm: hashlib.new(each.algorithm.replace("-", ""), usedforsecurity=False)
            for each in self._stated
        }

    def __bool__(self) -> bool:
        return bool(self._stated)

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes in."""
        for each in self._hashes.values():
            each.update(data)

    async def take(self, data: bytes | memoryview, runtime: Runtime) -> None:
        """As `update`; many bytes in a thread."""
        if not self._stated or len(data) <= _INLINE_BYTES:
            self.update(data)
        else:
            await runtime.run_in_byte_thread(self.update, data)

    def check(self) -> None:
        """Compare the bytes, which have all come, with what was stated. Raises DigestMismatch."""
        for each in self._stated:
            received = self._hashes[each.algorithm].digest()
            if received != each.digest:
                raise DigestMismatch(
                    field=each.field,
                    algorithm=each.algorithm,
                    expected=each.digest.hex(),
                    received=received.hex(),
                )


def read_digests(headers: Iterable[tuple[str, str]]) -> StatedDigests:
    """What headers, by their names in lower case, state. Raises FieldInvalid."""
    named = ((FIELDS[name], value) for name, value in headers if name in FIELDS)
    return StatedDigests(each for field, value in named for each in _members(field, value))


def states_digests(scope: Scope) -> bool:
    """Whether a request may state a digest of its body."""
    return any(name in _RAW_NAMES for name, _ in scope["headers"])


def checked_body(scope: Scope, receive: Receive, runtime: Runtime) -> Receive:
    """`receive`, which raises DigestMismatch in place of the end of a body that has not the digests
    that the request's headers state. Raises it before, where no body comes, and FieldInvalid."""
    digests = read_digests(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )
    if find_header(scope, b"content-length") in (None, b"0") and (
        find_header(scope, b"transfer-encoding") is None
    ):
        digests.check()

    async def receive_checked() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            await digests.take(message.get("body", b""), runtime)
            if not message.get("more_body", False):
                digests.check()
        return message

    return receive_checked if digests else receive


def _members(field: str, value: str) -> Iterable[_Stated]:
    """The digests of known algorithms in one header."""
    if field == "Content-MD5":
        yield _Stated(field, "md5", _decode(field, "md5", value.strip(), "<{}>"))
        return
    form = "{}=<{}>" if field == "Digest" else "{}=:<{}>:"
    for member in filter(None, map(str.strip, value.split(","))):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise FieldInvalid(field, f"must be {_describe('sha-256', form)}")
        algorithm, text = match[1].lower(), match[2]
        if algorithm not in _BYTES_OF:
            continue
        if field != "Digest":
            text = text[1:-1] if len(text) > 1 and text[0] == text[-1] == ":" else "?"
        yield _Stated(field, algorithm, _decode(field, algorithm, text, form))


def _decode(field: str, algorithm: str, text: str, form: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError):  # not base64, or not even ASCII
        raw = b""
    if len(raw) != _BYTES_OF[algorithm]:
        raise FieldInvalid(field, f"must be {_describe(algorithm, form)}")
    return raw


def _describe(algorithm: str, form: str) -> str:
    what = f"{_BYTES_OF[algorithm]} bytes in base64"
    return form.format(algorithm, what) if form.count("{}") > 1 else form.format(what)
