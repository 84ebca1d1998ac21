"""The root of the domain's errors."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(eq=False)
class EntrepotError(Exception):
    """Something that Entrepot refuses or cannot do, with its figures.

    A subclass is a dataclass: its fields are the figures (bytes, counts, names from the caller),
    and `str()` is the one sentence for people: by default the first line of its docstring. Only
    `http.problems.handlers` decides what HTTP answers. An error that must not reveal anything has
    no fields.
    """

    def __post_init__(self) -> None:
        super().__init__()

    def __reduce__(self) -> tuple[type["EntrepotError"], tuple[Any, ...]]:
        """How it is pickled, for another process: as its figures."""
        return type(self), tuple(self.figures().values())

    def __str__(self) -> str:
        return (self.__doc__ or type(self).__name__).split("\n", 1)[0]

    @property
    def detail(self) -> str:
        """What an answer says of it; the text of the error may say more, for the log."""
        return str(self)

    @property
    def at_field(self) -> str:
        """What a form says of it at the wrong field: without the API's name of that field."""
        return self.detail

    def figures(self) -> dict[str, Any]:
        """The fields with the figures, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
