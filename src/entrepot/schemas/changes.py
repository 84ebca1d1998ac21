"""One change between two schemas, as a plain value."""

from dataclasses import dataclass
from typing import Any, Literal

Effect = Literal["compatible", "breaking"]


@dataclass(frozen=True)
class Change:
    """What differs, and what that means for data already delivered and for those who read it.

    `pointer` (RFC 6901) points into the new schema; at what was removed, into the old one.
    `what` and `reason` are halves of one sentence for people.
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


def compatible(pointer: str, what: str, reason: str) -> Change:
    """A change after which every table that was valid still is."""
    return Change(pointer, what, "compatible", reason)


def breaking(pointer: str, what: str, reason: str) -> Change:
    """A change after which a table that was valid, or who reads it, may fail."""
    return Change(pointer, what, "breaking", reason)


def shown(value: object, length: int = 80) -> str:
    """A value of a schema as the sentences show it."""
    text = "none" if value is None else str(value)
    return text if len(text) <= length else text[: length - 1] + "…"
