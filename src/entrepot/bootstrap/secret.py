"""The installation's secret, which keys the hashes of API keys, sessions and links."""

import hashlib
import hmac
import secrets
from uuid import UUID

from entrepot.blobs.disk_sync import create_durably, sync_folder
from entrepot.errors import StartRefused
from entrepot.settings import Settings


def read_secret(settings: Settings) -> bytes:
    """The secret of the settings, else of the data folder. Raises StartRefused if there is none."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data / "secret"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StartRefused(
            reason=f"The secret of the installation is missing: there is no file {path}, and "
            "ENTREPOT_SECRET is not set. Bring it back from a back-up: without it no API key and "
            "no session is valid. Nothing was changed."
        ) from None


def create_secret(settings: Settings) -> bytes:
    """The secret; a random one is written to the data folder (mode 0600) if there is none."""
    path = settings.data / "secret"
    if settings.secret is None:
        try:
            create_durably(path, secrets.token_hex(32).encode())
        except FileExistsError:
            sync_folder(settings.data)  # also the name that a start made which was cut off
    return read_secret(settings)


def secret_digest(secret: bytes, installation_id: UUID) -> bytes:
    """What an installation records of its secret: HMAC-SHA256 (RFC 2104) of its id, 32 bytes."""
    return hmac.digest(secret, b"entrepot installation " + installation_id.bytes, hashlib.sha256)
