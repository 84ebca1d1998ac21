"""JSON Lines, JSON arrays, Parquet, and files that are not tables."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.inspection.conftest import Inspect, errors_of, places

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"unique": True}},
        {"name": "name", "type": "string"},
        {"name": "day", "type": "date"},
    ]
}


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_json_lines(inspect: Inspect) -> None:
    text = lines(
        {"id": 1, "name": "x", "day": "2020-01-01", "deep": {"a": [1]}, "share": 1},
        {"id": 2, "name": None, "day": None, "ok": True, "share": 0.5, "mix": 1},
        {"id": 3, "na/me~": "y", "mix": "1"},
    )
    inferred = inspect(text, name="rows.jsonl")
    assert inferred.verdict == "conforms", inferred.detail
    assert inferred.media_type == "application/x-ndjson"
    assert inferred.row_count == 3
    assert inferred.schema is not None
    assert {field["name"]: field["type"] for field in inferred.schema["fields"]} == {
        "id": "integer", "name": "string", "day": "date", "deep": "object", "share": "number",
        "ok": "boolean", "mix": "any", "na/me~": "string",
    }  # fmt: skip
    assert inspect(text, inferred.schema, name="rows.jsonl").verdict == "conforms"


def test_json_lines_under_a_contract(inspect: Inspect) -> None:
    text = lines(
        {"id": 1, "name": "x", "day": "2020-01-01"},
        {"id": "two", "name": 5, "day": "2020-13-01"},
        {"day": None, "name": "y", "id": 1},
    )
    checked = inspect(text, SCHEMA, name="rows.json")
    assert places(checked) == [
        ("type-error", 3, 1),
        ("type-error", 3, 2),
        ("type-error", 3, 3),
        ("unique-error", 4, 1),
    ]
    assert errors_of(checked)[0]["lineNumber"] == 2
    headed = inspect(lines({"id": 1, "other": 2}), SCHEMA)
    assert {error["type"] for error in errors_of(headed)} == {"missing-label", "extra-label"}


def test_broken_json_lines(inspect: Inspect) -> None:
    inferred = inspect('{"id": 1}\n\n{"id": \n[1]\n{"id": 2}\n')
    assert inferred.verdict == "violates"
    assert [(e["type"], e["lineNumber"]) for e in errors_of(inferred)] == [
        ("source-error", 3),
        ("source-error", 4),
    ]
    assert inferred.row_count == 2


def test_json_array(inspect: Inspect) -> None:
    inferred = inspect(json.dumps([{"a": 1, "b": "x"}, {"a": 2}], indent=1), name="rows.json")
    assert (inferred.verdict, inferred.row_count) == ("conforms", 2), inferred.detail
    assert inspect('[{"a": 1}, 5]').verdict == "not-tabular"
    assert inspect('[{"a": 1}, ').verdict == "source-error"


def write_parquet(path: Path, query: str) -> None:
    """On a connection of its own: the module's default one is shared by a whole run of tests."""
    with duckdb.connect() as conn:
        conn.sql(query).write_parquet(str(path))


def test_parquet(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(
        path,
        "SELECT i::INTEGER AS id, 'n' || i AS name, DATE '2020-01-01' + i::INTEGER AS day, "
        "i / 2 AS half, [i] AS many, {'a': i} AS deep, i % 2 = 0 AS even, 1.50::DECIMAL(9,2) "
        "AS money, TIMESTAMP '2020-01-01 00:00:00' AS moment FROM range(1000) t(i)",
    )
    inferred = inspect(path)
    assert (inferred.verdict, inferred.row_count) == ("conforms", 1000), inferred.detail
    assert inferred.schema is not None
    assert [field["type"] for field in inferred.schema["fields"]] == [
        "integer", "string", "date", "number", "array", "object", "boolean", "number", "datetime"
    ]  # fmt: skip
    assert inspect(path, inferred.schema).verdict == "conforms"
    fields = [dict(field) for field in inferred.schema["fields"]]
    fields[0]["constraints"] = {"maximum": 997}
    fields[4]["type"] = "string"
    checked = inspect(path, {"fields": fields})
    counts = {
        (c["type"], c["fieldName"]): c["count"] for c in checked.report["tasks"][0]["errorCounts"]
    }
    assert counts == {("constraint-error", "id"): 2, ("type-error", "many"): 1000}


@pytest.mark.parametrize("cut", [8, 40, 200])
def test_malformed_parquet(cut: int, inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(path, "SELECT range AS a FROM range(1000)")
    raw = path.read_bytes()
    assert inspect(raw[:-cut]).verdict == "source-error"
    broken = bytearray(raw)
    broken[-cut:-8] = b"\xff" * (cut - 8)
    broken[40:60] = b"\x00" * 20
    assert inspect(bytes(broken)).verdict == "source-error" or cut == 8


@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        (lambda raw: raw[:-100], 'it is cut off: a Parquet file ends with the bytes "PAR1"'),
        (lambda raw: raw[:4], 'it is cut off: a Parquet file ends with the bytes "PAR1"'),
        (lambda raw: raw[:4] + raw[-100:], "it is cut off: its Parquet footer is longer"),
        (lambda raw: raw[:50] + bytes(400) + raw[450:], "its data is damaged"),
        (lambda raw: raw[:-200] + bytes(192) + raw[-8:], "its data is damaged"),
    ],
)  # fmt: skip
def test_damaged_parquet_is_reported_in_our_words(
    damage: Callable[[bytes], bytes], detail: str, inspect: Inspect, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(path, "SELECT range AS a, 'text ' || range AS b FROM range(1000)")
    inspection = inspect(damage(path.read_bytes()))
    assert inspection.verdict == "source-error"
    assert inspection.detail.startswith(f"The file cannot be read: {detail}")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1,\n{"a": 2}\n',
        '{"a": 1, "b"\n{"a": 2}\n{"a": 3}',
        '"a": 1}\n{"a": 2}\n{"a": 3}\n',
        '}\n{"a": 2}\n{"a": 3}\n',
    ],
)
def test_json_lines_whose_first_line_is_a_part_of_an_object(text: str, inspect: Inspect) -> None:
    inspection = inspect(text)
    assert inspection.media_type == "application/x-ndjson"
    assert [(e["code"], e["lineNumber"]) for e in errors_of(inspection)] == [("invalid-json", 1)]


def test_a_column_of_json_below_its_label_is_delimited_text(inspect: Inspect) -> None:
    inspection = inspect('payload\n{"a": 2}\n{"a": 3}\n')
    assert (inspection.media_type, inspection.row_count) == ("text/csv", 2)


NOT_TABLES = {
    "application/pdf": b"%PDF-1.7\n...",
    "image/png": b"\x89PNG\r\n\x1a\n0000",
    "application/zip": b"PK\x03\x04....",
    "application/x-bzip2": b"BZh91AY&SY",
    "text/plain": b"Dear all,\n\nthis is a letter, and no table.\nYours, me\n",
    "text/html": b"<!DOCTYPE html><p>x",
    "text/calendar": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "text/vcard": b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nEND:VCARD\r\n",
    "application/x-pem-file": b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "application/json": b'{"a": 1, "b": [1,2]}',
    "application/octet-stream": bytes(range(256)) * 4,
    "application/x-empty": b"",
}


@pytest.mark.parametrize("media_type", NOT_TABLES)
def test_no_table(media_type: str, inspect: Inspect) -> None:
    content = NOT_TABLES[media_type]
    inspection = inspect(content, name="whatever.bin")
    if media_type == "application/json":
        assert inspection.media_type == "application/x-ndjson"
        return
    assert (inspection.verdict, inspection.media_type) == ("not-tabular", media_type)
    assert not inspection.report["valid"]
    free = inspect(content, mode="none", name="whatever.bin")
    assert (free.verdict, free.schema, free.row_count) == ("conforms", None, None)
    assert free.media_type == media_type
    assert free.report["valid"]


def test_other_workbooks_are_named(inspect: Inspect) -> None:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", b"")
    inspection = inspect(buffer.getvalue(), name="data.csv")
    assert inspection.verdict == "not-tabular"
    assert ".xlsb" in inspection.detail
