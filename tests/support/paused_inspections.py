"""Let no inspection go on for a while, so that a test meets tasks that have not ended."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
from tests.support.server import Server


@contextmanager
def paused_inspections(server: Server) -> Iterator[None]:
    """What is inspected within the block waits until its end."""
    server.wait_derived()  # else one that derives might be stopped too
    stopped = _inspecting(server)
    assert stopped
    for child in stopped:
        child.suspend()
    try:
        yield
    finally:
        for child in stopped:
            with suppress(psutil.NoSuchProcess):
                child.resume()


def _inspecting(server: Server) -> list[psutil.Process]:
    """The processes that inspecting ones are forked from, and those."""
    assert server.process is not None
    found = []
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "entrepot.inspection.sandbox.forkserver" in child.cmdline():
                found.append(child)
    return found
