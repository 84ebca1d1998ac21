"""What a row, a header or an end looks like that is not meant as one, and what the report says."""

from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, write_canonical

TWO: dict[str, Any] = {
    "fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]
}
THREE: dict[str, Any] = {"fields": [{"name": name} for name in ("id", "customer", "amount")]}
FOOTER = "take it out, or, if it ends the file, add"


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ("Total,2", f'total: {FOOTER} "entrepot:footer": "Total" to the dialect.'),
        ("Source: us", f'note: {FOOTER} "entrepot:footer": "Source:.*" to the dialect.'),
        ("-- x,2", 'comment: take it out, or add "commentRows": [3] to the dialect.'),
        ("! x", 'comment: take it out, or add "commentChar": "!" to the dialect.'),
        ("Sumatra,2", "such as 17."),
        ("Notebook,2", "such as 17."),
        ('"2,b"', "Write quotes around each cell, or none, instead of around the whole line."),
        (' "2",b', 'Remove the spaces before quotes, or add "skipInitialSpace": true'),
    ],
)
def test_the_advice_on_a_row(inspect: Inspect, row: str, advice: str) -> None:
    first, *_ = errors_of(inspect(f"id,name\n1,a\n{row}\n3,c\n", TWO))
    assert advice in first["message"]


@pytest.mark.parametrize("word", ["Sumatra", "Summer", "Meander", "Notebook", "Standard"])
def test_a_word_that_only_begins_like_a_total_or_a_note(inspect: Inspect, word: str) -> None:
    text = f"name,a,b\nAnna,1,2\nBert,3,4\nCarl,5,1\n{word},,\n"
    for mode in ("infer", "none"):
        inspection = inspect(text, mode=mode)
        assert (inspection.verdict, inspection.row_count) == ("conforms", 4), inspection.detail


@pytest.mark.parametrize("mark", ["|", ";", "\t"])
@pytest.mark.parametrize("rows", [3, 40])
def test_a_header_with_a_delimiter_over_rows_without_one(
    inspect: Inspect, mark: str, rows: int
) -> None:
    below = "".join(f"Word{n}\n" for n in range(rows))
    first = inspect(f"name{mark}town\n{below}")
    (error,) = errors_of(first)
    written = {"\t": "\\t"}.get(mark, mark)
    assert error["code"] == "unsure-reading"
    assert f'State "delimiter": "{written}" in the dialect if there are columns' in error["message"]
    for stated in ({"delimiter": ","}, None):
        label = f"name{mark}town" if stated else f'"name{mark}town"'
        assert inspect(f"{label}\n{below}", dialect=stated).verdict == "conforms"


@pytest.mark.parametrize(("header_rows", "row_count"), [([1], 4), ([1, 2], 3), ([2], 3)])
def test_a_row_of_names_below_the_header(
    inspect: Inspect, header_rows: list[int], row_count: int
) -> None:
    text = "nr,title\nid,name\n3,ax\n4,by\n5,cz\n"
    (error,) = errors_of(inspect(text))
    assert (
        'row 2 may belong to the header. State "headerRows": [1, 2] in the dialect if it does, or'
        " [1] if it is a row of the table."
    ) in error["message"]
    stated = inspect(text, dialect={"headerRows": header_rows})
    assert (stated.verdict, stated.row_count) == ("conforms", row_count)
    assert inspect(text.replace("id,name", "x,Ann")).verdict == "conforms"


@pytest.mark.parametrize(
    ("header", "messages"),
    [
        (
            "amount,customer,id",
            ["column 1: the column `amount` was moved. Expected it as column 3."],
        ),
        (
            ",id,customer,amount",
            ["column 1: a column without a name was inserted, the contract does not have it."],
        ),
    ],
)
def test_the_advice_on_a_header(inspect: Inspect, header: str, messages: list[str]) -> None:
    row = ",".join("x" for _ in header.split(","))
    written = [error["message"] for error in errors_of(inspect(f"{header}\n{row}\n", THREE))]
    assert len(written) == len(messages)
    assert all(part in message for part, message in zip(messages, written, strict=True))


@pytest.mark.parametrize("part", [b"\xe2\x82", b"\xf0\x9f\x98", b"\xe3\x81"])
def test_a_text_that_ends_within_a_character(inspect: Inspect, part: bytes) -> None:
    """Its only character beyond ASCII: it was read as one of another encoding."""
    inspection = inspect(b"id,name\n1,abc\n2,Zo" + part, TWO)
    assert [error["code"] for error in errors_of(inspection)] == ["encoding-error"]


def test_an_empty_cell_that_is_no_missing_value(inspect: Inspect) -> None:
    schema = {"fields": [{"name": "n", "type": "integer", "missingValues": ["NA"]}, {"name": "v"}]}
    (error,) = errors_of(inspect("n,v\n,x\n", schema))
    assert "an empty cell is not an integer" in error["message"]


@pytest.mark.parametrize("below", ["", "\n", "\n\n  \n"])
def test_a_header_above_blank_lines_alone(tmp_path: Path, below: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"id,name\n{below}")
    write_canonical(path, tmp_path / "made.csv", tmp_path / "scratch", names=["id", "name"])
    assert (tmp_path / "made.csv").read_bytes() == b"id,name\r\n"


@pytest.mark.parametrize("labels", ["name,town", "id;status;type", "vorname;code;note_1"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_header_again_among_texts(inspect: Inspect, labels: str, times: int) -> None:
    mark = ";" if ";" in labels else ","
    rows = [
        mark.join(f"Word{chr(97 + n + m)}" for m in range(len(labels.split(mark))))
        for n in range(6)
    ]
    lines = [labels, *rows[:2], *[labels, *rows[2:4]] * times, *rows[4:]]
    (error,) = errors_of(inspect("\n".join(lines) + "\n"))
    assert error["code"] == "outside-table"
    allowed = {1: "[4]", 2: "[4, 7]"}[times]
    assert f'add "commentRows": {allowed} to the dialect' in error["message"]


@pytest.mark.parametrize("stated", [None, True, False])
@pytest.mark.parametrize("mode", ["infer", "none", "given"])
@pytest.mark.parametrize("before", [" ", "   ", "\t"])
def test_spaces_before_quotes(
    inspect: Inspect, mode: str, stated: bool | None, before: str
) -> None:
    text = f'id,name\n1,{before}"a"\n2,b\n3,"c"\n4,b "c"\n'
    dialect = None if stated is None else {"skipInitialSpace": stated}
    inspection = inspect(text, TWO if mode == "given" else None, mode=mode, dialect=dialect)
    warned = " ".join(inspection.report["tasks"][0]["warnings"])
    assert ("In 1 row a space stands before a quote (row 2)" in warned) == (stated is None)
    assert inspection.verdict == "conforms"
    advised = '"skipInitialSpace": true to the dialect, or false if the quotes' in warned
    assert advised == (stated is None)
