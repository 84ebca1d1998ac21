"""Delimited text and JSON that grow in one construct each."""

import json
from collections.abc import Callable

from tests.inspection.growing.growing_kind import GrowingKind


def csv(size: int, content: Callable[[int], bytes]) -> GrowingKind:
    return GrowingKind("t.csv", size, content)


def as_json(size: int, content: Callable[[int], bytes]) -> GrowingKind:
    return GrowingKind("t.json", size, content)


def lines(size: int, content: Callable[[int], bytes]) -> GrowingKind:
    return GrowingKind("t.jsonl", size, content)


def columns(n: int, cell: Callable[[int], str], rows: int = 3) -> bytes:
    """A table of `n` columns, each of whose rows has `cell(column)`."""
    header = ",".join(f"c{i}" for i in range(n))
    return "\n".join([header, *[",".join(map(cell, range(n)))] * rows, ""]).encode()


def numbered(text: str) -> Callable[[int], bytes]:
    """`n` times the text, with the number of each in place of `@`."""
    return lambda n: "".join(text.replace("@", str(i)) for i in range(n)).encode()


CSV: dict[str, GrowingKind] = {
    "quotes that never close": csv(100_000, lambda n: b'a,b\n1,"x\n' + b"1,x\n" * n),
    "a quote in each line": csv(100_000, lambda n: b"a,b\n" + b'1,"x\n' * n),
    "quotes alone": csv(250_000, lambda n: b"a,b\n" + b'"' * (n | 1) + b",1\n"),
    "quotes within a cell": csv(250_000, lambda n: b'a,b\n"' + b'""x' * n + b'",1\n'),
    "quotes that are escaped": csv(500_000, lambda n: b'a,b\n"' + b'\\"x' * n + b'",1\n'),
    "single quotes": csv(50_000, lambda n: b"a,b\n" + b"'x,y',1\n" * n),
    "quotes after blanks": csv(50_000, lambda n: b"a, b\n" + b'1,  "x, y"\n' * n),
    "text after quotes": csv(50_000, lambda n: b"a,b\n" + b'1,"x"y\n' * n),
    "line ends within quotes": csv(100_000, lambda n: b'a,b\n1,"' + b"x\n" * n + b'"\n2,y\n'),
    "cells with line ends": csv(30_000, lambda n: b"a,b\n" + b'1,"x\ny\nz"\n' * n),
    "delimiters within quotes": csv(600_000, lambda n: b"a;b\n" + b'";"' * n + b"\n"),
    "several delimiters": csv(30_000, lambda n: b"a,b;c|d\te\n" + b"1,2;3|4\t5\n" * n),
    "delimiters alone": csv(2_000, lambda n: b"a,b\n" + b"," * n + b"\n"),
    "line ends of all kinds": csv(25_000, lambda n: b"a,b\n" + b"1,2\r3,4\r\n5,6\n" * n),
    "returns": csv(100_000, lambda n: b"a,b\r" + b"1,2\r" * n),
    "empty lines": csv(200_000, lambda n: b"a,b\n1,2\n" + b"\n" * n + b"3,4\n"),
    "lines of blanks": csv(100_000, lambda n: b"a,b\n1,2\n" + b"  \n" * n + b"3,4\n"),
    "empty lines between rows": csv(50_000, lambda n: b"a,b\n" + b"1,2\n\n" * n),
    "blanks": csv(1_000_000, lambda n: b"a,b\n1," + b" " * n + b"\n"),
    "a long cell": csv(1_000_000, lambda n: b"a,b\n1," + b"x" * n + b"\n"),
    "a long name": csv(200_000, lambda n: b"a," + b"x" * n + b"\n1,2\n"),
    "a long number": csv(200_000, lambda n: b"a,b\n" + b"1" * n + b",1\n2,2\n"),
    "a long fraction": csv(200_000, lambda n: b"a,b\n0." + b"1" * n + b",1\n2,2\n"),
    "long numbers": csv(
        10_000, lambda n: b"a,b\n" + b"1" * 60 + b",1\n" + (b"1" * 60 + b",2\n") * n
    ),
    "exponents": csv(20_000, lambda n: b"a,b\n" + b"1e99999,1e-99999\n" * n),
    "comments": csv(50_000, lambda n: b"a,b\n" + b"# x, y\n1,2\n" * n),
    "titles": csv(20_000, lambda n: b"A title\n" * n + b"a,b\n1,2\n"),
    "keys and values before the header": csv(
        20_000, lambda n: b"key: value, 1\n" * n + b"a,b,c\n1,2,3\n4,5,6\n"
    ),
    "footers": csv(20_000, lambda n: b"a,b,c\n1,2,3\n4,5,6\n" + b"Total,,9\n" * n),
    "notes at the end": csv(20_000, lambda n: b"a,b,c\n1,2,3\n4,5,6\n" + b"Source: x\n" * n),
    "separators named": csv(20_000, lambda n: b"sep=;\n" * n + b"a;b\n1;2\n"),
    "rows of all lengths": csv(
        10_000, lambda n: b"a,b,c\n" + b"".join(b"1," * (i % 7) + b"2\n" for i in range(n))
    ),
    "surplus cells": csv(30_000, lambda n: b"a,b\n1,2\n" + b"1,2,3,4,5\n" * n),
    "missing cells": csv(50_000, lambda n: b"a,b,c\n1,2,3\n" + b"1\n" * n),
    "a row with surplus cells": csv(2_000, lambda n: b"a,b\n1,2\n" + b"1," * n + b"2\n3,4\n"),
    "zero bytes": csv(200_000, lambda n: b"a,b\n" + b"1,\0\n" * n),
    "UTF-16": csv(50_000, lambda n: ("a,b\n" + "1,ü\n" * n).encode("utf-16")),
    "Latin-1": csv(100_000, lambda n: b"a,b\n" + b"1,\xfc\n" * n),
    "broken UTF-8": csv(50_000, lambda n: b"a,b\n" + "1,ü\n".encode() * n + b"1,\xfc\n" * n),
    "two encodings by turns": csv(50_000, lambda n: b"a,b\n" + b"1,\xc3\xbc\n1,\xfc\n" * n),
    "byte order marks": csv(50_000, lambda n: b"a,b\n" + b"\xef\xbb\xbf1,2\n" * n),
    "control characters": csv(50_000, lambda n: b"a,b\n" + b"1,\x01\x02\x1f\n" * n),
    "CJK": csv(20_000, lambda n: ("a,b\n" + "1,漢字\n" * n).encode("gb18030")),
    "dates": csv(10_000, numbered("2020-01-01,01.02.2020,2020-01-01T00:00:00Z,@\n")),
    "dates of many forms": csv(
        3_000,
        lambda n: (
            b"a,b\n" + b"2020-01-01,1\n01/02/2020,1\n1.2.2020,1\nJan 1 2020,1\n20200101,1\n" * n
        ),
    ),
    "booleans": csv(20_000, lambda n: b"a,b\n" + b"yes,true\nno,false\nja,0\n" * n),
    "lists in cells": csv(100_000, lambda n: b'a,b\n1,"' + b"1;" * n + b'"\n2,"1;2"\n'),
    "arrays in cells": csv(100_000, lambda n: b'a,b\n1,"[' + b"1," * n + b'1]"\n2,"[1]"\n'),
    "arrays in one another in cells": csv(
        2_000, lambda n: b'a,b\n1,"' + b"[" * n + b"]" * n + b'"\n2,"[1]"\n'
    ),
    "brackets that open in cells": csv(50_000, lambda n: b'a,b\n1,"' + b"[{" * n + b'"\n2,"[1]"\n'),
    "objects in cells": csv(5_000, numbered('@,"{""a"": @, ""b"": [1, 2]}"\n')),
    "points in cells": csv(10_000, numbered('@,"1.5, @.5"\n')),
    "distinct texts": csv(50_000, numbered("k@,x@\n")),
    "distinct long texts": csv(1_000, numbered(f"@,{'x' * 2_000}@\n")),
    "columns of numbers": csv(500, lambda n: columns(n, str)),
    "columns of texts": csv(500, lambda n: columns(n, lambda i: f"x{i}")),
    "columns of dates": csv(300, lambda n: columns(n, lambda i: "2020-01-01")),
    "columns without values": csv(500, lambda n: columns(n, lambda i: "")),
    "columns of all types": csv(
        300, lambda n: columns(n, lambda i: ("1", "x", "2020-01-01", "true", "1.5")[i % 5])
    ),
    "columns and rows": csv(100, lambda n: columns(n, str, 300)),
    "columns that differ": csv(
        300,
        lambda n: (
            columns(n, lambda i: "1", 2) + columns(n, lambda i: "x", 1).split(b"\n")[1] + b"\n"
        ),
    ),
    "columns without names": csv(500, lambda n: b"," * n + b"\n" + b"1," * n + b"1\n"),
    "columns of one name": csv(500, lambda n: b"a," * n + b"a\n" + b"1," * n + b"1\n"),
    "columns of long names": csv(
        300,
        lambda n: (
            ",".join("x" * 500 + str(i) for i in range(n)) + "\n" + "1," * n + "1\n"
        ).encode(),
    ),
    "two header rows": csv(
        500, lambda n: (",".join(f"g{i // 3}" for i in range(n)) + "\n").encode() + columns(n, str)
    ),
    "header rows": csv(5_000, lambda n: b"a,b,c\nx,y,z\n" * n + b"1,2,3\n"),
}

JSON: dict[str, GrowingKind] = {
    "an open text in JSON": as_json(100_000, lambda n: b'[{"a":"' + b"x,\n" * n),
    "blanks in JSON": as_json(500_000, lambda n: b'[{"a":1}' + b"\n" * n + b"]"),
    "quotes in JSON": as_json(250_000, lambda n: b'[{"a":"' + b'\\"' * n + b'"}]'),
    "escapes in JSON": as_json(100_000, lambda n: b'[{"a":"' + b"\\u00fc" * n + b'"}]'),
    "backslashes in JSON": as_json(250_000, lambda n: b'[{"a":"' + b"\\\\" * n + b'"}]'),
    "columns of JSON": as_json(
        30,
        lambda n: json.dumps([{f"k{i}": i * row for i in range(n)} for row in range(20)]).encode(),
    ),
    "keys of an object": lines(
        500, lambda n: json.dumps({f"k{i}": i for i in range(n)}).encode() + b"\n"
    ),
    "keys of objects": lines(
        100, lambda n: "".join(json.dumps({f"k{i}": 1}) + "\n" for i in range(n)).encode()
    ),
    "a key that is repeated": lines(
        2_000, lambda n: b'{"a":1}\n{' + b",".join([b'"a":1'] * n) + b"}\n"
    ),
    "objects with a repeated key": lines(20_000, lambda n: b'{"a":1,"a":2}\n' * n),
    "a long key": lines(100_000, lambda n: b'{"' + b"k" * n + b'":1}\n'),
    "keys that are long": lines(
        100, lambda n: json.dumps({"k" * 900 + str(i): i for i in range(n)}).encode() + b"\n"
    ),
    "keys of an inner object": lines(
        500, lambda n: json.dumps({"a": {f"k{i}": i for i in range(n)}}).encode() + b"\n"
    ),
    "keys of inner objects": lines(
        200, lambda n: "".join(json.dumps({"a": {f"k{i}": 1}}) + "\n" for i in range(n)).encode()
    ),
    "objects in one another": lines(100, lambda n: b'{"a":' * n + b"1" + b"}" * n + b'\n{"a":1}\n'),
    "arrays in one another": lines(100, lambda n: b'{"a":' + b"[" * n + b"]" * n + b'}\n{"a":1}\n'),
    "arrays that open": as_json(100_000, lambda n: b"[" * n),
    "objects that open": as_json(100_000, lambda n: b'[{"a":' * n),
    "objects that begin": lines(50_000, lambda n: b'{"a":1}\n' + b"[\n" * n),
    "an array in an object": lines(100_000, lambda n: b'{"a":[' + b"1," * n + b'1]}\n{"a":[1]}\n'),
    "arrays of objects": as_json(20_000, lambda n: b'[{"a":[' + b'{"b":1},' * n + b'{"b":1}]}]'),
    "rows that are arrays": as_json(20_000, lambda n: b'[["a","b"],' + b"[1,2]," * n + b"[1,2]]"),
    "columns that are arrays": as_json(
        20_000, lambda n: json.dumps({"a": list(range(n)), "b": list(range(n))}).encode()
    ),
    "a property of many": as_json(
        500, lambda n: json.dumps({f"p{i}": [{"a": 1}] for i in range(n)}).encode()
    ),
    "an object before the rows": as_json(
        5_000,
        lambda n: json.dumps({"meta": {f"k{i}": i for i in range(n)}, "data": [{"a": 1}]}).encode(),
    ),
    "objects in a row": as_json(20_000, lambda n: b'{"a": 1} ' * n),
    "pretty JSON": as_json(
        5_000, lambda n: json.dumps([{"a": i, "b": "x"} for i in range(n)], indent=4).encode()
    ),
    "long numbers in JSON": lines(3_000, lambda n: (b'{"a":' + b"1" * 300 + b"}\n") * n),
    "a long number in JSON": lines(100_000, lambda n: b'{"a":' + b"1" * n + b'}\n{"a":1}\n'),
    "exponents in JSON": lines(10_000, lambda n: b'{"a":1e400,"b":1e-400}\n' * n),
    "types by turns in JSON": lines(
        5_000, lambda n: b'{"a":1}\n{"a":"x"}\n{"a":[1]}\n{"a":{"b":1}}\n{"a":null}\n' * n
    ),
    "empty objects": lines(50_000, lambda n: b'{"a":1}\n' + b"{}\n" * n),
    "empty lines in JSON Lines": lines(100_000, lambda n: b'{"a":1}\n' + b"\n" * n + b'{"a":2}\n'),
    "broken lines in JSON Lines": lines(20_000, lambda n: b'{"a":1}\n' + b'{"a":\n' * n),
    "commas after the end": as_json(100_000, lambda n: b'[{"a":1}]' + b"," * n),
    "surrogates": lines(10_000, lambda n: b'{"a":"\\ud83d"}\n' * n),
    "NaN and its like": lines(10_000, lambda n: b'{"a":NaN,"b":Infinity}\n' * n),
    "comments in JSON": as_json(20_000, lambda n: b"[" + b'/* x */{"a":1},' * n + b'{"a":1}]'),
}
