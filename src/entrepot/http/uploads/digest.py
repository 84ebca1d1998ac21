"""The digest that a request states of its bytes (RFC 9530)."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping

from entrepot.blobs.store import StoredBlob
from entrepot.errors import DigestMismatch, FieldInvalid

FIELDS = ("Repr-Digest", "Content-Digest")
"""No delivery has a Content-Encoding, so both are of the same bytes."""


def stated_digest(headers: Mapping[str, str]) -> str | None:
    """The SHA-256 that a body or a part must have, as hex; None if its headers name none.

    Raises FieldInvalid where a value is not a digest, or where two differ.
    """
    stated: str | None = None
    for field in FIELDS:
        digest = _parse_digest(field, headers.get(field.lower()) or "")
        if digest is not None and stated not in (None, digest):
            raise FieldInvalid(field, f"differs from {FIELDS[0]}.")
        stated = stated or digest
    return stated


def check_digest(stored: StoredBlob, digest: str | None) -> None:
    """Compare what was stored with a SHA-256 as hex, if there is one. Raises DigestMismatch."""
    if digest is not None and digest != stored.sha256:
        raise DigestMismatch(expected=digest, received=stored.sha256)


def _parse_digest(field: str, value: str) -> str | None:
    for entry in value.split(","):
        name, _, digest = entry.strip().partition("=")
        if name.lower() != "sha-256":
            continue
        try:
            raw = b64decode(digest.strip(":"), validate=True)
        except Base64Error:
            raw = b""
        if not (digest.startswith(":") and digest.endswith(":")) or len(raw) != 32:
            raise FieldInvalid(field, "must be sha-256=:<32 bytes in base64>:")
        return raw.hex()
    return None
