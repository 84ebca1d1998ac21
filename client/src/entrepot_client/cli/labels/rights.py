"""What people and keys may do, as the program and the pages say it.

A person may read a file, deliver to it, or both. The scopes of a key are wider: `write` also
changes and deletes files. The API, and the options that take a scope, keep the names.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

LINK_NOTE = "Send it to this person alone. An earlier link of theirs no longer works."
"""Printed below a link with which a user sets a password."""
KEY_NOTE = "Copy the key now: it is not shown again."
"""Printed below a new key."""


class UserRole(StrEnum):
    """What a user may do in the account."""

    MEMBER = "member"
    ADMIN = "admin"


def user_state(user: Mapping[str, Any]) -> str:
    """Whether a user, as the API shows one, can sign in and use keys."""
    return "disabled" if user.get("disabled") else "enabled"


ENTITLEMENT_LABELS = {"r": "read", "w": "deliver", "rw": "read and deliver"}
"""What each entitlement allows. The kinds of links have the first two words as their names."""
SCOPE_LABELS = {
    "read": "read files and tasks",
    "write": "deliver and change files",
    "admin": "administer the account",
}
"""What each scope of a key allows."""
SCOPES_HELP = (
    f"What it may do: {', '.join(f'{name} ({what})' for name, what in SCOPE_LABELS.items())}."
)
"""The help of the options that take scopes."""


def scopes_label(scopes: object) -> str:
    """What a key with these scopes may do, in words; unknown ones are shown as they are."""
    names = scopes if isinstance(scopes, list | tuple) else ()
    return "; ".join(SCOPE_LABELS.get(str(name), str(name)) for name in names)
