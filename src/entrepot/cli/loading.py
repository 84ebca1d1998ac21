"""Load what a server's processes need before they are forked, and in less time.

This module loads each time the program runs.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from entrepot.loading import quick_imports

if TYPE_CHECKING:
    from entrepot.inspection.sandbox.spawn import LoadingFork
    from entrepot.settings import Settings


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Have an import of that module fail within the block, unless it has been imported.

    For what a library imports if it is there, and what we do not use.
    """
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    is_hidden = modules.setdefault(name, None) is None
    try:
        yield
    finally:
        if is_hidden:
            del modules[name]


def load_logs() -> None:
    """Import structlog without rich, with which it would print tracebacks that we do not use: rich
    and what that imports take a twentieth of a start."""
    with hidden("rich"):
        import structlog  # noqa: F401


@contextmanager
def fork_servers_loading(settings: "Settings") -> Iterator[list["LoadingFork"]]:
    """A fork server for each worker, which loads within the block, beside this process.

    A worker that gets none starts its own. Those that still run at the end are ended.
    """
    from entrepot.inspection.sandbox.spawn import LoadingFork

    fork_servers: list[LoadingFork] = []
    try:
        with suppress(OSError):  # the host is out of processes or memory for now
            for _ in range(settings.workers if settings.role != "api" else 0):
                fork_servers.append(LoadingFork())  # noqa: PERF401 - an error keeps those before
        yield fork_servers
    finally:
        for each in fork_servers:
            each.close()
            each.process.wait()


def load_api() -> None:
    """Import what the API's process runs; it makes no thread, socket or event loop.

    An API that is started again then needs 0.4 s less. FastAPI compares the types of routes with
    those of pydantic's first version, which takes a fiftieth of a start to import.
    """
    with quick_imports(), hidden("pydantic.v1"):
        import uvloop  # noqa: F401

        import entrepot.cli.listener
        import entrepot.http.app  # noqa: F401
