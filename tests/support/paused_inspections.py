"""Let no inspection continue for a while, so that a test meets unfinished tasks, or fail."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import psutil
from tests.support.api import Api
from tests.support.processes import find_inspectors
from tests.support.server import Server
from tests.support.sharing import post_version
from tests.support.wait import wait_until

from entrepot.files.processing.inspect import give_up


@contextmanager
def paused_inspections(server: Server) -> Iterator[None]:
    """What is inspected within the block waits until its end."""
    server.wait_derived()  # else one that derives might be stopped too
    assert server.process is not None
    pid = server.process.pid
    wait_until(lambda: find_inspectors(pid), "its inspections have a process to be forked from")
    stopped = find_inspectors(pid)
    for child in stopped:
        child.suspend()
    try:
        yield
    finally:
        for child in stopped:
            with suppress(psutil.NoSuchProcess):
                child.resume()


def fail_inspection(server: Server, api: Api, file_id: str, content: bytes) -> dict[str, Any]:
    """Deliver a version whose inspection is given up while it runs; its ended task."""
    with paused_inspections(server):
        answer = post_version(api, file_id, content)
        task_id = answer.json()["task_id"]
        api.wait_status(task_id, {"running"})
        server.parts.database.write(give_up, UUID(task_id), server.parts.clock())
    return api.wait_task(task_id)
