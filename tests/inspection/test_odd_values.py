"""Values and names that a format can store and another form, or a schema, has not: NaN within
JSON, nanoseconds, names without characters or with NUL, numbers as no XML writes them."""

import json
import random
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.forms import cells_of, forms_of
from tests.inspection.test_xlsx import raw_book, raw_sheet

NAN, INFINITY = float("nan"), float("inf")
WORDS = ["NaN", "-Infinity", 'a "NaN" b', "\\", '\\"', "Infinity,", "[NaN]", ""]
SCALES = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EXACT = (9 * 10**15, -(10**12) - 1, 86_399_999_999_999, 3_600_000_000_001, 1_500, 999, 1, 0, -60)


def as_parquet(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def as_arrow(path: Path, columns: dict[str, Any]) -> Path:
    table = pa.table(columns)
    with pyarrow.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    return path


BARE = ("32 bits", "64 bits", "all digits", "large", "boolean")
WRITERS = {"parquet": as_parquet, "arrow": as_arrow}


def nested(rng: random.Random) -> dict[str, Any]:
    """An object with doubles, some of which JSON has not, and texts that look like them."""
    return {
        "x": rng.choice([NAN, INFINITY, -INFINITY, 1.5, None]),
        "t": rng.choice(WORDS),
        "l": [rng.choice([NAN, -INFINITY, 2.5]) for _ in range(rng.randrange(3))],
        "s": {"y": rng.choice(WORDS), "z": rng.choice([NAN, 0.25])},
    }


def finite(value: Any) -> Any:
    """The value with None for each number that JSON has not."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and value - value != 0 else value


@pytest.mark.parametrize("storage", WRITERS)
def test_json_within_a_form_has_no_nan(storage: str, tmp_path: Path) -> None:
    rng = random.Random(storage)
    objects = [nested(rng) for _ in range(60)]
    lists = [each["l"] for each in objects]
    numbers = list(range(len(objects)))
    columns = {"n": pa.array(numbers), "o": pa.array(objects), "l": pa.array(lists)}
    forms = forms_of(WRITERS[storage](tmp_path / "t", columns), None, tmp_path)
    forms.agree()
    lines = (tmp_path / "made.jsonl").read_text().splitlines()
    texts = [cells[1:] for cells in cells_of(forms.canonical)[1:]]

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    for line, cells, each, items in zip(lines, texts, objects, lists, strict=True):
        row = json.loads(line, parse_constant=refuse)
        assert (row["o"], row["l"]) == (finite(each), finite(items))
        assert [json.loads(cell, parse_constant=refuse) for cell in cells] == [row["o"], row["l"]]


WITHIN: dict[str, tuple[Any, Any]] = {
    "moment": (pa.timestamp("us"), 1_582_970_400_000_001),
    "moment with a zone": (pa.timestamp("ms", "Europe/Berlin"), datetime(2020, 7, 1, tzinfo=UTC)),
    "nanoseconds": (pa.timestamp("ns"), 10**18 + 1),
    "bytes": (pa.binary(), b"\x00\xff"),
    "32 bits": (pa.float32(), 0.1),
    "64 bits": (pa.float64(), 0.1),
    "all digits": (pa.decimal128(38, 6), Decimal("12345678901234567890123.456789")),
    "large": (pa.uint64(), 2**64 - 1),
    "day": (pa.date32(), date(1, 1, 1)),
    "time": (pa.time64("us"), time(10, 0, 0, 5)),
    "text": (pa.string(), 'a "b" \\ é'),
    "boolean": (pa.bool_(), True),
}


@pytest.mark.parametrize("storage", WRITERS)
@pytest.mark.parametrize("kind", WITHIN)
def test_a_value_within_another_is_written_as_a_cell_is(
    kind: str, storage: str, tmp_path: Path
) -> None:
    leaf, value = WITHIN[kind]
    odd = 'a "key", é'
    struct = pa.struct([(odd, leaf), ("l", pa.list_(pa.list_(leaf)))])
    columns = {
        "cell": pa.array([value, value], leaf),
        "list": pa.array([[value, None], None], pa.list_(leaf)),
        "struct": pa.array([{odd: value, "l": [[value], None, []]}, None], struct),
        "map": pa.array([[("k", value), ("n", None)], None], pa.map_(pa.string(), leaf)),
        "deep": pa.array([[{odd: None, "l": None}], []], pa.list_(struct)),
    }
    forms = forms_of(WRITERS[storage](tmp_path / "t", columns), None, tmp_path)
    forms.agree()
    first, second = cells_of(forms.canonical)[1:]
    cell = json.loads(first[0] if kind in BARE else json.dumps(first[0]), parse_float=Decimal)
    listed, struct_cell, mapped, deep = (json.loads(x, parse_float=Decimal) for x in first[1:])
    assert listed == [cell, None]
    assert struct_cell == {odd: cell, "l": [[cell], None, []]}
    assert mapped == {"k": cell, "n": None}
    assert deep == [{odd: None, "l": None}]
    assert second[1:] == ["", "", "", "[]"]


def seconds_of(text: str) -> Decimal:
    """The seconds of a duration in hours, minutes and seconds (ISO 8601)."""
    sign, _, rest = text.partition("PT")
    total = Decimal(0)
    for mark, size in (("H", 3_600), ("M", 60), ("S", 1)):
        if mark in rest:
            part, _, rest = rest.partition(mark)
            total += Decimal(part) * size
    return -total if sign == "-" else total


@pytest.mark.parametrize("unit", SCALES)
def test_durations_of_arrow_are_exact(unit: str, tmp_path: Path) -> None:
    counts = [*EXACT, -1, None]
    columns = {"k": list(range(len(counts))), "d": pa.array(counts, pa.duration(unit))}
    forms = forms_of(as_arrow(tmp_path / "t.arrow", columns), None, tmp_path)
    forms.agree()
    assert forms.inspection.schema is not None
    assert forms.inspection.schema["fields"][1]["type"] == "duration"
    for row, count in zip(forms.parquet, counts, strict=True):
        exact = None if count is None else Decimal(count) / SCALES[unit]
        assert (row["d"] and seconds_of(row["d"])) == exact


INTERVALS: dict[str | None, tuple[int, int, int] | None] = {
    "PT0.000000001S": (0, 0, 1),
    "P1Y2M3DT1H1M10.000000009S": (14, 3, 3_670_000_000_009),
    "-P1Y1DT2.5S": (-12, -1, -2_500_000_000),
    "PT1M10S": (0, 0, 70_000_000_000),
    "PT0S": (0, 0, 0),
    None: None,
}
"""Texts, and months, days and nanoseconds."""


def test_intervals_of_arrow_are_exact(tmp_path: Path) -> None:
    values = [each and pa.MonthDayNano(each) for each in INTERVALS.values()]
    columns = {
        "k": list(range(len(values))),
        "i": pa.array(values, pa.month_day_nano_interval()),
    }
    forms = forms_of(as_arrow(tmp_path / "t.arrow", columns), None, tmp_path)
    forms.agree()
    assert forms.inspection.schema is not None
    assert forms.inspection.schema["fields"][1]["type"] == "duration"
    assert [row["i"] for row in forms.parquet] == list(INTERVALS)


NO_NAMES = [
    (storage, name)
    for name in ("", "a\0b", "\0", "x" * 1_001)
    for storage in ("json", *WRITERS)
    # Arrow with NUL in a name ends the process that reads it, which is a source-error.
    if storage != "arrow" or "\0" not in name
]


@pytest.mark.parametrize("mode", ["infer", "none"])
@pytest.mark.parametrize(("storage", "name"), NO_NAMES)
def test_names_that_no_field_can_have(
    inspect: Inspect, storage: str, name: str, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    if storage == "json":
        path.write_text(json.dumps([{"k": n, name: n} for n in (1, 2)]))
    else:
        WRITERS[storage](path, {"k": [1, 2], name: [1, 2]})
    inspection = inspect(path, mode=mode)
    codes = [error["code"] for error in errors_of(inspection)]
    if mode == "none" or not name:
        assert inspection.verdict == "conforms", inspection.detail
        forms = forms_of(path, None, tmp_path)
        assert forms.inspection.verdict == ("conforms" if not name else "violates")
    else:
        assert (inspection.verdict, codes) == ("violates", ["incorrect-label"])
    if not name:
        assert list(forms.stored) == ["k", "column_2"]
        again = inspect(path, inspection.schema)
        assert again.verdict == "conforms", again.detail


FORMATS = (
    '<numFmts><numFmt numFmtId="170" formatCode="yyyy-mm-dd"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs>'
)
"""Styles of a workbook: 0 has numbers, 1 dates."""


def workbook_of(path: Path, texts: list[str], kind: str, style: str = "0") -> Path:
    """A workbook with the columns n and t, in n the values `texts` of the cell type `kind`."""

    def text_cell(place: str, text: str) -> str:
        return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'

    rows = [text_cell("A1", "n") + text_cell("B1", "t")]
    rows += [
        f'<c r="A{n}" t="{kind}" s="{style}"><v>{text}</v></c>{text_cell(f"B{n}", "x")}'
        for n, text in enumerate(texts, start=2)
    ]
    cells = "".join(f'<row r="{n}">{row}</row>' for n, row in enumerate(rows, start=1))
    return raw_book(path, raw_sheet(cells), styles=FORMATS)


NO_NUMBERS = [
    "1_000",
    "1__0",
    "٣",
    "nan",
    "INF",
    "infinity",
    "0x10",
    "1e",
    ".",
    "1e400",
    "+",
    "1,5",
]
EXACT_NUMBERS: dict[str, list[str]] = {
    "DECIMAL(19,19)": ["0.1234567890123456789", "0.1"],
    "DECIMAL(20,2)": ["123456789012345678.25", "-1.5", "9007199254740993", "7"],
    "DECIMAL(17,1)": ["9007199254740993", "1.5"],
    "BIGINT": ["9007199254740993", "7"],
    "DECIMAL(38,0)": ["12345678901234567890", "-7"],
    "DOUBLE": ["1.1000000000000001", "1E+20", "123456789012345"],
}
"""By how their Parquet has them; of a double Excel writes up to 17 digits."""


@pytest.mark.parametrize("stored_as", EXACT_NUMBERS)
def test_numbers_of_workbooks_keep_their_digits(tmp_path: Path, stored_as: str) -> None:
    texts = EXACT_NUMBERS[stored_as]
    forms = forms_of(workbook_of(tmp_path / "t.xlsx", texts, "n"), None, tmp_path)
    forms.agree()
    assert forms.stored["n"] == stored_as
    expected = [Decimal(repr(float(text)) if stored_as == "DOUBLE" else text) for text in texts]
    assert [row["n"] for row in forms.parquet] == expected
    assert [Decimal(row[0]) for row in cells_of(forms.canonical)[1:]] == expected


NUMBERS = {"+5": "5", ".5": "0.5", "5.": "5", " 7 ": "7", "1E3": "1000", "-2.50": "-2.5"}


@pytest.mark.parametrize("style", ["0", "1"])
def test_numbers_of_workbooks_are_numbers_of_xml(
    inspect: Inspect, tmp_path: Path, style: str
) -> None:
    schema = {"fields": [{"name": "n", "type": "number"}, {"name": "t"}]}
    texts = [*NO_NUMBERS, *(NUMBERS if style == "0" else ())]
    inspection = inspect(workbook_of(tmp_path / "t.xlsx", texts, "n", style), schema)
    assert [error["cell"] for error in errors_of(inspection)] == NO_NUMBERS


def test_booleans_of_workbooks_are_booleans_of_xml(inspect: Inspect, tmp_path: Path) -> None:
    schema = {"fields": [{"name": "n", "type": "boolean"}, {"name": "t"}]}
    texts = ["1", "0", "true", "false", "2", "-1", "yes", "TRUE"]
    path = workbook_of(tmp_path / "t.xlsx", texts, "b")
    assert [error["cell"] for error in errors_of(inspect(path, schema))] == ["2", "-1", "yes"]


ARRAYS = {"itemType": "array"}
IN_ARRAYS = [
    ('"5"', "Element 2, column `n`: the text `5` is not an integer."),
    ("1.5", "Element 2, column `n`: the number `1.5` is not an integer."),
    ("5", ""), ("5.0", ""), ("null", ""), ('""', ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "sentence"), IN_ARRAYS)
def test_items_of_json_arrays_have_types(inspect: Inspect, value: str, sentence: str) -> None:
    schema = {"fields": [{"name": "n", "type": "integer"}, {"name": "t", "type": "string"}]}
    text = f'[["n", "t"],\n[{value}, "x"]]'
    inspection = inspect(text, schema, name="t.json", dialect=ARRAYS)
    messages = [error["message"] for error in errors_of(inspection)]
    assert len(messages) == bool(sentence)
    assert all(message.startswith(sentence) for message in messages)


def test_places_in_json_arrays_are_elements(inspect: Inspect) -> None:
    schema = {"fields": [{"name": "n", "type": "integer"}, {"name": "t", "type": "string"}]}
    inspection = inspect('[["n", "x"], [1], [2, "y", 3]]', schema, name="t.json", dialect=ARRAYS)
    assert [error["message"] for error in errors_of(inspection)] == [
        "Element 1, column 2: `x` is not the name in the contract. Expected `t`.",
        "Element 2, column `t`: the cell is missing, the row has 1 cell. Expected 2 cells.",
        "Element 3, column 3: `3` is beyond the last column, the row has 3 cells. "
        "Expected 2 cells.",
    ]


@pytest.mark.parametrize("storage", WRITERS)
def test_a_file_without_columns_is_not_a_table(
    storage: str, inspect: Inspect, tmp_path: Path
) -> None:
    inspection = inspect(WRITERS[storage](tmp_path / "t", {}))
    assert inspection.verdict == "not-tabular", inspection
    assert "without columns" in inspection.detail


@pytest.mark.parametrize("storage", WRITERS)
def test_nan_is_a_value_where_it_is_stored(inspect: Inspect, storage: str, tmp_path: Path) -> None:
    """In each form, and not a mark of a missing value; unless the contract says that it is one."""
    path = WRITERS[storage](tmp_path / "t", {"k": list("abc"), "v": [NAN, 1.5, None]})
    forms = forms_of(path, None, tmp_path)
    forms.agree()
    expected = [row["v"] for row in forms.parquet]
    assert expected == ["NaN", Decimal("1.5"), None]
    for name in ("made.csv", "made.jsonl", "made.parquet", "made.arrow"):
        again = tmp_path / name.replace(".", "-")
        again.mkdir()
        read = forms_of(tmp_path / name, forms.inspection.schema, again)
        assert [row["v"] for row in read.parquet] == expected, name
    field = {"name": "v", "type": "number", "constraints": {"required": True}}
    schema = {"fields": [{"name": "k"}, {**field, "missingValues": ["NaN"]}]}
    errors = errors_of(inspect(path, schema))
    assert [error["rowNumber"] for error in errors] == [2, 4]


FAR_MOMENTS = {"s": 2**62, "ms": 2**62, "us": 2**63 - 1, "ns": 2**63 - 1}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("unit", FAR_MOMENTS)
def test_moments_of_arrow_that_the_engine_has_not(
    inspect: Inspect, tmp_path: Path, unit: str, zone: str | None, sign: int
) -> None:
    """Such a cell is wrong; the engine stays usable."""
    far = sign * FAR_MOMENTS[unit]
    moments = pa.array([far, -(2**63), 0, None], pa.timestamp(unit, zone))
    path = WRITERS["arrow"](tmp_path / "t", {"k": list("abcd"), "v": moments})
    inspection = inspect(path, {"fields": [{"name": "k"}, {"name": "v", "type": "datetime"}]})
    assert [error["rowNumber"] for error in errors_of(inspection)] == [2, 3]
    assert inspect(path).verdict == "violates"


def test_decimals_of_arrow_with_a_negative_scale(tmp_path: Path) -> None:
    values = [Decimal(1200), Decimal(-500), None]
    path = WRITERS["arrow"](
        tmp_path / "t", {"k": list("abc"), "v": pa.array(values, pa.decimal128(10, -2))}
    )
    forms = forms_of(path, None, tmp_path)
    forms.agree()
    assert [row["v"] for row in forms.parquet] == values


@pytest.mark.parametrize("storage", WRITERS)
def test_fields_within_a_column_may_have_any_name(storage: str, tmp_path: Path) -> None:
    value = {"a": 1, "A": 2, 'a"b': 3, "a.b": 4, "é": 5, "": 6}
    path = WRITERS[storage](tmp_path / "t", {"k": ["x"], "v": [value]})
    forms = forms_of(path, None, tmp_path)
    forms.agree()
    assert json.loads(forms.parquet[0]["v"]) == [[name, number] for name, number in value.items()]
