"""A Table Schema as frozen data classes (Data Package v2, datapackage.org).

Attribute names follow Python; `write.to_document` restores the standard's names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Bound = int | float | str
Grouping = Literal["thousands", "indian"]
FieldsMatch = Literal["exact", "equal", "subset", "superset", "partial"]


@dataclass(frozen=True)
class Constraints:
    """What a field's values must satisfy in addition to their type.

    Bounds and enum values are as in the document: numbers, or text in the field's own lexical form.
    Lengths are characters for strings, items for lists and objects.
    """

    required: bool = False
    unique: bool = False
    minimum: Bound | None = None
    maximum: Bound | None = None
    exclusive_minimum: Bound | None = None
    exclusive_maximum: Bound | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    enum: tuple[Any, ...] | None = None
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Category:
    """One of a field's possible values, with its label."""

    value: str | int
    label: str | None = None


@dataclass(frozen=True)
class Affix:
    """The text that stands before each number of a column, and the text after it. Blanks between
    them and the number are optional."""

    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True)
class Field:
    """One column of the contract. `missing_values` of None means the schema's own.

    `missing_labels` names missing values, as pairs of value and label. `categories` of None means
    any value. `affix` of None means any text around a number that is not bare. `leading_zeros`:
    whether a number may begin with them. `finite`: NaN and infinities are not numbers. `time_zone`:
    whether a time or a datetime must have a zone (True) or none (False). `stored_type`: where a
    format stores values of the type, a text is none. `not_empty`: a table with
    rows has a value in the column.
    `grouping`: between which groups of digits `group_char` stands, `thousands` (`1,234,567`) or
    `indian` ones (`12,34,567`); None: those that the whole column has.
    `other` has properties that describe and do not constrain (title, rdfType, custom ones).
    """

    name: str
    type: str = "string"
    format: str = "default"
    missing_values: tuple[str, ...] | None = None
    missing_labels: tuple[tuple[str, str], ...] = ()
    decimal_char: str = "."
    group_char: str = ""
    grouping: Grouping | None = None
    bare_number: bool = True
    affix: Affix | None = None
    leading_zeros: bool = True
    finite: bool = False
    time_zone: bool | None = None
    stored_type: bool = False
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    delimiter: str = ","
    item_type: str | None = None
    categories: tuple[Category, ...] | None = None
    categories_ordered: bool | None = None
    not_empty: bool = False
    constraints: Constraints = field(default_factory=Constraints)
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lists_values(self) -> bool:
        """Whether the contract lists every value that a cell may have."""
        return self.constraints.enum is not None or self.categories is not None


@dataclass(frozen=True)
class ForeignKey:
    """`fields` of each row must equal the `referenced` fields of some row of the same table."""

    fields: tuple[str, ...]
    referenced: tuple[str, ...]


@dataclass(frozen=True)
class TableSchema:
    """The contract of a table: its columns, its missing values, its keys.

    `fields_match` says how fields and columns are matched: `exact` by order, all others by name.
    `min_rows` is the least number of data rows.
    """

    fields: tuple[Field, ...]
    missing_values: tuple[str, ...] = ("",)
    missing_labels: tuple[tuple[str, str], ...] = ()
    fields_match: FieldsMatch = "exact"
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    min_rows: int = 0
    other: Mapping[str, Any] = field(default_factory=dict)

    def missing_values_of(self, column: Field) -> tuple[str, ...]:
        """The texts that mean "no value" in `column`."""
        return self.missing_values if column.missing_values is None else column.missing_values

    def requires_column(self, column: Field) -> bool:
        """Whether the table must have the column, whatever `fields_match` allows."""
        return column.not_empty or self.requires_value(column)

    def requires_value(self, column: Field) -> bool:
        """Whether every row must have a value of `column`: it is required, or part of the primary
        key."""
        return column.constraints.required or column.name in self.primary_key
