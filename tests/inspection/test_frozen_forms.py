"""A contract that was inferred allows only the forms of values that occurred: moments with or
without a time zone, finite numbers. Each first version × each format × each next version."""

import csv
import io
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.results import Inspection
from entrepot.schemas.table_schema import parse_schema

Cells = list[Any]


def as_csv(path: Path, cells: Cells) -> Path:
    target = io.StringIO()
    csv.writer(target).writerows([["k", "v"], *([f"k{n}", cell] for n, cell in enumerate(cells))])
    path.write_text(target.getvalue())
    return path


def as_json(path: Path, cells: Cells) -> Path:
    path.write_text(json.dumps([{"k": f"k{n}", "v": cell} for n, cell in enumerate(cells)]))
    return path


def as_jsonl(path: Path, cells: Cells) -> Path:
    lines = (json.dumps({"k": f"k{n}", "v": cell}) + "\n" for n, cell in enumerate(cells))
    path.write_text("".join(lines))
    return path


def as_xlsx(path: Path, cells: Cells) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["k", "v"])
    for n, cell in enumerate(cells):
        book.active.append([f"k{n}", cell])
    book.save(path)
    return path


def arrow_table(cells: Cells) -> pa.Table:
    return pa.table({"k": [f"k{n}" for n in range(len(cells))], "v": pa.array(cells)})


def as_parquet(path: Path, cells: Cells) -> Path:
    pq.write_table(arrow_table(cells), path)
    return path


def as_arrow(path: Path, cells: Cells) -> Path:
    table = arrow_table(cells)
    with pyarrow.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    return path


WRITERS: dict[str, Callable[[Path, Cells], Path]] = {
    "csv": as_csv, "json": as_json, "jsonl": as_jsonl, "xlsx": as_xlsx,
    "parquet": as_parquet, "arrow": as_arrow,
}  # fmt: skip


@dataclass(frozen=True)
class FrozenSample:
    """Cells of a column in one format; `form` is what they have in common."""

    storage: str
    cells: Cells
    form: Any

    def write(self, folder: Path, name: str) -> Path:
        return WRITERS[self.storage](folder / f"{name}.{self.storage}", self.cells)

    def __str__(self) -> str:
        return f"{self.storage}-{self.form}-{self.cells[0]}"


ContractOf = Callable[[FrozenSample], dict[str, Any]]


def freeze(inspect: Inspect, path: Path) -> tuple[dict[str, Any], Inspection]:
    """The contract of a first version, and the inspection of that."""
    first = inspect(path)
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    parse_schema(first.schema)
    return first.schema, first


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, Any]]:
    """The contracts of the samples that were delivered first, each of which meets many others."""
    return {}


@pytest.fixture
def contract_of(
    inspect: Inspect, tmp_path: Path, contracts: dict[str, dict[str, Any]]
) -> ContractOf:
    """The contract of a first version that holds a sample. It is inspected once."""

    def contract(sample: FrozenSample) -> dict[str, Any]:
        if repr(sample) not in contracts:
            contracts[repr(sample)], _ = freeze(inspect, sample.write(tmp_path, "first"))
        return deepcopy(contracts[repr(sample)])

    return contract


def field_of(schema: dict[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = schema["fields"][1]
    return field


ZONELESS = ["2024-03-31T10:00:00", "2024-03-31 23:59:59"]
ZONED = ["2024-03-31T10:00:00Z", "2024-03-31 23:59:59+01:00", "2024-01-01T00:00:00-0330"]
STORED_ZONED = [datetime(2024, 3, 31, hour, 59, tzinfo=UTC) for hour in (10, 23)]
STORED = [moment.replace(tzinfo=None) for moment in STORED_ZONED]
DATETIMES = [
    *(FrozenSample(storage, ZONELESS, False) for storage in ("csv", "json", "jsonl")),
    *(FrozenSample(storage, ZONED, True) for storage in ("csv", "json", "jsonl")),
    FrozenSample("xlsx", STORED, False),
    *(FrozenSample(storage, STORED, False) for storage in ("parquet", "arrow")),
    *(FrozenSample(storage, STORED_ZONED, True) for storage in ("parquet", "arrow")),
]
TIMES = [
    *(FrozenSample(storage, ["10:00:00", "23:59:59.5"], False) for storage in ("csv", "json")),
    *(
        FrozenSample(storage, ["10:00:00Z", "23:59:59.5+01:00"], True)
        for storage in ("csv", "json")
    ),
    *(
        FrozenSample(storage, [time(10), time(23, 59)], False)
        for storage in ("xlsx", "parquet", "arrow")
    ),
]
OWN_FORMAT = [
    FrozenSample("csv", ["31.03.2024 10:00:00", "01.02.2024 00:00:00"], False),
    FrozenSample("csv", ["31.03.2024 10:00:00+0100", "01.02.2024 00:00:00-0330"], True),
]


@pytest.mark.parametrize("again", [*DATETIMES, *TIMES], ids=str)
@pytest.mark.parametrize("first", [*DATETIMES, *TIMES, *OWN_FORMAT], ids=str)
def test_time_zones(
    inspect: Inspect,
    tmp_path: Path,
    contract_of: ContractOf,
    first: FrozenSample,
    again: FrozenSample,
) -> None:
    kind = "time" if first in TIMES else "datetime"
    if kind != ("time" if again in TIMES else "datetime"):
        return
    schema = contract_of(first)
    assert (field_of(schema)["type"], field_of(schema)["entrepot:timeZone"]) == (kind, first.form)
    if first in OWN_FORMAT and again.storage == "csv":
        return  # texts have another form there
    delivery = inspect(again.write(tmp_path, "again"), schema)
    errors = errors_of(delivery)
    if first.form == again.form:
        assert delivery.verdict == "conforms", delivery.detail
        return
    assert [error["fieldName"] for error in errors] == ["v"] * len(again.cells)
    words = "has a time zone. Expected" if again.form else "has no time zone. Expected"
    assert all(words in error["message"] for error in errors), delivery.detail
    example = errors[0]["example"]
    if first not in OWN_FORMAT:
        assert example.endswith("Z") == first.form, example
    noun = "a time" if kind == "time" else "a date with a time"
    expected = f"{noun}, {'with' if first.form else 'without'} a time zone"
    assert errors[0]["expected"] == expected


@pytest.mark.parametrize(("storage", "kind"), [
    ("csv", "datetime"), ("csv", "time"), ("json", "datetime"), ("jsonl", "time"),
])  # fmt: skip
@pytest.mark.parametrize("odd_row", [1, 3, 1_500])
def test_a_column_with_both_freezes_neither(
    inspect: Inspect, tmp_path: Path, storage: str, kind: str, odd_row: int
) -> None:
    """Wherever the other kind stands: the first rows are looked at before all of them are."""
    day = "2024-03-31T" if kind == "datetime" else ""
    for usual, other in (("", "+01:00"), ("Z", "")):
        cells = [f"{day}{n % 24:02d}:00:00{usual}" for n in range(2_000)]
        cells[odd_row] = f"{day}10:00:00{other}"
        path = WRITERS[storage](tmp_path / f"first.{storage}", cells)
        schema, first = freeze(inspect, path)
        assert field_of(schema)["type"] == kind
        assert "entrepot:timeZone" not in field_of(schema)
        warnings = first.report["tasks"][0]["warnings"]
        assert [each for each in warnings if each.startswith("`v` has values with and without")]
        for zone in ("", "Z"):
            again = WRITERS[storage](tmp_path / f"again.{storage}", [f"{day}10:00:00{zone}"])
            assert inspect(again, schema).verdict == "conforms"


@pytest.mark.parametrize("zoned", [True, False])
@pytest.mark.parametrize("kind", ["datetime", "time"])
def test_a_long_text_is_judged_by_its_zones(inspect: Inspect, kind: str, zoned: bool) -> None:
    """A text of which whole lines are matched before cells are looked at."""
    day = "2024-03-31T" if kind == "datetime" else ""
    usual, other = ("Z", "") if zoned else ("", "Z")

    def text(odd_row: int | None) -> str:
        rows = [f"row {n},{day}{n % 24:02d}:00:00{usual}\n" for n in range(20_000)]
        if odd_row is not None:
            rows[odd_row] = f"odd,{day}10:00:00{other}\n"
        return "k,v\n" + "".join(rows)

    schema = inspect(text(None)).schema
    assert schema is not None
    assert field_of(schema)["entrepot:timeZone"] == zoned
    assert inspect(text(None), schema).verdict == "conforms"
    for odd_row in (5, 19_999):
        (error,) = errors_of(inspect(text(odd_row), schema))
        assert (error["lineNumber"], error["fieldName"]) == (odd_row + 2, "v")


FINITE, INFINITE = [1.5, -2.25, 3e300], [1.5, float("inf"), float("-inf"), float("nan")]
WORDS = ["1.5", "INF", "-inf", "nan", "Infinity", "-2.5"]
IN_JSON = [1.5, "INF", "-INF", 2]
NUMBERS = [
    *(FrozenSample(storage, FINITE, True) for storage in WRITERS),
    FrozenSample("csv", WORDS, False),
    *(FrozenSample(storage, INFINITE, False) for storage in ("parquet", "arrow")),
]


@pytest.mark.parametrize("again", [*NUMBERS, FrozenSample("jsonl", IN_JSON, False)], ids=str)
@pytest.mark.parametrize("first", NUMBERS, ids=str)
def test_finite_numbers(
    inspect: Inspect,
    tmp_path: Path,
    contract_of: ContractOf,
    first: FrozenSample,
    again: FrozenSample,
) -> None:
    schema = contract_of(first)
    assert field_of(schema)["type"] == "number"
    assert field_of(schema).get("entrepot:finite", False) == first.form
    delivery = inspect(again.write(tmp_path, "again"), schema)
    errors = errors_of(delivery)
    if again.form or not first.form:
        assert delivery.verdict == "conforms", delivery.detail
        return
    # A stored NaN is the mark `NaN` of the contract, and no value; the text "nan" is not.
    values = [cell for cell in again.cells if repr(cell) != "nan"]
    infinite = [cell for cell in values if not str(cell)[-1].isdigit()]
    assert len(errors) == len(infinite)
    for error in errors:
        assert "is not a finite number. Expected a number" in error["message"], error["message"]
    assert "suggested" not in delivery.report


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12.5%,1\n", ["nan%", "inf %"]),
        ('"1,5",1\n', ["nan", "-INF"]),
        ('"1,234.5",1\n"12",2\n', ["NaN.", "inf"]),
        ("1,2.5\n2,1\n3,2.5\n", ["nan", "Infinity"]),
    ],
)
def test_numbers_of_other_forms_are_finite(inspect: Inspect, text: str, words: list[str]) -> None:
    schema = inspect(f"v,k\n{text}").schema
    assert schema is not None
    rows = text.splitlines(keepends=True)
    for word in words:
        wrong = f"v,k\n{text}" + rows[0].replace(rows[0].rsplit(",", 1)[0], word, 1)
        assert [error["cell"] for error in errors_of(inspect(wrong, schema))] == [word]


@pytest.mark.parametrize("odd_row", [3, 15_000])
def test_a_long_text_is_judged_by_its_numbers(inspect: Inspect, odd_row: int) -> None:
    rows = [f"a row of this number,{n}.5\n" for n in range(20_000)]
    finite = "k,v\n" + "".join(rows)
    rows[odd_row] = "odd,-Infinity\n"
    infinite = "k,v\n" + "".join(rows)
    schema, wider = inspect(finite).schema, inspect(infinite).schema
    assert schema is not None
    assert wider is not None
    (error,) = errors_of(inspect(infinite, schema))
    assert error["lineNumber"] == odd_row + 2
    assert "entrepot:finite" not in field_of(wider)
    assert inspect(infinite, wider).verdict == "conforms"


def test_a_given_number_may_be_infinite(inspect: Inspect, tmp_path: Path) -> None:
    """A schema that is given means what the standard says."""
    contract = {"fields": [{"name": "k"}, {"name": "v", "type": "number"}]}
    for storage, cells in (("csv", WORDS), ("jsonl", IN_JSON), ("parquet", INFINITE)):
        path = WRITERS[storage](tmp_path / f"t.{storage}", cells)
        assert inspect(path, contract).verdict == "conforms"


DAYS = [date(2024, 3, 31), date(1999, 12, 31)]
MOMENTS: dict[str, tuple[Cells, Cells]] = {
    "date": (DAYS, ["2024-03-31", "1999-12-31"]),
    "datetime": (STORED, ZONELESS[:1] * 2),
    "time": ([time(10), time(23, 59)], ["10:00:00", "23:59:00"]),
    "boolean": ([True, False], ["true", "false"]),
}


@pytest.mark.parametrize("storage", ["xlsx", "parquet", "arrow"])
@pytest.mark.parametrize("kind", MOMENTS)
def test_values_that_were_stored_are_stored_in_workbooks(
    inspect: Inspect, tmp_path: Path, kind: str, storage: str
) -> None:
    stored, texts = MOMENTS[kind]
    schema, _ = freeze(inspect, WRITERS[storage](tmp_path / f"first.{storage}", stored))
    field = field_of(schema)
    if kind == "date" and storage == "xlsx":
        assert field["type"] in ("date", "datetime")
    else:
        assert field["type"] == kind
    assert field["entrepot:storedType"] is True
    delivery = inspect(as_xlsx(tmp_path / "again.xlsx", [*stored, *texts]), schema)
    errors = errors_of(delivery)
    assert [error["rowNumber"] for error in errors] == [4, 5]
    assert "entered as" in errors[0]["message"]
    assert f"the text `{texts[0]}` is not" in errors[0]["message"]
    # Formats that store no such values have texts in the standard's form.
    assert inspect(as_csv(tmp_path / "again.csv", texts), schema).verdict == "conforms"
    if kind != "boolean":
        assert inspect(as_json(tmp_path / "again.json", texts), schema).verdict == "conforms"


@pytest.mark.parametrize("kind", MOMENTS)
def test_a_given_schema_takes_texts_of_workbooks(
    inspect: Inspect, tmp_path: Path, kind: str
) -> None:
    stored, texts = MOMENTS[kind]
    contract = {"fields": [{"name": "k"}, {"name": "v", "type": kind}]}
    path = as_xlsx(tmp_path / "t.xlsx", [*stored, *texts])
    assert inspect(path, contract).verdict == "conforms"


@pytest.mark.parametrize("kind", ["date", "time", "datetime"])
def test_texts_of_a_first_workbook_may_be_stored_later(
    inspect: Inspect, tmp_path: Path, kind: str
) -> None:
    stored, texts = MOMENTS[kind]
    schema, _ = freeze(inspect, as_xlsx(tmp_path / "first.xlsx", texts))
    assert field_of(schema)["type"] == kind
    assert "entrepot:storedType" not in field_of(schema)
    for cells in (texts, stored, [*texts, *stored]):
        path = as_xlsx(tmp_path / "again.xlsx", cells)
        assert inspect(path, schema).verdict == "conforms"


WESTERN, BOTH_GROUPS = ["1,234,567", "123,456.5", "12"], ["12,345.5", "1,234", "7"]
INDIAN_GROUPS = ["12,34,567", "1,23,456.75", "12", "99,99,99,999", "-1,00,000"]


@pytest.mark.parametrize("affix", ["", "₹", "%"])
@pytest.mark.parametrize(
    ("cells", "grouping"),
    [(WESTERN, "thousands"), (INDIAN_GROUPS, "indian"), (BOTH_GROUPS, None),
     ([*BOTH_GROUPS, *INDIAN_GROUPS], "indian"), ([*BOTH_GROUPS, *WESTERN], "thousands")],
)  # fmt: skip
def test_groups_of_digits(
    inspect: Inspect, tmp_path: Path, cells: list[str], grouping: str | None, affix: str
) -> None:
    def written(texts: list[str]) -> list[str]:
        return [f"{text}{affix}" if affix == "%" else f"{affix}{text}" for text in texts]

    schema, _ = freeze(inspect, as_csv(tmp_path / "first.csv", written(cells)))
    field = field_of(schema)
    assert (field["type"], field["groupChar"]) == ("number", ",")
    assert field.get("entrepot:grouping") == grouping
    assert inspect(as_csv(tmp_path / "a.csv", written(cells)), schema).verdict == "conforms"
    for texts, of in ((WESTERN, "thousands"), (INDIAN_GROUPS, "indian"), (BOTH_GROUPS, grouping)):
        delivery = inspect(as_csv(tmp_path / "a.csv", written(texts)), schema)
        if grouping in (None, of):
            assert delivery.verdict == "conforms", delivery.detail
            continue
        rejected = [error["cell"] for error in errors_of(delivery)]
        assert rejected == written([text for text in texts if text != "12"])
        assert all(error["example"] for error in errors_of(delivery))


@pytest.mark.parametrize("odd_row", [1, 1_500])
def test_a_column_with_both_groups_is_text(inspect: Inspect, tmp_path: Path, odd_row: int) -> None:
    cells = ["12,34,567"] * 2_000
    cells[odd_row] = "1,234,567"
    schema, _ = freeze(inspect, as_csv(tmp_path / "first.csv", cells))
    assert field_of(schema)["type"] == "string"


@pytest.mark.parametrize("cells", [["12,345", "1,234"], ["22 33 444", "1 22 333"], ["1,23,45"]])
def test_groups_that_nothing_proves_are_text(
    inspect: Inspect, tmp_path: Path, cells: list[str]
) -> None:
    schema, _ = freeze(inspect, as_csv(tmp_path / "first.csv", cells))
    assert field_of(schema)["type"] == "string"


def test_a_column_of_doubtful_points_is_a_plain_text(inspect: Inspect) -> None:
    """It was a number first; properties of numbers would make the schema invalid."""
    schema = inspect("k;v;w\na;1.500;2,5\nb;2.250;3,25\n").schema
    assert schema is not None
    assert field_of(schema) == {"name": "v", "type": "string", "entrepot:notEmpty": True}
    parse_schema(schema)
