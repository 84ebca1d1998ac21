"""What people and keys may do, as the program and the pages say it.

A person may read a file, deliver to it, or both. The scopes of a key are wider: `write` also
changes and deletes files. The API, and the options that take a scope, keep the names.
"""

from enum import StrEnum


class UserRole(StrEnum):
    """What a user may do in the account."""

    MEMBER = "member"
    ADMIN = "admin"


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
