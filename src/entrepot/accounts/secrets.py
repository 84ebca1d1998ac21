"""Random secrets and their keyed hashes: API keys, session tokens, sign-in links.

Only hashes reach the database. A secret has 256 bits of its own, so one keyed SHA-256 is
enough (no slow hash as for passwords): a stolen database neither reveals nor lets anyone
forge a key without the installation's secret.
"""

import hmac
import secrets
import zlib
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_PREFIX = "epk_"
BODY_LENGTH = 43  # 62**43 > 2**256
CHECK_LENGTH = 6  # 62**6 > 2**32

RandomBytes = Callable[[int], bytes]


def new_key(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A fresh API key: `epk_`, 43 base62 characters, and 6 of their CRC-32."""
    body = _base62(int.from_bytes(random_bytes(32)), BODY_LENGTH)
    return KEY_PREFIX + body + _checksum(body)


def well_formed(key: str) -> bool:
    """Whether a key's shape and checksum are right, so that garbage never costs a query."""
    body, check = key[len(KEY_PREFIX) : -CHECK_LENGTH], key[-CHECK_LENGTH:]
    return (
        key.startswith(KEY_PREFIX)
        and len(body) == BODY_LENGTH
        and key.isascii()
        and hmac.compare_digest(check, _checksum(body))
    )


def keyed_digest(secret: bytes, purpose: str, token: str) -> bytes:
    """HMAC-SHA-256 of a token for one purpose, so that no token serves as another (RFC 2104)."""
    return hmac.digest(secret, f"{purpose}:{token}".encode(), "sha256")


def new_token(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A fresh session or link token of 256 bits."""
    return _base62(int.from_bytes(random_bytes(32)), BODY_LENGTH)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
