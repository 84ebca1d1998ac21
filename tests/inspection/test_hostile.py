"""Files made to hurt: each ends as a report, through the real pool, in bounded time."""

import gzip
import time
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import request_for

from entrepot.inspection.limits import MIB
from entrepot.inspection.pool import InspectionPool
from entrepot.inspection.results import Inspection


def run(pool: InspectionPool, path: Path, **kwargs: Any) -> Inspection:
    return pool.inspect(request_for(path, **kwargs), lambda done, of: None, lambda: False)


def written(tmp_path: Path, content: bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_line_of_64_mib(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n" + b"x" * (64 * MIB) + b",1\n")
    assert run(pool, path).verdict == "resource-limit"
    assert run(pool, path, mode="none").verdict == "conforms"
    bare = written(tmp_path, b"x" * (64 * MIB))
    assert run(pool, bare).verdict in ("resource-limit", "not-tabular")


def test_a_quote_that_never_closes(pool: InspectionPool, tmp_path: Path) -> None:
    rows = b"".join(b"%d,x\n" % n for n in range(200_000))
    path = written(tmp_path, b'a,b\n1,"x\n' + rows)
    assert run(pool, path).verdict in ("violates", "source-error", "resource-limit")


def test_a_thousand_columns(pool: InspectionPool, tmp_path: Path) -> None:
    header = ",".join(f"c{n}" for n in range(1000))
    row = ",".join(str(n) for n in range(1000))
    path = written(tmp_path, (header + "\n" + (row + "\n") * 200).encode())
    started = time.monotonic()
    inspection = run(pool, path)
    assert inspection.verdict == "conforms", inspection.detail
    assert inspection.schema is not None
    assert {field["type"] for field in inspection.schema["fields"]} == {"integer"}
    assert run(pool, path, schema=inspection.schema).verdict == "conforms"
    assert time.monotonic() - started < 60


def test_too_many_columns(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, (",".join(f"c{n}" for n in range(100_000)) + "\n1\n").encode())
    assert run(pool, path).verdict in ("resource-limit", "not-tabular")


def test_a_bomb_stays_packed(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b"\0" * (64 * MIB)), "bomb.csv.gz")
    assert run(pool, path).verdict == "not-tabular"


def test_catastrophic_looking_pattern(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n" + b"a" * 100_000 + b"!,1\n")
    schema = {
        "fields": [
            {"name": "a", "type": "string", "constraints": {"pattern": "(a+)+(a|a)*(.*a){10}"}},
            {"name": "b", "type": "integer"},
        ]
    }
    started = time.monotonic()
    assert run(pool, path, schema=schema).verdict == "violates"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'[{"a":' * 50_000, "deep.json"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "deep.jsonl"),
        (b"a,b\n\0\0,1\n2,\0\n", "nul.csv"),
        (b"a,b\r1,2\r\n3,4\n5,6\r", "mixed.csv"),
        (b'"\n', "quote.csv"),
        (b"\xef\xbb\xbf", "bom.csv"),
        (b"\n\n\n", "blank.csv"),
        (b",,,\n,,,\n", "commas.csv"),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "t.parquet"),
        (b"\xff\xfe" + b"a" * 7, "odd.csv"),
    ],
)
@pytest.mark.parametrize("mode", ["none", "infer"])
def test_always_a_verdict(
    content: bytes, name: str, mode: str, pool: InspectionPool, tmp_path: Path
) -> None:
    inspection = run(pool, written(tmp_path, content, name), mode=mode)
    if mode == "none":
        assert inspection.verdict == "conforms"
        assert inspection.report["valid"]
    else:
        assert inspection.verdict in ("conforms", "violates", "source-error", "not-tabular")


def test_evil_labels_and_values(pool: InspectionPool, tmp_path: Path) -> None:
    evil = "x'); DROP TABLE t; --"
    path = written(tmp_path, f'"{evil}","{{text}}"\n1,\'\n'.encode())
    inspection = run(pool, path)
    assert inspection.verdict == "conforms"
    assert inspection.schema is not None
    assert inspection.schema["fields"][0]["name"] == evil
    schema = {
        "fields": [
            {"name": evil, "type": "integer", "constraints": {"enum": [1]}},
            {"name": "{text}", "constraints": {"enum": ["'", "\\"], "pattern": "'"}},
        ],
        "missingValues": ["", "'''"],
    }
    assert run(pool, path, schema=schema).verdict == "conforms"


def test_many_errors_are_counted_and_capped(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n" + b"x,y\n" * 20_000)
    schema = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "date"}]}
    report = run(pool, path, schema=schema).report["tasks"][0]
    assert len(report["errors"]) == 1000
    assert report["truncated"]
    assert report["stats"]["errors"] == 40_000
    assert report["rowsRejected"] == 20_000
    listed = [(e["rowNumber"], e["fieldNumber"]) for e in report["errors"]]
    assert listed == [(2 + n // 2, 1 + n % 2) for n in range(1000)]
