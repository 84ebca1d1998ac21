"""Whether a JSON array ends where its file does, which the engine does not ask for."""

from pathlib import Path

import duckdb

from entrepot.inspection.sql import Sql, literal

BLOCK_BYTES = 1 << 20
"""Read at a time."""
TAIL_BYTES = 4096
"""The end of the file, where a closing bracket stands before blanks at most."""


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
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return file.read().rstrip().endswith(b"]")
