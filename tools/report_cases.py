"""Small broken deliveries, one of each kind, and the sentence that each gets.

`tools/reference.py` writes them into docs/reference/reports.md; the tests inspect them too. Each is
really inspected: nothing here says what the sentence is.
"""

import csv
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.engine import open_engine
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import Progress
from entrepot.inspection.report.where_to_state import where_to_state
from entrepot.inspection.results import Inspection, InspectionRequest

CONTRACT = Path(__file__).parent.parent / "tests" / "inspection" / "cases" / "contract"


@dataclass(frozen=True)
class ReportCase:
    """One kind of breakage: what is delivered as `name`, and the schema (None: `true`)."""

    kind: str
    content: bytes
    schema: dict[str, Any] | None
    name: str = "table.csv"
    dialect: dict[str, Any] | None = field(default=None)


def inspect_cases() -> list[tuple[ReportCase, Inspection]]:
    """Every case of `REPORT_CASES` with what its inspection, in this process, found."""
    results = []
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder, open_engine() as engine:
        for case in REPORT_CASES:
            path = Path(folder) / case.name
            path.write_bytes(case.content)
            results.append((case, _inspect(engine, path, case.schema, case.dialect)))
    return results


def first_message(inspection: Inspection) -> str:
    """The message of the first error, without the sentence that says where a dialect is stated,
    which many would repeat; empty if there is none."""
    errors = inspection.report["tasks"][0]["errors"]
    message = str(errors[0]["message"]) if errors else ""
    where = (where_to_state(message, contract) for contract in (True, False))
    for sentence in filter(None, where):
        message = message.replace(f" {sentence}", "")
    return message


def _inspect(
    engine: duckdb.DuckDBPyConnection,
    path: Path,
    schema: dict[str, Any] | None,
    dialect: dict[str, Any] | None,
) -> Inspection:
    with tempfile.TemporaryDirectory(prefix="entrepot-") as scratch:
        size = path.stat().st_size
        mode = "infer" if schema is None else "given"
        request = InspectionRequest(path, path.name, size, mode, schema, dialect)  # type: ignore[arg-type]
        return inspect_file(
            request, InspectionContext(engine, Path(scratch), Limits(), Progress(max(1, size)))
        )


def contract_cases() -> list[tuple[str, Inspection]]:
    """The cases of tests/inspection/cases/contract that are to be rejected, inspected."""
    results = []
    with (CONTRACT / "cases.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if not row["expected"].startswith("rejected"):
                continue
            with open_engine() as engine:
                schema, dialect = _contract_of(engine, row["schema"])
            with open_engine() as engine:
                inspection = _inspect(engine, CONTRACT / row["file"], schema, dialect)
            results.append((row["file"], inspection))
    return results


def _contract_of(
    engine: duckdb.DuckDBPyConnection, text: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The schema and the dialect of a line of cases.tsv."""
    if text == "true":
        return None, None
    if text.startswith("inferred from "):
        first = CONTRACT / text.removeprefix("inferred from ")
        inspection = _inspect(engine, first, None, None)
        return inspection.schema, inspection.dialect
    schema, end = json.JSONDecoder().raw_decode(text)
    rest = text[end:].strip().removeprefix("dialect").strip()
    return schema, json.loads(rest) if rest else None


def _field(type: str, constraints: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "v", "type": type, **more, "constraints": constraints or {}}


def _cell(kind: str, cell: str, one: dict[str, Any], sound: str = "") -> ReportCase:
    """A cell of the column `v`, beside a column that is sound."""
    quoted = '"' + cell.replace('"', '""') + '"' if {'"', ",", "\n"} & set(cell) else cell
    text = f"n,v\n{f'1,{sound}{chr(10)}' if sound else ''}2,{quoted}\n"
    return ReportCase(kind, text.encode(), {"fields": [{"name": "n", "type": "integer"}, one]})


def _header(kind: str, labels: str, match: str = "exact") -> ReportCase:
    names = ("id", "customer", "amount")
    fields = [{"name": name, "type": "string"} for name in names]
    row = ",".join("x" for _ in labels.split(","))
    return ReportCase(
        kind, f"{labels}\n{row}\n{row}\n".encode(), {"fields": fields, "fieldsMatch": match}
    )


_AB = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]}


def _rows(kind: str, text: str, **schema: Any) -> ReportCase:
    return ReportCase(kind, text.encode(), {**_AB, **schema})


def _first(kind: str, text: str, name: str = "table.csv") -> ReportCase:
    return ReportCase(kind, text.encode(), None, name)


def _json(kind: str, text: str, name: str) -> ReportCase:
    return ReportCase(kind, text.encode(), _AB, name)


REPORT_CASES = [
    _cell("not an integer", "1.5", _field("integer")),
    _cell("not a number", "abc", _field("number")),
    _cell("decimal comma for a point", "17,50", _field("number")),
    _cell("decimal point for a comma", "17.50", _field("number", decimalChar=",", groupChar=" ")),
    _cell("thousands not expected", "1,234", _field("integer")),
    _cell("thousands expected", "1;234", _field("number", groupChar=",")),
    _cell("not a number with a unit", "twelve", _field("number", bareNumber=False)),
    _cell("invisible character", "17\u00a0000", _field("integer")),
    _cell("blank at the end", "a@example.org ", _field("string", format="email")),
    _cell("sign that looks like a minus", "\u221217", _field("integer")),
    _cell("not a boolean value", "maybe", _field("boolean")),
    _cell("own words for true and false", "yes",
          _field("boolean", trueValues=["ja"], falseValues=["nein"])),
    _cell("not a date", "31.03.2024", _field("date")),
    _cell("date in another format", "2024-03-31", _field("date", format="%d.%m.%Y")),
    _cell("impossible date", "2021-02-30", _field("date")),
    _cell("not a time", "14:30", _field("time")),
    _cell("not a date with a time", "2024-03-31", _field("datetime")),
    _cell("not a year", "24", _field("year")),
    _cell("not a month", "2024-13", _field("yearmonth")),
    _cell("not a duration", "2 hours", _field("duration")),
    _cell("not a JSON object", "[1]", _field("object")),
    _cell("not a JSON array", "{}", _field("array")),
    _cell("item of a list", "1;x", _field("list", delimiter=";", itemType="integer")),
    _cell("not coordinates", "200,10", _field("geopoint")),
    _cell("not GeoJSON", '{"type": "Pint"}', _field("geojson")),
    _cell("not an email address", "anna@", _field("string", format="email")),
    _cell("not a URI", "example.org", _field("string", format="uri")),
    _cell("not a UUID", "53c9c295", _field("string", format="uuid")),
    _cell("not Base64", "a", _field("string", format="binary")),
    _cell("required, and empty", "", _field("integer", {"required": True}), "1"),
    _cell("required, and a mark of a missing value", "NA",
          _field("integer", {"required": True}, missingValues=["", "NA"])),
    _cell("below the minimum", "1", _field("integer", {"minimum": 5, "maximum": 9})),
    _cell("above the maximum", "12.5", _field("number", {"maximum": 9.5})),
    _cell("on an excluded minimum", "0", _field("number", {"exclusiveMinimum": 0})),
    _cell("on an excluded maximum", "100", _field("integer", {"exclusiveMaximum": 100})),
    _cell("date before the first one", "1999-12-31", _field("date", {"minimum": "2000-01-01"})),
    _cell("too short", "x", _field("string", {"minLength": 3})),
    _cell("too long", "Mississippi", _field("string", {"maxLength": 5})),
    _cell("too few items", "a", _field("list", {"minLength": 2})),
    _cell("another pattern", "ab-1", _field("string", {"pattern": "[A-Z]{2}-[0-9]{4}"})),
    _cell("not in the enum", "grey", _field("string", {"enum": ["red", "green", "blue"]})),
    _cell("not in a long enum", "V8", _field("string", {"enum": [f"v{n}" for n in range(1, 9)]})),
    _cell("not a category", "3", _field("integer", categories=[1, 2])),
    _cell("another JSON Schema", '{"a": 1}', _field("object", {"jsonSchema": {"required": ["b"]}})),
    _cell("not unique", "x", _field("string", {"unique": True}), "x"),
    _rows("no rows", "a,b\n", **{"entrepot:minRows": 1}),
    _rows("too few rows", "a,b\n1,x\n", **{"entrepot:minRows": 3}),
    ReportCase("column without a value", b"a,b\n1,\n2,\n", {"fields": [
        {"name": "a", "type": "integer"},
        {"name": "b", "type": "string", "entrepot:notEmpty": True}]}),
    _rows("blank row", "a,b\n1,x\n\n2,y\n"),
    _rows("cells missing", "a,b\n1,x\n2\n"),
    _rows("cells too many", "a,b\n1,x\n2,Paris, France\n"),
    _rows("primary key twice", "a,b\n1,x\n2,x\n1,x\n", primaryKey=["a", "b"]),
    _rows("primary key missing", "a,b\n1,x\n,y\n", primaryKey=["a"]),
    _rows("unique key twice", "a,b\n1,x\n1,x\n", uniqueKeys=[["a", "b"]]),
    ReportCase("reference to no row", b"id,parent\n1,\n2,1\n3,7\n", {
        "fields": [{"name": "id", "type": "integer"}, {"name": "parent", "type": "integer"}],
        "foreignKeys": [{"fields": "parent", "reference": {"resource": "", "fields": "id"}}]}),
    _header("column removed", "id,amount"),
    _header("column inserted", "id,city,customer,amount"),
    _header("column renamed", "id,customers,amount"),
    _header("another column", "id,city,amount"),
    _header("column moved", "amount,id,customer"),
    _header("name in another case", "id,Customer,amount"),
    _header("name with blanks", "id, customer,amount"),
    ReportCase("name in another Unicode form", "n,Gro\u0308\u00dfe\n1,x\n2,y\n".encode(), {
        "fields": [{"name": "n", "type": "integer"}, {"name": "Gr\u00f6\u00dfe"}]}),
    _header("name twice", "id,id,amount"),
    _header("column without a name", "id,,amount"),
    _header("column inserted, in any order", "city,id,amount,customer", "equal"),
    _header("column removed, in any order", "amount,id", "equal"),
    _header("no column of the contract", "x,y,z", "partial"),
    _rows("header in another row", "Report\n\na,b\n1,x\n2,y\n"),
    _rows("header of values", "1,x\n2,y\n3,z\n"),
    ReportCase("dialect that is not supported", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', _AB,
               name="table.jsonl", dialect={"property": "rows"}),
    _rows("quote not closed", 'a,b\n1,"x\n2,"y"\n3,"z"\n4,"w"\n'),
    _rows("text after a quote", 'a,b\n1,"x"y\n2,"y"\n3,"z"\n'),
    ReportCase("bytes that are not text", b"a,b\n1,caf\xc3\xa9\n2,\xc3\xa9\xff\n3,\xc3\xa4\n", _AB),
    _json("text for a number in JSON", '[{"a": 1, "b": "x"},\n {"a": "two"}]\n', "table.json"),
    _json("number for text in JSON", '[{"a": 1, "b": "x"},\n {"a": 2, "b": 5}]\n', "table.json"),
    _json("line of JSON cut off", '{"a": 1, "b": "x"}\n{"a": 2, "b":\n', "table.jsonl"),
    _json("line of JSON not an object", '{"a": 1, "b": "x"}\n[2]\n', "table.jsonl"),
    _json("key twice in JSON", '{"a": 1, "b": "x"}\n{"a": 2, "b": "y", "a": 3}\n', "table.jsonl"),
    _json("broken JSON", '[{"a": 1, "b": "x"},\n {"a": 2 "b": "y"}]\n', "table.json"),
    _first("footer", "id,name\n1,a\n2,b\n\nTotal of all\n"),
    _first("comments inside", "id,name\n1,a\n# so,it,is\n2,b\n"),
    _first("header repeated", "id,name\n1,a\nid,name\n2,b\n"),
    _first("second table", "id,name\n1,a\n2,b\n\nx,y,z\n1,2,3\n4,5,6\n"),
    _first("no header", "1,2\n3,4\n5,6\n"),
    _first("more than one reading", "name\nSmith, John\nDoe, Jane\nRoe, Rick\n"),
    _first("no table", "%PDF-1.7 nothing\n", "paper.pdf"),
]  # fmt: skip
"""The kinds of breakage."""
