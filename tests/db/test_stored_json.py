"""Documents of tenants go through the database as texts: no column, and nothing else that runs in a
database thread of the API process, parses one."""

import ast
import json
from pathlib import Path

import pytest
from sqlalchemy import JSON, Column, Integer, MetaData, Table, insert, literal_column, select
from sqlalchemy.exc import StatementError

from entrepot.db import tables  # noqa: F401 - all tables
from entrepot.db.engine import Database
from entrepot.db.metadata import metadata
from entrepot.db.types import StoredJson, json_member
from entrepot.texts.json_text import JsonText, render_json, to_json_text

SOURCE = Path(__file__).parents[2] / "src" / "entrepot"
SHORT_COLUMNS = {
    "activity.detail": "`activity/record.py` digests what is long",
    "files.dialect": "64 KiB",
    "files.retention": "one number",
    "inspections.dialect": "64 KiB",
    "schema_revisions.dialect": "64 KiB",
    "checks.dialect": "64 KiB",
    "derivatives.error": "a code and a sentence",
    "comparisons.key": "names of columns in a request of 256 KiB",
    "uploads.parts": "ours",
    "tasks.error": "10 errors",
}
"""Columns that a database thread parses, and why their documents are short."""
PARSERS = {"json.loads", "loads", "parse_schema", "parse_dialect", "compare_schemas"}
ELSEWHERE = ("files/processing/", "migrations/", "files/invariants/", "inspection/")
"""They run in processes that answer no requests."""
ALLOWED = {
    "files/comparisons.py:_primary_key": "names of columns, of which a schema has 10,000",
    "files/delivery/restore.py:load_earlier_findings": "a worker's",
    "files/kept_as_text.py:note_kept_as_text": "a worker's",
    "files/unused_parts.py:list_loose_contracts": "the doctor's",
}


def test_a_document_goes_in_and_out_as_a_text(empty: tuple[Database, Path]) -> None:
    database, _ = empty
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("d", StoredJson))
    text = JsonText('{"a": {"b": [{"c": "\\u00e9"}, 7]}, "n": null}')
    with database.writing() as conn:
        table.create(conn)
        conn.execute(insert(table), [{"id": 1, "d": text}, {"id": 2, "d": None}])
        conn.execute(insert(table).values(id=3, d=literal_column("'null'")))
        with pytest.raises(StatementError, match="a dict instead of a JsonText"):
            conn.execute(insert(table).values(id=4, d={"a": 1}))
    with database.reading() as conn:
        read = conn.scalars(select(table.c.d).order_by(table.c.id)).all()
        assert read == [text, None, None]
        assert isinstance(read[0], JsonText)
        parts = (("a", "b", 0), ("a", "b", 1), ("a", "x"), ("n",), ("a", "b", 0, "c"))
        members = [json_member(table.c.d, *path) for path in parts]
        row = conn.execute(select(*members).where(table.c.id == 1)).one()
    values = [json.loads(each) if each is not None else None for each in row]
    assert values == [{"c": "é"}, 7, None, None, "é"]


def test_every_column_of_json_is_short_or_a_text() -> None:
    parsed = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, JSON)
    }
    assert parsed == SHORT_COLUMNS.keys()


def test_nothing_with_a_connection_parses_a_document() -> None:
    """A function that takes a connection runs in a database thread."""
    parsing = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith(ELSEWHERE):
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and _takes_connection(function):
                calls = {_name(each.func) for each in ast.walk(function) if _is_call(each)}
                if calls & PARSERS:
                    parsing[f"{name}:{function.name}"] = calls & PARSERS
    assert parsing.keys() == ALLOWED.keys(), parsing


def test_no_transaction_of_a_worker_parses_a_document() -> None:
    """It would keep its locks meanwhile, and on SQLite every other writer."""
    parsing = {
        f"{path.name}:{function.name}"
        for path in sorted((SOURCE / "files" / "processing").rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and _takes_connection(function, "WriteConnection")
        if PARSERS & {_name(each.func) for each in ast.walk(function) if isinstance(each, ast.Call)}
    }
    assert not parsing


def test_a_document_is_written_as_it_is_within_another() -> None:
    stored = to_json_text({"a": 'é"\n', "b": [1, None]})
    assert render_json({"x": stored, "y": ["z", stored]}) == (
        '{"x":{"a": "\\u00e9\\"\\n", "b": [1, null]},'
        '"y":["z",{"a": "\\u00e9\\"\\n", "b": [1, null]}]}'
    )
    with pytest.raises(ValueError, match="Out of range"):
        render_json({"x": float("nan")})


def _takes_connection(function: ast.FunctionDef, kind: str = "Connection") -> bool:
    return any(
        each.annotation is not None and kind in ast.unparse(each.annotation)
        for each in [*function.args.args, *function.args.posonlyargs]
    )


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call)


def _name(node: ast.expr) -> str:
    return ast.unparse(node)
