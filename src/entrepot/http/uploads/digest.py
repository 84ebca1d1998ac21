"""The digest that a request states of its bytes (RFC 9530)."""

from base64 import b64decode
from binascii import Error as Base64Error

from entrepot.blobs.store import StoredBlob
from entrepot.errors import DigestMismatch, FieldInvalid


def check_digest(stored: StoredBlob, digest: str | None) -> None:
    """Compare what was stored with a Repr-Digest, if there is one. Raises DigestMismatch,
    FieldInvalid."""
    expected = parse_repr_digest(digest) if digest is not None else None
    if expected is not None and expected != stored.sha256:
        raise DigestMismatch(expected=expected, received=stored.sha256)


def parse_repr_digest(digest: str) -> str | None:
    """The SHA-256 of a Repr-Digest field (RFC 9530) as hex; None if it names none.

    Raises FieldInvalid where the value is not a digest.
    """
    for entry in digest.split(","):
        name, _, value = entry.strip().partition("=")
        if name.lower() != "sha-256":
            continue
        try:
            raw = b64decode(value.strip(":"), validate=True)
        except Base64Error:
            raw = b""
        if not (value.startswith(":") and value.endswith(":")) or len(raw) != 32:
            raise FieldInvalid(field="Repr-Digest", reason="must be sha-256=:<32 bytes in base64>:")
        return raw.hex()
    return None
