"""Every form of a version, delivered again under the same contract, is valid and has the same
cells: stored values of each type × fields of each form × marks of missing values × formats."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import errors_of, opened_context

from entrepot.inspection.convert.convert import convert_file, typed_columns
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.open_table import open_content
from entrepot.inspection.results import (
    ConversionRequest,
    Converted,
    Form,
    Inspection,
    InspectionRequest,
)
from entrepot.schemas.table_schema import parse_schema

MOMENTS = [
    datetime.fromisoformat(text)
    for text in (
        "2024-02-29T12:30:00", "1999-12-31T23:59:59.5", "0001-01-01T00:00:00",
        "2068-12-31T01:02:03", "1969-01-01T13:00:00", "9999-12-31T23:59:59",
    )
]  # fmt: skip
STORED: dict[str, list[tuple[Any, list[Any]]]] = {
    "integer": [
        (pa.int64(), [0, -5, 1234567, 2**62, 2021]),
        (pa.uint64(), [0, 2**63 + 1, 7]),
        (pa.float64(), [0.0, -5.0, 1e15, 1e20, 2021.0, -999.0]),
        (pa.decimal128(38, 0), [Decimal(10**37), Decimal(-1), Decimal(0)]),
        (pa.decimal128(10, 2), [Decimal("5.00"), Decimal("-1234.00")]),
    ],
    "number": [
        (pa.float64(), [1.5, -0.25, 0.0, -0.0, 1e300, 5e-324, 123456.789, 1e20]),
        (pa.float64(), [float("nan"), float("inf"), float("-inf"), 1.0]),
        (pa.float32(), [1.5, 0.1, 1e-30]),
        (pa.decimal128(20, 4), [Decimal("1234.5000"), Decimal("-0.0001")]),
        (pa.int64(), [0, -5, 1234567, 2**62]),
    ],
    "boolean": [(pa.bool_(), [True, False])],
    "date": [(pa.date32(), [moment.date() for moment in MOMENTS])],
    "time": [
        (pa.time64("us"), [moment.time() for moment in MOMENTS]),
        (pa.time64("ns"), [3_600_000_000_001, 3_600_000_000_000, 0]),
    ],
    "datetime": [
        (pa.timestamp("us"), MOMENTS),
        (pa.timestamp("us", "UTC"), MOMENTS),
        (pa.timestamp("ns"), [0, 1, 1_700_000_000_123_456_789, 1_700_000_000_000_000_000]),
    ],
    "year": [
        (pa.int64(), [2021, 1, -44, 12345]),
        (pa.float64(), [2021.0, 1.0, -44.0, 12345.0]),
        (pa.decimal128(8, 2), [Decimal("2021.00"), Decimal("1.00")]),
    ],
    "list": [
        (pa.list_(pa.string()), [["a", "b"], ["a,b", "c"], [], [""], ["", ""], [None], ["a", None],
                                 ["NA"], ["x;y"], ['q"q', "l\nl"], ["a\x07"], ["-999"]]),
        (pa.list_(pa.int64()), [[1, 2], [], [None, 1], [-999], [2**60]]),
        (pa.list_(pa.float64()), [[1.5, 2.0], [1e20], [float("nan")]]),
        (pa.list_(pa.bool_()), [[True, False], [None]]),
        (pa.list_(pa.date32()), [[date(2024, 2, 29), date(1, 1, 1)]]),
    ],
    "array": [
        (pa.list_(pa.string()), [["a,b", None], [], [""], ["\x85\x7f\x01", "é\u2028"], ["NA"]]),
        (pa.list_(pa.float64()), [[1.5, float("nan")], [1e400, 0.1]]),
    ],
    "object": [
        (pa.struct([("a", pa.string()), ("b", pa.list_(pa.int64()))]),
         [{"a": "x\x9fy", "b": [1, None]}, {"a": None, "b": []}, {"a": 'q"\\', "b": None}]),
    ],
    "string": [
        (pa.string(), ["a", "", "NA", " ", " a ", "1", "x,y", 'q"q', "l\nl", "l\r\nl", "l\rl",
                       "#x", "\ufeffx", "-999", "null", "=1+1", "'", "\\", "é\u2028", "0"]),
    ],
    "any": [
        (pa.int64(), [1, -999]),
        (pa.string(), ["a", "", "NA", "1"]),
        (pa.binary(), [b"a\x00"]),
        (pa.bool_(), [True]),
    ],
    "duration": [
        (pa.string(), ["P1D", "PT36H", "P1Y2M", "-P1D"]),
        (pa.duration("us"), [timedelta(days=1, seconds=5), timedelta(0), timedelta(-1)]),
    ],
    "yearmonth": [(pa.string(), ["2024-02", "-0044-03", "12345-01"])],
    "geopoint": [(pa.string(), ["1.5,2", "-180, 90"])],
    "geojson": [(pa.string(), ['{"type":"Point","coordinates":[1.5,2]}'])],
}  # fmt: skip
"""Per type of a field what formats store in such columns: Arrow's type and its values."""
DAYS = ["%d.%m.%Y", "%Y%m%d", "%y-%m-%d", "%d %b %Y", "%Y-%j", "%G-W%V-%u", "%x", "any", "%Y-%d-%m"]
CLOCKS = ["%H:%M", "%H:%M:%S", "%H.%M.%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S%z", "%X", "any"]
FORMS: dict[str, list[dict[str, Any]]] = {
    "integer": [
        {}, {"groupChar": "."}, {"groupChar": ","}, {"bareNumber": False},
        {"bareNumber": False, "entrepot:affix": {"prefix": "EUR", "suffix": "%"}},
        {"entrepot:leadingZeros": False}, {"constraints": {"minimum": 0}},
    ],
    "number": [
        {}, {"decimalChar": ","}, {"decimalChar": ",", "groupChar": "."}, {"bareNumber": False},
        {"groupChar": ","}, {"decimalChar": "e"}, {"decimalChar": ",", "groupChar": "n"},
        {"bareNumber": False, "entrepot:affix": {"suffix": "%"}, "decimalChar": ","},
        {"bareNumber": False, "decimalChar": ","}, {"entrepot:leadingZeros": False},
        {"entrepot:finite": True}, {"groupChar": ",", "entrepot:grouping": "indian"},
    ],
    "boolean": [
        {}, {"trueValues": ["ja"], "falseValues": ["nein"]},
        {"trueValues": ["false"], "falseValues": ["true"]},
        {"trueValues": ["NA", "1"], "falseValues": ["", "0"]},
        {"trueValues": ["NA"], "falseValues": ["0"]},
    ],
    "date": [{}, {"entrepot:storedType": True}, *({"format": form} for form in DAYS)],
    # A stored time has no zone, and a text of JSON without one is not read as one in `%z`.
    "time": [
        {}, {"entrepot:timeZone": False},
        *({"format": form} for form in CLOCKS if "%z" not in form),
    ],
    "datetime": [
        {}, {"entrepot:timeZone": True}, {"entrepot:timeZone": False},
        {"entrepot:timeZone": True, "format": "any"},
        {"entrepot:timeZone": False, "format": "%d.%m.%Y %H:%M:%S"},
        {"format": "any"}, {"format": "%c"}, {"format": "%d/%m/%Y"}, {"format": "%Y-%m-%dT%H"},
        *({"format": f"%d.%m.%Y {clock}"} for clock in CLOCKS[:-1]),
        {"format": "%Y-%d-%m %H:%M:%S"}, {"format": "%m/%d/%y %H:%M:%S.%f"},
    ],
    "list": [
        {}, {"delimiter": ";"}, {"delimiter": "\n"}, {"delimiter": "||"},
        *({"itemType": kind} for kind in ("integer", "number", "boolean", "date")),
    ],
    "string": [{}, {"constraints": {"required": True}}, {"constraints": {"minLength": 1}}],
    "any": [{}, {"constraints": {"required": True}}],
}  # fmt: skip
MARKS: list[list[str] | None] = [None, ["", "NA"], ["NA"], [], ["-999", "0", "01.01.1900", "a"]]


@dataclass(frozen=True)
class ColumnInFile:
    """A column as its file stores it, and the field that it has in the contract."""

    type: Any
    values: list[Any]
    field: dict[str, Any]


def columns_of(kind: str) -> Iterator[ColumnInFile]:
    for stored_as, values in STORED[kind]:
        for form in FORMS.get(kind, [{}]):
            yield ColumnInFile(stored_as, [*values, None], {"type": kind, **form})


def as_table(columns: dict[str, ColumnInFile]) -> pa.Table:
    return pa.table({name: pa.array(each.values, each.type) for name, each in columns.items()})


def as_parquet(path: Path, columns: dict[str, ColumnInFile]) -> None:
    pq.write_table(as_table(columns), path)


def as_arrow(path: Path, columns: dict[str, ColumnInFile]) -> None:
    table = as_table(columns)
    with pyarrow.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def as_json(path: Path, columns: dict[str, ColumnInFile]) -> None:
    rows = zip(*(each.values for each in columns.values()), strict=True)
    with path.open("w") as file:
        for row in rows:
            file.write(f"{json.dumps(dict(zip(columns, map(json_value, row), strict=True)))}\n")


def json_value(value: Any) -> Any:
    """As JSON Lines have it: whole decimals as integers, moments in ISO 8601."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"PT{int(value.total_seconds())}S"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [json_value(each) for each in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return "NaN" if value != value else "INF" if value > 0 else "-INF"
    return value


def as_xlsx(path: Path, columns: dict[str, ColumnInFile]) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(list(columns))
    for row in zip(*(each.values for each in columns.values()), strict=True):
        book.active.append(list(map(xlsx_value, row)))
    book.save(path)


def xlsx_value(value: Any) -> Any:
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    if isinstance(value, date | datetime) and value.year < 1900:
        return None
    if isinstance(value, str) and any(char < " " for char in value):
        return None
    return value if not isinstance(value, list | dict | bytes) else json.dumps(json_value(value))


WRITERS: dict[str, Callable[[Path, dict[str, ColumnInFile]], None]] = {
    "parquet": as_parquet, "arrow": as_arrow, "json": as_json, "xlsx": as_xlsx
}  # fmt: skip
FORMS_AGAIN: dict[Form, str] = {
    "csv": "t.csv", "parquet": "t.parquet", "jsonl": "t.jsonl", "arrow": "t.arrow"
}  # fmt: skip
COMBINATIONS = [(storage, marks) for storage in WRITERS for marks in MARKS]
COLUMNS_AT_ONCE = 12
KEPT_AS_TEXT: dict[str, tuple[str, ...]] = {
    "csv": (), "jsonl": (),
    "parquet": ("time", "datetime", "integer", "number"),
    "arrow": ("time", "datetime", "integer", "number"),
}  # fmt: skip
"""Types of which a form has a text where it has no type for a value: such a text is not a value of
the field when it is delivered again."""


@dataclass(frozen=True)
class DeliveredFile:
    """A file under a schema, in this process."""

    path: Path
    schema: dict[str, Any]
    scratch: Path

    def inspect(self) -> Inspection:
        request = InspectionRequest(
            self.path, self.path.name, self.path.stat().st_size, "given", self.schema
        )
        with opened_context(self.scratch / "inspect") as context:
            return inspect_file(request, context)

    def make(self, form: Form, target: Path, rows: int) -> None:
        made = self.convert(form, target, rows)
        assert made.verdict == "made", (form, made.detail)

    def convert(self, form: Form, target: Path, rows: int) -> Converted:
        size = self.path.stat().st_size
        request = ConversionRequest(
            self.path, self.path.name, size, form, self.schema, "given", rows
        )
        with opened_context(self.scratch / form) as context:
            return convert_file(request, target, context)

    def cells(self) -> dict[str, tuple[str, list[Any]]]:
        """The typed columns, as their Parquet has them: the engine's type and the values."""
        names = [field["name"] for field in self.schema["fields"]]
        with opened_context(self.scratch / "cells") as context:
            table = open_content(self.path, self.path.name, context, names=names).read()
            columns = typed_columns(context.engine, table, parse_schema(self.schema))
            source = f"(SELECT {', '.join(value for _, value in columns)} FROM {table.relation})"
            described = context.engine.execute(f"DESCRIBE FROM {source}").fetchall()
            kinds = [str(kind) for _, kind, *_ in described]
            # Python has no type for all moments.
            selected = [
                f"c{n}::VARCHAR" if kind.startswith("TIMESTAMP") else f"c{n}"
                for n, kind in enumerate(kinds)
            ]
            names = [f"c{n}" for n in range(len(kinds))]
            query = f"SELECT {', '.join(selected)} FROM {source} AS t({', '.join(names)})"
            rows = context.engine.execute(query).fetchall()
        return {
            profiled.name: (kind, list(values))
            for (profiled, _), kind, values in zip(
                columns, kinds, zip(*rows, strict=True), strict=True
            )
        }


def comparable(value: Any, kind: str, marks: list[str] | None) -> Any:
    """A cell as it is compared: numbers by value, moments in UTC, JSON parsed; a text that is a
    mark of missing values as none."""
    if isinstance(value, list):
        return [comparable(each, "", None) for each in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return number if number.is_finite() else str(number)
    if kind.startswith("TIMESTAMP") and value is not None:
        return value.removesuffix("+00")
    if isinstance(value, time):
        return str(value)
    if kind == "JSON" and value is not None:
        return json.loads(value)
    if kind == "VARCHAR" and value in ([""] if marks is None else marks or [""]):
        return None
    # A time with a zone is a text.
    return value.removesuffix("+0000") if isinstance(value, str) else value


def schema_of(columns: dict[str, ColumnInFile], marks: list[str] | None) -> dict[str, Any]:
    fields = [{"name": name, **each.field} for name, each in columns.items()]
    return {"fields": fields, **({} if marks is None else {"missingValues": marks})}


def valid_columns(
    columns: dict[str, ColumnInFile], storage: str, marks: list[str] | None, folder: Path
) -> dict[str, ColumnInFile]:
    """The columns with a valid value in place of each that breaks the contract; without those that
    have no valid value."""
    path = folder / "first"
    WRITERS[storage](path, columns)
    wrong: dict[str, set[int]] = {}
    for error in errors_of(DeliveredFile(path, schema_of(columns, marks), folder).inspect()):
        wrong.setdefault(error["fieldName"], set()).add(error["rowNumber"] - 2)
    kept = {}
    for name, column in columns.items():
        bad = wrong.get(name, set())
        good = [value for n, value in enumerate(column.values) if n not in bad]
        filler = next((value for value in good if value is not None), None)
        if filler is not None:
            values = [filler if n in bad else value for n, value in enumerate(column.values)]
            kept[name] = replace(column, values=values)
    return kept


def drawn_columns(kind: str, marks: list[str] | None, rng: random.Random) -> list[ColumnInFile]:
    """Columns of the type, each as high as the highest."""
    listed = list(columns_of(kind))
    listed = rng.sample(listed, min(len(listed), COLUMNS_AT_ONCE))
    height = max(len(each.values) for each in listed)
    drawn = [ColumnInFile(pa.string(), [f"k{n}" for n in range(height)], {"type": "string"})]
    for each in listed:
        values = (each.values * height)[:height]
        if marks == []:  # a CSV has no missing values there
            values = [each.values[0] if value is None else value for value in values]
        drawn.append(replace(each, values=values))
    return drawn


def is_another_day(column: ColumnInFile) -> bool:
    """Whether dates in the default form, which JSON Lines have, are other days, or none, in the
    format of the column (`docs/reference/schemas.md`)."""
    return str(column.field.get("format")).startswith("%Y-%d-%m")


@pytest.mark.parametrize(
    "number",
    [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, len(COMBINATIONS) + 1))],
)
@pytest.mark.parametrize("kind", STORED)
def test_stored_values_come_back_from_every_form(kind: str, number: int, tmp_path: Path) -> None:
    rng = random.Random(f"{kind} {number}")
    storage, marks = COMBINATIONS[number - 1] if number else rng.choice(COMBINATIONS)
    columns = {f"v{n}": each for n, each in enumerate(drawn_columns(kind, marks, rng))}
    columns = valid_columns(columns, storage, marks, tmp_path)
    schema = schema_of(columns, marks)
    WRITERS[storage](tmp_path / "first", columns)
    first = DeliveredFile(tmp_path / "first", schema, tmp_path)
    inspection = first.inspect()
    assert inspection.verdict == "conforms", inspection.detail
    cells, rows = first.cells(), inspection.row_count or 0
    parquet = tmp_path / FORMS_AGAIN["parquet"]
    for form, name in FORMS_AGAIN.items():
        if form == "csv" and marks == [] and any(None in values for _, values in cells.values()):
            refused = first.convert(form, tmp_path / name, rows)
            assert (refused.verdict, "has no text" in refused.detail) == ("source-error", True)
            continue
        if form in ("csv", "parquet"):
            first.make(form, tmp_path / name, rows)
        else:
            replace(first, path=parquet).make(form, tmp_path / name, rows)
        again = replace(first, path=tmp_path / name)
        errors = errors_of(inspection := again.inspect())
        as_text = {
            name
            for name, (kept, _) in cells.items()
            if kept == "VARCHAR" and columns[name].field["type"] in KEPT_AS_TEXT[form]
        }
        other_days = {name for name in cells if form == "jsonl" and is_another_day(columns[name])}
        if as_text or other_days:
            assert {error["fieldName"] for error in errors} - other_days == as_text
            continue
        assert inspection.verdict == "conforms", (form, storage, marks, inspection.detail)
        read = again.cells()
        for column, (kept, values) in cells.items():
            other, others = read[column]
            assert [comparable(each, kept, marks) for each in values] == [
                comparable(each, other, marks) for each in others
            ], (form, storage, marks, columns[column].field)


SECONDS, LIST = time(12, 30, 59), {"type": "list"}
UNSAYABLE: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "time", "format": "%H:%M"}, SECONDS, "format `%H:%M`, in which it is `12:30`"),
    ({"type": "datetime", "format": "%d.%m.%Y"}, MOMENTS[0], "in which it is `29.02.2024`"),
    ({"type": "date", "format": "%d.%m.%y"}, date(1968, 1, 1), "in which it is `01.01.68`"),
    ({"type": "date", "format": "%Y-%m"}, date(2024, 2, 29), "in which it is `2024-02`"),
    ({"type": "number", "bareNumber": False}, float("nan"), "Expected a finite number"),
    ({"type": "number", "bareNumber": False}, float("-inf"), "Expected a finite number"),
    (LIST, ["a,b"], "an item with `,` in it"),
    (LIST, ["a", None], "an item that is null"),
    (LIST, [], "an empty list"),
    ({**LIST, "itemType": "integer"}, [1, None], "an item that is null"),
    ({**LIST, "missingValues": ["NA"]}, ["NA"], "is not a list"),
]  # fmt: skip


@pytest.mark.parametrize("storage", ["parquet", "arrow", "json"])
@pytest.mark.parametrize(("field", "value", "words"), UNSAYABLE)
def test_a_value_without_a_text_breaks_the_contract(
    field: dict[str, Any], value: Any, words: str, storage: str, tmp_path: Path
) -> None:
    """The error names the place, the cell, what it has too much, and what is expected."""
    columns = {
        "k": ColumnInFile(pa.string(), ["a"], {"type": "string"}),
        "v": ColumnInFile(None, [value], field),
    }
    WRITERS[storage](tmp_path / "t", columns)
    (error,) = errors_of(
        DeliveredFile(tmp_path / "t", schema_of(columns, None), tmp_path).inspect()
    )
    assert (error["type"], error["fieldName"]) == ("type-error", "v")
    assert words in error["message"], error["message"]


def test_long_integers_are_written_out(tmp_path: Path) -> None:
    """CSV has their digits, JSON Lines and Parquet have them as texts; no form has an exponent."""
    schema = {"fields": [{"name": "k"}, {"name": "v", "type": "integer"}]}
    path = tmp_path / "t.jsonl"
    path.write_text('{"k": 1, "v": 1e40}\n{"k": 2, "v": -15}\n{"k": 3, "v": 7}\n')
    first = DeliveredFile(path, schema, tmp_path)
    first.make("csv", tmp_path / "t.csv", 3)
    texts = ["1" + "0" * 40, "-15", "7"]
    assert (tmp_path / "t.csv").read_text().split() == ["k,v"] + [
        f"{n},{text}" for n, text in enumerate(texts, start=1)
    ]
    again = replace(first, path=tmp_path / "t.csv")
    assert again.inspect().verdict == "conforms"
    assert first.cells()["v"] == again.cells()["v"] == ("VARCHAR", texts)
    path.write_text('{"k": 1, "v": 1e500}\n')
    (error,) = errors_of(first.inspect())
    assert "more than 400 digits" in error["message"]


@pytest.mark.parametrize(("form", "text", "fits"), [
    ("%d.%m.%Y", "2024-02-29", True), ("%d.%m.%Y", "2023-02-29", False),
    ("%d.%m.%Y", "29.02.2024", True), ("%d.%m.%Y", "29/02/2024", False),
    ("%Y-%d-%m", "2024-02-29", False), ("%Y-%d-%m", "2024-29-02", True),
])  # fmt: skip
def test_a_date_of_json_may_have_the_default_form(
    form: str, text: str, fits: bool, tmp_path: Path
) -> None:
    schema = {"fields": [{"name": "v", "type": "date", "format": form}]}
    (tmp_path / "t.jsonl").write_text(json.dumps({"v": text}) + "\n")
    delivery = DeliveredFile(tmp_path / "t.jsonl", schema, tmp_path)
    assert (delivery.inspect().verdict == "conforms") == fits
    if fits:
        assert delivery.cells()["v"] == ("DATE", [date(2024, 2, 29)])


def test_only_the_words_of_table_schema_are_numbers_in_json(tmp_path: Path) -> None:
    schema = {"fields": [{"name": "v", "type": "number"}]}
    words = ["NaN", "INF", "-INF", "nan", "Infinity", "1", "inf"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"v": word}) + "\n" for word in words))
    errors = errors_of(DeliveredFile(tmp_path / "t.jsonl", schema, tmp_path).inspect())
    assert [error["cell"] for error in errors] == words[3:]


@pytest.mark.parametrize(("marks", "warned"), [([], True), ([""], False), (["NA"], False)])
def test_a_gap_that_no_text_means_is_a_warning(
    marks: list[str], warned: bool, tmp_path: Path
) -> None:
    columns = {
        "k": ColumnInFile(pa.string(), ["a", "b"], {"type": "string"}),
        "v": ColumnInFile(pa.int64(), [1, None], {"type": "integer"}),
    }
    as_parquet(tmp_path / "t", columns)
    inspection = DeliveredFile(tmp_path / "t", schema_of(columns, marks), tmp_path).inspect()
    assert inspection.verdict == "conforms"
    task = inspection.report["tasks"][0]
    assert any("`v`: 1 cell has no value" in each for each in task["warnings"]) == warned


@pytest.mark.parametrize("text", ['["a,]", 1]', '[1,"NaN"]', '["nan","]"]'])
def test_what_strings_of_json_say_is_not_its_structure(text: str, tmp_path: Path) -> None:
    schema = {"fields": [{"name": "k"}, {"name": "v", "type": "array"}]}
    quoted = text.replace('"', '""')
    (tmp_path / "t.csv").write_text(f'k,v\n1,"{quoted}"\n')
    assert DeliveredFile(tmp_path / "t.csv", schema, tmp_path).inspect().verdict == "conforms"
