"""Each cell of the table property × format, proved by a file that is read with and without it.

A case has a file, the dialect (or the encoding) and what the report counts with it. What takes
effect changes how the file is judged; what is ignored changes nothing and is reported; what is not
supported rejects the file.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.inspection.conftest import errors_of, opened_context

from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.results import Inspection, InspectionRequest, Mode
from entrepot.schemas.reading.support import (
    EFFECT,
    FORMAT_NAMES,
    IGNORED,
    SUPPORT,
    UNSUPPORTED,
)
from entrepot.schemas.table_dialect import KNOWN_PROPERTIES

FIELDS = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"required": True}},
        {"name": "name", "type": "string"},
    ]
}
ROWS = [(1, "a"), (2, "b")]
OBJECTS = [{"id": number, "name": name} for number, name in ROWS]


def book(*sheets: list[tuple[Any, ...]]) -> bytes:
    """A workbook with sheets called One, Two, …"""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in zip(("One", "Two"), sheets, strict=False):
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def arrow() -> pa.Table:
    return pa.table({"id": [1, 2], "name": ["a", "b"]})


def parquet() -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow(), out)
    return out.getvalue()


def arrow_stream() -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, arrow().schema) as writer:
        writer.write_table(arrow())
    return out.getvalue()


HEAD = ("id", "name")
PLAIN: dict[str, bytes] = {
    "csv": b"id,name\n1,a\n2,b\n",
    "xlsx": book([HEAD, *ROWS]),
    "json": json.dumps(OBJECTS).encode(),
    "json-arrays": json.dumps([HEAD, *ROWS]).encode(),
    "jsonl": "".join(json.dumps(each) + "\n" for each in OBJECTS).encode(),
    "parquet": parquet(),
    "arrow": arrow_stream(),
}
"""A file of each format that keeps the contract."""
VALUES: dict[str, Any] = {
    "header": False,
    "headerRows": [2],
    "headerJoin": "_",
    "commentRows": [2],
    "commentChar": "#",
    "delimiter": "|",
    "lineTerminator": "\r",
    "quoteChar": "'",
    "doubleQuote": False,
    "escapeChar": "\\",
    "nullSequence": "NA",
    "skipInitialSpace": True,
    "property": "rows",
    "itemType": "array",
    "itemKeys": ["id", "name"],
    "sheetNumber": 2,
    "sheetName": "Two",
    "skipBlankRows": True,
    "entrepot:footer": "Total.*",
    "encoding": "cp1252",
}


@dataclass(frozen=True)
class EffectCase:
    """A file that keeps its contract with the property, and breaks it without. `more` is what else
    the dialect states, `value` another value than the usual one, `fields` another contract."""

    content: bytes
    more: dict[str, Any] | None = None
    value: Any = None
    fields: dict[str, Any] | None = None


def named(*names: str) -> dict[str, Any]:
    return {"fields": [{"name": name} for name in names]}


TITLE = ("Report of 2026",)
LINES = {"more": {"headerRows": [1, 2]}, "fields": named("fruit_id", "fruit_name")}
EFFECTS: dict[tuple[str, str], EffectCase] = {
    ("header", "csv"): EffectCase(b"1,a\n2,b\n"),
    ("header", "xlsx"): EffectCase(book(ROWS)),
    ("header", "json-arrays"): EffectCase(json.dumps(ROWS).encode(), {"itemType": "array"}),
    ("headerRows", "csv"): EffectCase(b"Report,\nid,name\n1,a\n2,b\n"),
    ("headerRows", "xlsx"): EffectCase(book([TITLE, HEAD, *ROWS])),
    ("headerJoin", "csv"): EffectCase(b"fruit,fruit\nid,name\n1,a\n2,b\n", **LINES),
    ("headerJoin", "xlsx"): EffectCase(book([("fruit", "fruit"), HEAD, *ROWS]), **LINES),
    ("commentRows", "csv"): EffectCase(b"id,name\nx,y\n1,a\n2,b\n"),
    ("commentRows", "xlsx"): EffectCase(book([HEAD, ("x", "y"), *ROWS])),
    ("commentChar", "csv"): EffectCase(b"id,name\n1,a\n#3,c\n2,b\n"),
    ("commentChar", "xlsx"): EffectCase(book([HEAD, ROWS[0], ("#3", "c"), ROWS[1]])),
    ("delimiter", "csv"): EffectCase(
        b"id|name\n1|a,b\n2|c,d\n", value="|", fields=named("id", "name")
    ),
    ("lineTerminator", "csv"): EffectCase(b"id,name\r1,a\r2,b\r", value="\r"),
    ("quoteChar", "csv"): EffectCase(b"id,name\n1,'a,b'\n2,'c'\n"),
    ("doubleQuote", "csv"): EffectCase(b'id,name\n1,"a"",b"\n2,"c"\n', value=True),
    ("escapeChar", "csv"): EffectCase(b"id,name\n1,a\\,b\n2,c\n", {"doubleQuote": False}),
    ("nullSequence", "csv"): EffectCase(
        b"id,name\n1,NA\n2,b\n",
        fields={"fields": [{"name": "id"}, {"name": "name", "constraints": {"enum": ["b"]}}]},
    ),
    ("skipInitialSpace", "csv"): EffectCase(
        b"id, name\n1, a\n2, b\n",
        fields={"fields": [{"name": "id"}, {"name": "name", "constraints": {"enum": ["a", "b"]}}]},
    ),
    ("property", "json"): EffectCase(json.dumps({"of": [1], "rows": OBJECTS}).encode()),
    ("property", "json-arrays"): EffectCase(
        json.dumps({"rows": [HEAD, *ROWS], "n": {"rows": 2}}).encode(), {"itemType": "array"}
    ),
    ("itemType", "json"): EffectCase(PLAIN["json"], value="object"),
    ("itemType", "json-arrays"): EffectCase(PLAIN["json-arrays"]),
    ("itemKeys", "json"): EffectCase(json.dumps([{**each, "x": 1} for each in OBJECTS]).encode()),
    ("itemKeys", "jsonl"): EffectCase(
        "".join(json.dumps({"x": 1, **each}) + "\n" for each in OBJECTS).encode()
    ),
    ("sheetNumber", "xlsx"): EffectCase(book([HEAD, ("x", "y")], [HEAD, *ROWS])),
    ("sheetName", "xlsx"): EffectCase(book([HEAD, ("x", "y")], [HEAD, *ROWS])),
    ("skipBlankRows", "csv"): EffectCase(b"id,name\n1,a\n\n2,b\n"),
    ("skipBlankRows", "xlsx"): EffectCase(book([HEAD, ROWS[0], (), ROWS[1]])),
    ("entrepot:footer", "csv"): EffectCase(b"id,name\n1,a\n2,b\nTotal 2\n"),
    ("entrepot:footer", "xlsx"): EffectCase(book([HEAD, *ROWS, ("Total 2",)])),
    ("encoding", "csv"): EffectCase(
        "id,name\n1,…\n2,b\n".encode("cp1252"),
        fields={"fields": [{"name": "id"}, {"name": "name", "constraints": {"enum": ["…", "b"]}}]},
    ),
    ("encoding", "json"): EffectCase('[{"id": 1, "name": "…"}, {"id": 2}]'.encode("cp1252")),
    ("encoding", "json-arrays"): EffectCase(
        '[["id", "name"], [1, "…"], [2, null]]'.encode("cp1252"), {"itemType": "array"}
    ),
    ("encoding", "jsonl"): EffectCase('{"id": 1, "name": "…"}\n{"id": 2}\n'.encode("cp1252")),
}
"""By property and format: what takes effect."""
UNSUPPORTED_CASES = {
    ("property", "jsonl"): b'{"rows": []}\n{"rows": []}\n',
    ("itemType", "jsonl"): PLAIN["jsonl"],
}
OTHER_VALUES: dict[tuple[str, str], Any] = {
    ("delimiter", "csv"): ",",
    ("lineTerminator", "csv"): "\n",
    ("quoteChar", "csv"): '"',
    ("doubleQuote", "csv"): False,
    ("escapeChar", "csv"): "",
    ("skipInitialSpace", "csv"): False,
    ("itemType", "json"): "array",
    ("sheetNumber", "xlsx"): 1,
    ("encoding", "csv"): "latin-1",
}
"""Values by which the case's file breaks the contract, where it keeps it without the property too:
what is stated is detected there."""
CELLS = [(name, form) for name, row in SUPPORT.items() for form in row]


def inspect_stated(
    content: bytes,
    dialect: dict[str, Any],
    folder: Path,
    fields: dict[str, Any] | None = None,
    mode: Mode = "given",
) -> Inspection:
    path = folder / "table.data"
    path.write_bytes(content)
    stated = {name: value for name, value in dialect.items() if name != "encoding"}
    schema = (fields or FIELDS) if mode == "given" else None
    encoding = dialect.get("encoding")
    request = InspectionRequest(path, path.name, len(content), mode, schema, stated, encoding)
    with opened_context(folder / "scratch") as context:
        return inspect_file(request, context)


def warnings_of(inspection: Inspection) -> list[str]:
    return [str(each) for each in inspection.report["tasks"][0]["warnings"]]


def test_the_table_has_every_property_and_format() -> None:
    assert set(SUPPORT) == {*KNOWN_PROPERTIES, "encoding"}
    assert all(set(row) == set(FORMAT_NAMES) == set(PLAIN) for row in SUPPORT.values())
    assert set(EFFECTS) == {(n, f) for n, f in CELLS if SUPPORT[n][f] == EFFECT}
    assert set(UNSUPPORTED_CASES) == {(n, f) for n, f in CELLS if SUPPORT[n][f] == UNSUPPORTED}


@pytest.mark.parametrize(("name", "form"), EFFECTS)
def test_what_takes_effect_decides(name: str, form: str, tmp_path: Path) -> None:
    case = EFFECTS[name, form]
    value = VALUES[name] if case.value is None else case.value
    more = case.more or {}
    with_it = inspect_stated(case.content, {**more, name: value}, tmp_path, case.fields)
    assert with_it.verdict == "conforms", (with_it.detail, errors_of(with_it))
    assert with_it.row_count == 2
    assert not any("gnored" in each or "obeyed" in each for each in warnings_of(with_it))
    other = OTHER_VALUES.get((name, form))
    without = more if other is None else {**more, name: other}
    assert inspect_stated(case.content, without, tmp_path, case.fields).verdict != "conforms"


PLAIN_INSPECTIONS: dict[str, Inspection] = {}


def plain_inspection(form: str, folder: Path) -> Inspection:
    """How the plain file of a format is judged without what is ignored."""
    if form not in PLAIN_INSPECTIONS:
        more = {"itemType": "array"} if form == "json-arrays" else {}
        PLAIN_INSPECTIONS[form] = inspect_stated(PLAIN[form], more, folder)
    return PLAIN_INSPECTIONS[form]


@pytest.mark.parametrize(("name", "form"), [(n, f) for n, f in CELLS if SUPPORT[n][f] == IGNORED])
def test_what_does_not_apply_is_ignored_with_a_warning(
    name: str, form: str, tmp_path: Path
) -> None:
    more = {"itemType": "array"} if form == "json-arrays" else {}
    plain = plain_inspection(form, tmp_path)
    value = "object" if (name, form) == ("itemType", "json") else VALUES[name]
    with_it = inspect_stated(PLAIN[form], {**more, name: value}, tmp_path)
    assert (plain.verdict, with_it.verdict) == ("conforms", "conforms"), with_it.detail
    assert with_it.row_count == plain.row_count == 2
    warning = f"Ignored, since it does not apply to {FORMAT_NAMES[form]}: `{name}`."
    assert warnings_of(with_it) == [warning, *warnings_of(plain)]


@pytest.mark.parametrize(("name", "form"), UNSUPPORTED_CASES)
def test_what_is_not_supported_rejects_under_a_contract(
    name: str, form: str, tmp_path: Path
) -> None:
    stated = {name: VALUES[name]}
    inspection = inspect_stated(UNSUPPORTED_CASES[name, form], stated, tmp_path)
    assert inspection.verdict == "dialect-unsupported"
    assert [each["code"] for each in errors_of(inspection)] == ["dialect-unsupported"]
    assert f"the dialect states {name} " in inspection.detail
    assert FORMAT_NAMES[form] in inspection.detail
    free = inspect_stated(PLAIN[form], stated, tmp_path, mode="none")
    assert (free.verdict, free.row_count) == ("conforms", 2)
    if name == "itemType":
        assert any(each.startswith("Not obeyed: ") for each in warnings_of(free))


FIRST: dict[str, Any] = {
    "header": False,
    "headerRows": [2],
    "commentRows": [2],
    "commentChar": "#",
    "skipBlankRows": True,
    "entrepot:footer": "Total.*",
}


@pytest.mark.parametrize(
    ("form", "name"),
    [(form, name) for form in ("csv", "xlsx") for name in FIRST],
)
def test_what_is_stated_is_no_error_of_a_first_version(
    form: str, name: str, tmp_path: Path
) -> None:
    """What a heuristic would have found out rejects; what the contract states does not."""
    case, stated = EFFECTS[name, form], {name: FIRST[name]}
    first = inspect_stated(case.content, stated, tmp_path, mode="infer")
    assert first.verdict == "conforms", first.detail
    assert first.schema is not None
    dialect = {**stated, **(first.dialect or {})}
    again = inspect_stated(case.content, dialect, tmp_path, first.schema)
    assert (again.verdict, again.row_count) == ("conforms", first.row_count), again.detail


OUTSIDE = [
    ("headerRows", [3], [("Report",), (), ("id", "name"), *ROWS]),
    ("commentRows", [2], [("id", "name"), ("number", "text"), *ROWS]),
    ("commentChar", "#", [("id", "name"), ("#1", "old"), *ROWS]),
    ("skipBlankRows", True, [("id", "name"), ROWS[0], (), ROWS[1]]),
    ("entrepot:footer", "Total|Source.*", [("id", "name"), *ROWS, ("Total",), ("Source: us",)]),
]


@pytest.mark.parametrize("mode", ["given", "infer", "none"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("case", OUTSIDE, ids=lambda case: case[0])
def test_what_is_stated_is_not_warned_of(
    tmp_path: Path, case: tuple[str, Any, list[tuple[Any, ...]]], kind: str, mode: Mode
) -> None:
    """A regular delivery would have the warning each time."""
    name, value, rows = case
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    content = book(rows) if kind == "xlsx" else text.encode()
    path = tmp_path / f"table.{kind}"
    path.write_bytes(content)
    schema = FIELDS if mode == "given" else None
    request = InspectionRequest(path, path.name, len(content), mode, schema, {name: value})
    with opened_context(tmp_path / "scratch", size=request.size) as context:
        inspection = inspect_file(request, context)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 2)
    assert inspection.report["tasks"][0]["warnings"] == []
