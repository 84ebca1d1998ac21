"""A file that is one JSON object: a table of one row, or of what is in its values."""

import json
from collections.abc import Sequence

import duckdb

from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import FirstVersion

ONE_ROW = '"itemType": "object" if the one object is the row.'


def judge_one_object(
    engine: duckdb.DuckDBPyConnection, docs: Sql, keys: Sequence[str], pointers: Sequence[str]
) -> FirstVersion:
    """The reading of the one object of `docs` as a row: one of its values may have the rows, or
    each of them be a column or a row. Its `keys` are at `pointers`."""
    values = ", ".join(map(literal, pointers))
    firsts = ", ".join(literal(f"{pointer}/0") for pointer in pointers)
    row = engine.execute(
        f"SELECT json_type(doc, [{values}]), json_type(doc, [{firsts}]) FROM {docs}"
    ).fetchone() or ([], [])
    inside = [key for key, kind in zip(keys, row[1], strict=False) if kind == "OBJECT"]
    if inside:
        name = json.dumps(inside[0], ensure_ascii=False)
        return FirstVersion(
            unsure=f"the file is one JSON object, whose {name} has objects that may be the rows",
            unsure_advice=f'Add "property": {name} to the dialect, or {ONE_ROW}',
        )
    if len(keys) > 1 and all(kind in ("OBJECT", "ARRAY") for kind in row[0]):
        return FirstVersion(
            unsure="the file is one JSON object, whose values are all arrays or objects and may be"
            " the columns or the rows",
            unsure_advice=f"Write an array with an object for each row, or add {ONE_ROW}",
        )
    return FirstVersion()
