"""Writes that fail while a server runs: honest answers, and everything works again afterwards."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from tests.crash.power_cuts import strace
from tests.hosts.test_database_gone import assert_serves
from tests.support.api import CSV
from tests.support.server import Server, make_server

ERRORS = ("ENOSPC", "EIO", "EROFS")
CALLS = {"writes of SQLite": "pwrite64", "syncs": "fsync,fdatasync", "new names": "link,mkdir"}
CODES = {"database-unavailable", "storage-full", "store-unavailable"}


@pytest.fixture(scope="module")
def embedded() -> Iterator[Server]:
    server = make_server()
    yield server.start()
    server.close()


@contextmanager
def failing(process: psutil.Process, calls: str, error: str) -> Iterator[None]:
    """Have these system calls of a process fail, each of them, for the length of the block."""
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    command = [strace(), "-f", "-p", str(process.pid), "-o", "/dev/null", *inject]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()


def part(server: Server, role: str) -> psutil.Process:
    """The server's process with that role."""
    (process,) = server.processes(role)
    return process


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("calls", CALLS)
def test_an_upload_whose_writes_fail_is_refused(embedded: Server, calls: str, error: str) -> None:
    account = embedded.new_account()
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    embedded.wait_derived()
    with failing(part(embedded, "api"), CALLS[calls], error):
        answer = api.upload(CSV, name="refused.csv")
        assert answer.status_code in (503, 507), answer.text
        assert answer.json()["code"] in CODES
        read = api.get(f"/file/download/{file_id}")
        assert (read.status_code, read.content) == (200, CSV)
    names = [item["file_name"] for item in api.json("/files")["files_list"]]
    assert "refused.csv" not in names
    assert_serves(embedded, account)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("calls", CALLS)
def test_what_was_taken_outlasts_failing_writes_of_a_worker(
    embedded: Server, calls: str, error: str
) -> None:
    account = embedded.new_account()
    api = account.api
    with failing(part(embedded, "worker"), CALLS[calls], error):
        task_id = api.upload(CSV).json()["task_id"]
        assert api.post("/file/validate", files={"file": ("a.csv", CSV)}).status_code == 202
    assert api.wait_task(task_id)["status"] == "succeeded"
    assert_serves(embedded, account)
