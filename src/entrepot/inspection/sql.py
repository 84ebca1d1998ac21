"""SQL texts for the engine as a type of their own, `Sql`, and the few functions that make one.

A plain `str` may hold what a stranger wrote. `Sql` is made of constants of the code, of numbers,
and of texts that `literal` or `identifier` have quoted. The mypy plugin `tools/mypy_sql.py` proves
it: an f-string, `join`, `format`, `replace` or `+` over such parts alone is `Sql`, and the engine
runs nothing else (ADR 0041).
"""

import re
from collections.abc import Mapping
from typing import NewType

Sql = NewType("Sql", str)
"""A statement, or a part of one."""
TYPE_NAME = re.compile(r"[A-Z_]+( WITH TIME ZONE)?(\([0-9]+, ?[0-9]+\))?(\[\])?")
"""What `type_name` lets through."""


def sql(constant: str) -> Sql:
    """A constant of the code as SQL, where a variable or a result needs the type.

    The plugin rejects every argument that is not written out, or made of `Sql`.
    """
    return Sql(constant)


def literal(text: str) -> Sql:
    """`text` as an SQL string literal."""
    return Sql("'" + text.replace("'", "''") + "'")


def identifier(name: str) -> Sql:
    """`name` as a quoted SQL identifier."""
    return Sql('"' + name.replace('"', '""') + '"')


def named_arguments(arguments: Mapping[str, Sql]) -> Sql:
    """The arguments of a table function such as `read_csv`, by their names. Raises ValueError for
    a name that is not an identifier."""
    if wrong := [name for name in arguments if not (name.isascii() and name.isidentifier())]:
        raise ValueError(f"{wrong[0]!r} is not the name of an argument")
    return Sql(", ".join(f"{name} = {value}" for name, value in arguments.items()))


def type_name(text: str) -> Sql:
    """The engine's name of a plain type, such as DECIMAL(10, 2), as SQL. Raises ValueError for any
    other text, and for types that have names of the file within them (STRUCT, ENUM)."""
    if not TYPE_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain type of the engine")
    return Sql(text)
