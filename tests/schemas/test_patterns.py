"""Every accepted pattern runs in RE2; what RE2 lacks is rejected by the parser."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.selection import examples

from entrepot.schemas.patterns import InvalidPattern, check_pattern

VALID_PATTERNS = [
    "", "a", "[a-z]+", r"\p{L}{1,50}", r"\d{3}-\d{4}", "(a+)+", "(?:a|b)*", "(?i:abc)",
    "(?P<year>[0-9]{4})",
    r"\p{L}+", r"\pN", r"[\p{Lu}\d]", r"\P{Greek}", r"^\w+$", "a{0,1000}", "(a{10}){100}", "ä|ß",
    r"\.\*\\", r"[^\]]", "a*?b+?", r"\x41", r"\bword\b",
]  # fmt: skip
INVALID_PATTERNS = [
    "[", "(", "a**", "*", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?P<x>a)(?P=x)",
    "(a)?(?(1)b|c)", "(?>a)", "a++", "a{1001}", "(a{100}){11}", "((a{30}){30}){30}", r"\Z",
    r"\u0041", r"\p{L}{1000}", "[[:alpha:]]",
    r"\N{DIGIT ONE}", "(?#x)a", "(?x)a", "(?L)a", r"\p{Nope}", r"\q", "a\0", "a\nb", "\\", r"\01",
    "x" * 10_001, "(" * 200 + ")" * 200 + "[",
]  # fmt: skip


def compiles(pattern: str) -> bool:
    quoted = pattern.replace("'", "''")
    with duckdb.connect() as conn:
        try:
            conn.execute("SELECT regexp_full_match('x', ?)", [pattern]).fetchall()
            conn.execute(
                f"SELECT regexp_full_match(t, '{quoted}') FROM (VALUES ('x')) v(t)"
            ).fetchall()
        except duckdb.Error:
            return False
    return True


@pytest.mark.parametrize("pattern", VALID_PATTERNS)
def test_accepted(pattern: str) -> None:
    check_pattern(pattern)
    assert compiles(pattern)


@pytest.mark.parametrize("pattern", INVALID_PATTERNS)
def test_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        check_pattern(pattern)


PATTERN_PIECES = st.sampled_from(
    ["a", "b", ".", "[", "]", "(", ")", "*", "+", "?", "|", "^", "$", "\\", "{", "}", "2", "9",
     ",", "-", ":", "<", "=", "!", "P", "d", "w", "s", "b", "(?:", "(?i)", "(?i:", "[^",
     "[:alpha:]",
     r"\d", r"\p{L}", r"\PN", "{1,3}", "{1000}", "(?P<n>", "a-z", "ä", r"\x", r"\b", r"\B",
     "&&", "~~"]
)  # fmt: skip


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(PATTERN_PIECES, max_size=8).map("".join))
def test_what_is_accepted_compiles(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except InvalidPattern:
        return
    assert compiles(pattern), pattern
