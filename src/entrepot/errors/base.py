"""The root of the domain's errors."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(eq=False)
class EntrepotError(Exception):
    """Something Entrepot refuses or cannot do, said with its figures.

    A subclass is a dataclass: its fields are the figures (bytes, counts, names the caller
    gave) and `str()` is the one sentence for people. What HTTP makes of an error is
    `http.problems.handlers`' business alone. An error that must not reveal anything has no fields.
    """

    def __post_init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return (self.__doc__ or type(self).__name__).split("\n", 1)[0]

    def figures(self) -> dict[str, Any]:
        """The fields that tell the figures, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
