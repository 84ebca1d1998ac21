"""How long an inspection may take: it depends on the content, and a report has the figures."""

import gzip
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import Pool, processes_of, request_for
from tests.inspection.test_xlsx import raw_book, raw_sheet
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.engine import open_engine
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.progress import Progress

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"a,b\n" + b"1,x\n" * 400_000


@pytest.fixture
def slow_file(tmp_path: Path) -> Path:
    path = tmp_path / "slow.csv"
    path.write_bytes(slow_table())
    return path


@pytest.mark.parametrize(
    ("unpacked", "seconds"), [(0, 60), (8, 60), (40_000_000, 80), (1_000_000_000, 560)]
)
def test_the_budget_grows_with_the_content(unpacked: int, seconds: int) -> None:
    limits = Limits()
    assert round(limits.cpu_budget(unpacked)) == round(limits.wall_budget(unpacked)) == seconds
    assert replace(limits, wall_seconds=30).wall_budget(unpacked) == 30
    assert replace(limits, cpu_seconds=30).cpu_budget(unpacked) == 30


def packed_files(folder: Path) -> dict[str, int]:
    """Compressed files, and the bytes that they have at least once unpacked."""
    (folder / "t.csv.gz").write_bytes(gzip.compress(TEXT))
    (folder / "twice.csv.gz").write_bytes(gzip.compress(gzip.compress(TEXT)))
    (folder / "t.csv.zst").write_bytes(zstd.compress(TEXT))
    sheet = raw_sheet("<row><c><v>1</v></c></row>" * 20_000)
    raw_book(folder / "t.xlsx", sheet)
    table = pa.table({"a": ["x" * 100] * 100_000})
    pq.write_table(table, folder / "t.parquet")
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(str(folder / "t.arrow"), table.schema, options=packed) as out:
        out.write_table(table)
    texts = dict.fromkeys(("t.csv.gz", "twice.csv.gz", "t.csv.zst"), len(TEXT))
    return texts | {"t.xlsx": 500_000, "t.parquet": 100_000, "t.arrow": 10_000_000}


def test_each_compressed_format_says_what_it_unpacks_to(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for name, least in packed_files(tmp_path / "files").items():
        path, reported = tmp_path / "files" / name, [0]
        assert path.stat().st_size < least
        (scratch := tmp_path / f"scratch-{name}").mkdir()
        with open_engine() as engine:
            progress = Progress(path.stat().st_size, report_unpacked=reported.append)
            inspect_file(request_for(path), InspectionContext(engine, scratch, Limits(), progress))
        assert least <= reported[-1] < 2 * least + MIB, (name, reported)
        assert reported == sorted(reported)


def test_a_rejection_by_the_clock_has_its_figures(scratch_pool: Pool, slow_file: Path) -> None:
    used: list[float] = []
    inspection = scratch_pool(Limits(cpu_seconds=1)).inspect(
        request_for(slow_file, schema=SLOW_SCHEMA),
        lambda done, of: None,
        lambda: False,
        used.append,
    )
    assert 0 < used[-1] < 2
    assert used == sorted(used)
    assert inspection.verdict == "resource-limit"
    assert not inspection.starved
    assert "it needs more than 1 second of CPU, which is the limit" in inspection.detail
    assert "It had used 1" in inspection.detail
    size = slow_file.stat().st_size
    assert f"60 seconds, and 1 for each 2,000,000 of its {size:,} bytes" in inspection.detail
    assert "several smaller files" in inspection.detail
    (error,) = inspection.report["tasks"][0]["errors"]
    assert "60 seconds, and 1 for each" in error["note"]


def test_what_had_no_processor_is_starved(scratch_pool: Pool, slow_file: Path) -> None:
    """As on a busy machine: the process is stopped while the clock runs."""
    pool = scratch_pool(Limits(wall_seconds=4))
    used: list[float] = []

    def stop(done: int, total: int) -> None:
        for process in processes_of(pool):
            process.suspend()

    inspection = pool.inspect(
        request_for(slow_file, schema=SLOW_SCHEMA), stop, lambda: False, used.append
    )
    assert (inspection.verdict, inspection.starved) == ("resource-limit", True)
    assert used[-1] < 2
