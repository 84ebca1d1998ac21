"""Versions of one sender that are inspected together, on a real database with the real sandbox."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from tests.support.api import CSV, Api
from tests.support.postgres import Postgres
from tests.support.server import Server

from entrepot.bootstrap.parts import build_inspector
from entrepot.files.processing.inspect_batch import BatchInspector

SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"}]}'
WRONG = b"id,amount\n1,x\n"


@pytest.fixture
def idle(serve: Callable[..., Server], postgres: Postgres) -> Server:
    """A server that takes deliveries and inspects none."""
    return serve(role="api", database=postgres.new_database())


@pytest.fixture
def inspect(idle: Server) -> Iterator[Callable[..., None]]:
    inspector = build_inspector(idle.parts, "batches")
    inspector.pool.start()
    yield lambda *task_ids: BatchInspector(inspector).run([UUID(each) for each in task_ids])
    inspector.pool.close()


def upload(api: Api, content: bytes, **fields: str) -> str:
    return str(api.upload(content, "orders.csv", **fields).json()["task_id"])


def test_each_version_ends_as_alone(idle: Server, inspect: Callable[..., None]) -> None:
    api = idle.new_account().api
    clean = upload(api, CSV, enforce_schema=SCHEMA)
    rejected = upload(api, WRONG, enforce_schema=SCHEMA)
    no_table = upload(api, b"%PDF-1.7 nothing")
    canceled = upload(api, CSV)
    inferred = upload(api, CSV, enforce_schema="true")
    file_id = api.task(inferred)["file_id"]
    files = {"file": ("n.csv", WRONG)}
    second = str(api.post(f"/file/{file_id}/versions", files=files).json()["task_id"])
    large = upload(api, b"id,amount\n" + b"1,2\n" * 300_000, limit="2000000")
    assert api.post(f"/task/{canceled}/cancel").status_code == 202
    tasks = [clean, rejected, no_table, canceled, inferred, second, large]
    inspect(*tasks)
    statuses = [api.task(task_id)["status"] for task_id in tasks]
    assert statuses == [
        "succeeded", "failed", "succeeded", "canceled", "succeeded", "failed", "succeeded",
    ]  # fmt: skip
    for task_id in (clean, inferred, large):
        path = f"/file/download/{api.task(task_id)['file_id']}?format=parquet"
        answer = api.get(path)
        assert (answer.status_code, answer.headers["entrepot-version"]) == (200, "1")
    report = api.get(f"/file/{api.task(rejected)['file_id']}/report.csv")
    assert report.content.endswith(b",1,x\r\n")
    assert api.task(second)["error"]["code"] == "schema-violation"
    inspect(*tasks)  # once ended, nothing
    assert [api.task(task_id)["status"] for task_id in tasks] == statuses
    idle.assert_sound()


def test_files_of_two_senders_are_refused(idle: Server, inspect: Callable[..., None]) -> None:
    account, stranger = idle.new_account(), idle.new_account()
    mine, theirs = upload(account.api, CSV), upload(stranger.api, CSV)
    colleague = upload(account.new_user().api, CSV)
    for other in (theirs, colleague):
        with pytest.raises(ValueError, match="one sender in one account"):
            inspect(mine, other)
    assert [account.api.task(task_id)["status"] for task_id in (mine, colleague)] == [
        "running", "running",
    ]  # fmt: skip
