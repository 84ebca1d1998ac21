import re

import pytest

from entrepot_client.cli.terminal.columns import LISTS, ColumnRules
from entrepot_client.cli.terminal.table import cell_width, shorten, table_lines

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


def test_less_important_columns_are_left_out_before_a_text_has_few_cells() -> None:
    names = table_lines(COLUMNS, ROWS, 100, ColumnRules(leaving=["owner", "created"]))
    assert names.left_out == ["owner"]
    assert ROWS[0][1][:40] in names.lines[1]
    assert table_lines(COLUMNS, ROWS, 90, ColumnRules(leaving=["owner", "created"])).left_out == [
        "owner",
        "created",
    ]
    assert table_lines(COLUMNS, ROWS, 140, ColumnRules(leaving=["owner", "created"])).left_out == []
    short = [(ID, "orders.csv", "1.0 kB", "demo:anna", "2026-11-30")]
    assert table_lines(COLUMNS, short, 80, ColumnRules(leaving=["owner"])).left_out == []


@pytest.mark.parametrize("width", [80, 100, 140])
def test_nothing_is_left_out_that_there_is_room_for(width: int) -> None:
    """Each list of the program, with cells of every width: one more column would not fit."""
    names = (*LISTS.leaving[::-1], "version", "created")
    for size in (3, 12, 17, 30):
        rows = [("1", *(str(at) * (size if at % 3 else 4) for at in range(len(names))), "who")]
        columns = ("name", *names, "by")
        table = table_lines(columns, rows, width, LISTS)
        used = len(table.lines[1].rstrip())
        room = [max(len(rows[0][columns.index(name)]), len(name)) + 2 for name in table.left_out]
        assert all(used + cells > width for cells in room), (size, table)


def test_versions_keep_the_column_that_fits() -> None:
    """`rows` is less important than `size`, and fits once `size` is left out."""
    columns = ("version", "status", "created (UTC)", "size", "rows", "by", "note")
    note = "kept until 2026-12-10"
    row = ("2", "published", "2026-12-03 00:20", "108 bytes", "3", "demo:account", note)
    left_out = [table_lines(columns, [row], width, LISTS).left_out for width in (80, 100, 140)]
    assert left_out == [["size"], [], []]


def test_a_wrapped_text_has_a_comfortable_width_before_another_column_stays() -> None:
    rows = [("1", "2026-12-01 10:00", "18 bytes", "partner:anna", "kept until 2026-12-08 " * 2)]
    columns = ("version", "created", "size", "by", "note")
    for leaving, left_out in ((["by"], ["by"]), ([], [])):
        table = table_lines(columns, rows, 80, ColumnRules(leaving=leaving, wrapped=["note"]))
        assert table.left_out == left_out
        assert max(map(cell_width, table.lines)) <= 80


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


@pytest.mark.parametrize("pattern", ["a", "1", "1,", "a:", "a.b", ID, SHA256, f"{ID}-", "名"])
def test_a_long_name_takes_no_room_from_other_columns(pattern: str) -> None:
    long_name = (pattern * 255)[:255]
    for columns, row in (
        (("name", "path", "file id"), (long_name, long_name, ID)),
        (("file id", "name", "created"), (ID, long_name, "2026-11-30 10:00")),
    ):
        table = table_lines(columns, [row, [cell[:9] for cell in row]], 80)
        assert table.left_out == []
        assert ID in table.lines[1]
        assert max(map(cell_width, table.lines)) <= 80


def test_a_line_break_in_a_cell_does_not_break_the_line() -> None:
    assert table_lines(("a", "b"), [("x\ny", "1")], 80).lines[1] == "x y  1"


def test_columns_are_folded_between_words_side_by_side() -> None:
    rules = ColumnRules(wrapped=["action", "detail"])
    row = ("Removed permanently", "1a2b3c4d", "version 3, its bytes were removed")
    lines = table_lines(("action", "file", "detail"), [row, row], 40, rules).lines
    assert lines[1:4] == [
        "Removed      1a2b3c4d  version 3, its",
        "permanently            bytes were",
        "                       removed",
    ]
    assert lines[4:] == lines[1:4]


def test_a_last_column_of_sentences_is_wrapped_and_stays() -> None:
    columns = ("version", "status", "created", "by", "note")
    note = "withdrawn, can be undone until 2026-12-08, the prices are those of the wrong month"
    rows = [
        ("2", "withdrawn", "2026-12-01 10:00", "partner:anna", note),
        ("1", "published", "", "", ""),
    ]
    for width in (50, 60, 80, 140):
        table = table_lines(columns, rows, width, ColumnRules(wrapped=["note"]))
        assert max(map(cell_width, table.lines)) <= width
        column = table.lines[0].index("note")
        last_row = len(table.lines) - 1
        assert " ".join(line[column:] for line in table.lines[1:last_row]) == note
        assert table.lines[-1].split()[:2] == ["1", "published"]
    assert table_lines(columns, rows, 70, ColumnRules(wrapped=["note"])).left_out == []
    assert table_lines(columns, rows, 60, ColumnRules(wrapped=["note"])).left_out == ["by"]
    assert len(table_lines(columns, rows, None, ColumnRules(wrapped=["note"])).lines) == 3


def test_a_word_longer_than_the_column_is_not_cut() -> None:
    rows = [("installation", f"{ID} is known")]
    lines = table_lines(
        ("check", "what was seen"), rows, 40, ColumnRules(wrapped=["what was seen"])
    ).lines
    assert [line.split()[-1] for line in lines[1:]] == [ID, "known"]


LONG = "quarterly figures of all regions, corrected after the audit.csv"
TIME = "2026-12-02 18:32"
NOTE = "withdrawn 2026-12-02 18:32, can be undone until 2026-12-09: the prices are wrong"
REAL_LISTS = {
    "files": (
        ("name", "you may", "path", "version", "size", "owner", "created (UTC)", "file id"),
        (
            LONG,
            "read and deliver",
            "sales/2026/quarterly",
            "12",
            "1.2 MB",
            "partner:anna",
            TIME,
            ID,
        ),
        ("read and deliver", "partner:anna"),
    ),
    "versions": (
        ("version", "status", "created (UTC)", "size", "rows", "by", "note"),
        ("2", "withdrawn", TIME, "1.2 MB", "12,345", "partner:johanna", NOTE),
        ("withdrawn", "partner:johanna", "can be undone"),
    ),
    "activity": (
        ("at (UTC)", "user", "action", "file", "from", "detail"),
        (TIME, "t4b90e302a4:admin", "Suggestion accepted", ID[:8], "127.0.0.1", NOTE),
        ("t4b90e302a4:admin", "Suggestion", "accepted", ID[:8], "undone"),
    ),
    "tasks": (
        ("task id", "created (UTC)", "status", "file", "version", "kind"),
        (ID, TIME, "running, 45 %", LONG, "3", "change of the schema"),
        ("running, 45 %", LONG[:11]),
    ),
    "uploads": (
        ("upload id", "file", "received", "user", "reserved", "since (UTC)"),
        (ID, LONG, "12 MB of 1.2 GB", "partner:johanna", "1.2 GB", TIME),
        ("12 MB of 1.2 GB", LONG[:11]),
    ),
}


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", REAL_LISTS)
def test_what_matters_most_of_a_list_is_shown_at_each_width(name: str, width: int) -> None:
    columns, row, kept = REAL_LISTS[name]
    lines = table_lines(columns, [row], width, LISTS).lines
    assert max(map(cell_width, lines)) <= width
    assert [text for text in kept if text not in "\n".join(lines)] == []
