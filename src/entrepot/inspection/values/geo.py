"""Places: geopoints, GeoJSON (RFC 7946), TopoJSON, well-known text; all linear in the text.

Coordinates nest to a depth that the geometry's type fixes, so that their JSON, written without
spaces, is a regular language. Only collections nest freely: `MAX_NESTED` levels of them are read.
"""

from decimal import Decimal

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.values.decimals import compare_number, key_of_number, let
from entrepot.inspection.values.json_text import is_json

MAX_NESTED = 3
"""Levels of collections within collections: a regular expression cannot count them, so that each
level is written out."""

PLAIN = r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,9})?\s*"
USUAL = r"\s*-?(1[0-7]\d|\d{1,2})(\.\d+)?\s*,\s*-?[0-8]?\d(\.\d+)?\s*"
"""Most geopoints, which one cheap look recognizes; all others are read in full."""

NUMBER = r"-?\d+(\.\d+)?([eE][-+]?\d+)?"
POSITION = rf"\[{NUMBER}(,{NUMBER})+\]"
POSITIONS = rf"\[({POSITION}(,{POSITION})*)?\]"
LINE = rf"\[{POSITION}(,{POSITION})+\]"
RING = rf"\[{POSITION}(,{POSITION}){{3,}}\]"


def many(item: str) -> str:
    """A JSON array of any number of what `item` matches."""
    return rf"\[({item}(,{item})*)?\]"


COORDINATES = {
    "Point": POSITION,
    "MultiPoint": POSITIONS,
    "LineString": LINE,
    "MultiLineString": many(LINE),
    "Polygon": many(RING),
    "MultiPolygon": many(many(RING)),
}
ARC = many(r"-?\d+")
ARCS = {
    "LineString": ARC,
    "MultiLineString": many(ARC),
    "Polygon": many(ARC),
    "MultiPolygon": many(many(ARC)),
}


def geopoint_parts(text: Sql, form: str) -> tuple[Sql, Sql]:
    """The longitude and the latitude of a geopoint, as texts of numbers."""
    match form:
        case "default":
            return f"split_part({text}, ',', 1)", f"split_part({text}, ',', 2)"
        case "array":
            return _at(text, "$[0]"), _at(text, "$[1]")
        case _:
            return _at(text, "$.lon"), _at(text, "$.lat")


def _at(text: Sql, path: str) -> Sql:
    return f"try(json_extract_string({text}, {literal(path)}))"


def geopoint_check(text: Sql, form: str) -> Sql:
    """Whether `text` is a longitude and a latitude in the format `form`."""
    lon, lat = geopoint_parts(text, form)
    on_earth = " AND ".join(
        f"coalesce({compare_number(part, f'try_cast({part} AS DOUBLE)', operator, bound)}, false)"
        for part, most in ((lon, Decimal(180)), (lat, Decimal(90)))
        for operator, bound in ((sql("<="), most), (sql(">="), -most))
    )
    if form == "default":
        shape = f"regexp_full_match({text}, {literal(f'{PLAIN},{PLAIN}')})"
        usual = f"regexp_full_match({text}, {literal(USUAL)})"
        return f"CASE WHEN {usual} THEN true WHEN {shape} THEN {on_earth} ELSE false END"
    kind = sql("ARRAY" if form == "array" else "OBJECT")
    paths = ("$[0]", "$[1]") if form == "array" else ("$.lon", "$.lat")
    numeric = " AND ".join(
        f"try(json_type({text}, {literal(path)})) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"
        for path in paths
    )
    count = f"json_array_length({text})" if form == "array" else f"len(json_keys({text}))"
    shape = f"({is_json(text, kind)}) AND try({count}) = 2"
    return f"CASE WHEN {shape} AND {numeric} THEN {on_earth} ELSE false END"


def geopoint_key(text: Sql, form: str) -> Sql:
    """A text that is equal for equal geopoints."""
    return " || ',' || ".join(
        key_of_number(part, f"try_cast({part} AS DOUBLE)") for part in geopoint_parts(text, form)
    )


def _matches(part: Sql, pattern: str) -> Sql:
    return f"coalesce(regexp_full_match({part}::VARCHAR, {literal(pattern)}), false)"


def _all(listed: Sql, name: Sql, condition: Sql) -> Sql:
    """Whether `condition` on the lambda's `name` holds for each of a list, also an empty one."""
    each = f"list_transform({listed}, lambda {name}: coalesce({condition}, false))"
    return f"coalesce(list_bool_and({each}), true)"


def _by_type(geometry: Sql, member: Sql, patterns: dict[str, str]) -> Sql:
    part = f"json_extract({geometry}, '$.{member}')"
    return " ".join(
        f"WHEN {literal(kind)} THEN {_matches(part, pattern)}" for kind, pattern in patterns.items()
    )


def _geometry(geometry: Sql, cases: Sql, depth: int) -> Sql:
    """Whether the JSON `geometry` is one; `cases` judge what is not a collection."""
    collection = sql("false")
    if depth < MAX_NESTED:
        name = f"g{depth}"
        members = f"json_extract({geometry}, '$.geometries[*]')"
        inner = _all(members, name, _geometry(name, _renamed(cases, geometry, name), depth + 1))
        collection = f"(json_type({geometry}, '$.geometries') = 'ARRAY' AND {inner})"
    kind = f"json_extract_string({geometry}, '$.type')"
    return (
        f"(json_type({geometry}) = 'OBJECT' AND CASE {kind} {cases} "
        f"WHEN 'GeometryCollection' THEN {collection} ELSE false END)"
    )


def _renamed(cases: Sql, old: Sql, new: Sql) -> Sql:
    return cases.replace(f"json_extract({old},", f"json_extract({new},")


def _with_json(text: Sql, body: Sql) -> Sql:
    """`body` on the parsed JSON `j` of `text`, false where it is not a JSON object."""
    parsed = let(f"try({text}::JSON)", "j", body)
    return f"CASE WHEN {is_json(text, 'OBJECT')} THEN coalesce(try({parsed}), false) ELSE false END"


def geojson_check(text: Sql) -> Sql:
    """Whether `text` is a GeoJSON object: a geometry, a feature or a collection of features."""
    features = sql(
        "CASE json_extract_string(j, '$.type') WHEN 'Feature' THEN [j] WHEN 'FeatureCollection' "
        "THEN CASE WHEN json_type(j, '$.features') = 'ARRAY' "
        "THEN json_extract(j, '$.features[*]') END ELSE NULL END"
    )
    feature = (
        "json_extract_string(f, '$.type') = 'Feature' "
        "AND json_type(f, '$.properties') IN ('OBJECT', 'NULL') AND "
        "(json_type(f, '$.geometry') = 'NULL' OR "
        f"{let('json_extract(f, {})'.format(literal('$.geometry')), 'g', _geojson('g'))})"
    )
    featured = f"(fs IS NOT NULL AND {_all('fs', 'f', feature)})"
    kinds = sql("json_extract_string(j, '$.type') IN ('Feature', 'FeatureCollection')")
    body = f"CASE WHEN {kinds} THEN {let(features, 'fs', featured)} ELSE {_geojson('j')} END"
    bounded = _matches("coalesce(json_extract(j, '$.bbox'), '[]')", many(NUMBER))
    return _with_json(text, f"{body} AND {bounded}")


def _geojson(name: Sql) -> Sql:
    return _geometry(name, _by_type(name, "coordinates", COORDINATES), 0)


def topojson_check(text: Sql) -> Sql:
    """Whether `text` is a TopoJSON object: a topology or a geometry."""
    arcs = many(many(rf"({POSITION}|null)"))
    objects = _all("json_extract(j, '$.objects.*')", "o", _topojson("o"))
    topology = (
        f"(json_type(j, '$.objects') = 'OBJECT' AND {objects} AND "
        f"{_matches('json_extract(j, {})'.format(literal('$.arcs')), arcs)})"
    )
    kind = sql("json_extract_string(j, '$.type') = 'Topology'")
    return _with_json(text, f"CASE WHEN {kind} THEN {topology} ELSE {_topojson('j')} END")


def _topojson(name: Sql) -> Sql:
    points = _by_type(name, "coordinates", {"Point": POSITION, "MultiPoint": POSITIONS})
    return _geometry(name, f"{points} {_by_type(name, 'arcs', ARCS)}", 0)


TEXT_NUMBER = r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?"
POINT = rf"\s*{TEXT_NUMBER}(\s+{TEXT_NUMBER}){{1,3}}\s*"
DIMENSIONS = r"\s*(ZM|Z|M)?\s*"
NOTHING = r"\s*EMPTY\s*"


def _listed(item: str) -> str:
    return rf"({NOTHING}|\s*\({item}(,{item})*\)\s*)"


CURVE_LINE = _listed(POINT)
ARC_STRING = rf"\s*CIRCULARSTRING{DIMENSIONS}{CURVE_LINE}"
SINGLE = rf"({CURVE_LINE}|{ARC_STRING})"
COMPOUND = rf"\s*COMPOUNDCURVE{DIMENSIONS}{_listed(SINGLE)}"
CURVE = rf"({CURVE_LINE}|{ARC_STRING}|{COMPOUND})"
AREA = _listed(CURVE_LINE)
SURFACE = rf"({AREA}|\s*CURVEPOLYGON{DIMENSIONS}{_listed(CURVE)})"
TRIANGLE = rf"({NOTHING}|\s*\({CURVE_LINE}\)\s*)"
ONE_POINT = rf"({NOTHING}|\s*\({POINT}\)\s*)"
BODIES = {
    "POINT": ONE_POINT,
    "LINESTRING": CURVE_LINE,
    "CIRCULARSTRING": CURVE_LINE,
    "COMPOUNDCURVE": _listed(SINGLE),
    "CURVEPOLYGON": _listed(CURVE),
    "POLYGON": AREA,
    "TRIANGLE": TRIANGLE,
    "MULTIPOINT": _listed(rf"({ONE_POINT}|{POINT})"),
    "MULTICURVE": _listed(CURVE),
    "MULTILINESTRING": _listed(CURVE_LINE),
    "MULTISURFACE": _listed(SURFACE),
    "MULTIPOLYGON": _listed(AREA),
    "POLYHEDRALSURFACE": _listed(AREA),
    "TIN": _listed(TRIANGLE),
}
GEOMETRY = "(?i:" + "|".join(rf"{kind}{DIMENSIONS}{body}" for kind, body in BODIES.items()) + ")"
COLLECTION = rf"(?i:GEOMETRYCOLLECTION{DIMENSIONS}({NOTHING}|\(\s*\x01(\s*,\s*\x01)*\s*\)))"


def wkt_check(text: Sql) -> Sql:
    """Whether `text` is a geometry as well-known text (ISO 19125). Geometries are replaced by a
    mark, then the collections of marks, from the innermost."""
    reduced = f"regexp_replace({text}, {literal(GEOMETRY)}, chr(1), 'g')"
    for _ in range(MAX_NESTED):
        reduced = f"regexp_replace({reduced}, {literal(COLLECTION)}, chr(1), 'g')"
    nested = f"(NOT contains({text}, chr(1)) AND trim({reduced}) = chr(1))"
    alone = rf"\s*({GEOMETRY})\s*"
    simple = f"regexp_full_match({text}, {literal(alone)})"
    return f"CASE WHEN {simple} THEN true ELSE {nested} END"
