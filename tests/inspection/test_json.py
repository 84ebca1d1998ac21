"""JSON in each of its forms: exact values, places of faults, and what is not a table."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pytest
from tests.inspection.conftest import Inspect, errors_of, opened_context, read_table
from tests.inspection.forms import cells_of, forms_of
from vega_datasets import data

from entrepot.inspection.formats.json_positions import first_syntax_error
from entrepot.inspection.formats.json_totals import count_lines
from entrepot.inspection.limits import MIB, Limits


def cells(path: Path, scratch: Path) -> list[tuple[Any, ...]]:
    with opened_context(scratch) as context:
        table = read_table(path, context)
        listed = ", ".join(column.text for column in table.columns)
        return context.engine.execute(
            f"SELECT {listed} FROM {table.numbered} ORDER BY _row"
        ).fetchall()


def types(inspection: Any) -> dict[str, str]:
    assert inspection.schema is not None, inspection.detail
    return {field["name"]: field["type"] for field in inspection.schema["fields"]}


def test_exact_values(tmp_path: Path, inspect: Inspect) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"i": 123456789012345678901234567890, "u": 18446744073709551615, "f": 0.1, "b": true, '
        '"s": "a\\u00e4\\n\\"", "n": null, "o": {"x": [1, {"y": null}]}, "a": []}\n'
        '{"i": -9223372036854775809, "u": 0, "f": 1e-7, "b": false, "s": "", "o": {}, "a": [[]]}\n'
    )
    assert cells(path, tmp_path / "scratch") == [
        ("123456789012345678901234567890", "18446744073709551615", "0.1", "true", 'aä\n"', None,
         '{"x":[1,{"y":null}]}', "[]"),
        ("-9223372036854775809", "0", "1e-7", "false", "", None, "{}", "[[]]"),
    ]  # fmt: skip
    assert types(inspect(path)) == {
        "i": "integer", "u": "integer", "f": "number", "b": "boolean", "s": "string",
        "n": "string", "o": "object", "a": "array",
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "utf-32"])  # fmt: skip
@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_encodings(inspect: Inspect, encoding: str, form: str) -> None:
    rows = [{"name": f"ä{n}€", "n": n} for n in range(50)]
    lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    text = lines if form == "jsonl" else json.dumps(rows, ensure_ascii=False, indent=1)
    inspection = inspect(text.encode(encoding), name="t.json")
    assert (inspection.verdict, inspection.row_count) == ("conforms", 50), inspection.detail
    assert types(inspection) == {"name": "string", "n": "integer"}


def test_objects_one_after_another(inspect: Inspect) -> None:
    rows = [{"a": n, "b": {"c": [n]}} for n in range(1_000)]
    for text in (
        "".join(json.dumps(row) for row in rows),
        "\n".join(json.dumps(row, indent=2) for row in rows),
    ):
        inspection = inspect(text, name="t.json")
        assert (inspection.verdict, inspection.row_count) == ("conforms", 1_000), inspection.detail
        assert types(inspection) == {"a": "integer", "b": "object"}
        broken = inspect(text + '\n{"a": }', name="t.json")
        line = text.count("\n") + 2
        assert broken.verdict == "source-error"
        assert f"in line {line:,}" in broken.detail


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"a": 1},\n{"a": 2},\n]', 3),
        ('[{"a": 1},\n{"a": 2,\n}]', 2),
        ('[{"a": 1}\n{"a": 2}]', 2),
        ('[\n{"a": 1},,{"a": 2}]', 2),
        ('[{"a": 1},\n{"a": tru}]', 2),
        ('[{"a": 1},\n{"a": "x\ny"}]', 2),
        ("[{'a': 1}]", 1),
        ('[{"a": 1},\n\n{"a": 2}', 3),
        ('[{"a": 1}]\n]', 2),
        ('[{"a": 1}]\n[{"a": 2}]', 2),
        ('[{"a": 1}, {"a": 01}]', 1),
    ],
)
def test_errors_of_an_array_are_placed(inspect: Inspect, text: str, line: int) -> None:
    inspection = inspect(text, name="t.json")
    assert inspection.verdict == "source-error", inspection.detail
    assert f"in line {line}" in inspection.detail


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[{"a": 1,\n}]',
            "trailing comma before end of object (element 1, character 9), in line 1",
        ),
        (
            '[{"a": [1 , \n\n]}]',
            "trailing comma before end of array (element 1, character 11), in line 1",
        ),
        ('[{"a": [\n,]}]', "expecting value (element 1, character 1), in line 2"),
        (
            '[{"a": 1,\n,}]',
            "property name enclosed in double quotes (element 1, character 1), in line 2",
        ),
        ('[{"a": 1}, {"a": 01}]', "delimiter (element 2, character 19), in line 1"),
        ('[{"a": 1},\f{"a": 1}]', "expecting value (element 2, character 11), in line 1"),
        ('[{"a": 1}, {"a": "x', "cut off within an object or a list (element 2), in line 1"),
        ('{"a": 1},\n{"a": 2}', "on each line without commas (element 1, character 9), in line 1"),
    ],
)
def test_commas_are_named_alike_by_every_python(inspect: Inspect, text: str, message: str) -> None:
    assert message in inspect(text, name="t.json").detail


def test_an_error_behind_many_elements(tmp_path: Path) -> None:
    """Long elements and short ones, over the bounds of what is read at once."""
    rows = [{"n": n, "text": "x" * (3 * MIB if n % 500 == 7 else 20)} for n in range(1_200)]
    path = tmp_path / "t"
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]")
    assert first_syntax_error(path, True, 16 * MIB) is None
    error = first_syntax_error(path, True, MIB)
    assert error is not None
    assert error.line == 9
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + ",\n]")
    late = first_syntax_error(path, True, 16 * MIB)
    assert late is not None
    assert late.line == 1_202


def test_lines_of_errors_in_an_array(inspect: Inspect) -> None:
    rows = [{"n": n if n % 10 else "x"} for n in range(30)]
    schema = {"fields": [{"name": "n", "type": "integer"}]}
    inspection = inspect(json.dumps(rows, indent=1), schema, name="t.json")
    assert [(e["rowNumber"], e["lineNumber"]) for e in errors_of(inspection)] == [
        (2, 2), (12, 32), (22, 62)
    ]  # fmt: skip


def test_a_comma_too_many_and_keys_twice(inspect: Inspect) -> None:
    text = (
        '{"a": 1}\n{"a": 2,}\n{"a": "x,}", "b": [",]"]}\n{"a": 3, "a": 4}\n'
        '{"a": "\\",}", "b": [1, 2, ]}\n'
    )
    inspection = inspect(text, name="t.jsonl")
    assert [(e["lineNumber"], e["note"]) for e in errors_of(inspection)] == [
        (2, "not JSON, illegal trailing comma before end of object (character 8)"),
        (4, "the key `a` occurs twice in the object"),
        (5, "not JSON, illegal trailing comma before end of array (character 25)"),
    ]
    assert inspection.row_count == 3


def test_lines_between(inspect: Inspect) -> None:
    inspection = inspect('\n{"a": 1}\r\n\r\n  \t\n{"a": 2}\n\n{"a": \n', name="t.jsonl")
    assert inspection.row_count == 2
    assert [e["lineNumber"] for e in errors_of(inspection)] == [7]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[1, 2], [3, 4]]", "array of arrays"),
        ("[1, 2, 3]", "array of values"),
        ('["a", "b"]', "array of values"),
        ('[{"a": 1}, 5]', "not all objects: element 2 is a number"),
        ('[{"a": 1}, {"a": 2}, null]', "not all objects: element 3 is null"),
        ('{"data": [\n{"a": 1},\n{"a": 2}]}', "one JSON object"),
        ("[]", "keys"),
        ("[{}, {}]", "keys"),
    ],
)
def test_json_that_is_no_table(inspect: Inspect, text: str, reason: str) -> None:
    inspection = inspect(text, name="t.json")
    assert (inspection.verdict, reason in inspection.detail) == ("not-tabular", True), (
        inspection.detail
    )
    big = inspect(text[:-1] + " " * 300_000 + text[-1], name="t.json")
    assert big.verdict in ("not-tabular", "source-error")


def test_limits(inspect: Inspect) -> None:
    wide = "".join(json.dumps({f"k{n}": n}) + "\n" for n in range(200))
    inspection = inspect(wide, name="t.jsonl", limits=Limits(columns=100))
    assert (inspection.verdict, "100 different keys" in inspection.detail) == (
        "resource-limit",
        True,
    )
    for text in (json.dumps({"a": "x" * 3 * MIB}) + "\n", json.dumps([{"a": "x" * 3 * MIB}])):
        long = inspect(text, name="t.json", limits=Limits(line=MIB))
        assert long.verdict == "resource-limit", long.detail


@pytest.mark.parametrize("depth", [499, 500, 200_000])
def test_deep_values(inspect: Inspect, depth: int) -> None:
    """As many levels as are read, the object's own among them; one more; and very many."""
    deep = '{"a": ' + "[" * depth + "]" * depth + ', "b": 1}'
    for text in (deep + "\n" + '{"b": 2}\n', f"[{deep},{deep}]"):
        inspection = inspect(text, name="t.json")
        if depth == 499:
            assert (inspection.verdict, inspection.row_count) == ("conforms", 2), inspection.detail
            assert types(inspection) == {"a": "array", "b": "integer"}
        else:
            assert inspection.verdict == "resource-limit", inspection.detail
    refused = ("source-error", "resource-limit")
    assert inspect(f"[{deep},{deep},]", name="t.json").verdict in refused


def test_other_writers(tmp_path: Path) -> None:
    frame = {"a": [1, 2], "b": ["x", None], "c": [0.5, 1.5]}
    polars.DataFrame(frame).write_ndjson(tmp_path / "polars.jsonl")
    polars.DataFrame(frame).write_json(tmp_path / "polars.json")
    pandas.DataFrame(frame).to_json(tmp_path / "pandas.jsonl", orient="records", lines=True)
    pandas.DataFrame(frame).to_json(tmp_path / "pandas.json", orient="records", indent=3)
    with duckdb.connect() as other:
        rows = "SELECT 1 AS a, 'x' AS b, 0.5::DOUBLE AS c UNION ALL SELECT 2, NULL, 1.5 ORDER BY a"
        other.execute(f"COPY ({rows}) TO '{tmp_path}/duckdb.jsonl' (FORMAT json)")
        other.execute(f"COPY ({rows}) TO '{tmp_path}/duckdb.json' (FORMAT json, ARRAY true)")
    for writer in ("polars", "pandas", "duckdb"):
        for form in ("jsonl", "json"):
            written = cells(tmp_path / f"{writer}.{form}", tmp_path / "scratch")
            assert written == [("1", "x", "0.5"), ("2", None, "1.5")], (writer, form)


@pytest.mark.parametrize("name", ["cars", "barley", "driving"])
def test_real_tables(inspect: Inspect, name: str) -> None:
    path = Path(getattr(data, name).filepath)
    raw = json.loads(path.read_text())
    inspection = inspect(path)
    assert inspection.verdict == "conforms", inspection.detail
    assert inspection.row_count == len(raw)
    assert list(types(inspection)) == list(dict.fromkeys(key for row in raw for key in row))


@pytest.mark.parametrize(
    ("text", "name", "counts"),
    [
        ('{"a": 1}\n\n {"a": 2}\n \t\n{"a": "{"}\n\n', "t.jsonl", (6, 3, 3, 0)),
        ('\ufeff{"a": 1}\r\n\r\n{"a": 2}', "t.jsonl", (3, 2, 1, 0)),
        ('{"a": 1}\nx\n{"a": 2}\n', "t.jsonl", (3, 3, 0, 0)),
        ('[{"a": {"b": "}{"}}, {"a": [{}]}]', "t.json", (2, 2, 0, 0)),
        ('{\n"a": {"b": 1}}\n{\n"a": 2}', "t.json", (2, 2, 0, 0)),
    ],
)
def test_all_records_are_counted(
    inspect: Inspect, text: str, name: str, counts: tuple[int, ...]
) -> None:
    records = inspect(text, name=name).profile["file"]["records"]
    keys = ("total", "judged", "skippedBlank", "header")
    assert tuple(records[key] for key in keys) == counts


def test_lines_across_blocks(tmp_path: Path) -> None:
    lines = [b"x" * n if n % 3 else b" " * (n % 5) for n in range(2_000)]
    path = tmp_path / "t"
    for end in (b"", b"\n"):
        path.write_bytes(b"\n".join(lines) + end)
        assert count_lines(path) == (2_000, 667)


def test_rows_within_one_object(inspect: Inspect) -> None:
    text = '{"data": [{"id": 1}, {"id": 2}], "page": 1}'
    inspection = inspect(text, name="t.json")
    assert inspection.verdict == "violates"
    assert 'Add "property": "data" to the dialect' in inspection.detail
    stated = inspect(text, name="t.json", dialect={"property": "data"})
    assert (stated.verdict, stated.row_count) == ("conforms", 2)
    alone = inspect(text, name="t.json", dialect={"itemType": "object"})
    assert (alone.verdict, alone.row_count) == ("conforms", 1)
    for other in ('{"data": [1, 2]}', text + "\n" + text, '{"data": {"id": 1}}'):
        assert inspect(other, name="t.jsonl").verdict == "conforms"


@pytest.mark.parametrize(
    "text",
    [
        '{"id": [1, 2], "name": ["a", "b"]}',
        '{"id": {"0": 1, "1": 2}, "name": {"0": "a", "1": "b"}}',
        '{"r1": {"id": 1}, "r2": {"id": 2}}',
    ],
)
def test_one_object_of_columns_or_of_rows(inspect: Inspect, text: str) -> None:
    """As pandas writes a table by default."""
    inspection = inspect(text, name="t.json")
    assert [error["code"] for error in errors_of(inspection)] == ["unsure-reading"]
    assert "Write an array with an object for each row" in inspection.detail
    alone = inspect(text, name="t.json", dialect={"itemType": "object"})
    assert (alone.verdict, alone.row_count) == ("conforms", 1)
    lines = inspect(f"{text}\n{text}\n", name="t.jsonl")
    assert (lines.verdict, lines.row_count) == ("conforms", 2)


NAMED = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ('{"id": 1, "name": "a"}\n{"id":\r2,\r"name": "b"}\r\n', []),
        ('{"id": 1, "name": "a"}\n{"id": 2, "name": "\x1e"}\n', [(2, "control character")]),
        ('\ufeff{"id": 1}\n\ufeff{"id": 2}\n{"name": ""}\n', [(2, "byte order mark"), (3, "")]),
        ('{"id": 1, "name": "a"}\n{"id": 2, "name": "b\n', [(2, "is not closed (character 19)")]),
        (f'[{{"id": 1, "name": "a"}}]{" " * 3_000_000}', []),
    ],
)
def test_blanks_and_marks_of_json(inspect: Inspect, text: str, errors: list[Any]) -> None:
    """A CR is a blank wherever it stands; no other control character is."""
    listed = errors_of(inspect(text, NAMED, name="t.jsonl"))
    assert [error["lineNumber"] for error in listed] == [line for line, _ in errors]
    assert all(words in error["message"] for error, (_, words) in zip(listed, errors, strict=True))


def test_columns_of_json_have_the_order_of_the_contract(tmp_path: Path) -> None:
    """Each form is a delivery of its own, whose columns have an order."""
    path = tmp_path / "t.json"
    path.write_text('[{"name": "a", "id": 1}, {"name": "b", "id": 2}]')
    forms = forms_of(path, NAMED, tmp_path)
    forms.agree()
    assert list(forms.stored) == ["id", "name"]
    assert cells_of(forms.canonical)[0] == ["id", "name"]
