"""Where the endpoint and the key come from, and where `auth login` stores them.

The environment takes precedence: `ENTREPOT_ENDPOINT`, `ENTREPOT_API_KEY`. Otherwise they come from
the file `credentials.json` in the platform's configuration folder, mode 0600. With the extra
`entrepot-client[keyring]` and a working keyring, the key is in the system's keyring and only the
endpoint in that file. A key is stored for one endpoint, and is never sent to another.
"""

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.endpoint import clean_endpoint

ENDPOINT_VARIABLE = "ENTREPOT_ENDPOINT"
KEY_VARIABLE = "ENTREPOT_API_KEY"
_KEYRING_SERVICE = "entrepot"
_SIGN_IN_ADVICE = f"Run `entrepot auth login`, or set {ENDPOINT_VARIABLE} and {KEY_VARIABLE}."


@dataclass(frozen=True)
class Credentials:
    """An endpoint and its key; `source` describes where the key came from."""

    endpoint: str
    api_key: str
    source: str

    def __repr__(self) -> str:
        return f"Credentials({self.endpoint!r}, from {self.source})"


def find_credentials(environment: Mapping[str, str]) -> Credentials:
    """The endpoint and key of this run. Raises Failure (not signed in) if there are none."""
    stored = _read_file()
    endpoint = environment.get(ENDPOINT_VARIABLE) or stored.get("endpoint")
    if not endpoint:
        raise Failure("No endpoint is known.", _SIGN_IN_ADVICE, ExitStatus.NOT_ALLOWED)
    endpoint = clean_endpoint(endpoint)
    if key := environment.get(KEY_VARIABLE):
        return Credentials(endpoint, key.strip(), f"the variable {KEY_VARIABLE}")
    if key := stored.get("keys", {}).get(endpoint):
        return Credentials(endpoint, key, f"the file {credentials_file()}")
    keyring = usable_keyring()
    if keyring is not None and (key := _get_key(keyring, endpoint)):
        return Credentials(endpoint, key, "the system's keyring")
    raise Failure(f"You are not signed in to {endpoint}.", _SIGN_IN_ADVICE, ExitStatus.NOT_ALLOWED)


def save_credentials(endpoint: str, api_key: str) -> str:
    """Store a key and make its endpoint the default one; returns a description of the place."""
    stored = _read_file()
    keys = {k: v for k, v in stored.get("keys", {}).items() if k != endpoint}
    keyring = usable_keyring()
    if keyring is not None:
        keyring.set_password(_KEYRING_SERVICE, endpoint, api_key)
        location = "the system's keyring"
    else:
        keys[endpoint] = api_key
        location = f"the file {credentials_file()}"
    _write_file({"endpoint": endpoint, "keys": keys})
    return location


def forget_credentials(environment: Mapping[str, str]) -> str | None:
    """Delete the key of the default endpoint (or of ENTREPOT_ENDPOINT); the endpoint, or None."""
    stored = _read_file()
    endpoint = environment.get(ENDPOINT_VARIABLE) or stored.get("endpoint")
    if not endpoint:
        return None
    endpoint = clean_endpoint(endpoint)
    keys = stored.get("keys", {})
    removed = keys.pop(endpoint, None) is not None
    keyring = usable_keyring()
    if keyring is not None and _get_key(keyring, endpoint):
        keyring.delete_password(_KEYRING_SERVICE, endpoint)
        removed = True
    if stored:
        _write_file({"endpoint": stored.get("endpoint"), "keys": keys})
    return endpoint if removed else None


def credentials_file() -> Path:
    """The file in the platform's configuration folder, which may not exist."""
    return platformdirs.user_config_path("entrepot") / "credentials.json"


def usable_keyring() -> Any | None:
    """The module `keyring`, if it is installed and has a working backend."""
    try:
        # By name: it is an optional extra, because on Linux it brings a D-Bus client along.
        keyring = importlib.import_module("keyring")
        return keyring if keyring.get_keyring().priority > 0 else None
    except Exception:
        # Not installed, or without a working backend; each backend has its own errors. The file is
        # used then.
        return None


def _get_key(keyring: Any, endpoint: str) -> str | None:
    try:
        key: str | None = keyring.get_password(_KEYRING_SERVICE, endpoint)
    except Exception as error:
        raise Failure(
            f"The system's keyring gave no key ({error}).",
            f"Unlock it, or set {KEY_VARIABLE}.",
            ExitStatus.NOT_ALLOWED,
        ) from error
    return key


def _read_file() -> dict[str, Any]:
    path = credentials_file()
    try:
        if sys.platform != "win32" and path.stat().st_mode & 0o077:
            raise Failure(
                f"Other users of this machine can read {path}.",
                f"Run `chmod 600 {path}`, and revoke its key if they may have read it.",
                ExitStatus.NOT_ALLOWED,
            )
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        stored = None
    if not isinstance(stored, dict) or not isinstance(stored.get("keys"), dict):
        raise Failure(f"{path} is damaged.", "Delete it and run `entrepot auth login`.")
    return stored


def _write_file(stored: dict[str, Any]) -> None:
    path = credentials_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600; the rename keeps a crash from leaving half a file.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(stored, file, indent=2)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
