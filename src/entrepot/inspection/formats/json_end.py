"""Whether a JSON array ends where its file does, which the engine does not ask for, and which of
its elements is not like the others."""

from pathlib import Path

import duckdb

from entrepot.inspection.sql import Sql, literal

BLOCK_BYTES = 1 << 20
"""Read at a time."""
BLANKS = b" \t\r\n"
"""What JSON takes for blanks (RFC 8259, section 2)."""


def is_one_array(engine: duckdb.DuckDBPyConnection, path: Path, docs: Sql) -> bool:
    """Whether all objects of `docs` stand in the one array that the file is, with commas between
    them. The engine continues behind the end of an array; the rest of the grammar is strict."""
    inside = ", ".join(
        f"coalesce(sum(strlen(doc) - strlen(replace(doc, {literal(mark)}, ''))), 0)"
        for mark in ",]"
    )
    row = engine.execute(f"SELECT count(*), {inside} FROM {docs}").fetchone() or (0, 0, 0)
    objects, commas, brackets = (int(each) for each in row)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            commas -= block.count(b",")
            brackets -= block.count(b"]")
    return commas == -max(0, objects - 1) and brackets == -1


def ends_with_bracket(path: Path) -> bool:
    """Whether the last thing in the file closes an array; the engine does not ask for it."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        while end:
            begin = max(0, end - BLOCK_BYTES)
            file.seek(begin)
            if tail := file.read(end - begin).rstrip(BLANKS):
                return tail.endswith(b"]")
            end = begin
    return False


NOUNS = {
    "NULL": "null",
    "VARCHAR": "a text",
    "BOOLEAN": "a boolean",
    "ARRAY": "an array",
    "OBJECT": "an object",
}


def describe_odd(engine: duckdb.DuckDBPyConnection, docs: Sql, item_type: str) -> str:
    """What the first element of `docs` (numbered from 2) is that does not have that type."""
    number, kind = engine.execute(
        f"SELECT _row, json_type(doc) FROM {docs} "
        f"WHERE json_type(doc) <> {literal(item_type)} ORDER BY _row LIMIT 1"
    ).fetchone() or (2, "")
    odd = f"element {number - 1:,} is {NOUNS.get(kind, 'a number')}"
    return f"it is a JSON array whose elements are not all {item_type.lower()}s: {odd}"
