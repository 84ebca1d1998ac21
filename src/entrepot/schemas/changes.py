"""One change between two schemas."""

from dataclasses import dataclass
from typing import Any, Literal

from entrepot_client.counts import counted

Effect = Literal["compatible", "breaking"]

MAX_CHANGES = 1_000
"""Changes of which all is kept and told. A schema of a megabyte can have 20,000."""


@dataclass(frozen=True)
class Change:
    """One difference, and its effect on delivered data and on readers.

    `pointer` (RFC 6901) points into the new schema; for removed parts, into the old one. `what` and
    `reason` are halves of one sentence for people.
    """

    pointer: str
    what: str
    effect: Effect
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.effect}, {self.reason}"

    def to_document(self) -> dict[str, Any]:
        """The change as JSON."""
        return {
            "pointer": self.pointer,
            "change": self.what,
            "effect": self.effect,
            "reason": self.reason,
        }


def compatible_change(pointer: str, what: str, reason: str) -> Change:
    """A change after which every valid table stays valid."""
    return Change(pointer, what, "compatible", reason)


def breaking_change(pointer: str, what: str, reason: str) -> Change:
    """A change after which a valid table may become invalid, or a reader may fail."""
    return Change(pointer, what, "breaking", reason)


def format_value(value: object, max_chars: int = 80) -> str:
    """A schema's value as the sentences show it, cut to `max_chars`."""
    text = "none" if value is None else str(value)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def bound_changes(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """At most `MAX_CHANGES`, and one more that counts the rest: it breaks if one of them does."""
    if len(changes) <= MAX_CHANGES + 1:
        return changes
    rest = changes[MAX_CHANGES:]
    broken = sum(change.effect == "breaking" for change in rest)
    what, reason = f"{counted(len(rest), 'more change')}", f"{broken:,} of them are breaking"
    make = breaking_change if broken else compatible_change
    return (*changes[:MAX_CHANGES], make("", what, reason))
