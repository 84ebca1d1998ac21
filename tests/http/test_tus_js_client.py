"""The official `tus-js-client` against the server: plain, chunked, parallel, over bad lines."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.cutting_proxy import cutting_proxy
from tests.support.server import Server, TestAccount
from tests.support.tus_js import TusJs, fetch_tus_js

SIZE = 5_000_011
LIMIT = "10000000"
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "chunks": {"chunkSize": 1_700_000, "uploadDataDuringCreation": True},
    "parallel": {"parallelUploads": 3},
    "parallel-chunks": {"parallelUploads": 2, "chunkSize": 900_000},
}


@pytest.fixture(scope="module")
def tus_js() -> TusJs:
    return fetch_tus_js()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "données.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def metadata(path: Path) -> dict[str, str]:
    return {"filename": path.name, "filetype": "text/csv", "file_size_limit": LIMIT}


def arrived(account: TestAccount, task_id: str, path: Path) -> None:
    """The file is there, byte for byte, and nothing else is left."""
    task = account.api.wait_task(task_id)
    assert (task["status"], task["file_name"]) == ("succeeded", path.name)
    content = account.api.get(f"/file/download/{task['file_id']}").content
    assert hashlib.sha256(content).digest() == hashlib.sha256(path.read_bytes()).digest()
    document = account.api.account()
    assert (document["used"], document["reserved"], document["files"]) == (SIZE, 0, 1)


@pytest.mark.parametrize("way", WAYS)
def test_an_upload(account: TestAccount, tus_js: TusJs, large: Path, way: str) -> None:
    options = {"metadata": metadata(large), **WAYS[way]}
    report = tus_js.upload(account.server.endpoint, account.api_key, large, **options)
    assert {status for _, status in report["requests"]} <= {200, 201, 204}
    arrived(account, report["task"], large)


@pytest.mark.parametrize("way", ["plain", "parallel"])
def test_over_a_bad_line(account: TestAccount, tus_js: TusJs, large: Path, way: str) -> None:
    options = {"metadata": metadata(large), **WAYS[way]}
    with cutting_proxy(account.server.endpoint, cuts=[300_000, 500_000, 200_000, 300_000]) as line:
        report = tus_js.upload(line.endpoint, account.api_key, large, **options)
        assert line.cuts == []
    arrived(account, report["task"], large)


def test_a_killed_client_resumes(account: TestAccount, tus_js: TusJs, large: Path) -> None:
    options = {"metadata": metadata(large), "storage": str(large.with_name("urls.json"))}
    with cutting_proxy(account.server.endpoint, stops=[2_000_000]) as line:
        with tus_js.start(line.endpoint, account.api_key, large, **options) as process:
            assert line.stopped.wait(60)
            process.kill()
            process.wait()
        before = line.sent
        report = tus_js.upload(line.endpoint, account.api_key, large, **options)
        assert line.sent - before < SIZE - 500_000
    assert report["requests"][0] == ["HEAD", 200]
    arrived(account, report["task"], large)


def test_a_refusal_reaches_it(server: Server, tus_js: TusJs, large: Path) -> None:
    account = server.new_account(quota=SIZE - 1)
    options = {"metadata": metadata(large)}
    process = tus_js.start(server.endpoint, account.api_key, large, **options)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "account-quota-exceeded" in output
