"""The language of filters: what is accepted means what it says, and nothing else gets through."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.selection import examples

from entrepot.inspection.engine import lock_engine, open_engine
from entrepot.inspection.limits import Limits
from entrepot.inspection.preview.filter_ast import (
    All,
    Between,
    Columns,
    Compare,
    FilterColumn,
    FilterRefused,
    Holds,
    In,
    IsNull,
    IsTrue,
    Like,
    Not,
    Some,
    Term,
    Value,
)
from entrepot.inspection.preview.filter_parse import MAX_DEPTH, parse_filter
from entrepot.inspection.preview.filter_sql import filter_sql
from entrepot.inspection.preview.page import preview_file
from entrepot.inspection.results import PreviewRequest
from entrepot.inspection.sql import identifier, literal

STORED = {
    "n": "BIGINT",
    "m": "BIGINT",
    "price": "DECIMAL(6,2)",
    "x": "DOUBLE",
    "name": "VARCHAR",
    "select": "VARCHAR",
    "flag": "BOOLEAN",
    "day": "DATE",
    "at": "TIMESTAMP",
    "zoned": "TIMESTAMP WITH TIME ZONE",
    "tags": "VARCHAR[]",
}
COLUMNS = Columns([FilterColumn(name, kind, identifier(name)) for name, kind in STORED.items()])
TEXTS = ("", "a", "ab", "Ab", "b%", "a_b", "ä", "it's", "a\\b", "é😀")
NUMBERS = ("0", "1", "-1", "2.5", "1.005", "-0.00", "1e3", "99999999999999999999", "3.14")
DAY, MOMENT = date(2026, 3, 1), datetime.fromisoformat("2026-03-01T10:00:00")


def rows() -> list[dict[str, Any]]:
    """Every column has missing cells, and each kind of value meets each other somewhere."""
    made = []
    for k in range(120):
        row: dict[str, Any] = {
            "n": k % 4 - 1,
            "m": k % 3,
            "price": (Decimal("0.00"), Decimal("2.50"), Decimal("-1.00"), Decimal("3.14"))[k % 4],
            "x": (0.0, 2.5, -1.0, float("inf"), 1.005)[k % 5],
            "name": TEXTS[k % len(TEXTS)],
            "select": TEXTS[k * 7 % len(TEXTS)],
            "flag": k % 2 == 0,
            "day": DAY + timedelta(days=k % 3 - 1),
            "at": MOMENT + timedelta(hours=k % 3 - 1),
            "zoned": (MOMENT + timedelta(hours=k % 3 - 1)).replace(tzinfo=UTC),
            "tags": ["a"],
        }
        for place, name in enumerate(row):
            if (k * 5 + place * 3) % 11 == 0:
                row[name] = None
        made.append(row)
    return made


ROWS = rows()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The rows as a Parquet file, and a locked engine that may read it."""
    path = tmp_path_factory.mktemp("filter") / "table.parquet"
    with open_engine() as engine:
        fields = ", ".join(f'"{name}" {kind}' for name, kind in STORED.items())
        engine.execute(f"CREATE TABLE t ({fields})")
        marks = ", ".join("?" for _ in STORED)
        for row in ROWS:
            values = [str(v) if name == "zoned" and v else v for name, v in row.items()]
            engine.execute(f"INSERT INTO t VALUES ({marks})", values)
        engine.execute(f"COPY t TO {literal(str(path))} (FORMAT parquet)")
    with open_engine() as engine:
        lock_engine(engine, path, path.parent / "scratch", 1, Limits(memory=512 << 20))
        yield engine, path


def holds(term: Term, row: dict[str, Any]) -> bool | None:
    """What the term says of the row, by Python alone; None is unknown."""
    match term:
        case Not(inner):
            inner_holds = holds(inner, row)
            return None if inner_holds is None else not inner_holds
        case All(terms):
            said_all = [holds(each, row) for each in terms]
            return False if False in said_all else None if None in said_all else True
        case Some(terms):
            said_all = [holds(each, row) for each in terms]
            return True if True in said_all else None if None in said_all else False
        case IsNull(column):
            return row[column.name] is None
    cell = row[term.column.name]
    if cell is None:
        return None
    match term:
        case IsTrue():
            return bool(cell)
        case In(_, values):
            return any(cell == value.value for value in values)
        case Between(_, low, high):
            return bool(low.value <= cell <= high.value)
        case Holds(_, part, where):
            return bool(cell.startswith(part) if where == "start" else part in cell)
        case Like():
            return like(term, cell)
        case Compare(_, op, other):
            value = other.value if isinstance(other, Value) else row[other.name]
            return None if value is None else compared(op, cell, value)
    raise AssertionError(term)


def compared(op: str, cell: Any, value: Any) -> bool:
    return {
        "=": cell == value,
        "<>": cell != value,
        "<": cell < value,
        "<=": cell <= value,
        ">": cell > value,
        ">=": cell >= value,
    }[op]


def like(term: Like, cell: str) -> bool:
    pattern, place = "", 0
    while place < len(term.pattern):
        char = term.pattern[place]
        if char == term.escape:
            place += 1
            pattern += re.escape(term.pattern[place])
        else:
            pattern += {"%": ".*", "_": "."}.get(char, re.escape(char))
        place += 1
    return bool(re.fullmatch(pattern, cell, re.DOTALL | (re.IGNORECASE if term.folded else 0)))


def found(table: Any, where: str) -> list[int]:
    engine, path = table
    request = PreviewRequest(path, 1, "n", None, where, 1_000, None, 0)
    preview = preview_file(engine, request)
    assert preview.problem is None, (where, preview.problem)
    return [row["number"] for row in preview.rows]


def read_or_refused(text: str) -> Term | FilterRefused:
    try:
        return parse_filter(text, COLUMNS)
    except FilterRefused as refused:
        return refused


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def sql_of_texts() -> st.SearchStrategy[str]:
    column = st.sampled_from(["name", '"select"', "NAME"])
    text = st.sampled_from(TEXTS).map(quoted)
    pattern = st.text("ab%_!ä'", max_size=4).filter(lambda p: not p.endswith("!")).map(quoted)
    likes = st.tuples(
        column, st.sampled_from([" LIKE ", " not ilike ", " ILIKE "]), pattern,
        st.sampled_from(["", " ESCAPE '!'"]),
    ).map("".join)  # fmt: skip
    part = st.builds(
        "{}({}, {})".format, st.sampled_from(["starts_with", "contains"]), column, text
    )
    return st.one_of(compare(column, text), among(column, text), likes, part)


def compare(*sides: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    op = st.sampled_from(["=", "==", "<>", "!=", "<", "<=", ">", ">="])
    column, value = sides
    return st.builds("{} {} {}".format, column, op, value) | st.builds(
        "{} {} {}".format, value, op, column
    )


def among(column: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> Any:
    listed = st.lists(value, min_size=1, max_size=4).map(", ".join)
    negated = st.sampled_from(["", "NOT "])
    return st.one_of(
        st.builds("{} {}IN ({})".format, column, negated, listed),
        st.builds("{} {}BETWEEN {} AND {}".format, column, negated, value, value),
        st.builds("{} IS {}NULL".format, column, negated),
    )


def simple() -> st.SearchStrategy[str]:
    kinds = [
        (["n", "price", "x", '"m"'], st.sampled_from(NUMBERS)),
        (["day"], st.sampled_from(["'2026-03-01'", "'2026-02-28'"])),
        (["at"], st.sampled_from(["'2026-03-01 10:00:00'", "'2026-03-01T09:00'", "'2026-03-01'"])),
        (["zoned"], st.sampled_from(["'2026-03-01T10:00:00Z'", "'2026-03-01T11:00:00+02:00'"])),
        (["flag"], st.sampled_from(["TRUE", "false"])),
    ]
    each = [sql_of_texts(), st.sampled_from(["flag", "n < m", 'name = "select"', "tags IS NULL"])]
    for names, value in kinds:
        column = st.sampled_from(names)
        each += [compare(column, value), among(column, value)]
    return st.one_of(each)


EXPRESSIONS = st.recursive(
    simple(),
    lambda inner: st.one_of(
        st.builds("({}) AND {}".format, inner, inner),
        st.builds("{} OR ({})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=6,
)


@given(where=EXPRESSIONS)
@settings(max_examples=examples(300), deadline=None)
def test_what_is_accepted_means_what_it_says(table: Any, where: str) -> None:
    term = parse_filter(where, COLUMNS)
    expected = [place for place, row in enumerate(ROWS) if holds(term, row) is True]
    assert found(table, where) == expected


@given(text=st.text(max_size=60) | st.text("an m='()<>,\"-*/;%_?:$[]{}.1", max_size=40))
@settings(max_examples=examples(300), deadline=None)
def test_whatever_is_sent_is_understood_or_refused(table: Any, text: str) -> None:
    """Never another failure; what is understood runs, and is made of our words alone."""
    term = read_or_refused(text)
    if isinstance(term, FilterRefused):
        assert term.code in ("expression-invalid", "unknown-column", "type-mismatch")
        assert 1 <= term.figures["position"] <= len(text) + 1
        return
    sql, _ = filter_sql(term)
    assert re.fullmatch(r'([ (),?<>=]|"[^"]*"|[A-Za-z_]+|DECIMAL\(\d+, ?\d+\))*', sql), sql
    found(table, text)


HOSTILE = [
    "1 = 1; DROP TABLE t",
    "n = 1 -- and so on",
    "n = 1 /* and so on */",
    "n = 1 UNION SELECT 1",
    "n = (SELECT max(n) FROM read_parquet('/etc/passwd'))",
    "n IN (SELECT 1)",
    "EXISTS (SELECT 1)",
    "read_text('/etc/passwd') = 'x'",
    "getenv('HOME') = 'x'",
    "lower(name) = 'a'",
    "contains(lower(name), 'a')",
    "n::VARCHAR = '1'",
    "CAST(n AS VARCHAR) = '1'",
    "day = DATE '2026-03-01'",
    "n = random()",
    "n + 1 = 2",
    "n = 1 + 1",
    "name || 'x' = 'ax'",
    "n = ?",
    "n = $1",
    "n = :n",
    "t.n = 1",
    "name = 'a' 'b'",
    "name = E'a'",
    "name = $$a$$",
    "name COLLATE nocase = 'a'",
    "name = 'a' COLLATE nocase",
    "name ~ 'a'",
    "name SIMILAR TO 'a'",
    "name GLOB 'a'",
    "name LIKE ANY ('a', 'b')",
    "name LIKE name",
    "name LIKE 'a' ESCAPE 'ab'",
    "name LIKE 'a' ESCAPE '%'",
    "name LIKE 'a!' ESCAPE '!'",
    "CASE WHEN flag THEN true END",
    "COLUMNS('n') = 1",
    "* = 1",
    "n[1] = 1",
    "tags[1] = 'a'",
    "tags = 'a'",
    "tags = tags",
    "tags.x = 1",
    "(n, m) = (1, 2)",
    "n IN m",
    "n IN ()",
    "n = ANY ('1')",
    "n IS TRUE",
    "n IS 1",
    "n IS DISTINCT FROM 1",
    "n = NULL",
    "n IN (1, NULL)",
    "n BETWEEN SYMMETRIC 1 AND 2",
    "n > 1 > 2",
    "1 = 1",
    "TRUE",
    "1",
    "'a'",
    "n",
    "name",
    "n AND flag",
    "n = 'a'",
    "n = TRUE",
    "name = 1",
    "flag = 1",
    "flag = 'true'",
    "day = 20260301",
    "day = 'tomorrow'",
    "at = '2026-03-01T10:00:00Z'",
    "at = '2026-03-01T10:00:00.1234567'",
    "day = '0000-00-00'",
    "n = m + 1",
    "n = price",
    "n = 1e999",
    "n = 0.00000000000000000000000000000001",
    "price = 1234567890123456789012345678901234567890",
    "n = - name",
    "n = --1",
    "@n = 1",
    "n = 1 AND",
    "AND n = 1",
    "n = ",
    "(n = 1",
    "n = 1)",
    "()",
    "",
    "   ",
    ";",
    "name = 'a",
    '"name = 1',
    "n = 1 ORDER BY n",
    "n = 1 LIMIT 1",
    "WHERE n = 1",
    "PRAGMA version",
    "SET threads = 1",
    "n = 1 n = 2",
    "x'; DROP",
    "name = 'a' AND \x00",
    "none = 1",
    "file_row_number = 1",
    "x => 1",
    "list_contains(tags, 'a')",
    "struct_pack(a := 1) = 1",
    "n = {'a': 1}",
    "n = [1]",
    "n = INTERVAL 1 DAY",
    "NOT " * (MAX_DEPTH + 2) + "flag",
    "(" * (MAX_DEPTH + 2) + "flag" + ")" * (MAX_DEPTH + 2),
    "n = 1 AND " * 400 + "n = 1",
    "NOT " * 900 + "flag",
    "n = " + "-" * 900 + "1",
    "n IN (" + "1, " * 600 + "1)",
    "name = '" + "x" * 5_000 + "'",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30])
def test_nothing_else_gets_through(text: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        parse_filter(text, COLUMNS)
    error = refused.value
    assert error.code in ("expression-invalid", "unknown-column", "type-mismatch")
    assert 1 <= error.figures["position"] <= len(text) + 1
    assert error.detail.startswith("where: ")


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("n = 1 AND", 9, "a value, a column or a condition"),
        ("n = ", 4, "a value, a column or a condition"),
        ("n = 1 AND name = lower('a')", 18, "a value"),
        ("n = 1; m = 2", 6, "without a semicolon"),
        ("(n = 1", 6, "closing parenthesis"),
        ("n = 1 m = 2", 7, "AND, OR or the end"),
        ("flag AND\nn = NULL", 10, "IS NULL"),
    ],
)
def test_a_refusal_says_where_and_what(text: str, position: int, expected: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        parse_filter(text, COLUMNS)
    assert expected in refused.value.figures["expected"]
    assert refused.value.figures["position"] == position


def test_an_engine_that_is_locked_reads_no_other_file(table: Any, tmp_path: Path) -> None:
    """Even if something got through."""
    engine, _ = table
    with pytest.raises(Exception, match="Permission Error"):
        engine.execute("SELECT * FROM read_text('/etc/hostname')")
