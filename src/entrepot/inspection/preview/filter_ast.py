"""What a filter of rows says, as a tree: columns of a table, typed values, and terms over them.

`filter_parse` makes it from text, `filter_sql` makes SQL of it. A term is true, false or, where a
cell is missing, unknown, as in SQL; a row passes if the whole is true.
"""

from dataclasses import dataclass
from typing import Any, Literal

from entrepot.inspection.sql import Sql

Kind = Literal["integer", "decimal", "double", "text", "boolean", "temporal", "other"]
Comparison = Literal["=", "<>", "<", "<=", ">", ">="]

KINDS: dict[str, Kind] = {
    "TINYINT": "integer",
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DOUBLE": "double",
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "DATE": "temporal",
    "TIME": "temporal",
    "TIMESTAMP": "temporal",
    "TIMESTAMP_NS": "temporal",
    "TIMESTAMP WITH TIME ZONE": "temporal",
}
"""The types in a version's Parquet (`inspection/convert/exact_types.py`), decimals excepted."""


@dataclass(frozen=True)
class FilterColumn:
    """A column of a Parquet file, by its name and the engine's type."""

    name: str
    stored_as: str

    @property
    def kind(self) -> Kind:
        """What it can be compared to."""
        if self.stored_as.startswith("DECIMAL(") and self.stored_as.endswith(")"):
            return "decimal"
        return KINDS.get(self.stored_as, "other")


@dataclass(frozen=True)
class Value:
    """A literal as the column that it is compared to has it.

    `value` is Python's, `text` what the engine casts to its type `sql_type`.
    """

    value: Any
    text: str
    sql_type: Sql


@dataclass(frozen=True)
class Compare:
    """A column against a value, or against another column of the same type."""

    column: FilterColumn
    op: Comparison
    other: Value | FilterColumn


@dataclass(frozen=True)
class Between:
    """Both ends included."""

    column: FilterColumn
    low: Value
    high: Value


@dataclass(frozen=True)
class In:
    """Equal to one of at least one value."""

    column: FilterColumn
    values: tuple[Value, ...]


@dataclass(frozen=True)
class IsNull:
    """The cell is missing; never unknown."""

    column: FilterColumn


@dataclass(frozen=True)
class Like:
    """The whole text matches: `%` stands for any characters, `_` for one; `escape` before one of
    them, or itself, takes it literally. `folded`: whatever the case."""

    column: FilterColumn
    pattern: str
    escape: str | None
    folded: bool


@dataclass(frozen=True)
class Holds:
    """The text starts with a part, or has it somewhere."""

    column: FilterColumn
    part: str
    where: Literal["start", "anywhere"]


@dataclass(frozen=True)
class IsTrue:
    """A boolean column by itself."""

    column: FilterColumn


@dataclass(frozen=True)
class Not:
    """Unknown stays unknown."""

    term: "Term"


@dataclass(frozen=True)
class All:
    """True if all terms are, false if one is."""

    terms: "tuple[Term, ...]"


@dataclass(frozen=True)
class Some:
    """True if one term is, false if all are."""

    terms: "tuple[Term, ...]"


Term = Compare | Between | In | IsNull | Like | Holds | IsTrue | Not | All | Some


class FilterRefused(Exception):
    """A preview that cannot be had as it was asked for: `code` and figures, as a problem has them.

    `position` counts characters of the expression from 1.
    """

    def __init__(self, code: str, detail: str, **figures: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.figures = figures


class Columns:
    """The columns of a table by their names; whatever the case, since the engine cannot tell names
    apart that differ in it alone."""

    def __init__(self, columns: list[FilterColumn]) -> None:
        self.all = columns
        self._by_name = {column.name: column for column in columns}
        self._by_folded = {column.name.lower(): column for column in columns}

    def find(self, name: str, parameter: str, position: int | None = None) -> FilterColumn:
        """The column of that name. Raises FilterRefused."""
        column = self._by_name.get(name) or self._by_folded.get(name.lower())
        if column is None:
            names = ", ".join(column.name for column in self.all[:20])
            raise FilterRefused(
                "unknown-column",
                f"{parameter}: there is no column {name[:100]!r}; there are {names[:500]}"
                f"{', …' if len(self.all) > 20 else ''}.",
                parameter=parameter,
                column=name[:100],
                position=position,
            )
        return column
