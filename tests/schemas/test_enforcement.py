"""What `enforce_schema` accepts, and how invalid schemas are rejected."""

import json
import time
from typing import Any

import pytest

from entrepot.errors import SchemaInvalid
from entrepot.schemas.enforcement import MAX_SCHEMA_BYTES, parse_enforcement
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
    written = json.loads(enforcement.schema)
    assert written["fields"][0] == document["fields"][0]
    assert written["fields"][3] == {
        "name": "state",
        "type": "string",
        "constraints": {"enum": ["a", "b"], "pattern": "[a-z]"},
    }
    assert (written["title"], written["primaryKey"]) == ("Orders", ["id"])
    assert to_document(parse_schema(written)) == written


TYPES = [
    "string", "integer", "number", "boolean", "date", "time", "datetime", "year", "yearmonth",
    "duration", "object", "array", "list", "geopoint", "geojson", "any",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_the_standard(kind: str) -> None:
    schema = parse_schema({"fields": [{"name": "a", "type": kind}]})
    assert parse_schema(to_document(schema)) == schema


def schema_with_field(**field: Any) -> dict[str, Any]:
    return {"fields": [{"name": "a", **field}]}


def schema_with_constraints(kind: str, **constraints: Any) -> dict[str, Any]:
    return schema_with_field(type=kind, constraints=constraints)


def schema_with(name: str, value: Any) -> dict[str, Any]:
    return {"fields": [{"name": "a"}], name: value}


def schema_with_missing_values(values: Any) -> dict[str, Any]:
    return schema_with("missingValues", values)


def schema_with_json_schema(schema: Any) -> dict[str, Any]:
    return schema_with_constraints("object", jsonSchema=schema)


EXPANDING_SCHEMA = {
    "$defs": {"a0": {}}
    | {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, 31)},
    "$ref": "#/$defs/a30",
}  # fmt: skip

INVALID_SCHEMAS: list[tuple[Any, str]] = [
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
    (schema_with_field(type="text"), "/fields/0/type"),
    (schema_with_field(type=None), "/fields/0/type"),
    (schema_with_field(type=["string"]), "/fields/0/type"),
    (schema_with_field(required=True), "/fields/0/required"),
    (schema_with_field(format="mail"), "/fields/0/format"),
    (schema_with_field(type="date", format="%Y %Y"), "/fields/0/format"),
    (schema_with_field(type="date", format="%V"), "/fields/0/format"),
    (schema_with_field(type="integer", format="any"), "/fields/0/format"),
    (schema_with_field(type="date", format="%Q"), "/fields/0/format"),
    (schema_with_field(type="date", format="YYYY"), "/fields/0/format"),
    (schema_with_field(type="date", format="%Y-%m-%d%"), "/fields/0/format"),
    (schema_with_field(type="number", decimalChar=",", groupChar=","), "/fields/0/groupChar"),
    (schema_with_field(type="number", decimalChar=""), "/fields/0/decimalChar"),
    (schema_with_field(type="string", decimalChar=","), "/fields/0/decimalChar"),
    (schema_with_field(type="number", bareNumber="no"), "/fields/0/bareNumber"),
    (schema_with_field(**{"entrepot:notEmpty": 1}), "/fields/0/entrepot:notEmpty"),
    (schema_with_field(**{"entrepot:notempty": True}), "/fields/0/entrepot:notempty"),
    (
        schema_with_field(type="string", **{"entrepot:leadingZeros": False}),
        "/fields/0/entrepot:leadingZeros",
    ),
    (schema_with_field(type="integer", **{"entrepot:finite": True}), "/fields/0/entrepot:finite"),
    *(
        (
            schema_with_field(type=kind, format=form, **{"entrepot:timeZone": zone}),
            "/fields/0/entrepot:timeZone",
        )
        for kind, form, zone in (
            ("date", "default", False),
            ("datetime", "default", "UTC"),
            ("time", "%H:%M", True),
            ("datetime", "%Y-%m-%d %H:%M %z", False),
        )
    ),
    (
        schema_with_field(type="number", **{"entrepot:affix": {"suffix": "%"}}),
        "/fields/0/entrepot:affix",
    ),
    *(
        (
            schema_with_field(type="number", bareNumber=False, **{"entrepot:affix": affix}),
            f"/fields/0/entrepot:affix{below}",
        )
        for affix, below in (
            ("%", ""),
            ({}, ""),
            ({"suffix": " "}, ""),
            ({"infix": "%"}, ""),
            ({"prefix": "-"}, "/prefix"),
            ({"suffix": "m2"}, "/suffix"),
            ({"prefix": 5}, "/prefix"),
            ({"prefix": "x" * 21}, "/prefix"),
        )
    ),
    *(
        ({"fields": [{"name": "a"}], "entrepot:minRows": rows}, "/entrepot:minRows")
        for rows in (-1, "1", True, 1.5, 2**60)
    ),
    ({"fields": [{"name": "a"}], "entrepot:rows": 1}, "/entrepot:rows"),
    (schema_with_field(type="boolean", trueValues=[1]), "/fields/0/trueValues/0"),
    (
        schema_with_field(type="boolean", trueValues=["x"], falseValues=["x"]),
        "/fields/0/falseValues",
    ),
    (schema_with_field(constraints=[]), "/fields/0/constraints"),
    (schema_with_constraints("string", minimun=1), "/fields/0/constraints/minimun"),
    (schema_with_constraints("string", minimum=1), "/fields/0/constraints/minimum"),
    (schema_with_constraints("integer", minimum="x"), "/fields/0/constraints/minimum"),
    (schema_with_constraints("integer", minimum=1.5), "/fields/0/constraints/minimum"),
    (schema_with_constraints("integer", minimum=True), "/fields/0/constraints/minimum"),
    (schema_with_constraints("number", maximum=[1]), "/fields/0/constraints/maximum"),
    (schema_with_constraints("date", maximum="2020-02-30"), "/fields/0/constraints/maximum"),
    (schema_with_constraints("string", required="yes"), "/fields/0/constraints/required"),
    (schema_with_constraints("string", unique=1), "/fields/0/constraints/unique"),
    (schema_with_constraints("string", minLength=-1), "/fields/0/constraints/minLength"),
    (
        schema_with_constraints("string", minLength=3, maxLength=2),
        "/fields/0/constraints/minLength",
    ),
    (schema_with_constraints("string", enum=[]), "/fields/0/constraints/enum"),
    (schema_with_constraints("string", enum="ab"), "/fields/0/constraints/enum"),
    (schema_with_constraints("integer", enum=[1, "x"]), "/fields/0/constraints/enum/1"),
    (schema_with_constraints("string", pattern=5), "/fields/0/constraints/pattern"),
    (schema_with_constraints("string", pattern="["), "/fields/0/constraints/pattern"),
    (schema_with_constraints("integer", pattern="1"), "/fields/0/constraints/pattern"),
    ({"fields": [{"name": "a"}], "primaryKey": "b"}, "/primaryKey/0"),
    ({"fields": [{"name": "a"}], "primaryKey": ["a", "a"]}, "/primaryKey"),
    ({"fields": [{"name": "a"}], "missingValues": "NA"}, "/missingValues"),
    ({"fields": [{"name": "a"}], "missingValues": [1]}, "/missingValues/0"),
    (schema_with_missing_values([{"value": 1}]), "/missingValues/0/value"),
    (schema_with_missing_values([{"label": "x"}]), "/missingValues/0"),
    (schema_with_missing_values([{"value": "x", "label": 1}]), "/missingValues/0/label"),
    (schema_with_missing_values([{"value": "x"}, {"value": "x"}]), "/missingValues/1/value"),
    (
        schema_with_missing_values([{"value": "x", "label": "l"}, {"value": "y", "label": "l"}]),
        "/missingValues/1/label",
    ),
    (schema_with_field(missingValues=[{"value": None}]), "/fields/0/missingValues/0/value"),
    (schema_with("fieldsMatch", "some"), "/fieldsMatch"),
    (schema_with("fieldsMatch", 1), "/fieldsMatch"),
    (schema_with("fieldsMatch", ["some"]), "/fieldsMatch/0"),
    (schema_with("fieldsMatch", ["equal", "subset"]), "/fieldsMatch"),
    (schema_with("uniqueKeys", []), "/uniqueKeys"),
    (schema_with("uniqueKeys", ["a"]), "/uniqueKeys/0"),
    (schema_with("uniqueKeys", [["a"], []]), "/uniqueKeys/1"),
    (schema_with("uniqueKeys", [["b"]]), "/uniqueKeys/0/0"),
    (schema_with("uniqueKeys", [["a", "a"]]), "/uniqueKeys/0"),
    (schema_with("uniqueKeys", [["a"], ["a"]]), "/uniqueKeys/1"),
    (schema_with("foreignKeys", {}), "/foreignKeys"),
    (schema_with("foreignKeys", [1]), "/foreignKeys/0"),
    (schema_with("foreignKeys", [{}]), "/foreignKeys/0/fields"),
    (schema_with("foreignKeys", [{"fields": "a"}]), "/foreignKeys/0/reference"),
    (schema_with("foreignKeys", [{"fields": "a", "reference": "a"}]), "/foreignKeys/0/reference"),
    (
        schema_with("foreignKeys", [{"fields": "a", "reference": {}}]),
        "/foreignKeys/0/reference/fields",
    ),
    (
        schema_with("foreignKeys", [{"fields": "b", "reference": {"fields": "a"}}]),
        "/foreignKeys/0/fields/0",
    ),
    (
        schema_with("foreignKeys", [{"fields": ["a"], "reference": {"fields": ["b"]}}]),
        "/foreignKeys/0/reference/fields/0",
    ),
    (
        schema_with("foreignKeys", [{"fields": [], "reference": {"fields": []}}]),
        "/foreignKeys/0/fields",
    ),
    (
        schema_with("foreignKeys", [{"fields": "a", "reference": {"fields": []}}]),
        "/foreignKeys/0/reference/fields",
    ),
    (
        schema_with(
            "foreignKeys", [{"fields": "a", "reference": {"resource": "cities", "fields": "a"}}]
        ),
        "/foreignKeys/0/reference/resource",
    ),
    (schema_with_field(type="number", categories=[1]), "/fields/0/categories"),
    (schema_with_field(categories=[]), "/fields/0/categories"),
    (schema_with_field(categories="ab"), "/fields/0/categories"),
    (schema_with_field(categories=["a", 1]), "/fields/0/categories/1"),
    (schema_with_field(categories=["a", "a"]), "/fields/0/categories/1"),
    (schema_with_field(type="integer", categories=["1"]), "/fields/0/categories/0"),
    (
        schema_with_field(type="integer", categories=[{"value": True}]),
        "/fields/0/categories/0/value",
    ),
    (schema_with_field(type="integer", categories=[{"label": "x"}]), "/fields/0/categories/0"),
    (
        schema_with_field(type="integer", categories=[{"value": 1, "label": 2}]),
        "/fields/0/categories/0/label",
    ),
    (
        schema_with_field(
            type="integer", categories=[{"value": 1, "label": "x"}, {"value": 2, "label": "x"}]
        ),
        "/fields/0/categories/1/label",
    ),
    (schema_with_field(categoriesOrdered=True), "/fields/0/categoriesOrdered"),
    (schema_with_field(categories=["a"], categoriesOrdered="yes"), "/fields/0/categoriesOrdered"),
    (
        schema_with_field(categories=["a"], constraints={"enum": ["a", "b"]}),
        "/fields/0/constraints/enum/1",
    ),
    (schema_with_constraints("string", **{"a/b~c": 1}), "/fields/0/constraints/a~1b~0c"),
    (schema_with_constraints("duration", minimum="1 day"), "/fields/0/constraints/minimum"),
    (schema_with_constraints("duration", maximum=5), "/fields/0/constraints/maximum"),
    (schema_with_constraints("yearmonth", maximum="2020-13"), "/fields/0/constraints/maximum"),
    (schema_with_constraints("time", maximum="25:00:00"), "/fields/0/constraints/maximum"),
    (schema_with_constraints("datetime", maximum="2020-01-01"), "/fields/0/constraints/maximum"),
    (schema_with_constraints("number", minimum="NaN"), "/fields/0/constraints/minimum"),
    (schema_with_constraints("integer", minimum=5, maximum=4), "/fields/0/constraints/minimum"),
    (
        schema_with_constraints("number", exclusiveMinimum=5, maximum=5),
        "/fields/0/constraints/exclusiveMinimum",
    ),
    (schema_with_constraints("geopoint", enum=["1,2", "181,2"]), "/fields/0/constraints/enum/1"),
    (
        schema_with_constraints("list", enum=["1,2"], jsonSchema={}),
        "/fields/0/constraints/jsonSchema",
    ),
    (schema_with_constraints("object", enum=["[]"]), "/fields/0/constraints/enum/0"),
    (
        schema_with_field(type="number", decimalChar=",", constraints={"minimum": "1.5"}),
        "/fields/0/constraints/minimum",
    ),
    (
        schema_with_field(type="date", format="%d/%m/%Y", constraints={"minimum": "2020-01-01"}),
        "/fields/0/constraints/minimum",
    ),
    (schema_with_field(type="number", groupChar="1"), "/fields/0/groupChar"),
    (schema_with_field(type="boolean", trueValues=["0"]), "/fields/0/trueValues"),
    (schema_with_field(type="list", itemType="list"), "/fields/0/itemType"),
    (schema_with_field(type="list", delimiter=""), "/fields/0/delimiter"),
    (schema_with_json_schema([]), "/fields/0/constraints/jsonSchema"),
    (schema_with_json_schema({"type": "objekt"}), "/fields/0/constraints/jsonSchema/type"),
    (
        schema_with_json_schema({"properties": {"a/b": {"minimum": "1"}}}),
        "/fields/0/constraints/jsonSchema/properties/a~1b/minimum",
    ),
    (schema_with_json_schema({"pattern": "(?=a)"}), "/fields/0/constraints/jsonSchema/pattern"),
    (
        schema_with_json_schema({"$ref": "https://example.org/schema"}),
        "/fields/0/constraints/jsonSchema/$ref",
    ),
    (schema_with_json_schema({"$ref": "#/$defs/a"}), "/fields/0/constraints/jsonSchema/$ref"),
    (
        schema_with_json_schema({"properties": {"a": {"$ref": "#"}}}),
        "/fields/0/constraints/jsonSchema/properties/a/$ref",
    ),
    (
        schema_with_json_schema(
            {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}
        ),
        "/fields/0/constraints/jsonSchema/$defs/a/items/$ref",
    ),
    (
        schema_with_json_schema({"$dynamicRef": "#x"}),
        "/fields/0/constraints/jsonSchema/$dynamicRef",
    ),
    (
        schema_with_json_schema({"$schema": "https://example.org/mine"}),
        "/fields/0/constraints/jsonSchema",
    ),
    (schema_with_json_schema(EXPANDING_SCHEMA), "/fields/0/constraints/jsonSchema"),
]


@pytest.mark.parametrize(
    ("document", "pointer"), INVALID_SCHEMAS, ids=[str(n) for n in range(len(INVALID_SCHEMAS))]
)
def test_wrong_schema(document: Any, pointer: str) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        parse_enforcement(json.dumps(document))
    assert caught.value.pointer == pointer
    assert caught.value.reason


ROUND_TRIP_SCHEMAS: list[dict[str, Any]] = [
    {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "name": "orders", "title": "Orders", "custom": {"deep": [1]},
        "fields": [{"name": "a", "type": "string", "rdfType": "http://schema.org/name",
                    "example": "x", "custom:owner": {"team": "x"}}],
    },
    {"fields": [{"name": "a", "type": "any"}],
     "missingValues": [{"value": "", "label": "OMITTED"}, {"value": "-99"}]},
    {"fields": [{"name": "a", "type": "integer", "missingValues": [{"value": "-1", "label": "no"}],
                 "categories": [{"value": 1, "label": "one"}, {"value": 2}],
                 "categoriesOrdered": True, "constraints": {"enum": [1]}}]},
    {"fields": [{"name": "a", "type": "string", "categories": ["x", "y"]}]},
    {"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "string"}],
     "fieldsMatch": "superset", "primaryKey": ["a"], "uniqueKeys": [["a"], ["a", "b"]],
     "foreignKeys": [{"fields": ["b"], "reference": {"fields": ["a"]}}]},
    {"fields": [{"name": "a", "type": "array", "constraints": {"jsonSchema": {
        "$defs": {"id": {"type": "integer"}}, "items": {"$ref": "#/$defs/id"}}}}]},
    {"fields": [{"name": "a", "type": "list", "delimiter": "--", "itemType": "date"}]},
]  # fmt: skip


@pytest.mark.parametrize(
    "document", ROUND_TRIP_SCHEMAS, ids=[str(n) for n in range(len(ROUND_TRIP_SCHEMAS))]
)
def test_what_is_written_back_is_what_was_given(document: dict[str, Any]) -> None:
    schema = parse_enforcement(json.dumps(document)).schema
    assert schema is not None
    assert json.loads(schema) == document
    assert to_document(parse_schema(document)) == document


OLDER_SPELLINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (schema_with("fieldsMatch", ["equal"]), {"fieldsMatch": "equal"}),
    (schema_with("primaryKey", "a"), {"primaryKey": ["a"]}),
    (schema_with("foreignKeys", [{"fields": "a", "reference": {"resource": "", "fields": "a"}}]),
     {"foreignKeys": [{"fields": ["a"], "reference": {"fields": ["a"]}}]}),
    (schema_with_missing_values(["", "NA", "NA"]), {"missingValues": ["", "NA"]}),
    (schema_with_field(type="date", format="fmt:%d/%m/%Y"),
     {"fields": [{"name": "a", "type": "date", "format": "%d/%m/%Y"}]}),
    (schema_with_field(), {"fields": [{"name": "a", "type": "any"}]}),
    (
        schema_with_field(format="email"),
        {"fields": [{"name": "a", "type": "string", "format": "email"}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("older", "now"), OLDER_SPELLINGS, ids=[str(n) for n in range(len(OLDER_SPELLINGS))]
)
def test_older_spellings(older: dict[str, Any], now: dict[str, Any]) -> None:
    written = to_document(parse_schema(older))
    assert {name: written[name] for name in now} == now


def test_a_number_that_a_double_rounds() -> None:
    text = '{"fields": [{"name": "a", "type": "number", "constraints": {"minimum": %s}}]}'
    assert parse_enforcement(text % "0.10").schema is not None
    with pytest.raises(SchemaInvalid) as caught:
        parse_enforcement(text % "12345678901234567890.123")
    assert caught.value.pointer == "/fields/0/constraints/minimum"
    assert parse_enforcement(text % '"12345678901234567890.123"').schema is not None


INVALID_JSON = {
    "not JSON": "{",
    "a word": "yes",
    "two values": "{} {}",
    "NaN": '{"fields": NaN}',
    "Infinity": '{"fields": -Infinity}',
    "duplicate keys": '{"fields": [], "fields": []}',
    "deep": '{"a":' * 65 + "1" + "}" * 65,
    "very deep": "[" * 500_000,
    "huge": '{"fields": "' + "x" * MAX_SCHEMA_BYTES + '"}',
    "many digits": '{"fields": ' + "9" * 10_000 + "}",
    "open string of escapes": '"' + '\\"' * 300_000,
    "many strings": '"' * 600_000,
    "half a surrogate pair": '{"fields": [{"name": "\\ud800"}]}',
}


@pytest.mark.parametrize("name", INVALID_JSON)
def test_broken_json_is_refused_quickly(name: str) -> None:
    started = time.process_time()
    with pytest.raises(SchemaInvalid) as caught:
        parse_enforcement(INVALID_JSON[name])
    assert time.process_time() - started < 15  # seconds of CPU
    assert len(str(caught.value)) < 500


def test_depth_counts_brackets_outside_of_strings() -> None:
    name = "[" * 100 + '\\"{'
    document = f'{{"fields": [{{"name": "a", "description": "{name}"}}]}}'
    assert parse_enforcement(document).mode == "given"
