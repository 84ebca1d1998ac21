"""Contracts that grow in one construct each, and reports with many errors."""

from collections.abc import Callable
from typing import Any

from tests.inspection.growing.growing_kind import Contract, GrowingKind
from tests.inspection.growing.texts import columns, numbered

ROW = b"a,b\n1,x\n2,y\n"


def contract(
    size: int, schema: Callable[[int], Contract], content: Callable[[int], bytes] = lambda n: ROW
) -> GrowingKind:
    return GrowingKind("t.csv", size, content, schema)


def of_fields(
    n: int, field: Callable[[int], dict[str, Any]] = lambda i: {}, **other: Any
) -> Contract:
    return {"fields": [{"name": f"c{i}", **field(i)} for i in range(n)], **other}


def of_two(first: dict[str, Any], **other: Any) -> Contract:
    return {"fields": [{"name": "a", **first}, {"name": "b"}], **other}


def wide_table(n: int) -> bytes:
    return columns(n, str)


def rows(n: int) -> bytes:
    return numbered("@,x@\n")(n).replace(b"0,x0\n", b"a,b\n", 1)


def blank_labels(n: int) -> bytes:
    return b"," * n + b"last\n" + 2 * (b"1," * n + b"1\n")


def of_blank_labels(n: int, **other: Any) -> Contract:
    made_up = [{"name": f"column_{i + 1}"} for i in range(n)]
    return {"fields": [*made_up, {"name": "last"}], **other}


INTEGER = {"type": "integer"}
CONTRACTS: dict[str, GrowingKind] = {
    "fields": contract(150, of_fields, wide_table),
    "fields of integers": contract(300, lambda n: of_fields(n, lambda i: INTEGER), wide_table),
    "fields that are required": contract(
        200, lambda n: of_fields(n, lambda i: {"constraints": {"required": True}}), wide_table
    ),
    "fields that are unique": contract(
        50, lambda n: of_fields(n, lambda i: {"constraints": {"unique": True}}), wide_table
    ),
    "fields with patterns": contract(
        200,
        lambda n: of_fields(n, lambda i: {"constraints": {"pattern": f"[0-9]*{i}"}}),
        wide_table,
    ),
    "fields with values": contract(
        100,
        lambda n: of_fields(n, lambda i: {"constraints": {"enum": ["1", "x", str(i)]}}),
        wide_table,
    ),
    "fields with bounds": contract(
        150,
        lambda n: of_fields(n, lambda i: {**INTEGER, "constraints": {"minimum": 0, "maximum": i}}),
        wide_table,
    ),
    "fields with dates": contract(
        150, lambda n: of_fields(n, lambda i: {"type": "date", "format": "%d.%m.%Y"}), wide_table
    ),
    "fields with titles": contract(
        200,
        lambda n: of_fields(n, lambda i: {"title": "t" * 1_000, "description": "d" * 1_000}),
        wide_table,
    ),
    "fields with missing values": contract(
        100, lambda n: of_fields(n, lambda i: {"missingValues": ["", "-", str(i)]}), wide_table
    ),
    "fields of all types": contract(
        40,
        lambda n: of_fields(
            n,
            lambda i: {
                "type": (
                    "number",
                    "boolean",
                    "date",
                    "datetime",
                    "list",
                    "object",
                    "geopoint",
                    "year",
                    "duration",
                    "array",
                    "time",
                )[i % 11]
            },
        ),
        wide_table,
    ),
    "fields that are not there": contract(
        500, lambda n: {**of_fields(n), "fieldsMatch": "partial"}, lambda n: b"c0,x\n1,2\n"
    ),
    "fields that are missing": contract(500, of_fields, lambda n: b"c0,x\n1,2\n"),
    "columns without fields": contract(300, lambda n: of_fields(1), wide_table),
    "fields in another order": contract(
        200,
        lambda n: {"fields": of_fields(n)["fields"][::-1], "fieldsMatch": "equal"},
        wide_table,
    ),
    "fields of other names": contract(
        200, lambda n: {"fields": [{"name": f"C {i}"} for i in range(n)]}, wide_table
    ),
    "fields of quite other names": contract(
        200, lambda n: {"fields": [{"name": f"x{i}"} for i in range(n)]}, wide_table
    ),
    "fields without labels": contract(500, of_blank_labels, blank_labels),
    "fields without labels, by name": contract(
        500, lambda n: of_blank_labels(n, fieldsMatch="equal"), blank_labels
    ),
    "long names of fields": contract(
        100,
        lambda n: {"fields": [{"name": "x" * 500 + str(i)} for i in range(n)]},
        lambda n: (
            ",".join("x" * 500 + str(i) for i in range(n)) + "\n" + "1," * n + "1\n"
        ).encode(),
    ),
    "a long name of a field": contract(
        250,
        lambda n: {"fields": [{"name": "x" * n}, {"name": "b"}]},
        lambda n: b"x" * n + b",b\n1,2\n",
    ),
    "values of an enum": contract(
        2_000, lambda n: of_two({"constraints": {"enum": [str(i) for i in range(n)]}}), rows
    ),
    "values of an enum of integers": contract(
        2_000, lambda n: of_two({**INTEGER, "constraints": {"enum": list(range(n))}}), rows
    ),
    "categories": contract(500, lambda n: of_two({"categories": [str(i) for i in range(n)]}), rows),
    "missing values": contract(
        250, lambda n: of_two({}, missingValues=[str(i) for i in range(n)]), rows
    ),
    "missing values of a field": contract(
        250, lambda n: of_two({"missingValues": [str(i) for i in range(n)]}), rows
    ),
    "missing values of integers": contract(
        200,
        lambda n: of_fields(20, lambda i: INTEGER, missingValues=[f"x{i}" for i in range(n)]),
        lambda n: columns(20, str),
    ),
    "words for true": contract(
        250,
        lambda n: of_two(
            {"type": "boolean", "trueValues": [str(i) for i in range(n)], "falseValues": ["no"]}
        ),
        rows,
    ),
    "a primary key of many": contract(
        100, lambda n: {**of_fields(n), "primaryKey": [f"c{i}" for i in range(n)]}, wide_table
    ),
    "unique keys": contract(
        25, lambda n: {**of_fields(n), "uniqueKeys": [[f"c{i}"] for i in range(n)]}, wide_table
    ),
    "unique keys of many": contract(
        15,
        lambda n: {
            **of_fields(n),
            "uniqueKeys": [[f"c{j}" for j in range(i + 1)] for i in range(n)],
        },
        wide_table,
    ),
    "foreign keys": contract(
        25,
        lambda n: {
            **of_fields(n),
            "foreignKeys": [
                {"fields": [f"c{i}"], "reference": {"resource": "", "fields": ["c0"]}}
                for i in range(n)
            ],
        },
        wide_table,
    ),
    "a pattern of alternatives": contract(
        400,
        lambda n: of_two({"constraints": {"pattern": "|".join(f"{i}" for i in range(n))}}),
        lambda n: rows(5_000),
    ),
    "a pattern that repeats": contract(
        50, lambda n: of_two({"constraints": {"pattern": f"(1|2){{0,{n}}}"}}), lambda n: rows(1_000)
    ),
    "a pattern on a long cell": contract(
        100_000,
        lambda n: of_two({"constraints": {"pattern": "(x+x+)+y"}}),
        lambda n: b"a,b\n" + b"x" * n + b",1\n",
    ),
    "a schema of JSON": contract(
        200,
        lambda n: of_two(
            {
                "type": "object",
                "constraints": {
                    "jsonSchema": {"properties": {f"k{i}": {"type": "integer"} for i in range(n)}}
                },
            }
        ),
        lambda n: b"a,b\n" + b'"{""k1"": 1}",x\n' * 100,
    ),
    "bounds of many digits": contract(
        5_000,
        lambda n: of_two({"type": "number", "constraints": {"minimum": "1" * n}}),
        lambda n: rows(2_000),
    ),
    "cells that are wrong": contract(20_000, lambda n: of_two({"type": "date"}), rows),
    "cells that are wrong and long": contract(
        2_000, lambda n: of_two(INTEGER), lambda n: b"a,b\n" + (b"x" * 1_000 + b",1\n") * n
    ),
    "a cell that is wrong and long": contract(
        500_000, lambda n: of_two(INTEGER), lambda n: b"a,b\n" + b"x" * n + b",1\n"
    ),
    "cells that are wrong in all columns": contract(
        150, lambda n: of_fields(n, lambda i: {"type": "date"}), wide_table
    ),
    "cells that are wrong in columns and rows": contract(
        40, lambda n: of_fields(n, lambda i: {"type": "date"}), lambda n: columns(n, str, 200)
    ),
    "rows that are repeated": contract(
        20_000,
        lambda n: of_two({"constraints": {"unique": True}}),
        lambda n: b"a,b\n" + b"1,x\n" * n,
    ),
    "keys that are repeated": contract(
        20_000, lambda n: of_two({}, primaryKey=["a", "b"]), lambda n: b"a,b\n" + b"1,x\n" * n
    ),
    "values that are missing": contract(
        30_000,
        lambda n: of_two({"constraints": {"required": True}}),
        lambda n: b"a,b\n" + b",x\n" * n,
    ),
    "surplus cells under a contract": contract(
        20_000, lambda n: of_two({}), lambda n: b"a,b\n" + b"1,2,3\n" * n
    ),
    "other delimiters than the contract's": contract(
        20_000, lambda n: of_two(INTEGER), lambda n: b"a;b\n" + b"1;2\n" * n
    ),
    "numbers of another country": contract(
        20_000, lambda n: of_two({"type": "number"}), lambda n: b"a;b\n" + b"1.234,5;2\n" * n
    ),
    "notes at the end under a contract": contract(
        5_000, lambda n: of_two(INTEGER), lambda n: b"a,b\n1,2\n" + b"Source: x\n" * n
    ),
}
