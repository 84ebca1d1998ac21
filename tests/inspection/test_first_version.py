"""What the report of a first version says, and what its contract is made of."""

import pytest
from tests.inspection.conftest import Inspect, errors_of


@pytest.mark.parametrize(
    ("text", "names", "left_out"),
    [
        (
            "a,b,\n1,2,\n",
            ["a", "b"],
            ["Column 3 has neither a label nor a value; it was left out."],
        ),
        (
            "a,b,,\n1,2,,\n",
            ["a", "b"],
            ["Columns 3, 4 have neither a label nor a value; they were left out."],
        ),
        ("a,b,,\n1,2,3,\n", ["a", "b"], ["Column 4"]),
        (f"a,b{',' * 300}\n1,2{',' * 300}\n", ["a", "b"], ["Columns 3, 4, 5, 6, 7, …"]),
    ],
)
def test_last_columns_without_a_label_and_a_value(
    text: str, names: list[str], left_out: list[str], inspect: Inspect
) -> None:
    inferred = inspect(text)
    assert inferred.schema is not None
    assert [field["name"] for field in inferred.schema["fields"]] == names
    warnings = inferred.report["tasks"][0]["warnings"]
    notices = [text for text in warnings if "left out" in text]
    assert [text[: len(begin)] for text, begin in zip(notices, left_out, strict=True)] == left_out
    assert inspect(text, inferred.schema).verdict == inferred.verdict


def test_a_row_with_a_delimiter_at_its_end_has_a_cell_too_many(inspect: Inspect) -> None:
    inferred = inspect("id,name\n1,a,\n2,b,\n")
    assert {error["type"] for error in errors_of(inferred)} == {"extra-cell"}
    assert not [text for text in inferred.report["tasks"][0]["warnings"] if "left out" in text]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id;name\n1\n2\n3;Ann\n4\n5\n", [("missing-cell", row, 2) for row in (2, 3, 5, 6)]),
        ("A;ragged\nB\nC;x;y\n", [("missing-cell", 2, 2), ("extra-cell", 3, 3)]),
        ("a;b;c\n1\n2;x\n3;y;z;q\n", [
            ("missing-cell", 2, 2), ("missing-cell", 2, 3), ("missing-cell", 3, 3),
            ("extra-cell", 4, 4)]),
    ],
)  # fmt: skip
def test_the_header_tells_the_width_where_most_rows_have_another(
    inspect: Inspect, text: str, expected: list[tuple[str, int, int]], mark: str
) -> None:
    errors = errors_of(inspect(text.replace(";", mark)))
    assert [(each["code"], each["rowNumber"], each["fieldNumber"]) for each in errors] == expected


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("Report of 2020\n\nid,name\n1,a\n2,b\n", ["The header is in row 3"]),
        ("Report of 2020\n\nid,name\n1,a\n2,b,4\n", []),
        (",name\n1,a\n2,b\n", ["Column 1 has no label"]),
        (",name\n1,a\n2,b,4\n", []),
    ],
)
def test_only_an_accepted_version_says_what_the_contract_expects(
    text: str, accepted: list[str], inspect: Inspect
) -> None:
    inferred = inspect(text)
    warnings = inferred.report["tasks"][0]["warnings"]
    notices = [text for text in warnings if "the contract" in text]
    assert [text[: len(begin)] for text, begin in zip(notices, accepted, strict=True)] == accepted
    assert inferred.verdict == ("conforms" if accepted else "violates")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("marks", [1, 2, 3])
@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,a\n2,ä\n",
        '[{"id": 1, "name": "a"}, {"id": 2, "name": "ä"}]',
        '{"id": 1, "name": "a"}\n{"id": 2, "name": "ä"}\n',
    ],
)
def test_several_byte_order_marks_are_one(
    encoding: str, marks: int, text: str, inspect: Inspect
) -> None:
    inferred = inspect(("\ufeff" * marks + text).encode(encoding))
    warnings = inferred.report["tasks"][0]["warnings"]
    assert [f"{marks} byte order marks" in each for each in warnings] == [True] * (marks > 1)
    assert inferred.schema is not None
    assert [field["name"] for field in inferred.schema["fields"]] == ["id", "name"]
    assert inferred.row_count == 2


@pytest.mark.parametrize("rows", [3, 10])
@pytest.mark.parametrize("titles", [17, 20, 21])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_up_to_twenty_titles_may_be_most_of_the_lines(
    inspect: Inspect, titles: int, rows: int, delimiter: str
) -> None:
    lines = [f"Station {number} of the network" for number in range(titles)]
    lines += [delimiter.join(cells) for cells in [("id", "name"), *[("7", "Ada")] * rows]]
    inferred = inspect("".join(f"{line}\n" for line in lines))
    assert (inferred.verdict == "conforms") == (titles <= 20)
    if titles <= 20:
        assert inferred.dialect == {"headerRows": [titles + 1]}
        assert inferred.row_count == rows
        [warning, *_] = inferred.report["tasks"][0]["warnings"]
        assert f"Rows 1 to {titles} do not belong to the table" in warning


@pytest.mark.parametrize("lines", [10, 60_000])
@pytest.mark.parametrize("titles", [1, 2])
def test_a_header_is_found_below_titles_of_any_length(
    inspect: Inspect, titles: int, lines: int
) -> None:
    title = '"' + "A line of the title\n" * lines + '"\n'
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}
    dialect = {"headerRows": [titles + 1]}
    text = title * titles + "id;name\n1;a\n2;b\nx;c\n"
    inspection = inspect(text, schema, dialect=dialect)
    [error] = errors_of(inspection)
    assert (error["rowNumber"], error["fieldName"]) == (titles + 4, "id")
    assert inspection.row_count == 3
