"""Last columns without a label: empty ones are left out, a value in them is a cell too many, at the
first delivery and under the contract."""

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.forms import forms_of
from tests.support.selection import examples

from entrepot.inspection.results import Inspection

NAMES = ["id", "name", "amount"]
SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string"},
        {"name": "amount", "type": "number"},
    ]
}
Place = tuple[int, int]


def build(rng: random.Random) -> tuple[list[list[str]], list[Place]]:
    """The records of a table with one to three last columns without a label, and where these have
    values: rows, and columns from 1."""
    unlabelled = rng.choice([1, 1, 2, 3])
    share = rng.choice([0, 0, 0.03, 0.3, 1])
    records = [[*NAMES, *[""] * unlabelled]]
    values = []
    for number in range(rng.choice([6, 40])):
        surplus = [
            rng.choice(["x", "17"]) if rng.random() < share else "" for _ in range(unlabelled)
        ]
        records.append([str(number), rng.choice(["a", "b c", "d"]), "1.5", *surplus])
        values += [(len(records), n) for n, cell in enumerate(surplus, start=4) if cell]
    return records, values


def text_of(records: list[list[str]], rng: random.Random) -> str:
    """The text. Some rows may lack the empty cells at their end, or have a quoted cell."""
    lines, cut, quoted = [], rng.random() < 0.3, rng.random() < 0.3
    for number, record in enumerate(records):
        cells = list(record)
        if number and cut and not any(cells[3:]) and rng.random() < 0.15:
            cells = cells[:3]
        if number and quoted:
            cells[1] = f'"{cells[1]}"'
        lines.append(cells)
    mark, end = rng.choice([",", ";", "\t"]), rng.choice(["\n", "\r\n"])
    return "".join(mark.join(cells) + end for cells in lines)


def surplus_of(inspection: Inspection) -> list[Place]:
    """Where the report has values in cells beyond the table; it has no other errors."""
    errors = errors_of(inspection)
    assert {error["code"] for error in errors} <= {"extra-cell"}
    return [(error["rowNumber"], error["fieldNumber"]) for error in errors if error["cell"]]


@pytest.mark.parametrize("seed", range(examples(80)))
def test_of_texts(inspect: Inspect, tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"unlabelled {seed}")
    records, values = build(rng)
    text = text_of(records, rng)
    first = inspect(text)
    verdict = "violates" if values else "conforms"
    assert first.verdict == verdict, text
    assert surplus_of(first) == values, text
    counts = first.report["tasks"][0]["errorCounts"]
    assert sum(entry["count"] for entry in counts) == len(values)
    assert first.report["tasks"][0]["rowsRejected"] == len({row for row, _ in values})
    assert first.schema is not None
    assert [field["name"] for field in first.schema["fields"]] == NAMES
    for schema in (SCHEMA, first.schema):
        again = inspect(text, schema)
        assert (again.verdict, again.row_count) == (verdict, first.row_count), text
        assert surplus_of(again) == values, text
    if not values:
        path = tmp_path / "forms.csv"
        path.write_text(text)
        forms_of(path, None, tmp_path).agree()


def test_further_cells_beyond_the_labels(inspect: Inspect) -> None:
    rows = [f"{n},b,1.5," for n in range(30)]
    rows[4], rows[7], rows[9] = "4,b,1.5,,x", "7,b,1.5,y,z", "9,b"
    first = inspect("\n".join(["id,name,amount,", *rows, ""]))
    errors = [
        (e["code"], e["rowNumber"], e["fieldNumber"], e.get("cell")) for e in errors_of(first)
    ]
    assert errors == [
        ("extra-cell", 6, 5, "x"),
        ("extra-cell", 9, 4, "y"),
        ("extra-cell", 9, 5, "z"),
        ("missing-cell", 11, 3, ""),
    ]
    counts = {each["code"]: each["count"] for each in first.report["tasks"][0]["errorCounts"]}
    assert counts == {"extra-cell": 3, "missing-cell": 1}


@pytest.mark.parametrize(("above", "header"), [("a,b,", [1, 2]), ("a,,", [2])])
def test_below_a_header_of_two_rows(inspect: Inspect, above: str, header: list[int]) -> None:
    rows = [f"{n},{n}.5," for n in range(20)]
    text = "\n".join([above, "id,amount,", *rows, ""])
    first = inspect(text)
    assert (first.verdict, first.dialect) == ("conforms", {"headerRows": header})
    assert inspect(text, first.schema, dialect=first.dialect).verdict == "conforms"
    broken = text.replace("0,0.5,", "0,0.5,x")
    assert surplus_of(inspect(broken)) == [(3, 3)]
    assert surplus_of(inspect(broken, first.schema, dialect=first.dialect)) == [(3, 3)]


@pytest.mark.parametrize("label", ["", " ", '""', '" "'])
def test_says_what_to_do(inspect: Inspect, label: str) -> None:
    text = f"id,name,{label}\n" + "1,b,\n" * 30 + "2,c,x\n"
    for inspection in (inspect(text), inspect(text, {"fields": SCHEMA["fields"][:2]})):
        assert [error["message"] for error in errors_of(inspection)] == [
            "Line 32, column 3: `x` is in a column without a label. Expected no value there."
            " Give the column a label, or take the value out."
        ]


@pytest.mark.parametrize("seed", range(examples(40)))
def test_of_workbooks(inspect: Inspect, tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"unlabelled sheet {seed}")
    records, values = build(rng)
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for row, record in enumerate(records):
            for column, cell in enumerate(record):
                if cell:
                    figure = row and column != 1 and cell != "x"
                    sheet.write(row, column, float(cell) if figure else cell)
    first = inspect(path)
    assert first.verdict == ("violates" if values else "conforms")
    assert {error["code"] for error in errors_of(first)} <= {"extra-cell"}
    assert surplus_of(inspect(path, SCHEMA)) == values
    if not values:
        assert inspect(path, first.schema).verdict == "conforms"
        forms_of(path, None, tmp_path).agree()


@pytest.mark.parametrize("cells", [[None] * 4, ["x", None, None, None], ["x"] * 4])
@pytest.mark.parametrize("kind", ["parquet", "arrow", "jsonl", "arrays"])
def test_where_the_format_names_columns_a_blank_name_is_one(
    inspect: Inspect, tmp_path: Path, cells: list[str | None], kind: str
) -> None:
    """What is accepted once is accepted again."""
    table = pa.table({"id": [1, 2, 3, 4], "": pa.array(cells, pa.string())})
    path, dialect = tmp_path / f"t.{kind}", None
    match kind:
        case "parquet":
            pq.write_table(table, path)
        case "arrow":
            with pa.ipc.new_file(str(path), table.schema) as writer:
                writer.write_table(table)
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
        case _:
            rows = [list(row.values()) for row in table.to_pylist()]
            path.write_text(json.dumps([["id", ""], *rows]))
            dialect = {"itemType": "array"}
    first = inspect(path, dialect=dialect)
    assert first.verdict == "conforms"
    assert first.schema is not None
    assert [field["name"] for field in first.schema["fields"]] == ["id", "column_2"]
    assert inspect(path, first.schema, dialect=dialect).verdict == "conforms"


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("other", ["a", "column_1", "column_2"])
@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_an_empty_key_belongs_to_the_same_column_again(
    inspect: Inspect, tmp_path: Path, name: str, other: str, place: int
) -> None:
    """Wherever it stands, and also where a later delivery begins with other keys."""

    def text_of(*rows: dict[str, int]) -> str:
        return json.dumps(rows) if name == "t.json" else "\n".join(map(json.dumps, rows))

    keys = [other, "b"]
    keys.insert(place, "")
    row = {key: n for n, key in enumerate(keys)}
    first = inspect(text_of(row, row), name=name)
    assert first.schema is not None
    names = [field["name"] for field in first.schema["fields"]]
    assert names[place].startswith(f"column_{place + 1}")
    assert inspect(text_of(row), first.schema, name=name).verdict == "conforms"
    path = tmp_path / name
    path.write_text(text_of(dict(reversed(row.items()))))
    forms = forms_of(path, first.schema, tmp_path)
    assert forms.inspection.verdict == "conforms", forms.inspection.detail
    assert list(forms.stored) == names


@pytest.mark.parametrize("label", [" ", "\t ", "\u00a0"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_label_of_blanks_is_blank(
    inspect: Inspect, tmp_path: Path, label: str, place: int
) -> None:
    labels = ["id", "name"]
    labels.insert(place, label)
    text = ";".join(labels) + "\n1;2;3\n4;5;6\n"
    first = inspect(text)
    assert first.verdict == "conforms"
    assert first.schema is not None
    names = [field["name"] for field in first.schema["fields"]]
    assert names[place] == f"column_{place + 1}"
    assert f"Column {place + 1} has no label" in str(first.report["tasks"][0]["warnings"])
    path = tmp_path / "forms.csv"
    path.write_text(text)
    forms = forms_of(path, None, tmp_path)
    forms.agree()
    for delivered in (text.encode(), forms.canonical):
        assert inspect(delivered, first.schema).verdict == "conforms"
    # Contracts that were frozen earlier have the blanks as a name.
    first.schema["fields"][place]["name"] = label
    assert inspect(text, first.schema).verdict == "conforms"
