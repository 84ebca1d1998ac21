"""Where the endpoint and the key come from, and where `entrepot auth login` stores them.

The environment takes precedence: `ENTREPOT_ENDPOINT`, `ENTREPOT_API_KEY`. Otherwise they come from
the file `credentials.json` in the platform's configuration folder, mode 0600. With the extra
`entrepot-client[keyring]` and a working keyring, the key is in the system's keyring and only the
endpoint in that file. A key is stored for one endpoint, and is never sent to another.

A profile (`ENTREPOT_PROFILE`, or an argument) names a further endpoint with its key in that file.
Where a profile is named, it decides, not the two variables.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot_client.endpoint import clean_endpoint
from entrepot_client.errors import NotConfigured

ENDPOINT_VARIABLE = "ENTREPOT_ENDPOINT"
KEY_VARIABLE = "ENTREPOT_API_KEY"
PROFILE_VARIABLE = "ENTREPOT_PROFILE"
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


def find_credentials(environment: Mapping[str, str], profile: str | None = None) -> Credentials:
    """The endpoint and key of this run. Raises NotConfigured if there are none, BadEndpoint."""
    profile = profile or environment.get(PROFILE_VARIABLE)
    endpoint, key = environment.get(ENDPOINT_VARIABLE), environment.get(KEY_VARIABLE)
    if profile is None and endpoint and key:
        return Credentials(clean_endpoint(endpoint), key.strip(), f"the variable {KEY_VARIABLE}")
    stored = _read_file()
    if profile is not None:
        endpoint, key = stored.get("profiles", {}).get(profile), None
        if endpoint is None:
            raise NotConfigured(
                f"There is no profile {profile!r}.",
                f"Run `entrepot auth login --profile {profile}`.",
            )
    endpoint = endpoint or stored.get("endpoint")
    if not endpoint:
        raise NotConfigured("No endpoint is known.", _SIGN_IN_ADVICE)
    endpoint = clean_endpoint(endpoint)
    if key:
        return Credentials(endpoint, key.strip(), f"the variable {KEY_VARIABLE}")
    entry = _entry(endpoint, profile)
    if key := stored.get("keys", {}).get(entry):
        return Credentials(endpoint, key, f"the file {credentials_file()}")
    keyring = usable_keyring()
    if keyring is not None and (key := _get_key(keyring, entry)):
        return Credentials(endpoint, key, "the system's keyring")
    raise NotConfigured(f"You are not signed in to {endpoint}.", _SIGN_IN_ADVICE)


def save_credentials(endpoint: str, api_key: str, profile: str | None = None) -> str:
    """Store a key, and make its endpoint the default one, or that of the profile; returns a
    description of the place. Raises NotConfigured."""
    stored, entry = _read_file(), _entry(endpoint, profile)
    keys = {k: v for k, v in stored.get("keys", {}).items() if k != entry}
    keyring = usable_keyring()
    if keyring is not None:
        keyring.set_password(_KEYRING_SERVICE, entry, api_key)
        location = "the system's keyring"
    else:
        keys[entry] = api_key
        location = f"the file {credentials_file()}"
    changed: dict[str, Any] = {**stored, "keys": keys}
    if profile is None:
        changed["endpoint"] = endpoint
    else:
        changed["profiles"] = {**stored.get("profiles", {}), profile: endpoint}
    _write_file(changed)
    return location


def forget_credentials(environment: Mapping[str, str], profile: str | None = None) -> str | None:
    """Delete the key of the profile, or of the default endpoint (or of ENTREPOT_ENDPOINT); returns
    the endpoint, or None. Raises NotConfigured."""
    stored = _read_file()
    profile = profile or environment.get(PROFILE_VARIABLE)
    profiles = dict(stored.get("profiles", {}))
    if profile is not None:
        endpoint = profiles.pop(profile, None)
    else:
        endpoint = environment.get(ENDPOINT_VARIABLE) or stored.get("endpoint")
    if not endpoint:
        return None
    endpoint = clean_endpoint(endpoint)
    entry, keys = _entry(endpoint, profile), dict(stored.get("keys", {}))
    removed = keys.pop(entry, None) is not None
    keyring = usable_keyring()
    if keyring is not None and _get_key(keyring, entry):
        keyring.delete_password(_KEYRING_SERVICE, entry)
        removed = True
    if stored:
        _write_file({**stored, "keys": keys, "profiles": profiles})
    return endpoint if removed else None


def credentials_file() -> Path:
    """The file in the platform's configuration folder, which may not exist."""
    # Loaded when it is needed: a key from the environment needs no file.
    import platformdirs

    return platformdirs.user_config_path("entrepot") / "credentials.json"


def usable_keyring() -> Any | None:
    """The module `keyring`, if it is installed and has a working backend."""
    import importlib

    try:
        # By name: it is an optional extra, because on Linux it brings a D-Bus client along.
        keyring = importlib.import_module("keyring")
        return keyring if keyring.get_keyring().priority > 0 else None
    except Exception:
        # Not installed, or without a working backend; each backend has its own errors. The file is
        # used then.
        return None


def _entry(endpoint: str, profile: str | None) -> str:
    """What a key is stored for."""
    return endpoint if profile is None else f"{profile} {endpoint}"


def _get_key(keyring: Any, entry: str) -> str | None:
    try:
        key: str | None = keyring.get_password(_KEYRING_SERVICE, entry)
    except Exception as error:
        raise NotConfigured(
            "The system's keyring did not give the key.", f"Unlock it, or set {KEY_VARIABLE}."
        ) from error
    return key


def _read_file() -> dict[str, Any]:
    path = credentials_file()
    try:
        if sys.platform != "win32" and path.stat().st_mode & 0o077:
            raise NotConfigured(
                f"Other users of this machine can read {path}.",
                f"Run `chmod 600 {path}`, and revoke its key if they may have read it.",
            )
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        stored = None
    if not isinstance(stored, dict) or not isinstance(stored.get("keys"), dict):
        raise NotConfigured(f"{path} is damaged.", "Delete it and run `entrepot auth login`.")
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
