"""Which columns of a list give way on a narrow terminal: one rule for all lists of the program.

A list names its columns in the order of their importance; a column is known by its name.
"""

from collections.abc import Collection
from typing import NamedTuple

ZONE = " (UTC)"
"""Behind the heading of a column of times."""


class ColumnRules(NamedTuple):
    """The names of columns: `leaving` are left out in this order before a text is shortened to less
    than can be read, `yielding` in this order before the texts have few cells. The texts of `whole`
    are never cut, and those of `wrapped`, which are words or sentences, are folded between words.
    """

    leaving: Collection[str] = ()
    yielding: Collection[str] = ()
    whole: Collection[str] = ()
    wrapped: Collection[str] = ()


LISTS = ColumnRules(
    leaving=(
        "from", "starts with", "made by", "granted by", "reserved", "kind", "last used", "since",
        "offered", "used", "file id", "rows", "size of all versions", "size",
    ),
    yielding=("created", "version", "ends"),
    whole=("may", "outcome", "received", "role", "state", "status", "you may"),
    wrapped=("action", "detail", "note", "scopes", "what was seen"),
)  # fmt: skip
"""The rules of every list."""
DATA = ColumnRules()
"""The rules of the columns of a file, whose names say nothing to the program."""
