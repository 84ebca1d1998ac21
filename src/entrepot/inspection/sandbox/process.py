"""The sandbox process: waits for a job, answers its requests, and ends.

A job is a task, `inspect`, `derive`, `compare` or `preview`, with one request; `inspect` may have
several, of small files of one sender in one account. They read untrusted files.

Protocol, JSON lines: out `{"ready": pid}`; in the job; then for each request, and before each but
the first an empty line in: out any number of `{"progress": [done, total]}` and
`{"unpacked": count}` in bytes, then one of `{"result": …}`, `{"exhausted": reason}`,
`{"failed": reason}`, `{"blocked": reason}`: the sandbox denied what should have been loaded before.
`{"judged": …}` before it is a result that stands, whatever becomes of the process; with `rest` true
only the way out of a rejection is left to be found.
Each of these may have `late_imports`: names of modules that were imported in the locked sandbox.
`protocol` is the other end; `forkserver` forks it.
"""

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.convert.convert import convert_file
from entrepot.inspection.detect.decompress import is_packed
from entrepot.inspection.detect.encoding import load_models
from entrepot.inspection.diff import diff_tables
from entrepot.inspection.engine import lock_engine, new_connection, open_engine
from entrepot.inspection.engine_errors import first_line, out_of_resources
from entrepot.inspection.inspect_version import inspect_version
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import CONVERTED, Progress
from entrepot.inspection.results import (
    OUTPUT,
    ComparisonRequest,
    ConversionRequest,
    FormFiles,
    InspectedVersion,
    InspectionRequest,
    PreviewRequest,
)
from entrepot.inspection.sandbox.batch import MAX_BATCH_FILE_BYTES
from entrepot.inspection.sandbox.imports import LateImports, import_codecs, import_filter_parser
from entrepot.inspection.sandbox.lockdown import (
    SandboxUnavailable,
    lock_down,
    lower_priority,
)
from entrepot.inspection.sandbox.spawn import Role
from entrepot.inspection.sql import literal
from entrepot.schemas.json_schema import load_json_validator

Request = InspectionRequest | ConversionRequest | ComparisonRequest | PreviewRequest
PATHS = ("path", "other", "current")
PRIORITIES = {"inspect": 3, "compare": 3, "derive": 10}
"""Nice values of the jobs that give way: all to requests, and forms to inspections too."""
SMALL_PRIORITY = 3
"""That of any job on at most `MAX_BATCH_FILE_BYTES`. It may hold the place that is kept for short
work: if it gave way to long work there, short work would wait for both."""
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
            _answer(json.loads(line), engine, channel, request_pipe)


def load(role: Role) -> None:
    """Import what libraries would import when they need it, for processes that do this work."""
    import_codecs()
    import_filter_parser() if role == "previews" else load_models()


def warm_up() -> None:
    """Inspect a small table, so that everything loaded late is loaded before the lock."""
    with tempfile.TemporaryDirectory(prefix="inspection-warm-up-") as folder:
        path = Path(folder, "warm-up.csv")
        without_schema = InspectionRequest(
            path, path.name, len(WARM_UP), "infer", forms="by-verdict"
        )
        with_schema = replace(without_schema, mode="given", schema=WARM_UP_SCHEMA)
        with open_engine() as engine:
            for content, request in (
                (WARM_UP, without_schema),
                (WARM_UP + b"\n\xe4,1\n", with_schema),
            ):
                path.write_bytes(content)
                progress = Progress(len(content))
                context = InspectionContext(engine, Path(folder), Limits(), progress)
                inspect_version(request, FormFiles(Path(folder)), context, lambda part, rest: None)


def warm_up_previews() -> None:
    """Read a page of a small table, for a fork server whose processes do nothing else."""
    from entrepot.inspection.preview.page import preview_file

    with tempfile.TemporaryDirectory(prefix="inspection-warm-up-") as folder:
        path = Path(folder, "warm-up.parquet")
        with open_engine() as engine:
            engine.execute(f"COPY (SELECT 1 AS a, 'x' AS b) TO {literal(str(path))}")
            where, order = "a = 1 AND b LIKE 'x%'", "-a"
            request = PreviewRequest(path, 0, None, order, where, 1, None, 0)
            preview_file(engine, request)


def _answer(message: dict[str, Any], engine: Any, channel: Channel, pipe: BinaryIO) -> None:
    """Answer all requests of a job, in their order, until nobody asks for the next."""
    requests = [_request(message["job"], fields) for fields in message["requests"]]
    limits = Limits(**message["limits"])
    scratch = Path(message["scratch"])
    for request in requests:
        _prepare(request)
    size = max(request.size for request in requests)
    if message["job"] in PRIORITIES:
        lower_priority(priority_of(message["job"], size))
    readable = [path for request in requests for path in _readable(request)]
    late_imports = LateImports()
    try:
        lock_down(readable, scratch, limits, message["sandbox"])
        late_imports.watch()
        packed = any(map(is_packed, readable))
        connections = [new_connection(engine) for _ in requests]
        lock_engine(engine, readable[0], scratch, size, limits, readable[1:], packed)
    except (SandboxUnavailable, OSError, duckdb.Error) as error:
        channel.send({"failed": f"the sandbox cannot be set up: {error}"})
        return
    for number, (request, connection) in enumerate(zip(requests, connections, strict=True)):
        if number and not pipe.readline():
            return
        files = FormFiles(scratch, number)
        answer = _answer_locked(request, connection, files, limits, channel)
        channel.send(answer | ({"late_imports": late_imports.names} if late_imports.names else {}))


def priority_of(job: str, size: int) -> int:
    """The nice value of a job that gives way, on `size` bytes."""
    return SMALL_PRIORITY if size <= MAX_BATCH_FILE_BYTES else PRIORITIES[job]


def _prepare(request: Request) -> None:
    """What cannot be done any more in the locked sandbox."""
    if isinstance(request, InspectionRequest | ConversionRequest):
        load_json_validator(request.schema)
    if isinstance(request, PreviewRequest):
        import entrepot.inspection.preview.page  # noqa: F401 (loaded only by the fork server of previews)


def _readable(request: Request) -> Iterator[Path]:
    """The files that a request is about."""
    yield request.path
    if isinstance(request, ComparisonRequest):
        yield request.other
    if isinstance(request, InspectionRequest) and request.current is not None:
        yield request.current


def _answer_locked(
    request: Request,
    connection: Any,
    files: FormFiles,
    limits: Limits,
    channel: Channel,
) -> dict[str, Any]:
    """Execute the request in the locked sandbox, with a connection and a folder of its own; the
    connection is closed."""
    converts = isinstance(request, InspectionRequest) and request.forms != "none"
    progress = Progress(
        request.size,
        lambda done, of: channel.send({"progress": [done, of]}),
        lambda unpacked: channel.send({"unpacked": unpacked}),
        CONVERTED if converts else 1.0,
    )
    try:
        scratch = files.folder / str(files.number)
        scratch.mkdir()
        with connection, progress.watching(connection):
            context = InspectionContext(connection, scratch, limits, progress)
            return {"result": _result(request, context, files, channel)}
    except Exception as error:
        if out_of_resources(error):
            return {"exhausted": first_line(error)}
        kind = "blocked" if isinstance(error, ImportError | PermissionError) else "failed"
        return {kind: f"{type(error).__name__}: {error}"[:2_000]}


def _result(
    request: Request, context: InspectionContext, files: FormFiles, channel: Channel
) -> dict[str, Any]:
    match request:
        case ConversionRequest():
            return vars(convert_file(request, files.folder / OUTPUT, context))
        case ComparisonRequest():
            return vars(diff_tables(request, context))
        case PreviewRequest():
            from entrepot.inspection.preview.page import preview_file

            return vars(preview_file(context.engine, request))

    def send_part(inspected: InspectedVersion, rest: bool) -> None:
        channel.send({"judged": inspected.message(), "rest": rest})

    return inspect_version(request, files, context, send_part).message()


def _request(job: str, sent: dict[str, Any]) -> Request:
    fields: dict[str, Any] = {
        name: Path(value) if name in PATHS and value is not None else value
        for name, value in sent.items()
    }
    match job:
        case "derive":
            return ConversionRequest(**fields)
        case "compare":
            return ComparisonRequest(**fields)
        case "preview":
            return PreviewRequest(**fields)
        case _:
            return InspectionRequest(**fields)
