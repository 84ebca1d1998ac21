"""Marks of missing values (`missingValues`) as SQL: whether a cell is none of them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import Column
from entrepot.inspection.values.decimals import is_one_of
from entrepot.inspection.values.temporal import is_default, ordered
from entrepot.schemas.model import Field
from entrepot.schemas.numbers import SPECIAL
from entrepot.schemas.values import read_value

MARKED_BY_VALUE = frozenset({"integer", "number", "year", "boolean", "date", "time", "datetime"})
"""Types that typed formats have values of, which may be written in several ways."""
IS_SPECIAL = f"(?i)[-+]?(?:{SPECIAL})"
"""The texts that state NaN or an infinity."""
FEW_MARKS = 2
"""Up to here comparisons are cheaper than a pattern, which takes far less memory than a list: of
400 columns with 18 marks each 14 MiB, not 350."""


def is_no_mark(text: Sql, marks: Sequence[str]) -> Sql:
    """Whether a text is none of `marks`. Most cells of a column that has many marks are numbers or
    dates: two comparisons tell those that begin with a digit, as no mark of the usual list does."""
    if len(marks) <= FEW_MARKS:
        return f"{text} NOT IN ({', '.join(map(literal, marks))})"
    pattern = f"(?s:{'|'.join(map(re.escape, marks))})"
    rest = f"NOT regexp_full_match({text}, {literal(pattern)})"
    if any(mark[:1].isdigit() for mark in marks):
        return rest
    return f"CASE WHEN {text} >= '0' AND {text} < ':' THEN true ELSE {rest} END"


def is_no_mark_of(column: Column, field: Field, text: Sql, marks: Sequence[str]) -> Sql:
    """Whether a cell is none of `marks`: a text is compared as it stands, a value of the format's
    own with the values that the marks state, so that `-999.0` and a day in the format of the field
    mean the same in each format."""
    no_text = is_no_mark(text, marks)
    if column.kind == "text" or field.type not in MARKED_BY_VALUE:
        return no_text
    no_value = f"NOT {_equals_mark(text, field, marks)}"
    if column.kind is None:
        return f"CASE WHEN {column.kind_sql} = 'text' THEN {no_text} ELSE {no_value} END"
    return no_value


def _equals_mark(text: Sql, field: Field, marks: Sequence[str]) -> Sql:
    """Whether a value of the format's own, in its plain form, is one that a mark states."""
    if field.type == "boolean":
        words = {"true": field.true_values, "false": field.false_values}
        listed = [literal(word) for word, spelled in words.items() if set(spelled) <= set(marks)]
        return f"({text} IN ({', '.join(listed)}))" if listed else sql("false")
    values = [value for mark in marks for value in _value_of_mark(mark, field)]
    if field.type in ("integer", "number", "year"):
        special = [mark.lower() for mark in marks if re.fullmatch(IS_SPECIAL, mark)]
        # The engine writes `nan`, JSON has `NaN` and `INF`.
        spelled = sorted({mark.lstrip("+").replace("inity", "") for mark in special})
        listed_words = ", ".join(map(literal, spelled))
        conditions = [f"(lower({text}) IN ({listed_words}))"] if spelled else []
        if values:
            listed_numbers = [Decimal(value) for value in values]
            equal = is_one_of(text, f"try_cast({text} AS DOUBLE)", listed_numbers)
            conditions.append(f"coalesce({equal}, false)")
        return f"({' OR '.join(conditions)})" if conditions else sql("false")
    if not values:
        return sql("false")
    plain = Field("", field.type)
    listed_places = ", ".join(f"{int(value)}" for value in values)
    among = f"coalesce({ordered(text, plain)} IN ({listed_places}), false)"
    # The engine knows days, such as `infinity`, that cannot be counted.
    return f"(CASE WHEN {is_default(text, plain)} THEN {among} ELSE false END)"


def _value_of_mark(mark: str, field: Field) -> Iterator[Any]:
    """The value that a mark states in the form of the field, if it states one."""
    with suppress(ValueError):
        value = read_value(mark, field)
        if not isinstance(value, Decimal) or value.is_finite():
            yield value
