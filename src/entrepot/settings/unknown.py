"""Refuse what looks like a setting and is none, with the name that it resembles."""

import difflib
import os
from collections.abc import Iterable

from entrepot.errors import StartRefused

OTHER_VARIABLES = ("ENTREPOT_CONFIG", "ENTREPOT_ENDPOINT", "ENTREPOT_API_KEY")
"""Variables of the environment that are not settings: where the settings are, and the client's."""


def refuse_unknown_variables(prefix: str, settings: Iterable[str]) -> None:
    """Check every variable of the environment that begins with `prefix`. Raises StartRefused."""
    names = (*(f"{prefix}{name.upper()}" for name in settings), *OTHER_VARIABLES)
    for name in sorted(os.environ):
        # pydantic-settings reads names in any case.
        if name.upper().startswith(prefix) and name.upper() not in names:
            raise StartRefused(reason=unknown_setting(f"variable {name}", name.upper(), names))


def unknown_setting(variable: str, name: str, known: tuple[str, ...]) -> str:
    """What is wrong with a setting that does not exist."""
    similar = difflib.get_close_matches(name, known, n=1)
    advice = f" Did you mean {similar[0]}?" if similar else ""
    return f"The setting {variable} does not exist.{advice} docs/reference/settings.md lists all."
