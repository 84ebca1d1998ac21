"""The sandbox process: waits for one request, answers it, and ends.

A request is a task, `inspect`, `derive`, `compare` or `preview`; it reads untrusted files.

Protocol, JSON lines: out `{"ready": pid}`; in one request; out any number of
`{"progress": [done, total]}` and `{"unpacked": count}` in bytes, then one of `{"result": …}`,
`{"exhausted": reason}`, `{"failed": reason}`, `{"blocked": reason}`: the sandbox denied what should
have been loaded before.
`{"judged": …}` before it is a result that stands, whatever becomes of the process.
Each of these may have `late_imports`: names of modules that were imported in the locked sandbox.
`protocol` is the other end; `forkserver` forks it.
"""

import json
import os
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.convert.convert import convert_file
from entrepot.inspection.detect.decompress import is_packed
from entrepot.inspection.detect.encoding import load_models
from entrepot.inspection.diff import diff_tables
from entrepot.inspection.engine import first_line, lock_engine, open_engine
from entrepot.inspection.inspect import inspect_file, out_of_resources
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import Progress
from entrepot.inspection.results import (
    OUTPUT,
    ComparisonRequest,
    ConversionRequest,
    InspectionRequest,
    PreviewRequest,
)
from entrepot.inspection.sandbox.imports import LateImports, import_codecs, import_filter_parser
from entrepot.inspection.sandbox.lockdown import (
    SandboxUnavailable,
    lock_down,
    lower_priority,
)
from entrepot.inspection.sql import literal
from entrepot.schemas.json_schema import load_json_validator

Request = InspectionRequest | ConversionRequest | ComparisonRequest | PreviewRequest
PATHS = ("path", "other", "current")
WARM_UP = b'a,b,c\n1,x,2020-01-01\n2,"y",2020-01-02\nz,,\n'
WARM_UP_SCHEMA = {
    "fields": [
        {"name": "a", "type": "integer", "constraints": {"unique": True}},
        {"name": "b", "type": "string"},
        {"name": "c", "type": "date"},
    ]
}


class Channel:
    """Writes one JSON line at a time; threads may share it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send `message` whole. Ends the process when the other end is closed."""
        line = json.dumps(message, ensure_ascii=True, default=str).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                os._exit(1)


def serve(engine: Any) -> None:
    """Wait for one request on standard input, do it, answer on standard output."""
    channel = Channel(os.dup(1))
    os.dup2(2, 1)
    channel.send({"ready": os.getpid()})
    with os.fdopen(os.dup(0), "rb") as request_pipe:
        line = request_pipe.readline()
    if line:
        channel.send(_answer(json.loads(line), engine, channel))


def warm_up() -> None:
    """Inspect a small table, so that everything loaded late is loaded before the lock."""
    import_codecs()
    load_models()
    with tempfile.TemporaryDirectory(prefix="inspection-warm-up-") as folder:
        path = Path(folder, "warm-up.csv")
        without_schema = InspectionRequest(path, path.name, len(WARM_UP), "infer")
        with_schema = replace(without_schema, mode="given", schema=WARM_UP_SCHEMA)
        with open_engine() as engine:
            for content, request in (
                (WARM_UP, without_schema),
                (WARM_UP + b"\n\xe4,1\n", with_schema),
            ):
                path.write_bytes(content)
                progress = Progress(len(content))
                context = InspectionContext(engine, Path(folder), Limits(), progress)
                inspect_file(request, context)


def warm_up_previews() -> None:
    """Read a page of a small table, for a fork server whose processes do nothing else."""
    from entrepot.inspection.preview.page import preview_file

    import_codecs()
    import_filter_parser()
    with tempfile.TemporaryDirectory(prefix="inspection-warm-up-") as folder:
        path = Path(folder, "warm-up.parquet")
        with open_engine() as engine:
            engine.execute(f"COPY (SELECT 1 AS a, 'x' AS b) TO {literal(str(path))}")
            where, order = "a = 1 AND b LIKE 'x%'", "-a"
            request = PreviewRequest(path, 0, None, order, where, 1, None, 0)
            preview_file(engine, request)


def _answer(message: dict[str, Any], engine: Any, channel: Channel) -> dict[str, Any]:
    request = _request(message)
    limits = Limits(**message["limits"])
    scratch = Path(message["scratch"])
    if isinstance(request, InspectionRequest | ConversionRequest):
        load_json_validator(request.schema)
    if isinstance(request, ConversionRequest):
        lower_priority()
    if isinstance(request, PreviewRequest):
        import entrepot.inspection.preview.page  # noqa: F401 (loaded only by the fork server of previews)
    readable = [request.path]
    if isinstance(request, ComparisonRequest):
        readable.append(request.other)
    if isinstance(request, InspectionRequest) and request.current is not None:
        readable.append(request.current)
    try:
        lock_down(readable, scratch, limits, message["sandbox"])
    except (SandboxUnavailable, OSError) as error:
        return {"failed": f"the sandbox cannot be set up: {error}"}
    late_imports = LateImports()
    late_imports.watch()
    answer = _answer_locked(request, engine, readable, scratch, limits, channel)
    return answer | ({"late_imports": late_imports.names} if late_imports.names else {})


def _answer_locked(
    request: Request,
    engine: Any,
    readable: list[Path],
    scratch: Path,
    limits: Limits,
    channel: Channel,
) -> dict[str, Any]:
    """Execute the request in the locked sandbox."""
    progress = Progress(
        request.size,
        lambda done, of: channel.send({"progress": [done, of]}),
        lambda unpacked: channel.send({"unpacked": unpacked}),
    )
    context = InspectionContext(engine, scratch, limits, progress)
    try:
        packed = any(map(is_packed, readable))
        lock_engine(engine, readable[0], scratch, request.size, limits, readable[1:], packed)
        with progress.watching(engine):
            result: Any
            if isinstance(request, ConversionRequest):
                target = scratch / OUTPUT
                result = convert_file(request, target, context)
            elif isinstance(request, ComparisonRequest):
                result = diff_tables(request, context)
            elif isinstance(request, PreviewRequest):
                from entrepot.inspection.preview.page import preview_file

                result = preview_file(engine, request)
            else:
                result = inspect_file(
                    request, context, lambda judged: channel.send({"judged": vars(judged)})
                )
    except Exception as error:
        if out_of_resources(error):
            return {"exhausted": first_line(error)}
        kind = "blocked" if isinstance(error, ImportError | PermissionError) else "failed"
        return {kind: f"{type(error).__name__}: {error}"[:2_000]}
    return {"result": vars(result)}


def _request(message: dict[str, Any]) -> Request:
    fields: dict[str, Any] = {
        name: Path(value) if name in PATHS and value is not None else value
        for name, value in message["request"].items()
    }
    match message["job"]:
        case "derive":
            return ConversionRequest(**fields)
        case "compare":
            return ComparisonRequest(**fields)
        case "preview":
            return PreviewRequest(**fields)
        case _:
            return InspectionRequest(**fields)
