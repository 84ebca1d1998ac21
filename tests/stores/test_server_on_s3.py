"""A whole server whose bytes are in S3: nothing changes for its users."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256

import pytest
from tests.support.api import Api
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.seaweedfs import BUCKET, SeaweedFS, environment, new_prefix, s3_environment
from tests.support.server import Server
from tests.support.tus import Tus
from tests.support.wait import UNHURRIED, wait_until

from entrepot.blobs.s3 import S3Store

SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"name","type":"string"}]}'
MIB = 1 << 20


def table(rows: int) -> bytes:
    return b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(rows))


@pytest.fixture(scope="module")
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    with fault_proxy(seaweedfs.port) as made:
        yield made


@pytest.fixture
def on_s3(proxy: FaultProxy, serve: Callable[..., Server]) -> Iterator[Server]:
    """A server whose store is behind the proxy."""
    with environment(s3_environment(proxy.endpoint)):
        yield serve(store=f"s3://{BUCKET}/{new_prefix()}")


def download(api: Api, file_id: str, **kwargs: object) -> bytes:
    answer = api.get(f"/file/download/{file_id}", **kwargs)
    assert answer.status_code in (200, 206), answer.text
    return answer.content


def test_a_file_lives_its_life(on_s3: Server) -> None:
    account = on_s3.new_account()
    api, first, second = account.api, table(1000), table(1001)
    file_id = api.deliver(first, enforce_schema=SCHEMA)["file_id"]
    assert download(api, file_id) == first
    assert download(api, file_id, headers={"Range": "bytes=8-20"}) == first[8:21]
    assert download(api, file_id, params={"format": "parquet"})[:4] == b"PAR1"
    assert download(api, file_id, params={"format": "csv"})
    page = api.json(f"/file/{file_id}/preview", params={"limit": 3})
    assert len(page["rows"]) == 3
    changed = api.upload(second, limit=None, path=f"/file/{file_id}/versions").json()
    assert api.wait_task(changed["task_id"])["status"] == "succeeded"
    assert download(api, file_id) == second
    restored = api.post(f"/file/{file_id}/versions/1/restore").json()
    assert api.wait_task(restored["task_id"])["status"] == "succeeded"
    assert download(api, file_id) == first
    upload = Tus.begin(api, len(second), name="resumed.csv", enforce_schema=SCHEMA)
    for start in range(0, len(second), 9000):
        assert upload.patch(second[start : start + 9000], start).status_code == 204
    on_s3.wait_derived()
    assert os.listdir(on_s3.data / "cache" / "files"), "what was inspected is kept"
    assert not (on_s3.data / "store").exists()
    on_s3.assert_sound()


def test_bytes_of_a_killed_server_are_all_there(on_s3: Server) -> None:
    account = on_s3.new_account()
    content = table(900_000)
    assert len(content) > 16 * MIB, "a multipart upload"
    delivered = account.api.upload(content, limit=100_000_000).json()
    resumable = Tus.begin(account.api, len(content), name="resumed.csv")
    assert resumable.patch(content[: 9 * MIB], 0).status_code == 204
    on_s3.kill()
    on_s3.start()
    api = account.api
    assert api.wait_task(delivered["task_id"])["status"] == "succeeded"
    task = api.wait_task(delivered["task_id"])
    got = download(api, task["file_id"])
    assert sha256(got).digest() == sha256(content).digest()
    assert resumable.offset == 9 * MIB
    assert resumable.patch(content[9 * MIB :], 9 * MIB).status_code == 204
    on_s3.wait_derived()
    on_s3.assert_sound()
    store = on_s3.parts.store
    assert isinstance(store, S3Store)
    store.sweep_incoming(on_s3.parts.clock())
    assert list(store.drafts.list()) == []


@pytest.mark.parametrize("fault", ["gone", "503", "500", "read-only"])
def test_a_store_that_fails_loses_nothing(on_s3: Server, proxy: FaultProxy, fault: str) -> None:
    account = on_s3.new_account()
    api, content = account.api, table(50)
    file_id = api.deliver(content)["file_id"]
    with proxy.failing(fault):  # type: ignore[arg-type]
        refused = api.upload(table(60))
        assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        # Why, the log says: an answer names no place of the operator.
        assert refused.json()["detail"] == "The store of bytes does not answer now."
        unread = api.get(f"/file/download/{file_id}")
        assert (unread.status_code, unread.json()["code"]) == (503, "store-unavailable")
        ready = on_s3.api(None).get("/readyz")
        assert (ready.status_code, ready.json()["store"]) == (503, "no answer")
    assert download(api, file_id) == content
    accepted = api.upload(table(60)).json()
    assert api.wait_task(accepted["task_id"])["status"] == "succeeded"
    wait_until(lambda: api.account()["reserved"] == 0, "nothing is reserved")
    on_s3.assert_sound()


@pytest.mark.parametrize("fault", ["read-only", "full", "503"])
def test_a_store_that_only_reads_is_shown(on_s3: Server, proxy: FaultProxy, fault: str) -> None:
    api, anonymous = on_s3.new_account().api, on_s3.api(None)
    content = table(40)
    file_id = api.deliver(content)["file_id"]
    with proxy.failing(fault, writes_only=True):  # type: ignore[arg-type]
        assert api.upload(table(60)).status_code in (503, 507)
        assert download(api, file_id) == content
        assert anonymous.get("/readyz").json()["degraded"] == ["writes"]
        assert anonymous.get("/readyz").status_code == 200
        assert anonymous.get("/readyz?for=deliveries").status_code == 503
    assert api.deliver(table(60))["status"] == "succeeded"
    assert anonymous.get("/readyz?for=deliveries").json()["degraded"] == []


def test_a_delivery_waits_for_its_store(on_s3: Server, proxy: FaultProxy) -> None:
    """Its bytes are there and acknowledged; the inspection cannot read them for a while."""
    account = on_s3.new_account()
    with ExitStack() as fault:
        with on_s3.suspended_workers():
            accepted = account.api.upload(table(70)).json()
            fault.enter_context(proxy.failing("503"))
        wait_until(
            lambda: "work waits for the store" in on_s3.log_file.read_text(), "a worker waits"
        )
    assert account.api.wait_task(accepted["task_id"], UNHURRIED)["status"] == "succeeded"
