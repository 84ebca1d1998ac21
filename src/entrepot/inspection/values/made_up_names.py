"""The names that inference makes up for columns without a label."""

import re
from collections.abc import Collection, Iterable


def is_made_up(name: str, number: int) -> bool:
    """Whether the name may have been made up for the column of that number (from 1)."""
    return re.fullmatch(rf"column_{number}(_[0-9]+)?", name) is not None


def name_of_place(names: Iterable[str], labels: Collection[str], number: int) -> str | None:
    """Of the `names` of a contract the one made up for the column of that number, if no column has
    it as its label."""
    return next((each for each in names if is_made_up(each, number) and each not in labels), None)


def name_of_blank_key(names: Iterable[str], keys: Collection[str]) -> str | None:
    """Of the `names` of a contract the first one made up for its own place, if no object has it as
    a key: it is that of the key "". Keys have no place of their own."""
    made = (each for n, each in enumerate(names, start=1) if is_made_up(each, n))
    return next((each for each in made if each not in keys), None)
