import re

import pytest

from entrepot_client.cli.terminal_table import cell_width, shorten, table_lines

ID = "53c9c295-83f4-4754-a781-cd03841c806f"
ID_2 = "be49ab3f-11c9-418a-aa24-a5c379bc8d5f"
SHA256 = "9b024f19b90d764ca99acb014a293e8359dd0065ac699f97acf8a9c256337063"
COLUMNS = ("file id", "name", "size", "owner", "created")
ROWS = [
    (ID, "a name that is much too long for the terminal.csv", "1.0 kB", "demo:anna", "2026-11-30"),
    (ID_2, "売上高の一覧表とその他の情報を含む長い名前.csv", "2 bytes", "demo:rob", "2026-11-30"),
]


@pytest.mark.parametrize("width", [36, 60, 80, 100, 140, 200, None])
def test_ids_stay_whole_and_lines_fit(width: int | None) -> None:
    table = table_lines(COLUMNS, ROWS, width)
    assert len(table.lines) == 3
    for line, (file_id, *_) in zip(table.lines[1:], ROWS, strict=True):
        assert line.startswith(file_id)
        assert cell_width(line) <= (width or 10_000)
    assert [*re.split(r"\s{2,}", table.lines[0]), *table.left_out] == list(COLUMNS)


def test_texts_are_shortened_before_a_column_is_left_out() -> None:
    table = table_lines(COLUMNS, ROWS, 100)
    assert table.left_out == []
    assert "a name that is much too long…   1.0 kB" in table.lines[1]
    assert table_lines(COLUMNS, ROWS, 80).left_out == ["created"]


@pytest.mark.parametrize(
    "whole", [ID, SHA256, "127.0.0.1", "::1", "https://a.example/x", "acme:anna", "1,234.5 MB",
              "2023-11-25 13:25", "/api/v1/files"]
)  # fmt: skip
def test_what_people_copy_is_never_cut(whole: str) -> None:
    long_text = "words that may be cut " * 9
    for row in ((long_text, whole), (whole, long_text)):
        lines = table_lines(("a", "b"), [row], 90).lines
        assert whole in lines[1] or row[0] == long_text
        assert "…" not in lines[1].replace(shorten(long_text, 90), "") or whole in lines[1]
    assert table_lines(("a",), [(whole,)], 5).lines[1] == whole


def test_a_line_break_in_a_cell_does_not_break_the_line() -> None:
    assert table_lines(("a", "b"), [("x\ny", "1")], 80).lines[1] == "x y  1"
