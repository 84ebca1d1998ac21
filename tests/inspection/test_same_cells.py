"""Every field type, format and constraint through every input format and every form: the same
cells everywhere, and whatever is valid can be converted."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import errors_of
from tests.inspection.forms import cells_of, forms_of
from tests.inspection.generated import KINDS, FieldKind

READING = Path(__file__).parent / "cases" / "reading"
FORMATS: list[FieldKind] = [
    FieldKind({"type": "date", "format": form}, texts, texts[:2])
    for form, texts in {
        "%d.%m.%y": ["31.12.68", "1.1.69", "29.02.21", "x"],
        "%Y-%j": ["2021-365", "2020-366", "2021-366"],
        "%G-W%V-%u": ["2020-W53-7", "2021-W53-1"],
        "any": ["2021-02-28", "2021-02-30", "5 Jan 2020", "12/31/2020", "31/12/2020"],
    }.items()
] + [
    FieldKind({"type": "datetime", "format": form}, texts, texts[:2])
    for form, texts in {
        "%Y-%m-%dT%H:%M:%S%z": [
            "2021-02-28T10:00:00+0100", "2021-02-30T10:00:00+0100", "0001-01-01T00:00:00+2359",
        ],
        "%d/%m/%Y %I:%M %p": ["1/2/2021 12:30 am", "31/02/2021 1:00 pm"],
        "any": ["2021-02-28T10:00:00.5+01:00", "2021-02-28 10:00 pm", "20210228101010"],
        "%c": ["Sun Feb 28 10:00:00 2021", "Sun Feb 30 10:00:00 2021"],
        "default": ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
                    "2020-01-01T00:00:00.1234567891", "2020-01-01T00:00:00.123456789",
                    "2020-01-01 00:00:00,5Z"],
    }.items()
] + [
    FieldKind({"type": "time", "format": form}, texts, texts[:2])
    for form, texts in {
        "%H:%M:%S%z": ["23:00:00-0200", "10:00:00Z"],
        "any": ["3:30 pm", "15:30:00.25", "10:00:00+02:00"],
    }.items()
] + [
    FieldKind({"type": "number", **more}, texts, texts[:2])
    for more, texts in [
        ({}, ["123456789012345678", "1e3"]),
        ({}, ["0.1", "12345678901234567890.123456789"]),
        ({}, ["1" * 39 + ".5", "2"]),
        ({"groupChar": ","}, ["12,34,567", "1,00,000.5"]),
        ({"groupChar": ".", "decimalChar": ","}, ["1.234,5", "1,5", "1.2"]),
        ({"bareNumber": False, "decimalChar": ","}, ["€ ,5", "1,25 %"]),
    ]
] + [
    FieldKind({"type": "integer"}, ["5.0", "9223372036854775808", "-7"], ["5"]),
    FieldKind({"type": "list", "itemType": "number"}, ["1.10,12345678901234567.89", "1e3"], []),
    FieldKind({"type": "list", "itemType": "datetime"},
              ["2021-02-28T10:00:00+01:00", "2021-02-28T10:00:00,2021-02-28T11:00:00Z"], []),
    FieldKind({"type": "object"}, ['{"a": 123456789012345678.123, "b":\n [1e400]}'], []),
]  # fmt: skip
EVERY = [*KINDS, *FORMATS]
PARTS = 5
"""Tables that the fields are spread over: queries of wide ones take long to plan."""
Columns = list[list[str]]


def as_csv(path: Path, columns: Columns) -> Path:
    with (path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(f"v{n}" for n in range(len(columns)))
        writer.writerows(zip(*columns, strict=True))
    return path / "t.csv"


def as_json(path: Path, columns: Columns) -> Path:
    rows = ({f"v{n}": text for n, text in enumerate(row)} for row in zip(*columns, strict=True))
    (path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path / "t.jsonl"


def as_parquet(path: Path, columns: Columns) -> Path:
    pq.write_table(pa.table({f"v{n}": texts for n, texts in enumerate(columns)}), path / "t.pq")
    return path / "t.pq"


def as_arrow(path: Path, columns: Columns) -> Path:
    table = pa.table({f"v{n}": texts for n, texts in enumerate(columns)})
    with pa.ipc.new_file(str(path / "t.arrow"), table.schema) as writer:
        writer.write_table(table)
    return path / "t.arrow"


WRITERS = {"csv": as_csv, "json": as_json, "parquet": as_parquet, "arrow": as_arrow}


def constrained(number: int, kind: FieldKind, rng: random.Random) -> dict[str, Any]:
    """The field with constraints that its type has and some of its values keep."""
    rules: dict[str, Any] = {}
    if kind.hashable and rng.random() < 0.2:
        rules["unique"] = True
    if kind.values and "enum" in kind.constraints and rng.random() < 0.2:
        rules["enum"] = kind.values
    if kind.ordered and kind.values and rng.random() < 0.4:
        rules[rng.choice(["minimum", "exclusiveMinimum", "maximum"])] = kind.values[0]
    if "minLength" in kind.constraints and rng.random() < 0.3:
        rules[rng.choice(["minLength", "maxLength"])] = 2
    return {"name": f"v{number}", **kind.field, **({"constraints": rules} if rules else {})}


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("storage", WRITERS)
def test_the_same_cells_everywhere(storage: str, part: int, tmp_path: Path) -> None:
    rng = random.Random(f"{storage} {part}")
    kinds = EVERY[part::PARTS]
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        folder.mkdir()
    # The first column keeps rows from being blank.
    every = [FieldKind({"type": "string"}, [], []), *kinds]
    height = 1 + max(len(kind.texts) for kind in every)
    columns = [["x"] * height] + [
        [*dict.fromkeys(kind.texts), *[""] * height][:height] for kind in kinds
    ]
    schema = {"fields": [constrained(n, kind, rng) for n, kind in enumerate(every)]}
    schema["fields"][0] = {"name": "v0", "type": "string"}
    rejected = forms_of(WRITERS[storage](first, columns), schema, first)
    errors = errors_of(rejected.inspection)
    assert {int(row[0]) for row in rejected.rejected[1:]} == {each["rowNumber"] for each in errors}
    for error in errors:
        columns[error["fieldNumber"] - 1][error["rowNumber"] - 2] = ""
    forms = forms_of(WRITERS[storage](second, columns), schema, second)
    assert forms.inspection.verdict == "conforms", forms.inspection.detail
    forms.agree()
    canonical = [list(row) for row in zip(*cells_of(forms.canonical)[1:], strict=True)]
    for kind, texts, written in zip(every, columns, canonical, strict=True):
        # A date of JSON in the default form is written in the format of its field.
        if storage != "json" or kind.field.get("format", "default") in ("default", "any"):
            assert written == texts
    for n, (kind, texts) in enumerate(zip(every, columns, strict=True)):
        kept_empty = storage != "csv" and forms.stored[f"v{n}"] == "VARCHAR"
        for text, row in zip(texts, forms.parquet, strict=True):
            missing = text == "" and not kept_empty
            assert (row[f"v{n}"] is None) == missing, (n, kind.field, text)
    if storage in ("csv", "json"):
        (third / "t.csv").write_bytes(forms.canonical)
        again = forms_of(third / "t.csv", schema, third)
        assert again.inspection.verdict == "conforms"
        # A CSV cannot tell an empty text from none.
        expected = [{name: None if each == "" else each for name, each in row.items()}
                    for row in forms.parquet]  # fmt: skip
        assert again.parquet == expected


ODD_NAMES = [
    "v", "V", "n", "N", "k", "doc", "keys", "h", "file_row_number", "FILE_ROW_NUMBER", "_row",
    "_line", "_cells", "_extra", "_kinds", "_blank", "_number", "c1", "C1", "c2", "near", "item",
    "e", "p", "r", "Name", "name", "NAME", "name_1", 'a"b', "a'b", "a,b", "rowid", "filename",
]  # fmt: skip


@pytest.mark.parametrize("storage", ["csv", "json", "parquet"])
def test_a_column_may_have_any_name(storage: str, tmp_path: Path) -> None:
    names = ODD_NAMES
    if storage == "parquet":  # the engine that writes it knows no names that differ in case alone
        names = list({name.lower(): name for name in reversed(ODD_NAMES)}.values())
    values = [[str(n) for n in range(len(names))], [f"x{n}" for n in range(len(names))]]
    path = tmp_path / f"t.{'jsonl' if storage == 'json' else storage}"
    if storage == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([names, *values])
    elif storage == "json":
        lines = (json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in values)
        path.write_text("".join(lines))
    else:
        listed = ", ".join('? AS "{}"'.format(name.replace('"', '""')) for name in names)
        rows = f"SELECT {listed} UNION ALL SELECT {', '.join('?' * len(names))}"
        with duckdb.connect() as engine:
            engine.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)", [*values[0], *values[1]])
    forms = forms_of(path, None, tmp_path)
    assert forms.inspection.verdict == "conforms", forms.inspection.detail
    assert list(forms.stored) == names
    assert [list(row.values()) for row in forms.json_lines] == values
    forms.agree()
    assert [column["name"] for column in forms.profile] == names
    line = (tmp_path / "made.jsonl").read_text().splitlines()[0]
    assert [name for name, _ in json.loads(line, object_pairs_hook=list)] == names
    table = pa.ipc.open_file(tmp_path / "made.arrow").read_all()
    assert table.column_names == names
    assert pq.read_table(tmp_path / "made.parquet").column_names == names
    for form in ("csv", "jsonl", "parquet", "arrow"):
        scratch = tmp_path / f"again-{form}"
        scratch.mkdir()
        again = forms_of(tmp_path / f"made.{form}", forms.inspection.schema, scratch)
        assert again.parquet == forms.parquet, form


def test_digits_stay_as_they_were_delivered(tmp_path: Path) -> None:
    exact = {
        "93-double-rounding.csv": ["123456789012345678", "1e3"],
        "105-big-ints.jsonl": [1344800117571260417],
        "96-decimal-17-2.parquet": ["999999999999999.97"],
    }
    for file, expected in exact.items():
        scratch = tmp_path / file
        scratch.mkdir()
        forms = forms_of(READING / file, None, scratch)
        forms.agree()
        values = {str(value) for row in forms.parquet for value in row.values()}
        assert {str(each) for each in expected} <= values, values
    assert forms.stored["d"].startswith("DECIMAL(")


def test_wide_decimals_of_parquet_stay_texts(tmp_path: Path) -> None:
    schema = {"fields": [{"name": "d256", "type": "number"}]}
    wide = pq.read_table(READING / "98-decimal256.parquet").slice(0, 1)
    pq.write_table(wide, tmp_path / "t.parquet")
    forms = forms_of(tmp_path / "t.parquet", schema, tmp_path)
    assert forms.parquet == [{"d256": "12345678901234567890123456789012345678901234.5"}]
    assert "38 digits" in forms.profile[0]["keptAsText"]


def test_numbers_of_json_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"n": 123456789012345678.123, "o": {"s": "9.99999999999999999999, \\"1.", "x":'
        ' [12345678901234567890.5]}, "t": "number-: 3.33333333333333333333"}\n'
        '{"n": -0.12345678901234567890, "o": {"x": 1.5}, "t": "x"}\n'
    )
    forms = forms_of(path, None, tmp_path)
    assert [str(row["n"]) for row in forms.parquet] == [
        "123456789012345678.12300000000000000000", "-0.12345678901234567890",
    ]  # fmt: skip
    line = (tmp_path / "made.jsonl").read_text().splitlines()[0]
    assert '"s":"9.99999999999999999999, \\"1."' in line.replace('": ', '":')
    assert "[12345678901234567890.5]" in line
    assert forms.parquet[0]["t"] == "number-: 3.33333333333333333333"
    forms.agree()


@pytest.mark.parametrize(
    "digits", ["5", "25", "1234567890123456789", "12345678901234567890123456789012345678"]
)
def test_fractions_have_a_zero_before_their_point(tmp_path: Path, digits: str) -> None:
    """Where a decimal has digits behind its point alone, the engine writes `.5`, which is not
    JSON."""
    path = tmp_path / "t.csv"
    path.write_text(f"k,v\na,0.{digits}\nb,-0.{digits}\n")
    forms = forms_of(path, None, tmp_path)
    assert forms.stored["v"] == f"DECIMAL({len(digits)},{len(digits)})"
    forms.agree()
    assert str(forms.profile[1]["maximum"]) == f"0.{digits}"
