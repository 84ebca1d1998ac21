"""Random secrets and their keyed hashes: API keys, session tokens, links.

Only hashes reach the database. A secret has 256 random bits, so one keyed SHA-256 is enough (a slow
hash, as for passwords, is not needed). A stolen database does not reveal a key, and nobody can
forge one without the installation's secret.
"""

import hmac
import secrets
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Row

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_PREFIX, LINK_PREFIX = "epk_", "epl_"
BODY_CHARS = 43  # 62**43 > 2**256
CHECKSUM_CHARS = 6  # 62**6 > 2**32
PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)
"""All numbers of two digits in base 62."""

RandomBytes = Callable[[int], bytes]


def new_key(random_bytes: RandomBytes = secrets.token_bytes, prefix: str = KEY_PREFIX) -> str:
    """A new API key: `epk_`, 43 base62 characters, and 6 characters of their CRC-32. The secret of
    a link to a file has another `prefix`."""
    body = _base62(int.from_bytes(random_bytes(32)), BODY_CHARS)
    return prefix + body + _checksum(body)


def is_well_formed(key: str, prefix: str = KEY_PREFIX) -> bool:
    """Whether a key has the right shape and checksum, so that garbage never costs a query."""
    body, checksum = key[len(prefix) : -CHECKSUM_CHARS], key[-CHECKSUM_CHARS:]
    return (
        key.startswith(prefix)
        and len(body) == BODY_CHARS
        and key.isascii()
        and hmac.compare_digest(checksum, _checksum(body))
    )


def keyed_digest(secret: bytes, purpose: str, token: str) -> bytes:
    """HMAC-SHA-256 of a token for one purpose, so that no token is valid for another (RFC 2104)."""
    keyed = _keyed(secret).copy()
    keyed.update(f"{purpose}:{token}".encode())
    return keyed.digest()


def repeated_bytes(secret: bytes, token: str) -> bytes:
    """32 random bytes that are the same for the same token, which nobody else may know."""
    return keyed_digest(secret, "repeated", token)


def choose_key(
    random: bytes | None, prefix: str, find: "Callable[[str], Row[Any] | None]"
) -> "tuple[str, Row[Any] | None]":
    """A new secret as of `new_key`, and None; or the secret of these random bytes and the row that
    has it already, as `find` finds it. A revoked one is not used again."""
    if random is not None:
        chosen = new_key(lambda _: random, prefix)
        made = find(chosen)
        if made is None or made.revoked_at is None:
            return chosen, made
    return new_key(prefix=prefix), None


def new_token(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A new session or link token with 256 random bits."""
    return _base62(int.from_bytes(random_bytes(32)), BODY_CHARS)


@lru_cache(8)
def _keyed(secret: bytes) -> hmac.HMAC:
    # Each request needs one: a copy takes half of the time of `hmac.digest`.
    return hmac.new(secret, digestmod="sha256")


def _checksum(body: str) -> str:
    # Each request with a key needs one: two digits at a time.
    number, last = divmod(zlib.crc32(body.encode()), len(PAIRS))
    first, middle = divmod(number, len(PAIRS))
    return PAIRS[first] + PAIRS[middle] + PAIRS[last]


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
