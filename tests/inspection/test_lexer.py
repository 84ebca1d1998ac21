"""Lines become records, and a damaged row damages no other."""

import time

import pytest

from entrepot.inspection.csv.dialect import Dialect
from entrepot.inspection.csv.lexer import Lexer
from entrepot.inspection.report.record_faults import ACROSS, COMMENT

COMMA = Dialect()


def records(text: str, dialect: Dialect = COMMA, width: int = 0) -> list[tuple[int, list[str]]]:
    lines = text.splitlines(keepends=True)
    return [(line, cells) for line, cells, _ in Lexer(dialect, width).records(lines)]


def cells(text: str, dialect: Dialect = COMMA, width: int = 0) -> list[list[str]]:
    return [each for _, each in records(text, dialect, width)]


def lexical_errors(text: str, dialect: Dialect = COMMA, width: int = 0) -> list[str]:
    lines = text.splitlines(keepends=True)
    records = Lexer(dialect, width).records(lines)
    return [fault.reason if fault else "" for _, _, fault in records]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a,b,c\n", ["a", "b", "c"]),
        ('a,"b,c",d\n', ["a", "b,c", "d"]),
        ('a,"say ""hi""",d\n', ["a", 'say "hi"', "d"]),
        ('a,5" pipe,d\n', ["a", '5" pipe', "d"]),
        ('a,"b" ,d\n', ["a", "b", "d"]),
        ('a,"",d\r\n', ["a", "", "d"]),
    ],
)
def test_sound_lines(line: str, expected: list[str]) -> None:
    assert cells(line) == [expected]
    assert lexical_errors(line) == [""]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('a,"b,c\n', ["a", '"b', "c"]),
        ('"a,b,c\n', ['"a', "b", "c"]),
        ('a,b,"c\n', ["a", "b", '"c']),
        ('a,"b"x,c\n', ["a", '"b"x', "c"]),
        ('a,"he said "go, now" to me",c\n', ["a", 'he said "go, now" to me', "c"]),
        ('a,"b,"c",\n', ["a", '"b', "c", ""]),
    ],
)
def test_damaged_lines(line: str, expected: list[str]) -> None:
    assert cells(line + "1,2,3\n", width=3) == [expected, ["1", "2", "3"]]
    error, none = lexical_errors(line + "1,2,3\n", width=3)
    assert ("quote" in error, none) == (True, "")


def test_cells_of_several_lines() -> None:
    text = 'a,"one\ntwo\r\nthree",c\n1,2,3\n'
    assert records(text, width=3) == [(1, ["a", "one\ntwo\r\nthree", "c"]), (4, ["1", "2", "3"])]


def test_whole_rows_are_not_swallowed() -> None:
    text = '1,"x,3\n4,5,6\n7,8,9\n10,11,z",12\n'
    assert cells(text, width=3)[1:3] == [["4", "5", "6"], ["7", "8", "9"]]
    assert cells('1,"x\n2,y\n3,z\n4,w"\n', width=2) == [
        ["1", '"x'], ["2", "y"], ["3", "z"], ["4", 'w"'],
    ]  # fmt: skip
    letter = '1,"a line, and\nanother, one\nthe, last",3\n'
    assert cells(letter, width=3) == [["1", "a line, and\nanother, one\nthe, last", "3"]]


def test_a_quoted_cell_that_begins_with_a_delimiter_closes_no_stray_quote() -> None:
    text = '"1,,\n2,x,y\n8,",;",z\n'
    assert cells(text, width=3) == [['"1', "", ""], ["2", "x", "y"], ["8", ",;", "z"]]
    error, *none = lexical_errors(text, width=3)
    assert ("quote" in error, none) == (True, ["", ""])
    kept = '1,5" pipe,"one\ntwo"\n'
    assert cells(kept, width=3) == [["1", '5" pipe', "one\ntwo"]]


def test_dialects_that_the_csv_module_lacks() -> None:
    assert cells("a||b|c||d\n", Dialect("||")) == [["a", "b|c", "d"]]
    assert cells('a||"b||c"||d\n', Dialect("||")) == [["a", "b||c", "d"]]
    assert cells('a , "b , c" , d\n', Dialect(trim=True)) == [["a", "b , c", "d"]]
    assert cells("| a | b |\n", Dialect("|", trim=True, framed=True)) == [["a", "b"]]
    assert cells('  a   "b c"  d\n', Dialect(" ", blanks=1)) == [["a", "b c", "d"]]
    assert cells("a,«b,c»,d\n", Dialect(quote="«")) == [["a", "b,c", "d"]]
    assert cells("a\n", Dialect("")) == [["a"]]


def test_escapes() -> None:
    dialect = Dialect(escape="\\", doubled=False)
    assert cells('a,"b \\"c\\" \\\\",d\n', dialect) == [["a", 'b "c" \\', "d"]]
    assert cells("a,b\\,c,C:\\new\n", dialect) == [["a", "b,c", "C:\\new"]]


def test_comments_and_fixed_columns() -> None:
    dialect = Dialect(comment="#")
    text = "# x\na,b\n#1,2\n# y, z, w\n"
    assert cells(text, dialect, 2) == [[], ["a", "b"], ["#1", "2"], []]
    assert lexical_errors(text, dialect, 2) == [COMMENT.reason, "", "", COMMENT.reason]
    fixed = Dialect(" ", blanks=2, starts=(0, 4, 8))
    assert cells("a   b   c\n1       3\n", fixed) == [["a", "b", "c"], ["1", "", "3"]]
    assert lexical_errors("a   b   c\n123456 3\n", fixed) == ["", ACROSS.reason]


def test_no_other_character_ends_a_line() -> None:
    text = ["a,b\u2028c\x0b\x0c\x1c\x85d\n", "1,2\n"]
    cells = [each for _, each, _ in Lexer(COMMA).records(text)]
    assert cells == [["a", "b\u2028c\x0b\x0c\x1c\x85d"], ["1", "2"]]


@pytest.mark.parametrize(
    "line", ['1,"x\n', '1,"a""\n', '1,"""\n', '"', ',"x', '1,"x\n2,y\n', '""', "\\" + '"']
)
def test_time_is_linear(line: str) -> None:
    def took(times: int) -> float:
        lines = ["a,b\n", *(line * times).splitlines(keepends=True)]
        lexer = Lexer(Dialect(escape="\\") if "\\" in line else COMMA, 2)
        started = time.process_time()
        assert sum(1 for _ in lexer.records(lines)) > 0
        return time.process_time() - started

    small = min(took(4_000) for _ in range(3))
    assert took(32_000) < 8 * 4 * small + 0.2
