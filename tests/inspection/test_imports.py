"""Nothing has to be imported behind the sandbox's lock, whatever is in a file or a filter."""

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import polars
import pytest
from structlog.testing import capture_logs
from tests.inspection.conftest import request_for

from entrepot.inspection.detect.code_pages import codec_names
from entrepot.inspection.limits import Limits
from entrepot.inspection.results import (
    ComparisonRequest,
    ConversionRequest,
    Inspection,
    PreviewRequest,
    SandboxDenied,
)
from entrepot.inspection.sandbox.lockdown import missing_layers
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.inspection.sandbox.protocol import SandboxJob, start_job
from entrepot.inspection.sandbox.spawn import SandboxProcess
from entrepot.inspection.sql import literal

WORDS = (
    "Gonzalez Hélène Müller Größe Åse Łódź Plzeň Győr Škoda București Ģirts Žemaitė Ċetta İstanbul "
    "Muğla Ísafjörður Llŷn ĉevalo Москва Київ Шумен Қазақстан Αθήνα חיפה القاهرة کراچی กรุงเทพ Hà "
    "東京 大阪 北京 上海 臺北 서울 부산 Тоҷикистон"
)
KNOWN = {
    "shift_jis": "name,x\n東京,3\n大阪,4\n京都,5\n",
    "euc_jp": "name,x\n東京都,3\nおおさか,4\nなごや,5\n",
    "gbk": "name,x\n北京,3\n上海,4\n",
    "big5": "name,x\n臺北市,3\n高雄市,4\n新竹縣,5\n",
    "euc_kr": "name,x\n서울,3\n부산,4\n",
    "cp1254": "name;x\nİstanbul;3\nMuğla;4\n",
    "cp1252": "id,v\n1,20 °C\n2,5 °C\n",
    "latin-1": "id,name\n1,Hélène\n2,Zoë\n",
    "mac_roman": "name;x\nMüller;3\nGröße;4\n",
}
"""Texts that came to be refused, and the like."""
FILTERS = (
    "name = 'x'",
    "n > 1 AND n <= 2 OR NOT n <> 3",
    "n IN (1, -2)",
    "n NOT IN (1)",
    "n BETWEEN 1 AND 2",
    "name IS NULL",
    "name IS NOT NULL",
    "name LIKE 'a%'",
    "name NOT ILIKE 'a!%' ESCAPE '!'",
    "starts_with(name, 'a')",
    "contains(name, 'a')",
    "flag",
    "day = '2026-03-01'",
    "at < '2026-03-01T10:00:00'",
    "zoned < '2026-03-01T10:00:00Z'",
    "price > 1e3",
    "tags IS NULL",
    "name[1] = 'x'",
    "name[1:2] = 'x'",
    "n::INT = 1",
    "TRY_CAST(n AS DATE) = 1",
    "day = DATE '2026-03-01'",
    "at = TIMESTAMP '2026-03-01 10:00:00'",
    "at AT TIME ZONE 'UTC' = 1",
    "at > at - INTERVAL '1' DAY",
    "extract(year FROM day) = 1",
    "n = CASE WHEN flag THEN 1 ELSE 2 END",
    "name -> '$.a' = 1",
    "json_extract(name, '$.a[0]') = 1",
    "{'a': 1}.a = 1",
    "[1, 2][1] = n",
    "list_transform(tags, x -> x + 1) = 1",
    "EXISTS (SELECT 1)",
    "n IN (SELECT 1)",
    "n = (WITH t AS (SELECT 1) SELECT * FROM t)",
    "count(*) OVER (PARTITION BY n) = 1",
    "n IS DISTINCT FROM m",
    "name SIMILAR TO 'x'",
    "name ~ 'x'",
    "n = ?",
    "n = $1",
    "n = ANY (tags)",
    "strptime(name, '%Y') = day",
    "name = 'it''s' COLLATE nocase",
    "n = 1; DROP TABLE t",
    "name = 'unended",
    "(n = 1",
    "nobody = 1",
    "",
)
STORED = {
    "n": "BIGINT",
    "m": "BIGINT",
    "price": "DECIMAL(6,2)",
    "x": "DOUBLE",
    "name": "VARCHAR",
    "flag": "BOOLEAN",
    "day": "DATE",
    "at": "TIMESTAMP",
    "zoned": "TIMESTAMP WITH TIME ZONE",
    "time": "TIME",
    "tags": "VARCHAR[]",
}
ROW = (
    "1, 2, 3.14, 0.5, 'a', true, '2026-03-01', '2026-03-01 10:00:00', '2026-03-01 10:00:00Z', "
    "'10:00:00', ['a']"
)
FIELDS: list[dict[str, Any]] = [
    {"name": "integer", "type": "integer", "groupChar": ","},
    {"name": "number", "type": "number", "decimalChar": ",", "bareNumber": False},
    {"name": "boolean", "type": "boolean"},
    {"name": "date", "type": "date", "format": "%d/%m/%Y"},
    {"name": "any", "type": "date", "format": "any"},
    {"name": "time", "type": "time"},
    {"name": "datetime", "type": "datetime"},
    {"name": "zoned", "type": "datetime", "format": "%Y-%m-%dT%H:%M:%S%z"},
    {"name": "duration", "type": "duration"},
    {"name": "year", "type": "year"},
    {"name": "yearmonth", "type": "yearmonth"},
    {"name": "geopoint", "type": "geopoint"},
    {"name": "geojson", "type": "geojson"},
    {"name": "object", "type": "object", "constraints": {"jsonSchema": {"required": ["a"]}}},
    {"name": "array", "type": "array"},
    {"name": "list", "type": "list"},
    {"name": "email", "type": "string", "format": "email"},
    {"name": "uri", "type": "string", "format": "uri"},
    {"name": "uuid", "type": "string", "format": "uuid"},
    {"name": "binary", "type": "string", "format": "binary"},
    {"name": "pattern", "type": "string", "constraints": {"pattern": "[a-z]+", "enum": ["ab"]}},
]
CELLS = (
    '"1,000";"1,5 €";true;29/02/2024;1 March 2024;10:00:00;2024-03-01T10:00:00;'
    '2024-03-01T10:00:00+0200;P1DT2H;2024;2024-03;"1,2";'
    '"{""type"": ""Point"", ""coordinates"": [1, 2]}";"{""a"": 1}";"[1]";"a,b";a@example.com;'
    "https://example.com;6e8bc430-9c3a-11d9-9669-0800200c9a66;YQ==;ab\n"
)


@contextmanager
def no_late_imports() -> Iterator[None]:
    """In the block nothing is denied, and nothing is imported behind the lock."""
    with capture_logs() as logs:
        yield
    assert [line for line in logs if line["log_level"] == "critical"] == []


def run(pool: InspectionPool, path: Path, **kwargs: Any) -> Inspection:
    with no_late_imports():
        return pool.inspect(request_for(path, **kwargs), lambda done, of: None, lambda: False)


def text_in(codec: str) -> bytes:
    """A table of the words that can be written in the codec."""
    lines = ["name,x"]
    for word in WORDS.split():
        try:
            word.encode(codec)
        except UnicodeEncodeError:
            continue
        lines.append(f"{word},{len(word)}")
    return "\n".join([*lines, ""]).encode(codec)


@pytest.mark.parametrize("codec", codec_names())
def test_a_file_in_each_codec_that_can_be_detected(
    pool: InspectionPool, tmp_path: Path, codec: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text_in(codec))
    run(pool, path)  # what it finds out of so few rare letters is not the question here


@pytest.mark.parametrize("codec", KNOWN)
def test_a_short_file_in_a_usual_codec_is_read(
    pool: InspectionPool, tmp_path: Path, codec: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(KNOWN[codec].encode(codec))
    inspection = run(pool, path)
    assert inspection.verdict == "conforms", inspection.detail
    assert inspection.row_count == KNOWN[codec].count("\n") - 1


def test_every_codec_is_loaded_before_the_lock() -> None:
    """Those that the detector can name, and every other of Python; so are the statistics of the
    languages."""
    code = """
import sys
from entrepot.inspection.sandbox.process import load, warm_up
load("inspections")
warm_up()
loaded = set(sys.modules)
import codecs
import encodings.aliases
from entrepot.inspection.detect.code_pages import codec_names
from entrepot.inspection.detect.encoding import guess_encoding
for name in codec_names():
    codecs.getincrementaldecoder(name)()
for name in {*encodings.aliases.aliases.values()} - {"mbcs"}:
    codecs.lookup(name)
guess_encoding("name\\nHélène\\n".encode("cp1252"), {0xe8, 0xe9})
assert set(sys.modules) == loaded, set(sys.modules) - loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def parquet(path: Path) -> Path:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f'"{name}" {kind}' for name, kind in STORED.items())
        engine.execute(f"CREATE TABLE t ({columns})")
        engine.execute(f"INSERT INTO t VALUES ({ROW}), (NULL{', NULL' * (len(STORED) - 1)})")
        engine.execute(f"COPY t TO {literal(str(path))} (FORMAT parquet)")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each format."""
    folder = tmp_path_factory.mktemp("formats")
    text = b'id,name,day,at\n1,x,2024-03-01,2024-03-01T10:00:00Z\n2,"y\nz",1 March 2024,\n'
    rows = [{"id": 1, "name": "x", "deep": {"a": [1]}}, {"id": 2.5, "name": None}]
    table = parquet(folder / "table.parquet")
    frame = polars.DataFrame({"id": [1, 2], "name": ["x", None]})
    contents = {
        "csv": text,
        "faulty": b"id,name\n1,x\n\n2\n3,y,z\n",
        "bom": b"\xef\xbb\xbf" + text,
        "utf-16": text.decode().encode("utf-16"),
        "utf-32-be": text.decode().encode("utf-32-be"),
        "gzip": gzip.compress(text),
        "gzip-latin": gzip.compress("id,name\n1,Hélène\n2,Zoë\n".encode("latin-1")),
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "json": json.dumps(rows).encode(),
        "json-faulty": b'[{"a": 1}, {"a": ]',
        "pdf": b"%PDF-1.7\n",
        "html": b"<!doctype html><p>x",
        "xml": b"<?xml version='1.0'?><a/>",
        "binary": bytes(range(256)) * 40,
        "empty": b"",
        "parquet": table.read_bytes(),
        "parquet-faulty": table.read_bytes()[:-20] + b"x" * 16 + b"PAR1",
    }
    made = {name: folder / name for name in contents}
    for name, content in contents.items():
        made[name].write_bytes(content)
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    made["zstd"] = folder / "zstd"
    made["zstd"].write_bytes(zstd.compress(text))
    made["arrow-file"], made["arrow-stream"] = folder / "arrow-file", folder / "arrow-stream"
    frame.write_ipc(made["arrow-file"], compression="zstd")
    frame.write_ipc_stream(made["arrow-stream"], compression="lz4")
    made["xlsx"] = folder / "xlsx"
    book = openpyxl.Workbook()
    book.active.append(["id", "größe", "day"])  # type: ignore[union-attr]
    book.active.append([1, "20 °C", "2024-03-01"])  # type: ignore[union-attr]
    book.save(made["xlsx"])
    made["zip"] = folder / "zip"
    with zipfile.ZipFile(made["zip"], "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("größe.csv", text)
    return made


FORMATS = (
    "csv", "faulty", "bom", "utf-16", "utf-32-be", "gzip", "gzip-latin", "jsonl", "json",
    "json-faulty", "pdf", "html", "xml", "binary", "empty", "parquet", "parquet-faulty", "zstd",
    "arrow-file", "arrow-stream", "xlsx", "zip",
)  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_each_format(pool: InspectionPool, files: dict[str, Path], name: str) -> None:
    assert set(FORMATS) == set(files)
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "name"}]}
    for kwargs in ({"mode": "infer"}, {"mode": "none"}, {"schema": schema}):
        run(pool, files[name], **kwargs)


def test_a_field_of_each_type(pool: InspectionPool, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    header = ";".join(field["name"] for field in FIELDS) + "\n"
    path.write_text(header + CELLS)
    inspection = run(pool, path, schema={"fields": FIELDS})
    assert inspection.verdict == "conforms", inspection.detail
    path.write_text(header + CELLS + "x;" * (len(FIELDS) - 1) + "x\n")
    inspection = run(pool, path, schema={"fields": FIELDS})
    assert inspection.verdict == "violates", inspection.detail
    derive(pool, path, "rejected", inspection, enforced=True)


def derive(
    pool: InspectionPool, path: Path, form: Any, inspection: Inspection, enforced: bool = False
) -> None:
    size, rows = path.stat().st_size, inspection.row_count or 0
    schema = inspection.schema or {}
    mode: Any = "given" if enforced else "infer"
    request = ConversionRequest(path, path.name, size, form, schema, mode, rows)
    with no_late_imports():
        derived, _ = pool.derive(request, lambda made, _: made.stat().st_size, lambda: False)
    assert derived.verdict == "made", derived.detail


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("name", ["csv", "gzip-latin", "jsonl", "json", "parquet", "xlsx"])
def test_each_form_of_each_format(
    pool: InspectionPool, files: dict[str, Path], name: str, form: str
) -> None:
    derive(pool, files[name], form, run(pool, files[name]))


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_each_form_of_a_parquet(pool: InspectionPool, files: dict[str, Path], form: str) -> None:
    derive(pool, files["parquet"], form, run(pool, files["parquet"]))


def test_a_comparison(pool: InspectionPool, files: dict[str, Path]) -> None:
    for one, other in (("csv", "gzip-latin"), ("jsonl", "parquet"), ("xlsx", "arrow-file")):
        request = ComparisonRequest(files[one], files[other], one, other, 10_000, ("id",))
        with no_late_imports():
            pool.compare(request, lambda: False)


@pytest.fixture(scope="module")
def previews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InspectionPool]:
    """As the process that answers requests has it."""
    limits = Limits(memory=512 << 20)
    made = InspectionPool(limits, tmp_path_factory.mktemp("p"), "best-effort", "previews")
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize("where", FILTERS)
def test_a_filter_with_each_construct(
    previews: InspectionPool, files: dict[str, Path], where: str
) -> None:
    path = files["parquet"]
    request = PreviewRequest(path, path.stat().st_size, None, "-name,n", where, 10, None, 0)
    with no_late_imports():
        page = previews.preview(request)
    assert bool(page.columns) != bool(page.problem), page


def test_a_page_behind_a_row_of_each_type(previews: InspectionPool, files: dict[str, Path]) -> None:
    path = files["parquet"]
    order = ",".join(name for name in STORED if name != "tags")
    request = PreviewRequest(path, path.stat().st_size, None, order, None, 10, 0, 0)
    with no_late_imports():
        assert len(previews.preview(request).rows) == 1
        assert len(previews.preview(replace(request, after=None, order_by=None)).rows) == 2


COLD = """
from entrepot.inspection.sandbox.process import serve
from entrepot.inspection.engine import open_engine
serve(open_engine())
"""
"""An inspecting process that has loaded nothing but what it imports at its start."""


@pytest.mark.skipif(bool(missing_layers()), reason=f"lacks: {missing_layers()}")
@pytest.mark.parametrize(("job", "imported"), [("inspect", False), ("preview", True)])
def test_what_the_lock_denies_has_an_error_of_its_own(
    tmp_path: Path, files: dict[str, Path], job: Any, imported: bool
) -> None:
    """A module that the parser of filters imports, or the statistics of the languages."""
    path = tmp_path / "t.csv"
    path.write_bytes(KNOWN["shift_jis"].encode("shift_jis"))
    request: Any = request_for(path)
    if job == "preview":
        request = PreviewRequest(files["parquet"], 1, None, None, "name[1] = 'x'", 10, None, 0)
    with (
        subprocess.Popen(
            [sys.executable, "-I", "-c", COLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process,
        Path(os.devnull).open("rb") as status,
        capture_logs() as logs,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        child = SandboxProcess(process.stdin.fileno(), process.stdout.fileno(), status.fileno())
        words = SandboxJob(job, (request,), tmp_path, Limits(), "require")
        with pytest.raises(SandboxDenied, match=r"PermissionError|ImportError|ModuleNotFoundError"):
            start_job(child, words, lambda: False, lambda seconds: None).next_result(
                lambda done, of: None
            )
    assert [line["event"] for line in logs if line["log_level"] == "critical"] == [
        *(["imported in the locked sandbox"] if imported else []),
        "the sandbox denied what an inspection needs",
    ]
