"""Read JSON Lines, and JSON arrays of objects: the keys are the columns."""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.engine import literal
from entrepot.inspection.limits import Limits
from entrepot.inspection.table import Column, Finding, NotTabular, SourceBroken, Table, TooLarge

KINDS = """CASE {kind} WHEN 'VARCHAR' THEN 'text' WHEN 'BIGINT' THEN 'integer'
 WHEN 'UBIGINT' THEN 'integer' WHEN 'HUGEINT' THEN 'integer' WHEN 'DOUBLE' THEN 'number'
 WHEN 'BOOLEAN' THEN 'boolean' WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' END"""
LISTED = 1_000


def read_json_lines(engine: duckdb.DuckDBPyConnection, path: Path, limits: Limits) -> Table:
    """Each line an object (jsonlines.org); blank lines are passed over.

    A line that is no object is a finding of the table and no row. Raises NotTabular when no
    line is an object, SourceBroken, TooLarge.
    """
    lines = (
        f"read_csv({literal(str(path))}, delim = '\\x1e', quote = '', escape = '', "
        "header = false, auto_detect = false, columns = {'line': 'VARCHAR'}, "
        f"max_line_size = {limits.line})"
    )
    lines = lines.replace("\\x1e", "\x1e")
    counted = (
        f"(SELECT row_number() OVER () + 1 AS _row, _line, line FROM (SELECT row_number() OVER () "
        f"AS _line, line FROM {lines}) WHERE trim(line, ' \t\r') <> '')"
    )
    sound = "coalesce(CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' END, false)"
    try:
        bad_total = _scalar(
            engine,
            f"SELECT count(*) FROM {lines} WHERE trim(line, ' \t\r') <> '' AND NOT ({sound})",
        )
        bad = (
            engine.execute(
                f"SELECT _row, _line FROM {counted} WHERE NOT ({sound}) ORDER BY 1 LIMIT {LISTED}"
            ).fetchall()
            if bad_total
            else []
        )
    except duckdb.InvalidInputException as error:
        raise SourceBroken(_first_line(error)) from None
    findings = tuple(
        Finding("source-error", "this line is no JSON object", row, line) for row, line in bad
    )
    plain = f"(SELECT line AS doc FROM {lines} WHERE {sound})"
    numbered = f"(SELECT _row, _line, line AS doc FROM {counted} WHERE {sound})"
    return _table(
        engine, plain, numbered, limits, "application/x-ndjson", "jsonl", findings, bad_total
    )


def read_json_array(engine: duckdb.DuckDBPyConnection, path: Path, limits: Limits) -> Table:
    """One array of objects. Raises NotTabular, SourceBroken, TooLarge."""
    objects = (
        f"read_json_objects({literal(str(path))}, format = 'array', "
        f"maximum_object_size = {limits.line})"
    )
    plain = f"(SELECT json::VARCHAR AS doc FROM {objects})"
    numbered = f"(SELECT row_number() OVER () + 1 AS _row, NULL::BIGINT AS _line, doc FROM {plain})"
    if not _ends_with_bracket(path):
        raise SourceBroken("the JSON array does not end")
    try:
        odd = _scalar(engine, f"SELECT count(*) FROM {plain} WHERE json_type(doc) <> 'OBJECT'")
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise SourceBroken(_first_line(error)) from None
    if odd:
        raise NotTabular("a JSON array whose elements are not all objects")
    return _table(engine, plain, numbered, limits, "application/json", "json", (), 0)


def _ends_with_bracket(path: Path) -> bool:
    """Whether the last thing in the file closes an array; the engine does not ask for it."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 4096))
        return file.read().rstrip().endswith(b"]")


def _table(
    engine: duckdb.DuckDBPyConnection,
    plain: str,
    numbered: str,
    limits: Limits,
    media_type: str,
    form: str,
    findings: tuple[Finding, ...],
    bad_total: int,
) -> Table:
    keys = _keys(engine, numbered, limits)
    if not keys:
        raise NotTabular("JSON without an object that has keys")
    pointers = ", ".join(literal(_pointer(key)) for key in keys)
    values = f"json_extract_string(doc, [{pointers}]) AS v, json_type(doc, [{pointers}]) AS k"
    columns = tuple(
        Column(key, f"v[{n}]", None, "(" + KINDS.format(kind=f"k[{n}]") + ")")
        for n, key in enumerate(keys, start=1)
    )
    return Table(
        columns=columns,
        relation=f"(SELECT {values} FROM {plain})",
        numbered=f"(SELECT _row, _line, {values} FROM {numbered})",
        media_type=media_type,
        by_name=True,
        findings=findings,
        findings_total=bad_total,
        rejected_by_reader=bad_total,
        description={"format": form, "encoding": "utf-8"},
    )


def _keys(engine: duckdb.DuckDBPyConnection, numbered: str, limits: Limits) -> list[str]:
    """All keys of all rows, in the order of their first appearance."""
    found: list[tuple[Any, ...]] = engine.execute(
        f"SELECT key, min(_row * 1000000 + place) AS first FROM (SELECT _row, "
        f"unnest(json_keys(doc)) AS key, generate_subscripts(json_keys(doc), 1) AS place "
        f"FROM {numbered}) GROUP BY key ORDER BY first LIMIT {limits.columns + 1}"
    ).fetchall()
    if len(found) > limits.columns:
        raise TooLarge(f"more than {limits.columns:,} different keys")
    return [str(key) for key, _ in found]


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _scalar(engine: duckdb.DuckDBPyConnection, query: str) -> int:
    row = engine.execute(query).fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
