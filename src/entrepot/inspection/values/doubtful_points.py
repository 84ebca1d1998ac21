"""Columns in which each point may stand before decimals or between thousands (`1.500`).

Where the rest of the table says that numbers have a decimal comma, or may have one, such a column
is text, as every column is that can be read in two ways.
"""

import re
from collections.abc import Collection, Sequence

from entrepot.schemas.model import Field

POINTED = re.compile(r"-?(0|[1-9]\d{0,2}(\.\d{3})*)", re.ASCII)
"""A number whose points, if it has any, may stand between thousands."""


def doubtful_points(
    fields: Sequence[Field], texts: Sequence[Collection[str]], delimiter: str
) -> list[int]:
    """The places (from 0) of number fields whose points are doubtful. `texts` are the first texts
    of each column, `delimiter` stands between them in the file."""
    if not _may_have_decimal_commas(fields, delimiter):
        return []
    return [
        place
        for place, (field, some) in enumerate(zip(fields, texts, strict=True))
        if field.type == "number" and field.decimal_char == "." and _are_grouped(some)
    ]


def describe_doubtful_points(name: str) -> str:
    """What the first version's warnings say of such a column, `name` in its quotes."""
    return (
        f"{name} stays text: each of its points may stand before decimals or between thousands."
        ' State a schema in which the field is a number, with "groupChar": "." and "decimalChar":'
        ' "," if they stand between thousands.'
    )


def _may_have_decimal_commas(fields: Sequence[Field], delimiter: str) -> bool:
    """Whether a column has decimal commas; where none tells, whether the table is from where they
    are usual: cells are delimited with `;` since the comma is in numbers, and days stand before
    months with points between them."""
    if any(field.decimal_char == "," for field in fields):
        return True
    return delimiter == ";" or any(field.format.startswith("%d.%m.") for field in fields)


def _are_grouped(texts: Collection[str]) -> bool:
    """Whether some of the texts have points, and all of them where they may stand between
    thousands."""
    return any("." in text for text in texts) and all(map(POINTED.fullmatch, texts))
