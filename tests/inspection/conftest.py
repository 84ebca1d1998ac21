"""Inspect a text in this process (fast), or through the pool (for real)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entrepot.inspection.engine import open_engine
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import Progress
from entrepot.inspection.results import Inspection, InspectionRequest
from entrepot.inspection.sandbox.pool import InspectionPool

Inspect = Callable[..., Inspection]


def request_for(path: Path, mode: str = "infer", schema: dict[str, Any] | None = None) -> Any:
    mode = "given" if schema is not None else mode
    return InspectionRequest(path, path.name, path.stat().st_size, mode, schema)


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
    ) -> Inspection:
        path = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        request = replace(request_for(path, mode, schema), dialect=dialect)
        with open_engine() as engine:
            bounds = limits or Limits()
            return inspect_file(engine, request, scratch, bounds, Progress(request.size))

    return run


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InspectionPool]:
    """A pool of locked-down children with the default limits."""
    made = InspectionPool(Limits(), tmp_path_factory.mktemp("pool"), "best-effort")
    made.start()
    yield made
    made.close()


def errors_of(inspection: Inspection) -> list[dict[str, Any]]:
    task = inspection.report["tasks"][0]
    listed: list[dict[str, Any]] = task.get("findings", task["errors"])
    return listed


def places(inspection: Inspection) -> list[tuple[str, int | None, int | None]]:
    return sorted(
        ((e["type"], e.get("rowNumber"), e.get("fieldNumber")) for e in errors_of(inspection)),
        key=str,
    )
