"""Tables and schemas made by hypothesis, of every type and constraint of the standard.

Cells come from texts near the type's lexical form, sound and not, and from random ones; those on
which we differ from frictionless on purpose (`DIFFERENCES`) are left out, and tested by name.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]


def texts(listed: str) -> list[str]:
    return listed.split("|")


DAYS = texts(
    "2020-01-01|2020-02-29|2021-02-29|2020-12-31|1999-06-15|2020-13-01|x|"
    "0001-01-01|9999-12-31|2020-01-01T00:00:00|01/02/2020|2020-01-32|0000-01-01|"
    "20200101"
)
CLOCKS = texts(
    "12:00:00|00:00:00|23:59:59|23:59:59.5|12:00:00.123456|12:00|24:00:01|"
    "12:60:00|x|1:00:00|12:00:00,5|12:00:00.1234567"
)
ZONED = texts("12:00:00Z|12:00:00+02:00|23:30:00-05:30|12:00:00+0200|00:30:00+02|12:00:00+25:00")
NUMBERS = texts(
    "0|1|-1|+5|1.5|-0.5|0.10|0.1|1e3|1E-2|.5|5.|INF|12345678901234567890.1|"
    "12345678901234567890.2|0.30000000000000004|0.3|-inf|1e400|x|-|1.2.3| 7 |007|"
    "1,5|1 5|--1|1e|0x1F"
)
INTEGERS = texts(
    "0|1|2|-1|+5|007| 7 |12|99999999999999999999|9223372036854775808|"
    "12345678901234567890123456789012345678901|"
    "12345678901234567890123456789012345678902|1e5|1.0|x|-|1,000|- 1|--1"
)
POLYGON = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
GEOJSON = [
    json.dumps(each)
    for each in (
        POLYGON,
        {"type": "Point", "coordinates": [1.5, -2]},
        {"type": "Point", "coordinates": [1]},
        {"type": "Point", "coordinates": ["1", 2]},
        {"type": "LineString", "coordinates": [[1, 2]]},
        {"type": "LineString", "coordinates": [[1, 2], [3, 4e2]]},
        {"type": "MultiPolygon", "coordinates": [POLYGON["coordinates"]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]},
        {"type": "Feature", "geometry": POLYGON, "properties": {"a": 1}},
        {"type": "Feature", "geometry": None, "properties": None},
        {"type": "Feature", "geometry": {"type": "Pint"}, "properties": {}},
        {"type": "Feature", "geometry": POLYGON},
        {"type": "GeometryCollection", "geometries": [POLYGON]},
        {"type": "GeometryCollection", "geometries": [1]},
        {"type": "FeatureCollection", "features": []},
        {"type": "FeatureCollection", "features": [
            {"type": "Feature", "geometry": POLYGON, "properties": {}}]},
        {"type": "FeatureCollection", "features": [{"type": "Feature"}]},
        {"type": "FeatureCollection"},
        {"type": "Point", "coordinates": [1, 2], "bbox": [1, 2]},
        {"type": "Point", "coordinates": [1, 2], "bbox": "x"},
        {}, [], 1,
    )
]  # fmt: skip
TOPOJSON = [
    json.dumps(each)
    for each in (
        {"type": "Topology", "objects": {"a": {"type": "LineString", "arcs": [0, -1]}},
         "arcs": [[[0, 0], [1, 1]]]},
        {"type": "Topology", "objects": {"a": {"type": "LineString", "arcs": ["0"]}}, "arcs": []},
        {"type": "Topology", "objects": {}, "arcs": []},
        {"type": "Topology", "arcs": []},
        {"type": "Topology", "objects": {"a": {"type": "GeometryCollection", "geometries": [
            {"type": "Point", "coordinates": [1, 2]}]}}, "arcs": []},
        {"type": "MultiPolygon", "arcs": [[[1, 2]]]},
        {"type": "MultiPolygon", "arcs": [[1, 2]]},
        {},
    )
]  # fmt: skip
JSONS = texts('{}|[]|{"x": 1}|[1, 2]|[1,2,3]|{"x": [1], "y": null}|x|1|"x"|{|[1,]| [1] ')
PLACES = texts("90.5,45|-180,-90|1, 2|181,3|x|1|1,2,3|a,b|+5,1e1|.5,1.|0,90.1|NaN,1")


@dataclass(frozen=True)
class FieldKind:
    """A type with its properties, texts for cells, and which of them may be values in a schema."""

    field: Schema
    texts: list[str]
    values: list[str]
    constraints: tuple[str, ...] = ()
    ordered: bool = False
    hashable: bool = True


def kind(
    type: str,
    cells: str | list[str],
    values: int = 0,
    lengths: bool = False,
    hashable: bool = True,
    ordered: bool = False,
    enum: bool = True,
    **field: Any,
) -> FieldKind:
    """The first `values` of the cells may stand in a schema."""
    drawn = texts(cells) if isinstance(cells, str) else cells
    constraints = (*(("minLength", "maxLength") if lengths else ()), *(("enum",) if enum else ()))
    return FieldKind({"type": type, **field}, drawn, drawn[:values], constraints, ordered, hashable)


WORDS = texts('a|b|ab|abc|Ä|ß日本|a b|NA|-|1|x,y|q"q|line\nline')
LIST_ITEMS = {
    "number": "1,nan|INF,-INF|1e400,2|0.1,x|x",
    "date": "2020-01-01,2020-02-01|2020-01-01,x|x",
    "time": "10:00:00,23:59:59|10:00:00,x|x",
    "datetime": "2020-01-01T10:00:00,2020-02-01T00:00:00|2020-01-01T10:00:00,x|x",
}
KINDS = [
    kind("string", WORDS, 6, lengths=True),
    kind(
        "string",
        ("x@example.org|a.b+c@sub.example.com|x@|x@y|@x.org|a b@x.org|a..b@x.org|x"),
        2,
        format="email",
    ),
    kind(
        "string",
        ("https://example.org/a?b#c|urn:isbn:123|nothing|mailto:x@y.org|http://a b|//x"),
        2,
        format="uri",
    ),
    kind(
        "string",
        ("53c9c295-83f4-4754-a781-cd03841c806f|53C9C295-83f4-4754-a781-cd03841c806f|53c9c295|x"),
        1,
        format="uuid",
    ),
    kind("string", "YQ==|YWI=|YWJj|a|YQ=", 3, format="binary"),
    kind("integer", INTEGERS, 12, ordered=True),
    kind("integer", "5%|€5|-3 %|12 EUR|x||5", 0, bareNumber=False, enum=False),
    kind("number", NUMBERS, 19, ordered=True),
    kind(
        "number", "1,5|1.234,5|12|-3|1,2,3|x|1.5,5", 4, ordered=True, decimalChar=",", groupChar="."
    ),
    kind("number", "12.5%|€3|-3 %|x|5|$ 1.5", 3, ordered=True, bareNumber=False),
    kind("boolean", "true|False|1|0|yes|tRue|TRUE", 4),
    kind("boolean", "ja|nein|true|Ja", 2, trueValues=["ja"], falseValues=["nein"]),
    kind("date", DAYS, 2, ordered=True),
    kind(
        "date",
        ("31/12/2020|1/2/2020|12/31/2020|31/12/20|x|29/02/2021| 1/2/2020|1/2/2020 "),
        2,
        ordered=True,
        format="%d/%m/%Y",
    ),
    kind(
        "date",
        "31 Dec 20|1 feb 99|31 February 20|x|30 Feb 20|5 JAN 68|5 Jan 69",
        2,
        ordered=True,
        format="%d %b %y",
    ),
    kind("date", "001 2020|366 2020|367 2020|0 2020|12 2020", 2, ordered=True, format="%j %Y"),
    kind(
        "date", "2020-W05-3|2020-W53-7|2020-W54-1|2020-W1-1|x", 2, ordered=True, format="%G-W%V-%u"
    ),
    kind("date", "2020-05-3|2020-53-6|2020-00-0|x", 1, ordered=True, format="%Y-%U-%w"),
    kind(
        "date",
        ("2020-01-31|01/31/2020|31 January 2020|Jan 31, 2020|20200131|x y|2020-13-45"),
        3,
        ordered=True,
        format="any",
    ),
    kind("time", CLOCKS, 2, ordered=True),
    kind("time", ZONED, 4, ordered=True),
    kind("time", "12:30 pm|00:30 am|1:5 AM|13:00 pm|12:30|x", 1, ordered=True, format="%I:%M %p"),
    kind("time", "12:30:05.5|12:30:05.123456|12:30:05|x", 2, ordered=True, format="%H:%M:%S.%f"),
    kind("time", "12:30|12:30:05|3 pm|12:30:05.25|x", 2, ordered=True, format="any"),
    kind("datetime", [f"{day}T{clock}" for day in DAYS[:6] for clock in CLOCKS], 1, ordered=True),
    kind("datetime", [f"{day}T{clock}" for day in DAYS[:6] for clock in ZONED], 4, ordered=True),
    kind(
        "datetime",
        ("2020-01-01 00:00:00|2020-01-01|x||2020-01-01T00:00|2020-01-01T12:00:00"),
        1,
        ordered=True,
    ),
    kind(
        "datetime",
        "31.12.2020 12:30|1.1.2020 1:5|31.12.2020|x|31.12.2020 24:00",
        2,
        ordered=True,
        format="%d.%m.%Y %H:%M",
    ),
    kind(
        "datetime",
        (
            "2020-01-01 12:00:00+0200|2020-01-01 12:00:00-05:30|"
            "2020-01-01 12:00:00Z|x|2020-01-01 12:00:00"
        ),
        3,
        ordered=True,
        format="%Y-%m-%d %H:%M:%S%z",
    ),
    kind(
        "datetime",
        "Mon Jan 06 12:00:00 2020|x|Mon Jan  6 12:00:00 2020",
        1,
        ordered=True,
        format="%c",
    ),
    kind(
        "datetime",
        "2020-01-31 12:00|01/31/2020 3:15 pm|2020-01-31T12:00:00|2020-01-31|x",
        3,
        ordered=True,
        format="any",
    ),
    kind("year", "2020|1999|0001|20|20201|x|2O20", 3, ordered=True),
    kind("yearmonth", "2020-01|2019-12|2020-13|2020|x|2020-00|2020-02", 2, ordered=True),
    kind("duration", ("P1Y|P12M|P1Y2M3D|PT60M|PT1H|P1D|PT24H|P2W|-P1D|P|x|PT5|P1YT1.5S|PT0.5S"), 9),
    kind("object", JSONS, lengths=True, enum=False, hashable=False),
    kind("array", JSONS, lengths=True, enum=False, hashable=False),
    kind("geojson", GEOJSON, enum=False, hashable=False),
    kind("geojson", TOPOJSON, enum=False, hashable=False, format="topojson"),
    kind("list", "1,2|1|a,b||1,,2|01, 2", lengths=True, enum=False, hashable=False),
    kind(
        "list",
        "1;2|1|a;2|1;;2|01; 2",
        lengths=True,
        enum=False,
        hashable=False,
        delimiter=";",
        itemType="integer",
    ),
    kind(
        "list",
        "1--2.5|1|a--2|1-2",
        lengths=True,
        enum=False,
        hashable=False,
        delimiter="--",
        itemType="number",
    ),
    kind(
        "list",
        "true,0|1|x|2020-01-01",
        lengths=True,
        enum=False,
        hashable=False,
        itemType="boolean",
    ),
    *(
        kind("list", cells, enum=False, hashable=False, itemType=item_type)
        for item_type, cells in LIST_ITEMS.items()
    ),
    kind("geopoint", PLACES, 3),
    kind(
        "geopoint",
        "[90.5, 45]|[90.50,45.0]|[181,1]|[1]|x|[1,2,3]|{}",
        0,
        format="array",
        enum=False,
    ),
    kind(
        "geopoint",
        (
            '{"lon": 90.5, "lat": 45}|{"lat": 45.0, "lon": 90.50}|{"lon": 1}|'
            '{"lon": 1, "lat": 91}|x|{"lon": 1, "lat": 2, "z": 3}|[1,2]'
        ),
        0,
        format="object",
        enum=False,
    ),
    kind("any", WORDS, 5),
]
RANDOM = {
    "integer": "0123456789+-. e",
    "number": "0123456789+-. eE,",
    "date": "0123456789-/T ",
    "time": "0123456789:.Z+",
    "datetime": "0123456789-:T.Z+ ",
    "year": "0123456789",
    "yearmonth": "0123456789-",
    "duration": "PT0123456789YMWDHS.-",
    "geopoint": "0123456789,. -",
    "boolean": "truefals01",
    "string": "ab@.-:/0 ",
    "any": "ab1 ",
    "object": '{}":1,[] ',
    "array": '{}":1,[] ',
    "list": "1,;-. ",
}


def _is(field: Schema, *types: str) -> bool:
    return field["type"] in types


NUMERIC = ("integer", "number", "geopoint", "list")
THREES = r"(?<![\d{0}])[1-9]\d{{0,2}}({0}\d{{3}})+(?![\d{0}])"
DIFFERENCES: dict[str, Callable[[Schema, str], bool]] = {
    "digits and spaces beyond ASCII in a number": lambda f, t: (
        _is(f, *NUMERIC) and not t.isascii() and f.get("bareNumber", True)
    ),
    "a point and zeros behind an integer": lambda f, t: (
        (_is(f, "integer") or f.get("itemType") == "integer")
        and re.search(r"\d\.0+\D*(;|$)", t) is not None
    ),
    "groups of other than three digits": lambda f, t: (
        _is(f, *NUMERIC) and f.get("groupChar", "") != "" and f["groupChar"] in t
        and re.search(THREES.format(re.escape(f["groupChar"])), t) is None
    ),
    "underscores in a number": lambda f, t: _is(f, *NUMERIC) and "_" in t,
    "a sign within the stripped text": lambda f, t: (
        not f.get("bareNumber", True) and re.search(r"[+.]", re.sub(r"\d.*", "", t)) is not None
    ),
    "date without zeros": lambda f, t: (
        _is(f, "date", "list") and "format" not in f and not re.fullmatch(r"\d{4}-\d\d-\d\d", t)
        and re.fullmatch(r"\s*\d+-\s*\d+-\s*\d+\s*", t) is not None
    ),
    "yearmonth without zeros": lambda f, t: (
        _is(f, "yearmonth") and not re.fullmatch(r"\d{4}-\d\d", t)
        and re.fullmatch(r"\s*[-+]?\d+\s*-\s*\d+\s*", t) is not None
    ),
    "signs and spaces in a year": lambda f, t: _is(f, "year") and len(t) == 4 and not t.isdecimal(),
    "years beyond four digits": lambda f, t: (
        _is(f, "year", "yearmonth") and re.match(r"-|\d{5}", t) is not None
    ),
    "another separator between date and time": lambda f, t: (
        _is(f, "datetime") and "format" not in f and len(t) > 10 and t[10] not in "T "
    ),
    "week dates and days of the year in a datetime": lambda f, t: (
        _is(f, "datetime") and "format" not in f and not re.match(r"\d{4}-\d\d-\d\d", t)
    ),
    "a week that the year does not have": lambda f, t: (
        f.get("format") == "%Y-%U-%w" and re.search("-(00|53)-", t) is not None
    ),
    "midnight as 24:00:00": lambda f, t: _is(f, "time", "datetime") and "24:00:00" in t,
    "a year as twelve months": lambda f, t: _is(f, "duration") and t == "P12M",
    "fractions, signs and weeks of a duration": lambda f, t: (
        _is(f, "duration")
        and re.search(r"\.\d*[YMWH]|[WY].*W|W.+|^\+|\.\d*D.|T$|\.(\D|$)", t) is not None
    ),
    "spaces in a URI": lambda f, t: f.get("format") == "uri" and " " in t,
    "NaN and infinity in JSON": lambda f, t: (
        _is(f, "object", "array", "geojson") and re.search("(?i)nan|inf", t) is not None
    ),
}  # fmt: skip


def differs(field: Schema, text: str) -> bool:
    """Whether a deliberate difference may show in the cell."""
    return any(difference(field, text) for difference in DIFFERENCES.values())


def is_zoned(text: str) -> bool:
    """Whether a time has a zone."""
    return not {"Z", "+"}.isdisjoint(text)


def cells_of(kind: FieldKind) -> st.SearchStrategy[str]:
    texts = [text for text in kind.texts if not differs(kind.field, text)]
    near = st.sampled_from([*texts, *texts[:3], "", "NA"])
    alphabet = RANDOM.get(kind.field["type"])
    if alphabet is None or "format" in kind.field or "delimiter" in kind.field:
        return near

    def is_alike(text: str) -> bool:
        # Times with and without a zone are compared here, and not by frictionless.
        zones = kind.field["type"] != "time" or is_zoned(text) == is_zoned(kind.texts[0])
        return zones and not differs(kind.field, text)

    wild = st.text(alphabet, max_size=12).filter(is_alike)
    return st.one_of(near, near, near, near, near, wild)


@st.composite
def constraints_of(draw: st.DrawFn, kind: FieldKind) -> Schema:
    constraints: Schema = {}
    if draw(st.integers(0, 4)) == 0:
        constraints["required"] = True
    if kind.hashable and draw(st.integers(0, 4)) == 0:
        constraints["unique"] = True
    if kind.ordered and kind.values and draw(st.booleans()):
        name = draw(st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]))
        constraints[name] = draw(st.sampled_from(kind.values))
    if "minLength" in kind.constraints and draw(st.integers(0, 2)) == 0:
        constraints[draw(st.sampled_from(["minLength", "maxLength"]))] = draw(st.integers(0, 4))
    if "enum" in kind.constraints and kind.values and draw(st.integers(0, 3)) == 0:
        constraints["enum"] = draw(
            st.lists(st.sampled_from(kind.values), min_size=1, max_size=3, unique=True)
        )
    if kind.field == {"type": "string"} and draw(st.integers(0, 3)) == 0:
        constraints["pattern"] = draw(
            st.sampled_from(["[a-z]+", "a.*", r"[\wÄß日本]{1,2}", "(a|b)+"])
        )
    return constraints


@dataclass(frozen=True)
class Generated:
    """A table as labels and rows, and a schema for it."""

    labels: list[str]
    rows: list[list[str]]
    schema: Schema

    def text(self, rows: list[list[str]] | None = None) -> str:
        made = io.StringIO()
        writer = csv.writer(made, lineterminator="\n")
        writer.writerow(self.labels)
        writer.writerows(self.rows if rows is None else rows)
        return made.getvalue()


NAMES = "abcdef"


@st.composite
def tables(draw: st.DrawFn, match: bool = True, keys: bool = True) -> Generated:
    """A table and a schema, which may be told to match its columns by name."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=5))
    fields = [
        {"name": NAMES[n], **kind.field, "constraints": draw(constraints_of(kind))}
        for n, kind in enumerate(kinds)
    ]
    schema: Schema = {"fields": fields}
    if draw(st.booleans()):
        schema["missingValues"] = draw(
            st.sampled_from([["", "NA"], ["NA"], ["", "-", "x"], [{"value": ""}]])
        )
    if draw(st.integers(0, 3)) == 0:
        fields[0]["missingValues"] = draw(st.sampled_from([["NA"], ["", "1"]]))
    rows = draw(st.lists(st.tuples(*map(cells_of, kinds)).map(list), max_size=10))
    if rows and draw(st.booleans()):
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    if keys:
        _draw_keys(draw, kinds, schema)
    labels = list(NAMES[: len(kinds)])
    if match and draw(st.booleans()):
        labels, rows = _draw_match(draw, labels, rows, schema)
    return Generated(labels, rows, schema)


def _draw_keys(draw: st.DrawFn, kinds: list[FieldKind], schema: Schema) -> None:
    hashable = [NAMES[n] for n, kind in enumerate(kinds) if kind.hashable]
    if hashable and draw(st.integers(0, 3)) == 0:
        schema["primaryKey"] = [draw(st.sampled_from(hashable))]
    same = [NAMES[n] for n, kind in enumerate(kinds) if kind == kinds[0] and kind.hashable]
    if len(same) > 1 and draw(st.booleans()):
        schema["foreignKeys"] = [
            {"fields": [same[0]], "reference": {"resource": "", "fields": [same[1]]}}
        ]


def _draw_match(
    draw: st.DrawFn, labels: list[str], rows: list[list[str]], schema: Schema
) -> tuple[list[str], list[list[str]]]:
    """Columns in another order, some left out, one more: as each mode allows or not."""
    schema["fieldsMatch"] = draw(st.sampled_from(["equal", "subset", "superset", "partial"]))
    order = draw(st.permutations(range(len(labels))))
    order = order[: draw(st.integers(1, len(labels)))] if draw(st.booleans()) else order
    more = draw(st.booleans()) or len(order) == 1
    labels = [labels[n] for n in order] + ["more"] * more
    return labels, [[row[n] for n in order] + ["m"] * more for row in rows]
