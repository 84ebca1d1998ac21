"""A compatible change keeps every table valid: generated tables are inspected under both schemas.

Schemas are made up and changed at random; of the changes that are called compatible, each is put
to the proof with tables of the texts that tell types, bounds and missing values apart.
"""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.inspection.conftest import opened_context, request_for
from tests.support.selection import examples

from entrepot.errors import SchemaInvalid
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.results import Inspection
from entrepot.schemas.compare_schemas import compare_schemas, is_compatible
from entrepot.schemas.table_schema import parse_schema

NAMES = ("a", "b", "c")
TEXTS: dict[str, list[str]] = {
    "integer": ["0", "1", "2", "5", "-3", "007", "1,000", "12345678901234567890", "5%"],
    "number": ["0", "1.5", "2", "-3.25", "1e3", "NaN", "INF", "1,000.5", "12.5%", "1,5"],
    "boolean": ["true", "false", "0", "1", "yes", "no"],
    "date": ["2020-01-01", "2021-06-30", "1999-12-31", "01.02.2020"],
    "datetime": ["2020-01-01T00:00:00", "2021-06-30T12:00:00Z", "1999-12-31 23:59:59"],
    "year": ["1999", "2020", "2021"],
    "yearmonth": ["1999-12", "2020-01"],
    "string": ["x", "ab", "a@example.com", "urn:x", "long text", "5"],
    "list": ["1,2", "1.5,2", "1;2", "x"],
    "object": ['{"a":1}', "{}"],
    "geojson": ['{"type":"Point"}'],
    "any": ["x", "1"],
}
MISSING = ["", "NA", "-", "-999"]
POOL = sorted({text for texts in TEXTS.values() for text in texts} | set(MISSING))

BOUNDS: dict[str, list[Any]] = {
    "integer": [0, 1, 2, -3, "5"],
    "number": [0, 1.5, 2, "-3.25"],
    "date": ["2020-01-01", "1999-12-31"],
    "datetime": ["2020-01-01T00:00:00Z", "1999-12-31T00:00:00"],
    "year": [1999, 2020],
    "yearmonth": ["1999-12", "2020-01"],
}
ENUMS: dict[str, list[Any]] = {
    "integer": [0, 1, "2", 5],
    "number": [0, 1.5, 2],
    "string": ["x", "ab", "5"],
    "year": [1999, 2020, 2021],
    "boolean": [True, False],
}
PROPERTIES: dict[str, list[tuple[str, Any]]] = {
    "integer": [("groupChar", ","), ("bareNumber", False), ("entrepot:leadingZeros", False)],
    "number": [
        ("groupChar", ","),
        ("bareNumber", False),
        ("decimalChar", ","),
        ("entrepot:leadingZeros", False),
        ("entrepot:finite", True),
    ],
    "datetime": [("entrepot:timeZone", True), ("entrepot:timeZone", False)],
    "boolean": [
        ("trueValues", ["true", "True", "TRUE", "1", "yes"]),
        ("falseValues", ["no", "false", "False", "FALSE", "0"]),
        ("trueValues", ["yes"]),
    ],
    "date": [("format", "%d.%m.%Y")],
    "string": [("format", "email"), ("format", "uri")],
    "list": [("itemType", "integer"), ("itemType", "number"), ("delimiter", ";")],
}


@st.composite
def fields(draw: st.DrawFn, name: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(TEXTS)))
    made: dict[str, Any] = {"name": name, "type": kind}
    if kind in PROPERTIES and draw(st.booleans()):
        key, value = draw(st.sampled_from(PROPERTIES[kind]))
        made[key] = value
    if made.get("bareNumber") is False and draw(st.booleans()):
        made["entrepot:affix"] = {"suffix": "%"}
    if draw(st.integers(0, 3)) == 0:
        made["entrepot:notEmpty"] = True
    rules = draw(constraints(kind))
    if rules:
        made["constraints"] = rules
    if draw(st.integers(0, 5)) == 0:
        made["missingValues"] = draw(st.lists(st.sampled_from(MISSING), unique=True, min_size=1))
    return made


@st.composite
def constraints(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    some: dict[str, Any] = {}
    known = ["required", "unique"]
    if kind in BOUNDS:
        known += ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
    if kind == "string":
        known += ["minLength", "maxLength", "pattern"]
    if kind in ENUMS:
        known.append("enum")
    for name in draw(st.lists(st.sampled_from(known), max_size=2, unique=True)):
        some[name] = draw(rule(kind, name))
    return some


def rule(kind: str, name: str) -> st.SearchStrategy[Any]:
    match name:
        case "required" | "unique":
            return st.booleans()
        case "minLength" | "maxLength":
            return st.integers(0, 5)
        case "pattern":
            return st.sampled_from(["[a-z]+", ".*", "x|ab"])
        case "enum":
            return st.lists(st.sampled_from(ENUMS[kind]), min_size=1, unique_by=str)
        case _:
            return st.sampled_from(BOUNDS[kind])


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    made: dict[str, Any] = {"fields": [draw(fields(name)) for name in names]}
    if draw(st.booleans()):
        made["missingValues"] = draw(st.lists(st.sampled_from(MISSING), unique=True, min_size=1))
    if draw(st.integers(0, 3)) == 0:
        made["entrepot:minRows"] = draw(st.integers(0, 5))
    if draw(st.integers(0, 3)) == 0:
        made["primaryKey"] = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    if draw(st.booleans()):
        made["fieldsMatch"] = draw(st.sampled_from(["exact", "equal", "subset", "superset"]))
    return made


KINDS_OF_CHANGE = ["type", "field", "rule", "missing", "key", "match", "rows", "drop"]


@st.composite
def changed(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with one or two things taken away, replaced or added."""
    new: dict[str, Any] = {**schema, "fields": [dict(field) for field in schema["fields"]]}
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(new["fields"]) - 1))
        field = new["fields"][at]
        match draw(st.sampled_from(KINDS_OF_CHANGE)):
            case "type":
                field["type"] = draw(st.sampled_from(["number", "integer", "object", "string"]))
            case "field":
                new["fields"][at] = draw(fields(field["name"]))
            case "rule":
                kept = dict(field.get("constraints", {}))
                other = draw(constraints(field["type"]))
                for name in draw(st.lists(st.sampled_from(sorted({*kept, *other}) or ["x"]))):
                    kept.pop(name, None)
                field["constraints"] = kept | other
            case "missing":
                new["missingValues"] = draw(
                    st.lists(st.sampled_from(MISSING), unique=True, min_size=1)
                )
            case "key":
                names = [each["name"] for each in new["fields"]]
                new["primaryKey"] = draw(st.lists(st.sampled_from(names), unique=True))
            case "match":
                new["fieldsMatch"] = draw(
                    st.sampled_from(["exact", "equal", "subset", "superset", "partial"])
                )
                left = [name for name in NAMES if name not in {f["name"] for f in new["fields"]}]
                if left and draw(st.booleans()):
                    new["fields"].append(draw(fields(left[0])))
            case "rows":
                new["entrepot:minRows"] = draw(st.integers(0, 5))
            case _:
                for key in draw(st.lists(st.sampled_from(sorted(field)), max_size=2)):
                    if key not in ("name", "type"):
                        field.pop(key, None)
    return new


def sound(schema: dict[str, Any]) -> bool:
    try:
        parse_schema(schema)
    except SchemaInvalid:
        return False
    return True


def inspected(folder: Path, rows: list[list[str]], schema: dict[str, Any]) -> Inspection:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    path = folder / "table.csv"
    path.write_text(text.getvalue())
    with opened_context(folder / "scratch") as context:
        return inspect_file(request_for(path, schema=schema), context)


def valid_rows(
    folder: Path, header: list[str], rows: list[list[str]], schema: dict[str, Any]
) -> list[list[str]] | None:
    """The rows that the schema accepts; None where it accepts no such table at all."""
    inspection = inspected(folder, [header, *rows], schema)
    errors = inspection.report["tasks"][0]["errors"]
    bad = {error.get("rowNumber") for error in errors}
    if None in bad or inspection.verdict not in ("conforms", "violates"):
        return None
    kept = [row for number, row in enumerate(rows, start=2) if number not in bad]
    again = inspected(folder, [header, *kept], schema)
    return kept if again.verdict == "conforms" and kept else None


def prove(data: st.DataObject, folder: Path) -> None:
    old = data.draw(schemas().filter(sound))
    new = data.draw(changed(old))
    changes = compare_schemas(old, new)
    assume(sound(new) and changes and is_compatible(changes))
    header = [field["name"] for field in old["fields"]]
    pools = [TEXTS[field["type"]] * 2 + MISSING + POOL for field in old["fields"]]
    rows = data.draw(
        st.lists(st.tuples(*map(st.sampled_from, pools)).map(list), min_size=4, max_size=12)
    )
    kept = valid_rows(folder, header, rows, old)
    assume(kept is not None)
    assert kept is not None
    after = inspected(folder, [header, *kept], new)
    assert after.verdict == "conforms", (after.detail, [str(change) for change in changes])


CHECKS = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.function_scoped_fixture,
]


@settings(max_examples=examples(40), deadline=None, suppress_health_check=CHECKS)
@given(data=st.data())
def test_compatible_means_that_what_was_valid_still_is(data: st.DataObject, tmp_path: Path) -> None:
    prove(data, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@settings(max_examples=500, deadline=None, suppress_health_check=CHECKS)
@given(data=st.data())
def test_the_same_at_length(data: st.DataObject, tmp_path: Path) -> None:
    prove(data, tmp_path)
