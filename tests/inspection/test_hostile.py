"""Files made to hurt: each ends as a report, through the real pool, in bounded time."""

import gzip
import random
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import Pool, processes_of, request_for
from tests.inspection.test_xlsx import raw_book, raw_sheet

from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.results import VERDICTS, Inspection
from entrepot.inspection.sandbox.pool import InspectionPool

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


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
    inspection = run(pool, path)
    assert inspection.verdict == "conforms", inspection.detail
    assert inspection.schema is not None
    assert {field["type"] for field in inspection.schema["fields"]} == {"integer"}
    assert run(pool, path, schema=inspection.schema).verdict == "conforms"


@pytest.mark.parametrize("rows", ["", "x" + "," * 999 + "\n"])
def test_a_thousand_columns_without_values(tmp_path: Path, scratch_pool: Pool, rows: str) -> None:
    """No text tells their types, so that all rows are asked for one, within little memory."""
    header = ",".join(f"c{n}" for n in range(1_000))
    path = written(tmp_path, f"{header}\n{rows}".encode())
    inspection = run(scratch_pool(Limits(memory=512 * MIB)), path)
    assert inspection.verdict == ("conforms" if rows else "violates"), inspection.detail
    assert inspection.row_count == (1 if rows else 0)


def test_too_many_columns(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, (",".join(f"c{n}" for n in range(100_000)) + "\n1\n").encode())
    assert run(pool, path).verdict in ("resource-limit", "not-tabular")


def gzipped(path: Path, block: bytes, times: int) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as out:
        for _ in range(times):
            out.write(block)
    return path


def test_bombs(tmp_path: Path, scratch_pool: Pool) -> None:
    """Each ends by its own size and growth, in bounded time, and the next file is inspected."""
    limits = Limits(unpacked=64 * MIB, free_expansion=16 * MIB)
    pool = scratch_pool(limits)
    bomb = gzipped(tmp_path / "bomb.csv.gz", b"a,b\n" * 256 * 1024, 128)
    nested = tmp_path / "nested.gz"
    nested.write_bytes(gzip.compress(gzip.compress(bomb.read_bytes())))
    zst = tmp_path / "bomb.zst"
    zst.write_bytes(zstd.compress(b"a,b\n" * (32 * MIB)))
    sheet = '<row><c t="inlineStr"><is><t>x</t></is></c></row>' * 500_000
    book = raw_book(tmp_path / "bomb.xlsx", raw_sheet(sheet))
    for path in (bomb, nested, zst, book):
        inspection = run(pool, path)
        assert inspection.verdict == "resource-limit", (path, inspection.detail)
        assert f"{path.stat().st_size:,} bytes" in inspection.detail
        assert run(pool, path, mode="none").verdict == "conforms"
    assert run(pool, written(tmp_path, b"a,b\n1,2\n")).verdict == "conforms"
    assert [entry for entry in (tmp_path / "pool").iterdir() if entry.is_dir()] == []


@pytest.mark.parametrize("mebibytes", [200, pytest.param(1_024, marks=pytest.mark.long)])
def test_one_line(pool: InspectionPool, tmp_path: Path, mebibytes: int) -> None:
    bare = gzipped(tmp_path / "line.csv.gz", b"x" * MIB, mebibytes)
    inspection = run(pool, bare)
    assert inspection.verdict in ("resource-limit", "not-tabular"), inspection.detail
    table = tmp_path / "line.csv"
    with table.open("wb") as out:
        out.write(b"a,b\n1,")
        for _ in range(mebibytes):
            out.write(b"x" * MIB)
    long = run(pool, table)
    assert long.verdict == "resource-limit", long.detail
    assert "line of" in long.detail


HALVES = {
    "a table, then JSON": b"a,b\n" + b"1,x\n" * 5_000 + b'{"a": 1, "b": "x", "c": 2}\n' * 5_000,
    "a table, then bytes": b"a,b\n" + b"1,x\n" * 100_000 + bytes(range(256)) * 400,
    "a table, then zeros": b"a,b\n" + b"1,x\n" * 100_000 + bytes(100_000),
    "lines, then a table": b'{"a": 1, "b": "x"}\n' * 5_000 + b"1,x\n" * 5_000,
    "an array, then a table": b'[{"a": 1}' + b',{"a": 2}' * 40_000 + b"\n1,x\n2,y",
    "gzip, then a table": gzip.compress(b"a,b\n1,x\n") + b"2,y\n",
    "a table, then gzip": b"a,b\n" + b"1,x\n" * 100_000 + gzip.compress(b"2,y\n" * 9_999),
}


@pytest.mark.parametrize("name", HALVES)
def test_what_changes_half_way(pool: InspectionPool, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, HALVES[name], "half")
    inspection = run(pool, path)
    assert inspection.verdict in ("violates", "source-error"), inspection.detail
    assert run(pool, path, mode="none").report["valid"]


def test_memory_of_formats(tmp_path: Path, scratch_pool: Pool) -> None:
    """A batch, a row and an object larger than the memory: a verdict, and the next file."""
    pool = scratch_pool(Limits(memory=200 * MIB, line=64 * MIB))
    text = pa.array(["x" * MIB] * 300)
    arrow = tmp_path / "big.arrow"
    with pa.ipc.new_file(str(arrow), pa.schema([("a", pa.string())])) as out:
        out.write_batch(pa.record_batch([text], names=["a"]))
    pq.write_table(pa.table({"a": text}), tmp_path / "big.parquet", use_dictionary=False)
    row = "".join(f'<c t="inlineStr"><is><t>{n:09}{"x" * 999}</t></is></c>' for n in range(9_999))
    wide = raw_book(tmp_path / "wide.xlsx", raw_sheet(f"<row>{row}</row>" * 10))
    objects = tmp_path / "big.jsonl"
    objects.write_bytes((b'{"a": "' + b"x" * 60 * MIB + b'"}\n') * 4)
    for path in (arrow, tmp_path / "big.parquet", wide, objects):
        inspection = run(pool, path)
        assert inspection.verdict in VERDICTS, path
    assert run(pool, written(tmp_path, b"a,b\n1,2\n")).verdict == "conforms"


def test_memory_of_a_long_text(tmp_path: Path, scratch_pool: Pool) -> None:
    """The engine's blocks are as large as a line may be, not as sixteen of them."""
    path = tmp_path / "long.csv"
    block = b"".join(b"%d,text %d,2020-01-01\n" % (n, n) for n in range(40_000))
    with path.open("wb") as out:
        out.write(b"a,b,c\n")
        while out.tell() < 280 * MIB:
            out.write(block)
    inspection = run(scratch_pool(Limits(memory=400 * MIB)), path)
    assert inspection.verdict == "conforms", inspection.detail


def test_texts_of_a_typed_format_stay_texts(pool: InspectionPool, tmp_path: Path) -> None:
    texts = {"code": ["1", "2"], "day": ["2020-01-01", None], "yes": ["true", "false"]}
    table = pa.table(texts | {"n": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), table.schema) as out:
        out.write_table(table)
    for name in ("t.parquet", "t.arrow"):
        inspection = run(pool, tmp_path / name)
        assert (inspection.verdict, inspection.row_count) == ("conforms", 2), inspection.detail
        assert inspection.schema is not None
        types = {field["name"]: field["type"] for field in inspection.schema["fields"]}
        assert types == {"code": "string", "day": "string", "yes": "string", "n": "integer"}


def test_a_thousand_columns_that_all_break(tmp_path: Path, scratch_pool: Pool) -> None:
    """Listed part by part, in bounded memory, by row and then by field anyway."""
    names = [f"c{n}" for n in range(1_000)]
    rows = (",".join(names) + "\n") * 2_001
    path = written(tmp_path, rows.encode())
    schema = {"fields": [{"name": name, "type": "integer"} for name in names]}
    pool = scratch_pool(Limits(memory=512 * MIB, errors=1_500))
    inspection = run(pool, path, schema=schema)
    assert inspection.verdict == "violates", inspection.detail
    task = inspection.report["tasks"][0]
    listed = [(e["rowNumber"], e["fieldNumber"]) for e in task["errors"]]
    assert listed == [(2 + n // 1_000, 1 + n % 1_000) for n in range(1_500)]
    assert task["stats"]["errors"] == 2_000_000
    assert task["rowsRejected"] == 2_000


def test_scratch_is_bounded_in_sum(tmp_path: Path, scratch_pool: Pool) -> None:
    """The content and what it is rewritten to fit each, and not both."""
    path = tmp_path / "ragged.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(b"a,b\nwords\n" + b"some words,others\n" * 2_500_000)
    inspection = run(scratch_pool(Limits(scratch=80 * MIB)), path)
    assert inspection.verdict == "resource-limit", inspection.detail
    assert f"{80 * MIB:,} bytes of scratch space" in inspection.detail
    assert list((tmp_path / "pool").glob("inspection-*")) == []


def test_what_unpacks_large_runs_on_all_threads(tmp_path: Path, scratch_pool: Pool) -> None:
    path = gzipped(tmp_path / "t.csv.gz", b"1,x,2020-01-01\n" * 65_536, 60)
    assert path.stat().st_size < MIB
    most = 0

    def look() -> bool:
        nonlocal most
        for process in processes_of(pool):
            with suppress(psutil.Error):
                most = max(most, process.num_threads())
        return False

    pool = scratch_pool(Limits(threads=4))
    inspection = pool.inspect(request_for(path, mode="none"), lambda done, of: None, look)
    assert inspection.verdict == "conforms", inspection.detail
    assert most >= 4


DEEP = '{"a":' + "[" * 1_000 + "]" * 1_000 + "}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.jsonl", '{"a": 1}\n' * 2 + DEEP + "\n"),
        ("t.json", '[{"a": 1},\n{"a": 2},\n' + DEEP + "]"),
        ("t.json", '{"a":\n1}{"a":\n2}' + DEEP),
    ],
)
def test_deep_json(pool: InspectionPool, tmp_path: Path, name: str, text: str) -> None:
    inspection = run(pool, written(tmp_path, text.encode(), name))
    assert inspection.verdict == "resource-limit", inspection.detail
    assert "more than 500 levels of JSON in line 3" in inspection.detail
    shallow = text.replace(DEEP, '{"a":' + "[" * 498 + '"[[", []' + "]" * 498 + "}")
    deep_enough = run(pool, written(tmp_path, shallow.encode(), name))
    assert deep_enough.verdict == "conforms", deep_enough.detail


@pytest.mark.parametrize("word", ["NaN", "-Infinity", "Infinity", "nan", "inf"])
def test_words_that_are_no_numbers(pool: InspectionPool, tmp_path: Path, word: str) -> None:
    text = '{"a": "x NaN, Infinity", "b": null},\n{"a": ":NaN"},\n'
    array = written(tmp_path, f'[{text}{{"a": {word}}}]'.encode(), "t.json")
    inspection = run(pool, array)
    assert inspection.verdict == "source-error", inspection.detail
    assert "line 3" in inspection.detail
    lines = text.replace("},", "}") + f'{{"a": {word}}}\n{{"a": [{word}]}}\n'
    inspection = run(pool, written(tmp_path, lines.encode(), "t.jsonl"))
    errors = inspection.report["tasks"][0]["errors"]
    assert [(e["type"], e["lineNumber"]) for e in errors] == [("source-error", n) for n in (3, 4)]


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_that_claims_too_much(tmp_path: Path, scratch_pool: Pool, stream: bool) -> None:
    """A length beyond the file says its place; a sound batch beyond the memory, its size."""
    pool = scratch_pool(Limits(memory=200 * MIB))
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    path = tmp_path / "t.arrow"
    schema = pa.schema([("a", pa.string())])
    with new(str(path), schema) as out:
        out.write_batch(pa.record_batch([pa.array(["x" * 1_000] * 10)], schema=schema))
    raw = path.read_bytes()
    body = (10_000 + 11 * 4 + 63) // 64 * 64
    at = raw.index(body.to_bytes(8, "little"))
    claims = raw[:at] + (1 << 40).to_bytes(8, "little") + raw[at + 8 :]
    inspection = run(pool, written(tmp_path, claims, "claims.arrow"))
    assert inspection.verdict == "source-error", inspection.detail
    assert f"{1 << 40:,} bytes" in inspection.detail
    assert "at byte" in inspection.detail
    old = pa.ipc.IpcWriteOptions(use_legacy_format=True)
    with pa.ipc.new_file(str(path), schema, options=old) as out:
        out.write_batch(pa.record_batch([pa.array(["x", None])], schema=schema))
    assert run(pool, path).row_count == 2
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    for options in (None, packed):
        with new(str(path), schema, options=options) as out:
            out.write_batch(pa.record_batch([pa.array(["x" * MIB] * 150)], schema=schema))
        inspection = run(pool, path)
        assert inspection.verdict == "resource-limit", inspection.detail
        assert f"{100 * MIB:,} are read at once" in inspection.detail


def seeds(folder: Path) -> dict[str, bytes]:
    """A small sound file of each format that is not text."""
    table = pa.table({"a": [1, None], "s": ["x", "yy"], "l": [[1], []], "d": [{"k": 1.5}, None]})
    for name, new in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        with new(str(folder / name), table.schema) as out:
            out.write_table(table)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(str(folder / "packed"), table.schema, options=options) as out:
        out.write_table(table)
    pq.write_table(table, folder / "parquet")
    raw_book(
        folder / "xlsx", raw_sheet('<row><c t="str"><v>a</v></c></row><row><c><v>1</v></c></row>')
    )
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    text = b"a,b\n" + b"1,x\n" * 100
    return contents | {"gzip": gzip.compress(text), "zstd": zstd.compress(text)}


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """`raw` with bits flipped, numbers made extreme, or its end cut off."""
    broken = bytearray(raw)
    match chance.choice(("flip", "number", "zeros", "cut")):
        case "flip":
            for _ in range(chance.choice((1, 2, 16))):
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        case "number":
            at = chance.randrange(4, len(broken) - 4)
            broken[at : at + 4] = chance.choice((b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x10"))
        case "zeros":
            at = chance.randrange(4, len(broken) - 4)
            broken[at : at + 16] = bytes(min(16, len(broken) - at))
        case _:
            del broken[chance.randrange(4, len(broken)) :]
    return bytes(broken)


@pytest.mark.parametrize("rounds", [3, pytest.param(150, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["file", "stream", "packed", "parquet", "xlsx", "gzip", "zstd"])
def test_damaged_files(pool: InspectionPool, tmp_path: Path, name: str, rounds: int) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    raw = seeds(folder)[name]
    assert run(pool, written(tmp_path, raw, "sound")).verdict in ("conforms", "violates")
    chance = random.Random(rounds)
    for n in range(rounds):
        path = written(tmp_path, damaged(raw, chance), f"damaged-{n}")
        inspection = run(pool, path)
        assert inspection.verdict in VERDICTS, inspection.detail
        assert str(tmp_path) not in inspection.detail
    assert run(pool, written(tmp_path, raw, "sound")).verdict in ("conforms", "violates")


def test_catastrophic_looking_pattern(pool: InspectionPool, tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n" + b"a" * 100_000 + b"!,1\n")
    schema = {
        "fields": [
            {"name": "a", "type": "string", "constraints": {"pattern": "(a+)+(a|a)*(.*a){10}"}},
            {"name": "b", "type": "integer"},
        ]
    }
    assert run(pool, path, schema=schema).verdict == "violates"


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
        limit = ["resource-limit"] if name == "deep.jsonl" else []
        verdicts = ["conforms", "violates", "source-error", "not-tabular"]
        assert inspection.verdict in limit or (not limit and inspection.verdict in verdicts)


def test_hostile_labels_and_values(pool: InspectionPool, tmp_path: Path) -> None:
    injection = "x'); DROP TABLE t; --"
    path = written(tmp_path, f'"{injection}","{{text}}"\n1,\'\n'.encode())
    inspection = run(pool, path)
    assert inspection.verdict == "conforms"
    assert inspection.schema is not None
    assert inspection.schema["fields"][0]["name"] == injection
    schema = {
        "fields": [
            {"name": injection, "type": "integer", "constraints": {"enum": [1]}},
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
