"""SQL is made of constants, numbers and quoted texts alone: mypy rejects everything else."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from mypy.build import build
from mypy.modulefinder import BuildSource
from mypy.options import Options

from entrepot.inspection.sql import identifier, literal, named_arguments, sql, type_name

ROOT = Path(__file__).parents[2]
INSPECTION = ROOT / "src" / "entrepot" / "inspection"
EXAMPLES = """
from typing import Any, Literal

import duckdb

from entrepot.inspection.sql import Sql, identifier, literal, sql


def take(part: Sql) -> Sql:
    return part


class Relation:
    def __init__(self, name: Sql) -> None:
        self.name = name


def proven(
    engine: duckdb.DuckDBPyConnection, text: str, part: Sql, parts: list[Sql], number: int,
    word: Literal["ASC", "DESC"],
) -> Sql:
    def local(name: Sql) -> Sql:
        return f"({name})"

    engine.execute("SELECT 1")
    engine.execute(f"SELECT {number}, {number:d}, {number / 2!r} FROM {identifier(text)}")
    engine.execute(f"SELECT * FROM x WHERE {part} = {literal(text)} ORDER BY 1 {word}")
    engine.execute("SELECT ?", [text])
    take(", ".join(parts))
    take(", ".join(["count(*)", part, *parts]))
    take(", ".join(f"{each} IS NULL" for each in parts) or sql("true"))
    take(f"{' AND '.join(map(literal, [text])) or 'true'}")
    take(f"{'NULL' if text else part}")
    take("x IN ({})".format(part))
    take(part.replace("{text}", part) + " IS NULL")
    take("true" if text else "false")
    Relation("t")
    return local("x")


def rejected(
    engine: duckdb.DuckDBPyConnection, text: str, texts: list[str], part: Sql, parts: list[Sql],
    unknown: Any, either: "str | Sql", word: Literal["ASC"],
) -> None:
    engine.execute(text)  # rejected
    engine.execute(f"SELECT {text}")  # rejected
    engine.execute(f"SELECT {part}, {text}")  # rejected
    engine.execute("SELECT " + text)  # rejected
    engine.execute("SELECT %s" % text)  # rejected
    engine.execute("SELECT {}".format(text))  # rejected
    engine.execute("SELECT {0.x}".format(part))  # rejected
    engine.execute(f"SELECT {unknown}")  # rejected
    engine.execute(f"SELECT {either}")  # rejected
    engine.execute(f"SELECT {part!r}")  # rejected
    engine.execute(f"SELECT {part:{text}}")  # rejected
    engine.execute(f"SELECT {part:>20}")  # rejected
    engine.execute(f"SELECT {text if part else part}")  # rejected
    engine.execute(f"SELECT {', '.join(texts)}")  # rejected
    engine.execute(f"SELECT {text.join(parts)}")  # rejected
    engine.execute(f"SELECT {', '.join(text for _ in parts)}")  # rejected
    engine.execute(f"SELECT {', '.join([part, *texts])}")  # rejected
    engine.execute(part.replace("a", text))  # rejected
    engine.execute(part[1:])  # rejected
    engine.execute(part.lower())  # rejected
    engine.executemany(f"INSERT INTO t VALUES ({text})", [])  # rejected
    engine.sql(text)  # rejected
    engine.table("t").filter(text)  # rejected
    duckdb.sql(text)  # rejected
    take(text)  # rejected
    take(f"{text}")  # rejected
    take(text if part else "x")  # rejected
    Relation(text)  # rejected
    sql(text)  # rejected
    sql(f"{text}")  # rejected
    Sql(text)  # rejected
"""


@pytest.mark.slow
def test_only_proven_texts_are_sql() -> None:
    options = Options()
    options.config_file = str(ROOT / "pyproject.toml")
    options.plugins = ["tools/mypy_sql.py"]
    options.mypy_path = [str(ROOT / "src")]
    options.incremental = False
    options.follow_imports = "silent"
    # The engine's stubs name types of these; to read them takes longer than all the rest.
    for library in ("numpy", "pandas", "polars", "pyarrow"):
        for pattern in (library, f"{library}.*"):
            options.per_module_options[pattern] = {"follow_imports": "skip"}
    source = BuildSource(None, "entrepot.inspection.examples", EXAMPLES)
    result = build([source], options)
    lines = {
        int(match[1]) for line in result.errors if (match := re.search(r":(\d+): error", line))
    }
    expected = {
        number
        for number, line in enumerate(EXAMPLES.splitlines(), start=1)
        if line.endswith("# rejected")
    }
    assert len(expected) > 20
    assert lines == expected, "\n".join(result.errors)


def sources() -> Iterator[tuple[str, str]]:
    for path in INSPECTION.rglob("*.py"):
        yield path.relative_to(INSPECTION).as_posix(), path.read_text()


def test_nothing_evades_the_proof() -> None:
    evasion = re.compile(r"cast\(\s*[\"']?Sql|type: ignore\[[^]]*sql|S608")
    assert [name for name, text in sources() if evasion.search(text)] == []


@pytest.mark.parametrize("text", ["", "it's", "a\\'b", '"', "x'); DROP TABLE t; --", "é\n\t"])
def test_quoted_texts_come_back_as_they_were(text: str) -> None:
    engine = duckdb.connect()
    assert engine.execute(f"SELECT {literal(text)}").fetchone() == (text,)
    if text:
        engine.execute(f"CREATE TABLE t ({identifier(text)} INTEGER)")
        assert engine.execute("DESCRIBE t").fetchall()[0][0] == text


@pytest.mark.parametrize(
    "text",
    ["BIGINT", "DECIMAL(38, 9)", "DECIMAL(4,2)", "TIMESTAMP WITH TIME ZONE", "TIME_NS", "DATE[]"],
)
def test_plain_types_are_taken_by_name(text: str) -> None:
    engine = duckdb.connect()
    row = engine.execute(f"SELECT typeof(CAST(NULL AS {type_name(text)}))").fetchone()
    assert row is not None
    assert row[0].replace(",", ", ") == text.replace(", ", ",").replace(",", ", ")


@pytest.mark.parametrize(
    "text",
    ["", "STRUCT(a INTEGER)", "ENUM('a')", "BIGINT); DROP TABLE t; --", "bigint", "INTEGER\n"],
)
def test_other_types_are_not(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain type"):
        type_name(text)


def test_names_of_arguments_are_identifiers() -> None:
    assert named_arguments({"delim": literal(","), "skip": sql("1")}) == "delim = ',', skip = 1"
    for name in ("", "a b", "a=1,b", "é", "a'"):
        with pytest.raises(ValueError, match="not the name"):
            named_arguments({name: sql("1")})
