"""Inspect a text in this process (fast), or through the pool (for real)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import duckdb
import psutil
import pytest

from entrepot.inspection.context import InspectionContext, TableRequest
from entrepot.inspection.csv.detected import DetectedCsv
from entrepot.inspection.detect.detect import detect
from entrepot.inspection.engine import open_engine
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.limits import Limits
from entrepot.inspection.open_table import open_table
from entrepot.inspection.progress import Progress
from entrepot.inspection.results import Inspection, InspectionRequest
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.inspection.sql import sql
from entrepot.inspection.table import NotTabular, Table
from entrepot.schemas.table_dialect import TableDialect

Inspect = Callable[..., Inspection]
Pool = Callable[[Limits], InspectionPool]


def request_for(path: Path, mode: str = "infer", schema: dict[str, Any] | None = None) -> Any:
    mode = "given" if schema is not None else mode
    return InspectionRequest(path, path.name, path.stat().st_size, mode, schema)


@cache
def shared_engine() -> duckdb.DuckDBPyConnection:
    """The engine of all inspections in this process: to open one takes 20 ms, most of the time of
    a small inspection. Each has a connection of its own, as those of a batch do in the sandbox.
    What an engine remembers of files is off, since tests write the same path again.
    """
    engine = open_engine()
    engine.execute("SET enable_external_file_cache=false")
    for scope in (sql("SESSION"), sql("GLOBAL")):
        engine.execute(f"SET {scope} parquet_metadata_cache=false")
    return engine


@contextmanager
def opened_context(
    scratch: Path, limits: Limits | None = None, size: int = 1
) -> Iterator[InspectionContext]:
    """What an inspection of `size` bytes works with, in this process."""
    scratch.mkdir(exist_ok=True)
    with shared_engine().cursor() as engine:
        yield InspectionContext(engine, scratch, limits or Limits(), Progress(size))


def read_table(path: Path, context: InspectionContext) -> Table:
    """The table at `path`, read by the reader of its format."""
    return open_table(detect(path, path.name), TableRequest(path), context).read()


def write_canonical(
    path: Path,
    target: Path,
    scratch: Path,
    dialect: TableDialect | None = None,
    names: list[str] | None = None,
) -> DetectedCsv:
    """Write the delimited text at `path` as canonical CSV; raises NotTabular for what is none."""
    detected = detect(path, path.name)
    with opened_context(scratch) as context:
        opened = open_table(detected, TableRequest(path, names, dialect), context)
        if opened.write_canonical is None:
            raise NotTabular(f"it is {detected.media_type}", detected.media_type)
        return cast(DetectedCsv, opened.write_canonical(target, None))


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """inspect(content or path, schema=None, mode="infer", name="table.csv") in this process."""

    def run(
        content: str | bytes | Path,
        schema: dict[str, Any] | None = None,
        mode: str = "infer",
        name: str = "table.csv",
        limits: Limits | None = None,
        dialect: dict[str, Any] | None = None,
        encoding: str | None = None,
    ) -> Inspection:
        path = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        request = replace(request_for(path, mode, schema), dialect=dialect, encoding=encoding)
        with opened_context(tmp_path / "scratch", limits, request.size) as context:
            return inspect_file(request, context)

    return run


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InspectionPool]:
    """A pool of locked-down children with the default limits."""
    made = InspectionPool(Limits(), tmp_path_factory.mktemp("pool"), "best-effort")
    made.start()
    yield made
    made.close()


@pytest.fixture
def scratch_pool(tmp_path: Path) -> Iterator[Pool]:
    """A pool of its own limits, that is closed afterwards."""
    made: list[InspectionPool] = []

    def make(limits: Limits) -> InspectionPool:
        made.append(InspectionPool(limits, tmp_path / "pool", "best-effort"))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close()


def processes_of(pool: InspectionPool) -> list[psutil.Process]:
    """The sandbox processes of this pool alone: servers of other tests have theirs, below this
    process too."""
    with pool._fork_server._changed:  # it starts in a thread of its own
        fork_server = pool._fork_server._current
    return psutil.Process(fork_server.process.pid).children() if fork_server is not None else []


def errors_of(inspection: Inspection) -> list[dict[str, Any]]:
    task = inspection.report["tasks"][0]
    listed: list[dict[str, Any]] = task.get("findings", task["errors"])
    return listed


def places(inspection: Inspection) -> list[tuple[str, int | None, int | None]]:
    return sorted(
        ((e["type"], e.get("rowNumber"), e.get("fieldNumber")) for e in errors_of(inspection)),
        key=str,
    )
