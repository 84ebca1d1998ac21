"""Push many files at once: connections are reused, several uploads run at the same time, and the
whole can be repeated.

Each path belongs to the caller's file of the same name. If its newest version has the same bytes,
nothing is sent; if the bytes differ, a further version is delivered; if there is no such file, it
is defined. So a second run sends only what did not arrive, or has changed.
"""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from entrepot_client.client import Client
from entrepot_client.delivery import Delivery
from entrepot_client.errors import AmbiguousFile, ClientError
from entrepot_client.models import DETECTED, File, ReadingOptions, Task

Outcome = Literal["published", "delivered", "unchanged", "rejected", "failed"]
"""`delivered`: it is being inspected; nobody waits for it."""

MAX_CONCURRENT_UPLOADS = 8
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 2.0
"""Between two looks at the tasks."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class BatchOptions:
    """The contract of the files that are new; as for `Client.push`."""

    description: str | None = None
    size_limit: int | None = None
    enforce_schema: bool | Mapping[str, Any] | None = None
    reading: ReadingOptions = DETECTED
    resume_in: Path | None = None


@dataclass(frozen=True)
class PushedPath:
    """The result of one path. `error` is the reason of what failed or was rejected."""

    path: Path
    outcome: Outcome
    file_id: str | None = None
    version: int | None = None
    task_id: str | None = None
    error: Exception | None = None
    task: Task | None = None


def files_below(folder: Path) -> list[Path]:
    """The regular files below a folder, in order, without hidden ones and what links elsewhere."""
    paths = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            paths += files_below(path)
        elif path.is_file():
            paths.append(path)
    return paths


def repeated_names(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """The names that several paths have: they would be one file on the server."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_name[path.name].append(path)
    return {name: same for name, same in by_name.items() if len(same) > 1}


def push_batch(
    client: Client,
    paths: Sequence[Path],
    options: BatchOptions,
    on_progress: Callable[[int, int], None],
) -> list[PushedPath]:
    """Upload the paths, whose names differ, and return a result for each in the same order.

    An error of one does not stop the others; it is in its result. `on_progress` gets how many of
    how many are done. Raises what the list of files raises.
    """
    by_name: dict[str, list[File]] = defaultdict(list)
    for file in client.files(entitlement="owned"):
        by_name[file.file_name].append(file)
    stopped = threading.Event()

    def push_one(path: Path) -> PushedPath:
        if stopped.is_set():
            return PushedPath(path, "failed", error=ClientError("It was not sent."))
        try:
            return _push_one(client, path, by_name.get(path.name, []), options)
        except (ClientError, OSError) as error:
            return PushedPath(path, "failed", error=error)

    results: dict[Path, PushedPath] = {}
    with ThreadPoolExecutor(MAX_CONCURRENT_UPLOADS) as pool:
        futures = [pool.submit(push_one, path) for path in paths]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                result = future.result()
                results[result.path] = result
                on_progress(done, len(paths))
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[path] for path in paths]


def wait_for_batch(
    client: Client,
    results: Sequence[PushedPath],
    on_progress: Callable[[int, int], None],
) -> list[PushedPath]:
    """The results once every inspection has ended.

    All tasks are asked for together: a stream of events for each would be a thousand connections.
    """
    ended: dict[str, Task] = {}
    open_ids = {result.task_id for result in results if result.task_id}
    total, pause = len(open_ids), _MIN_PAUSE_SECONDS
    while open_ids:
        listed = {task.task_id: task for task in client.tasks(total + 100)}
        for task_id in open_ids:
            # Others' tasks may have pushed it off the list.
            task = listed.get(task_id) or client.task(task_id)
            if task.ended:
                ended[task_id] = task
        open_ids -= ended.keys()
        on_progress(len(ended), total)
        if open_ids:
            time.sleep(pause)
            pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)
    return [_judged(result, ended.get(result.task_id or "")) for result in results]


def _push_one(
    client: Client, path: Path, same_name: Sequence[File], options: BatchOptions
) -> PushedPath:
    if len(same_name) > 1:
        raise AmbiguousFile(path.name, tuple(same_name))
    delivery: Delivery
    if same_name:
        (file,) = same_name
        if file.file_size == path.stat().st_size and file.sha256 == _sha256(path):
            return PushedPath(path, "unchanged", file.file_id, file.version)
        delivery = client.push(path, to=file.file_id, resume_in=options.resume_in)
        return PushedPath(path, "delivered", file.file_id, task_id=delivery.task_id)
    delivery = client.push(
        path,
        description=options.description,
        size_limit=options.size_limit,
        enforce_schema=options.enforce_schema,
        reading=options.reading,
        resume_in=options.resume_in,
    )
    return PushedPath(path, "delivered", task_id=delivery.task_id)


def _judged(result: PushedPath, task: Task | None) -> PushedPath:
    if task is None:
        return result
    outcome: Outcome = "published" if task.status == "succeeded" else "failed"
    if task.rejected:
        outcome = "rejected"
    return replace(
        result,
        outcome=outcome,
        file_id=task.file_id or result.file_id,
        version=task.version,
        task=task,
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
