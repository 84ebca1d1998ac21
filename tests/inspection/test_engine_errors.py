"""Which errors of the engine are the file's, and which are ours: no wrong query rejects a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.inspection.conftest import opened_context, request_for

from entrepot.inspection.check import rules
from entrepot.inspection.convert.convert import converted
from entrepot.inspection.diff import diff_tables
from entrepot.inspection.engine_errors import (
    BLAME,
    Blame,
    blame_of,
    engine_error_text,
    is_of_file,
    out_of_resources,
)
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.results import ComparisonRequest
from entrepot.inspection.sql import sql

SCHEMA = {"fields": [{"name": "a", "type": "integer"}]}


def classes(of: type[duckdb.Error] = duckdb.Error) -> Iterator[type[duckdb.Error]]:
    yield of
    for each in of.__subclasses__():
        yield from classes(each)


def test_every_class_of_error_has_a_meaning() -> None:
    assert set(BLAME) == {each for each in classes() if each.__module__ != __name__}


class NewerError(duckdb.ProgrammingError):
    """A class that a newer engine may have."""


@pytest.mark.parametrize(
    ("query", "kind", "blame"),
    [
        ("SELECT nothing_of_that_name", duckdb.BinderException, Blame.QUERY),
        ("SELECT FROM WHERE", duckdb.ParserException, Blame.QUERY),
        ("SELECT * FROM no_table", duckdb.CatalogException, Blame.QUERY),
        ("SELECT CAST('x' AS INTEGER)", duckdb.ConversionException, Blame.DATA),
        ("SELECT 9223372036854775807::BIGINT + 1", duckdb.OutOfRangeException, Blame.DATA),
        ("SELECT json_extract('{', '$')", duckdb.InvalidInputException, Blame.DATA),
        (f"SELECT make_timestamp({-(2**63)})::VARCHAR", duckdb.InternalException, Blame.DATA),
    ],
)
def test_errors_as_the_engine_raises_them(
    query: str, kind: type[duckdb.Error], blame: Blame
) -> None:
    with duckdb.connect() as engine, pytest.raises(kind) as raised:
        engine.execute(query).fetchall()
    assert blame_of(raised.value) is blame


def test_memory_that_ran_out(tmp_path: Path) -> None:
    with duckdb.connect(config={"memory_limit": "10MB", "temp_directory": ""}) as engine:
        with pytest.raises(duckdb.Error) as raised:
            engine.execute("SELECT list(i || 'x') FROM range(5000000) t(i)").fetchall()
        assert out_of_resources(raised.value)
        assert not is_of_file(raised.value)


def test_an_unknown_class_is_a_wrong_query() -> None:
    assert blame_of(NewerError("of a newer engine")) is Blame.QUERY


def test_texts_for_senders() -> None:
    assert engine_error_text(duckdb.InvalidInputException("x")) == "its data is damaged"
    assert "not supported" in engine_error_text(duckdb.NotImplementedException("x"))
    assert engine_error_text(duckdb.InvalidInputException("File is encrypted")) == "it is encrypted"


def test_a_wrong_query_is_not_blamed_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The query of a check is spoilt: the inspection fails, and gives no verdict."""
    monkeypatch.setattr(rules, "blank_row", lambda *_: sql("no_such_column IS NULL"))
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    with opened_context(tmp_path / "scratch") as context, pytest.raises(duckdb.BinderException):
        inspect_file(request_for(path, schema=SCHEMA), context)


def test_a_wrong_query_is_not_blamed_on_a_form() -> None:
    def wrong() -> Any:
        raise duckdb.BinderException("a wrong query")

    def damaged() -> Any:
        raise duckdb.InvalidInputException("a damaged page")

    with pytest.raises(duckdb.BinderException):
        converted(wrong)
    answer = converted(damaged)
    assert (answer.verdict, answer.detail) == (
        "source-error",
        "It cannot be read: its data is damaged.",
    )


def test_a_wrong_query_is_not_blamed_on_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> Any:
        raise duckdb.BinderException("a wrong query")

    monkeypatch.setattr("entrepot.inspection.diff._compare", wrong)
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n2\n3\n")
    request = ComparisonRequest(
        path=path, file_name="t.csv", other=path, other_name="t.csv", size=8
    )
    with opened_context(tmp_path / "scratch") as context, pytest.raises(duckdb.BinderException):
        diff_tables(request, context)
