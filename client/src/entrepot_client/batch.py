"""Push many files at once: connections are reused, several uploads run at the same time, and the
whole can be repeated.

Each path belongs to the caller's file at the same address, else to the one of the same name. Files
of one name in different folders get an address below the pushed folder, such as `FOLDER/a/x.csv`.
If the newest version has the same bytes, nothing is sent; if the bytes differ, a further version is
delivered; if there is no such file, it is defined. So a second run sends only what did not arrive,
or has changed.
"""

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from entrepot_client.client import Client
from entrepot_client.delivery import Delivery
from entrepot_client.errors import AmbiguousFile, ClientError
from entrepot_client.models import DETECTED, File, ReadingOptions, Task
from entrepot_client.paths import is_path

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


class LocalPath(NamedTuple):
    """A local file, and its address below the folder that is pushed: None without such a folder, or
    if a name in it cannot be part of an address."""

    path: Path
    address: str | None = None


def files_below(folder: Path) -> list[LocalPath]:
    """The regular files below a folder, in order, without hidden ones and what links elsewhere."""
    return list(_files_below(folder, folder.resolve().name))


def _files_below(folder: Path, address: str) -> Iterator[LocalPath]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        address_of_path = f"{address}/{path.name}" if address else path.name
        if path.is_dir():
            yield from _files_below(path, address_of_path)
        elif path.is_file():
            yield LocalPath(path, address_of_path if is_path(address_of_path) else None)


def indistinct(files: Iterable[LocalPath]) -> dict[str, list[Path]]:
    """The paths that would be one file on the server, by their name: addresses do not tell them
    apart either."""
    by_name: dict[str, list[LocalPath]] = defaultdict(list)
    for file in files:
        by_name[file.path.name].append(file)
    return {
        name: [file.path for file in same]
        for name, same in by_name.items()
        if len(same) > 1 and not _are_told_apart(same)
    }


def _are_told_apart(files: Sequence[LocalPath]) -> bool:
    """Whether each of the files has an address of its own."""
    addresses = {file.address.lower() for file in files if file.address is not None}
    return len(addresses) == len(files)


class _OwnFiles:
    """The caller's files, for finding the one that a local path belongs to."""

    def __init__(self, client: Client, pushed: Iterable[LocalPath]) -> None:
        self._pushed = Counter(file.path.name for file in pushed)
        self._by_name: dict[str, list[File]] = defaultdict(list)
        self._by_address: dict[str, File] = {}
        for file in client.files(entitlement="owned"):
            self._by_name[file.file_name].append(file)
            if file.path is not None:
                self._by_address[file.path.lower()] = file

    def needs_address(self, local: LocalPath) -> bool:
        """Whether its name is not enough to find the file again."""
        return self._pushed[local.path.name] > 1 or local.path.name in self._by_name

    def find(self, local: LocalPath) -> File | None:
        """The file of which this is a further version. Raises AmbiguousFile."""
        if local.address is not None and local.address.lower() in self._by_address:
            return self._by_address[local.address.lower()]
        name = local.path.name
        if self._pushed[name] > 1:
            return None
        folder = f"{(local.address or '').partition('/')[0]}/".lower()
        # A file with another address below the same folder came from another path there.
        same_name = [
            file
            for file in self._by_name.get(name, ())
            if not (local.address and file.path and file.path.lower().startswith(folder))
        ]
        if len(same_name) > 1:
            raise AmbiguousFile(name, tuple(same_name))
        return same_name[0] if same_name else None


def push_batch(
    client: Client,
    files: Sequence[LocalPath],
    options: BatchOptions,
    on_progress: Callable[[int, int], None],
) -> list[PushedPath]:
    """Upload the files, none of them `indistinct`; returns a result for each in the same order.

    An error of one does not stop the others; it is in its result. `on_progress` gets how many of
    how many are done. Raises what the list of files raises.
    """
    own_files = _OwnFiles(client, files)
    stopped = threading.Event()

    def push_one(local: LocalPath) -> PushedPath:
        if stopped.is_set():
            return PushedPath(local.path, "failed", error=ClientError("It was not sent."))
        try:
            return _push_one(client, local, own_files, options)
        except (ClientError, OSError) as error:
            return PushedPath(local.path, "failed", error=error)

    results: dict[Path, PushedPath] = {}
    with ThreadPoolExecutor(MAX_CONCURRENT_UPLOADS) as pool:
        futures = [pool.submit(push_one, local) for local in files]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                result = future.result()
                results[result.path] = result
                on_progress(done, len(files))
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[local.path] for local in files]


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
    client: Client, local: LocalPath, own_files: _OwnFiles, options: BatchOptions
) -> PushedPath:
    path, file = local.path, own_files.find(local)
    if file is not None:
        if file.file_size == path.stat().st_size and file.sha256 == _sha256(path):
            return PushedPath(path, "unchanged", file.file_id, file.version)
        delivery: Delivery = client.push(path, to=file.file_id, resume_in=options.resume_in)
        return PushedPath(path, "delivered", file.file_id, task_id=delivery.task_id)
    delivery = client.push(
        path,
        path=local.address if own_files.needs_address(local) else None,
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
