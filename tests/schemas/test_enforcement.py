"""What `enforce_schema` may say, and how wrong schemas are refused."""

import json
import time
from typing import Any

import pytest

from entrepot.errors import SchemaInvalid
from entrepot.schemas.enforcement import MAX_BYTES, parse_enforcement
from entrepot.schemas.table_schema import parse_schema, to_document


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (None, "none"), ("", "none"), ("  \n", "none"), ("false", "none"), ("FALSE", "none"),
        ("true", "infer"), (" True\n", "infer"),
    ],
)  # fmt: skip
def test_words(text: str | None, mode: str) -> None:
    enforcement = parse_enforcement(text)
    assert (enforcement.mode, enforcement.schema) == (mode, None)


def test_given() -> None:
    document = {
        "title": "Orders",
        "fields": [
            {"name": "id", "type": "integer", "constraints": {"required": True, "unique": True}},
            {"name": "day", "type": "date", "format": "%d.%m.%Y", "title": "The day"},
            {"name": "price", "type": "number", "decimalChar": ",", "groupChar": ".",
             "constraints": {"minimum": 0, "exclusiveMaximum": "1e3"}},
            {"name": "state", "constraints": {"enum": ["a", "b"], "pattern": "[a-z]"}},
        ],
        "missingValues": ["", "NA"],
        "primaryKey": "id",
    }  # fmt: skip
    enforcement = parse_enforcement(json.dumps(document))
    assert enforcement.mode == "given"
    assert enforcement.schema is not None
    written = to_document(enforcement.schema)
    assert written["fields"][0] == document["fields"][0]  # type: ignore[index]
    assert written["fields"][3] == {
        "name": "state",
        "type": "string",
        "constraints": {"enum": ["a", "b"], "pattern": "[a-z]"},
    }
    assert (written["title"], written["primaryKey"]) == ("Orders", ["id"])
    assert parse_schema(written) == enforcement.schema


TYPES = [
    "string", "integer", "number", "boolean", "date", "time", "datetime", "year", "yearmonth",
    "duration", "object", "array", "list", "geopoint", "geojson", "any",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_the_standard(kind: str) -> None:
    schema = parse_schema({"fields": [{"name": "a", "type": kind}]})
    assert parse_schema(to_document(schema)) == schema


def one(**field: Any) -> dict[str, Any]:
    return {"fields": [{"name": "a", **field}]}


def limited(kind: str, **constraints: Any) -> dict[str, Any]:
    return one(type=kind, constraints=constraints)


WRONG: list[tuple[Any, str]] = [
    ([], ""),
    (5, ""),
    ({}, "/fields"),
    ({"fields": []}, "/fields"),
    ({"fields": {}}, "/fields"),
    ({"fields": [1]}, "/fields/0"),
    ({"fields": [{"name": ""}]}, "/fields/0/name"),
    ({"fields": [{"name": "a"}, {"name": "a"}]}, "/fields/1/name"),
    ({"fields": [{"name": "b"}, {"name": "a"}, {"name": "a"}]}, "/fields/2/name"),
    ({"fields": [{"name": f"c{n}"} for n in range(10_001)]}, "/fields"),
    (one(type="text"), "/fields/0/type"),
    (one(type=None), "/fields/0/type"),
    (one(type=["string"]), "/fields/0/type"),
    (one(required=True), "/fields/0/required"),
    (one(format="mail"), "/fields/0/format"),
    (one(format="wkt"), "/fields/0/format"),
    (one(type="date", format="any"), "/fields/0/format"),
    (one(type="date", format="%Q"), "/fields/0/format"),
    (one(type="date", format="YYYY"), "/fields/0/format"),
    (one(type="date", format="%Y-%m-%d%"), "/fields/0/format"),
    (one(type="number", decimalChar=",", groupChar=","), "/fields/0/groupChar"),
    (one(type="number", decimalChar=""), "/fields/0/decimalChar"),
    (one(type="string", decimalChar=","), "/fields/0/decimalChar"),
    (one(type="number", bareNumber="no"), "/fields/0/bareNumber"),
    (one(type="boolean", trueValues=[1]), "/fields/0/trueValues/0"),
    (one(type="boolean", trueValues=["x"], falseValues=["x"]), "/fields/0/falseValues"),
    (one(constraints=[]), "/fields/0/constraints"),
    (limited("string", minimun=1), "/fields/0/constraints/minimun"),
    (limited("string", minimum=1), "/fields/0/constraints/minimum"),
    (limited("integer", minimum="x"), "/fields/0/constraints/minimum"),
    (limited("integer", minimum=1.5), "/fields/0/constraints/minimum"),
    (limited("integer", minimum=True), "/fields/0/constraints/minimum"),
    (limited("number", maximum=[1]), "/fields/0/constraints/maximum"),
    (limited("date", maximum="2020-02-30"), "/fields/0/constraints/maximum"),
    (limited("string", required="yes"), "/fields/0/constraints/required"),
    (limited("string", unique=1), "/fields/0/constraints/unique"),
    (limited("string", minLength=-1), "/fields/0/constraints/minLength"),
    (limited("string", minLength=3, maxLength=2), "/fields/0/constraints/minLength"),
    (limited("string", enum=[]), "/fields/0/constraints/enum"),
    (limited("string", enum="ab"), "/fields/0/constraints/enum"),
    (limited("integer", enum=[1, "x"]), "/fields/0/constraints/enum/1"),
    (limited("string", pattern=5), "/fields/0/constraints/pattern"),
    (limited("string", pattern="["), "/fields/0/constraints/pattern"),
    (limited("integer", pattern="1"), "/fields/0/constraints/pattern"),
    ({"fields": [{"name": "a"}], "primaryKey": "b"}, "/primaryKey/0"),
    ({"fields": [{"name": "a"}], "primaryKey": ["a", "a"]}, "/primaryKey"),
    ({"fields": [{"name": "a"}], "missingValues": "NA"}, "/missingValues"),
    ({"fields": [{"name": "a"}], "missingValues": [1]}, "/missingValues/0"),
    ({"fields": [{"name": "a"}], "fieldsMatch": "subset"}, "/fieldsMatch"),
    ({"fields": [{"name": "a"}], "uniqueKeys": [["a"]]}, "/uniqueKeys"),
    ({"fields": [{"name": "a"}], "foreignKeys": [{}]}, "/foreignKeys"),
    (one(categories=["a"]), "/fields/0/categories"),
]


@pytest.mark.parametrize(("document", "pointer"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_wrong_schema(document: Any, pointer: str) -> None:
    with pytest.raises(SchemaInvalid) as refused:
        parse_enforcement(json.dumps(document))
    assert refused.value.pointer == pointer
    assert refused.value.reason


BROKEN = {
    "not JSON": "{",
    "a word": "yes",
    "two values": "{} {}",
    "NaN": '{"fields": NaN}',
    "Infinity": '{"fields": -Infinity}',
    "duplicate keys": '{"fields": [], "fields": []}',
    "deep": '{"a":' * 65 + "1" + "}" * 65,
    "very deep": "[" * 500_000,
    "huge": '{"fields": "' + "x" * MAX_BYTES + '"}',
    "many digits": '{"fields": ' + "9" * 10_000 + "}",
    "open string of escapes": '"' + '\\"' * 300_000,
    "many strings": '"' * 600_000,
    "half a surrogate pair": '{"fields": [{"name": "\\ud800"}]}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_json_is_refused_quickly(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(SchemaInvalid) as refused:
        parse_enforcement(BROKEN[name])
    assert time.monotonic() - started < 1.5
    assert len(str(refused.value)) < 500


def test_depth_counts_brackets_outside_of_strings() -> None:
    name = "[" * 100 + '\\"{'
    document = f'{{"fields": [{{"name": "a", "description": "{name}"}}]}}'
    assert parse_enforcement(document).mode == "given"
