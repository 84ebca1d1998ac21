"""The same table and schema: the same sets of (type, rowNumber, fieldNumber) as frictionless.

Where we differ on purpose, the case says so by its name in `DELIBERATE`.
"""

from pathlib import Path
from typing import Any

import pytest
from frictionless import Resource
from tests.inspection.conftest import Inspect, places
from tests.inspection.generated import DIFFERENCES


def field(name: str, kind: str = "string", **constraints: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "constraints": constraints}


def form(kind: str, name: str) -> dict[str, Any]:
    return {"name": "a", "type": kind, "format": name}


A_INT, B = field("a", "integer"), field("b")
AB = {"fields": [A_INT, B]}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "clean": ("a,b\n1,x\n2,y\n", AB),
    "type": ("a,b\n1,x\nq,y\n1.5,z\n 7 ,s\n", AB),
    "blank lines": ("a,b\n1,x\n\n2,y\n", AB),
    "blank cells": ("a,b\n1,x\n,\n2,y\n", AB),
    "a value alone below a blank row": (
        "a,b\n12:00:00,5\n12:00:01,6\n,\n12:00:02,\nx,x\n",
        {"fields": [field("a", "time"), field("b", "integer")]}),
    "words below a blank row": (
        "a,b\n1,5\n2,6\n,\nx,y\nz,q\n",
        {"fields": [A_INT, field("b", "integer")]}),
    "words over values below a blank row": (
        "a,b\n1,5\n,\nx,y\n2,6\n",
        {"fields": [A_INT, field("b", "integer")]}),
    "short row": ("a,b,c\n1,x\n2,y,z\n", {"fields": [A_INT, B, field("c", required=True)]}),
    "long row": ("a,b\n1,x,9,8\nq,y\n", AB),
    "long and short": ("a,b\n1,x,9,8\nq\n\n,\n,,\n3,x\n", AB),
    "missing label": ("a,b\n1,x\n2,y\n", {"fields": [A_INT, B, field("c")]}),
    "missing required label": (
        "a,b\n1,x\n2,y\n", {"fields": [A_INT, B, field("c", required=True)]}
    ),
    "extra label": ("a,b,c\n1,x,1\n2,y,2\nq,y,2\n", AB),
    "incorrect label": ("a,x,c\n1,x,1\n2,y,2\n", {"fields": [A_INT, B, field("c")]}),
    "duplicate label": ("a,a,c\n1,x,1\nq,,\n", {"fields": [A_INT, B, field("c")]}),
    "blank label": ("a,,c\n1,x,1\n", {"fields": [A_INT, B, field("c")]}),
    "label of blanks": ("a, ,c\n1,x,1\n", {"fields": [A_INT, B, field("c")]}),
    "blank label between": ("a,,b\n1,x,1\n", {**AB, "fieldsMatch": "equal"}),
    "label of blanks between": ("a, ,b\n1,x,1\n", {**AB, "fieldsMatch": "equal"}),
    "unique": (
        "a,b\n1,x\n1,y\n01,z\n,\n,q\n,r\nq,\nq,\n",
        {"fields": [field("a", "integer", unique=True), B]},
    ),
    "unique decimals": (
        "a\n1.0\n1\n1.00\n1e0\n2\n", {"fields": [field("a", "number", unique=True)]}
    ),
    "primary key": ("a,b\n1,x\n1,x\n2,x\n,\n1,y\n", {**AB, "primaryKey": ["a", "b"]}),
    "foreign key": (
        "a,b\n1,2\n2,9\n,1\n3,\n", {"fields": [A_INT, field("b", "integer")], "foreignKeys": [
            {"fields": "b", "reference": {"resource": "", "fields": "a"}}]}),
    "foreign key of two": (
        "a,b,c,d\n1,x,1,x\n2,y,1,y\n3,,3,\n4,z,,z\n5,v,,\n", {
            "fields": [A_INT, B, field("c", "integer"), field("d")], "foreignKeys": [
                {"fields": ["c", "d"], "reference": {"resource": "", "fields": ["a", "b"]}}]}),
    "primary key of one": ("a,b\n1,x\n1,x\n,x\n,y\n2,q\n", {**AB, "primaryKey": ["a"]}),
    "many constraints": (
        "a,b\n1,x\nq,\n5,toolong\n2,ab\n",
        {
            "fields": [
                field("a", "integer", minimum=2, maximum=3, enum=[1, 2]),
                field("b", required=True, minLength=2, maxLength=3, pattern="[a-z]+"),
            ]
        },
    ),
    "exclusive bounds": (
        "a\n1\n2\n3\n",
        {"fields": [field("a", "integer", exclusiveMinimum=1, exclusiveMaximum=3)]},
    ),
    "number bounds": (
        "a\n0.1\n0.09999\n1e3\nNaN\nINF\n-\n",
        {"fields": [field("a", "number", minimum=0.1, maximum=1000)]},
    ),
    "date bounds": (
        "a\n2020-01-01\n2019-12-31\n2020-02-30\nx\n",
        {"fields": [field("a", "date", minimum="2020-01-01")]},
    ),
    "datetimes": (
        "a\n2020-01-01T00:00:00Z\n2020-01-01 00:00:00\n2020-13-01T00:00:00\n2020-01-01\n",
        {"fields": [field("a", "datetime")]},
    ),
    "times": ("a\n12:00:00\n24:00:01\n12:00\n", {"fields": [field("a", "time")]}),
    "booleans": (
        "a\ntrue\nFALSE\n1\n0\nyes\ntRue\n", {"fields": [field("a", "boolean", enum=[True])]}
    ),
    "own booleans": (
        "a\nja\nnein\ntrue\n",
        {"fields": [{"name": "a", "type": "boolean", "trueValues": ["ja"],
                     "falseValues": ["nein"]}]},
    ),
    "strptime": ("a\n31/12/2020\n12/31/2020\n", {
        "fields": [{"name": "a", "type": "date", "format": "%d/%m/%Y"}]}),
    "grouped": (
        'a\n"1,234.5"\n12\n1.2.3\n',
        {"fields": [{"name": "a", "type": "number", "groupChar": ","}]},
    ),
    "decimal comma": (
        'a\n"1.234,5"\n12\n"1,5,"\n',
        {"fields": [{"name": "a", "type": "number", "groupChar": ".", "decimalChar": ","}]},
    ),
    "percent": (
        "a\n12.5%\n-3 %\nx\n",
        {"fields": [{"name": "a", "type": "number", "bareNumber": False}]},
    ),
    "missing values": ("a,b\nNA,1\n-,2\nx,3\n,4\n", {**AB, "missingValues": ["NA", "-"]}),
    "field missing values": (
        "a,b\nNA,1\n,2\nx,NA\n",
        {"fields": [{"name": "a", "type": "integer", "missingValues": ["NA"]}, B]},
    ),
    "empty is a value": ("a,b\n,1\n", {**AB, "missingValues": ["NA"]}),
    "years": ("a,b\n2020,2020-01\n20,2020-13\n", {
        "fields": [field("a", "year"), field("b", "yearmonth")]}),
    "quoted newlines": (
        'b,a\n"x\ny",1\nz,q\n"p ""q"" r",2\n', {"fields": [B, A_INT]}
    ),
    "one column": ("a\n1\n\nx\n", {"fields": [A_INT]}),
    "header only": ("a\n", {"fields": [A_INT]}),
    "no newline at the end": ("a,b\n1,x\nq,y", AB),
    "CRLF": ("a,b\r\n1,x\r\nq,y\r\n", AB),
    "byte order mark": ("\ufeffa,b\n1,x\nq,y\n", AB),
    "stray quote": ('a,b\n1,x"y\n2,y\nq,"z"\n', AB),
    "big integers": (
        "a\n123456789012345678901234567890\n99999999999999999999999999999999999999999999\n1e5\n",
        {"fields": [A_INT]},
    ),
    "any": ("a\n1\nx\n", {"fields": [field("a", "any", unique=True)]}),
    "objects": (
        'a\n{}\n[]\n"{""x"":1}"\nx\n', {"fields": [field("a", "object")]}
    ),
    "arrays": ('a\n{}\n[]\n"[1,2]"\nx\n', {"fields": [field("a", "array")]}),
    "durations": (
        "a\nP1Y2M\nPT5M\nP\nx\n", {"fields": [field("a", "duration")]}
    ),
    "geopoints": ('a\n"90.5,45"\n"181,3"\nx\n', {"fields": [field("a", "geopoint")]}),
    "emails and uris": (
        "a,b\nx@example.org,https://example.org/x\nx@,nothing\n",
        {"fields": [{"name": "a", "format": "email"}, {"name": "b", "format": "uri"}]},
    ),
    "uuids": (
        "a\n53c9c295-83f4-4754-a781-cd03841c806f\n53c9c295\n",
        {"fields": [{"name": "a", "format": "uuid"}]},
    ),
    "lists": (
        "a\n1;2\n1;x\n",
        {"fields": [{"name": "a", "type": "list", "delimiter": ";", "itemType": "integer"}]},
    ),
    "unicode": ("ä,b\n1,ß\nß,日本\n", {"fields": [field("ä", "integer"), B]}),
}  # fmt: skip

TYPE = [("type-error", 2, 1)]
BROKEN = [("constraint-error", 2, 1)]

DELIBERATE: dict[str, tuple[str, dict[str, Any], list[Any], list[Any]]] = {
    # name: the table, the field (or schema), our errors, those of frictionless
    # A column with another field's header is one error; its cells are not judged.
    "incorrect label with wrong cells": (
        "a,x\n1,y\n", {"fields": [A_INT, field("b", "integer")]},
        [("incorrect-label", None, 2)], [("incorrect-label", None, 2), ("type-error", 2, 2)]),
    "duplicate label with wrong cells": (
        "a,a\n1,y\n", {"fields": [A_INT, field("b", "integer")]},
        [("duplicate-label", None, 2)], [("duplicate-label", None, 2), ("type-error", 2, 2)]),
    # Python takes a week that the year does not have for one of another year.
    "a week that the year does not have": (
        "a\n2021-53-1\n", {"name": "a", "type": "date", "format": "%Y-%U-%w"},
        [("type-error", 2, 1)], []),
    # To be in the primary key means to be required (Data Package v2).
    "a partly missing primary key": (
        "a,b\n1,x\n,x\n", {**AB, "primaryKey": ["a", "b"]}, [("primary-key", 3, None)], []),
    "a duplicate of a partly missing primary key": (
        "a,b\n1,x\n1,x\n,x\n,\n,x\n", {**AB, "primaryKey": ["a", "b"]},
        [("blank-row", 5, None), *[("primary-key", row, None) for row in (3, 4, 5, 6)]],
        [("blank-row", 5, None), *[("primary-key", row, None) for row in (3, 5, 6)]]),
    "a foreign key whose column is missing": (
        "a\n1\n2\n", {"fields": [A_INT, field("b", "integer", required=True)], "foreignKeys": [
            {"fields": ["a"], "reference": {"resource": "", "fields": ["b"]}}]},
        [("missing-label", None, 2)],
        [("missing-label", None, 2), ("foreign-key", 2, None), ("foreign-key", 3, None)]),
    # Values are compared by what they are.
    "a year as twelve months": ("a\nP1Y\nP12M\n", field("a", "duration", unique=True),
                                [("unique-error", 3, 1)], []),
    "NaN twice": ("a\nNaN\nnan\n", field("a", "number", unique=True),
                  [("unique-error", 3, 1)], []),
    "a moment without a zone is in UTC": (
        "a\n2020-01-01T00:00:00\n", field("a", "datetime", enum=["2020-01-01T00:00:00Z"]),
        [], BROKEN),
    # A date has two digits for month and day (Data Package v2, after XML Schema).
    "date without zeros": ("a\n2020-1-5\n", field("a", "date"), TYPE, []),
    "yearmonth without zeros": ("a\n2020-1\n", field("a", "yearmonth"), TYPE, []),
    "signs and spaces in a year": ("a\n+123\n", field("a", "year"), TYPE, []),
    # XML Schema's years have four digits or more, and there were some before our era.
    "years beyond four digits": (
        "a,b\n12020,-0044-03\n", {"fields": [field("a", "year"), field("b", "yearmonth")]},
        [], [*TYPE, ("type-error", 2, 2)]),
    # A datetime has a T (or a space), and a date before it.
    "another separator between date and time": (
        "a\n2020-01-01_00:00:00\n", field("a", "datetime"), TYPE, []),
    "week dates and days of the year in a datetime": (
        "a\n2020-W01-1T00:00:00\n", field("a", "datetime"), TYPE, []),
    "midnight as 24:00:00": ("a\n2020-01-01T24:00:00\n", field("a", "datetime"), TYPE, []),
    # The format `any` reads forms that are listed, where dateutil fills in what is missing.
    "any reads what is a whole date": ("a\n5\n", form("date", "any"), TYPE, []),
    # Digits are 0-9; underscores are not part of a number.
    "underscores in a number": ("a\n1_000\n", A_INT, TYPE, []),
    "digits and spaces beyond ASCII in a number": ("a\n٣\n", A_INT, TYPE, []),
    "a sign within the stripped text": (
        "a\n€ .5\n", {**field("a", "number", minimum=1), "bareNumber": False}, BROKEN, []),
    "groups in an integer": (
        'a\n"1,000"\n', {"name": "a", "type": "integer", "groupChar": ","}, [], TYPE),
    # A separator stands between groups of three digits: `1,20` is no way to write 120.
    "groups of other than three digits": (
        'a\n"1,20"\n"1,200"\n', {"name": "a", "type": "number", "groupChar": ","}, TYPE, []),
    # Programs without missing integers write them as decimals.
    "a point and zeros behind an integer": ("a\n5.0\n", A_INT, [], TYPE),
    # No day is read as another one.
    "a day that the year has not": ("a\n2021-366\n", form("date", "%Y-%j"), TYPE, []),
    # ISO 8601: what follows the T of a duration is not empty; no sign but a minus; weeks stand
    # alone; XML Schema: only seconds (and here days) have a fraction.
    "fractions, signs and weeks of a duration": (
        "a\nP1DT\nP1.5Y\n+P1D\nP1Y2W\n", field("a", "duration"),
        [("type-error", row, 1) for row in (2, 3, 4, 5)], []),
    # Texts have no control characters but tab and line ends.
    "control characters": ("a,b\nx\x01y,\x0c\nx,y\n", {"fields": [field("a"), B]},
                           [*TYPE, ("type-error", 2, 2)], []),
    # A pattern matches the whole value, also one with alternatives.
    "alternatives in a pattern": ("a\nab\n", field("a", pattern="a|b"), BROKEN, []),
    # The classes of RE2 are those of ASCII.
    "letters beyond ASCII in a pattern": ("a\nÄ\n", field("a", pattern=r"\w"), BROKEN, []),
    # Formats of texts, as their own standards have them.
    "spaces in a URI": ("a\nhttp://a b\n", form("string", "uri"), TYPE, []),
    "quoted names in an email": (
        'a\n"""a,b""@example.org"\n', form("string", "email"), TYPE, []),
    "a UUID without hyphens": (
        "a\n53c9c29583f44754a781cd03841c806f\n", form("string", "uuid"), TYPE, []),
    "base64 with other characters": ("a\nYQ==!\n", form("string", "binary"), TYPE, []),
    "NaN and infinity in JSON": ("a\n[NaN]\n[Infinity]\n", field("a", "array"),
                                 [*TYPE, ("type-error", 3, 1)], []),
    "altitude in GeoJSON": (
        'a\n"{""type"": ""Point"", ""coordinates"": [1, 2, 3]}"\n', field("a", "geojson"),
        [], TYPE),
    "texts as numbers of a geopoint": (
        'a\n"[""1"", ""2""]"\n', form("geopoint", "array"), TYPE, []),
    # Blank rows below the table are not rows of the table.
    "blank lines at the end": (
        "a,b\n1,x\nq,y\n\n", AB, [("type-error", 3, 1)],
        [("type-error", 3, 1), ("blank-row", 4, None)]),
    "empty cells at the end": (
        "a,b\n1,x\n,\n", {"fields": [A_INT, field("b", required=True)]}, [],
        [("blank-row", 3, None)]),
    # A quote where none may be is reported, not passed over.
    "quote then text": (
        'a,b\n1,"x"y\n2,y\nq,z\n', AB,
        [("source-error", 2, None), ("type-error", 4, 1)], [("type-error", 4, 1)]),
}  # fmt: skip


STATED = {"delimiter": ",", "quoteChar": '"', "doubleQuote": True, "skipInitialSpace": False}
"""All that frictionless guesses where it is not stated: JSON in a cell looks like cells with spaces
before them."""


def by_frictionless(path: Path, schema: dict[str, Any]) -> list[tuple[Any, ...]]:
    resource = Resource.from_descriptor(
        {
            "$schema": V2,
            "name": "table",
            "path": path.name,
            "encoding": "utf-8",
            "dialect": {"csv": STATED},
            "schema": schema,
        },
        basepath=str(path.parent),
    )
    report = resource.validate()
    assert not report.errors
    errors = [error for task in report.tasks for error in task.errors]
    return sorted(
        (
            (e.type, getattr(e, "row_number", None), getattr(e, "field_number", None))
            for e in errors
        ),
        key=str,
    )


V2 = "https://datapackage.org/profiles/2.0/dataresource.json"


@pytest.mark.parametrize("name", CASES)
def test_the_same_errors(name: str, inspect: Inspect, tmp_path: Path) -> None:
    content, schema = CASES[name]
    ours = inspect(content, schema)
    assert places(ours) == by_frictionless(tmp_path / "table.csv", schema)
    assert ours.verdict == ("violates" if places(ours) else "conforms")
    task = ours.report["tasks"][0]
    assert sum(count["count"] for count in task["errorCounts"]) == len(task["errors"])


@pytest.mark.parametrize("name", DELIBERATE)
def test_deliberate_difference(name: str, inspect: Inspect, tmp_path: Path) -> None:
    content, schema, ours, theirs = DELIBERATE[name]
    if "fields" not in schema:
        schema = {"fields": [schema]}
    assert places(inspect(content, schema)) == sorted(ours, key=str)
    assert by_frictionless(tmp_path / "table.csv", schema) == sorted(theirs, key=str)


def test_what_generated_tables_leave_out_has_a_test() -> None:
    assert DIFFERENCES.keys() <= DELIBERATE.keys()
