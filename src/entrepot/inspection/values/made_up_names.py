"""The names that inference makes up for columns without a label."""

import re
from collections.abc import Collection, Iterable

MADE_UP = re.compile(r"column_([1-9][0-9]*)(?:_[0-9]+)?")


def is_made_up(name: str, number: int) -> bool:
    """Whether the name may have been made up for the column of that number (from 1)."""
    match = MADE_UP.fullmatch(name)
    return match is not None and match[1] == str(number)


def unused_names(names: Iterable[str], labels: Collection[str]) -> dict[str, str]:
    """The `names` of a contract that may have been made up and that are not a label, by the number
    of their column."""
    unused: dict[str, str] = {}
    for name in names:
        if name not in labels and (match := MADE_UP.fullmatch(name)):
            unused.setdefault(match[1], name)
    return unused


def name_of_blank_key(names: Iterable[str], keys: Collection[str]) -> str | None:
    """Of the `names` of a contract the first one made up for its own place, if no object has it as
    a key: it is that of the key "". Keys have no place of their own."""
    made = (each for n, each in enumerate(names, start=1) if is_made_up(each, n))
    return next((each for each in made if each not in keys), None)
