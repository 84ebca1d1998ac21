"""The engine without a server: judge or compare files that lie here, for a command line.

The files are untrusted here too: a locked-down sandbox process reads them.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from entrepot.inspection.limits import Limits
from entrepot.inspection.results import (
    Comparison,
    ComparisonRequest,
    Inspection,
    InspectionRequest,
    Mode,
)
from entrepot.inspection.sandbox.pool import InspectionPool

Sandbox = Literal["require", "best-effort"]


def validate_file(
    path: Path,
    schema: dict[str, Any] | None = None,
    mode: Mode | None = None,
    dialect: dict[str, Any] | None = None,
    encoding: str | None = None,
    limits: Limits | None = None,
    sandbox: Sandbox = "best-effort",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Inspection:
    """Judge the file at `path`, by `schema` (a sound Table Schema document) or by its structure.

    `mode` is "given" with a schema and "none" without one, unless it is stated; `on_progress` is
    read bytes. Raises OSError where there is no file, InspectionFailed where it could not be
    judged through no fault of its own.
    """
    request = InspectionRequest(
        path=path,
        file_name=path.name,
        size=path.stat().st_size,
        mode=mode or ("given" if schema is not None else "none"),
        schema=schema,
        dialect=dialect,
        encoding=encoding,
        suggest=schema is not None,
    )
    with _pool(limits, sandbox) as pool:
        return pool.inspect(request, on_progress, lambda: False)


def compare_files(
    before: Path,
    after: Path,
    key: tuple[str, ...] = (),
    examples: int = 10,
    limits: Limits | None = None,
    sandbox: Sandbox = "best-effort",
) -> Comparison:
    """What differs between two tables; raises as `validate_file` does."""
    request = ComparisonRequest(
        path=before,
        other=after,
        file_name=before.name,
        other_name=after.name,
        size=before.stat().st_size + after.stat().st_size,
        key=key,
        examples=examples,
    )
    with _pool(limits, sandbox) as pool:
        return pool.compare(request, lambda: False)


@contextmanager
def _pool(limits: Limits | None, sandbox: Sandbox) -> Iterator[InspectionPool]:
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
        pool = InspectionPool(limits or Limits(), Path(folder), sandbox)
        pool.start()
        try:
            yield pool
        finally:
            pool.close()
