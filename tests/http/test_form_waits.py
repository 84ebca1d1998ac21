"""Reading a form while it is made: an earlier version's, a bounded wait, and never a failure."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.wait import wait_until

from entrepot.db.tables import derivatives, versions

SECOND = b"id,amount\n1,2\n3,4\n5,6\n"


@pytest.fixture
def two_versions(account: TestAccount) -> str:
    """A file with two versions, each with its Parquet."""
    file_id = str(account.api.deliver(CSV)["file_id"])
    task = account.api.post(f"/file/{file_id}/versions", files={"file": ("n.csv", SECOND)}).json()
    assert account.api.wait_task(task["task_id"])["status"] == "succeeded"
    return file_id


@contextmanager
def being_made(server: Server, file_id: str, number: int) -> Iterator[Callable[[], None]]:
    """The Parquet of a version is being made for the length of the block, or until what is yielded
    is called."""
    database = server.parts.database
    with database.reading() as conn:
        row = conn.execute(
            select(derivatives)
            .join(versions, versions.c.id == derivatives.c.version_id)
            .where(versions.c.file_id == UUID(file_id), versions.c.number == number)
            .where(derivatives.c.form == "parquet")
        ).one()
    this_row = (derivatives.c.version_id == row.version_id, derivatives.c.form == "parquet")

    def write(**values: Any) -> None:
        with database.writing() as conn:
            conn.execute(update(derivatives).where(*this_row).values(**values))

    def make_ready() -> None:
        write(status="ready", blob_id=row.blob_id, run_id=row.run_id)

    write(status="pending", blob_id=None, run_id=uuid4())
    try:
        yield make_ready
    finally:
        make_ready()


@pytest.mark.both_databases
def test_a_form_comes_from_the_newest_version_that_has_it(
    server: Server, account: TestAccount, two_versions: str
) -> None:
    path = f"/file/download/{two_versions}?format=parquet"
    newest = account.api.get(path)
    assert newest.headers["entrepot-version"] == "2"
    with being_made(server, two_versions, 2):
        earlier = account.api.get(path)
        assert (earlier.status_code, earlier.headers["entrepot-version"]) == (200, "1")
        head = account.api.request("HEAD", path)
        assert (head.status_code, head.headers["entrepot-version"]) == (200, "1")
        preview = account.api.get(f"/file/{two_versions}/preview")
        assert (preview.json()["version"], preview.headers["entrepot-version"]) == (1, "1")
        plain = account.api.get(f"/file/download/{two_versions}")
        assert plain.headers["entrepot-version"] == "2"
    assert account.api.get(path).content == newest.content


def test_a_wait_is_as_short_as_is_preferred(
    server: Server, account: TestAccount, two_versions: str
) -> None:
    path = f"/file/download/{two_versions}?format=parquet&version=2"
    with being_made(server, two_versions, 2):
        for prefer in ("wait=0", "respond-async, wait=0", 'WAIT="0"; x=1'):
            answer = account.api.get(path, headers={"Prefer": prefer})
            problem = assert_problem(answer, 503, "form-not-ready", format="parquet")
            assert answer.headers["retry-after"] == str(problem["retry_after"])
            assert answer.headers["preference-applied"] == "wait=0"
        began = time.monotonic()
        assert account.api.get(path, headers={"Prefer": "wait=1"}).status_code == 503
        assert time.monotonic() - began >= 1
        preview = account.api.get(
            f"/file/{two_versions}/preview?version=2", headers={"Prefer": "wait=0"}
        )
        assert_problem(preview, 503, "form-not-ready")
    for prefer in ("wait=21", "wait=x", "wait", "handling=strict"):
        answer = account.api.get(path, headers={"Prefer": prefer})
        assert answer.status_code == 200
        assert "preference-applied" not in answer.headers


@pytest.mark.both_databases
def test_a_waiting_request_is_answered_as_soon_as_the_form_is_there(
    server: Server, account: TestAccount, two_versions: str
) -> None:
    path = f"/file/download/{two_versions}?format=parquet&version=2"
    with being_made(server, two_versions, 2) as make_ready, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(account.api.get, path, headers={"Prefer": "wait=20"})
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        make_ready()
        assert waiting.result().status_code == 200  # at the end of its wait it would be 503


def test_waits_are_bounded_per_account(serve: Callable[..., Server]) -> None:
    server = serve(form_waits_per_account=1)
    account, other = server.new_account(), server.new_account()
    file_id = str(account.api.deliver(CSV)["file_id"])
    path = f"/file/download/{file_id}?format=parquet&version=1"
    with being_made(server, file_id, 1) as make_ready, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(account.api.get, path)

        def refused() -> bool:
            nonlocal waiting
            if waiting.done():  # this request took the only place before that one
                waiting = threads.submit(account.api.get, path)
            answer = account.api.get(path, headers={"Prefer": "wait=1"})
            return answer.status_code == 429

        wait_until(refused, "the account has no place left")
        answer = account.api.get(path, headers={"Prefer": "wait=1"})
        assert_problem(answer, 429, "too-many-form-waits", limit=1)
        assert answer.headers["retry-after"]
        # No wait needs no place, and others have their own.
        nothing = account.api.get(path, headers={"Prefer": "wait=0"})
        assert_problem(nothing, 503, "form-not-ready")
        their_file = str(other.api.deliver(CSV)["file_id"])
        theirs = other.api.get(f"/file/download/{their_file}?format=csv&version=1")
        assert theirs.status_code == 200
        make_ready()
        assert waiting.result().status_code == 200


def test_a_large_version_is_followed_by_its_parquet(serve: Callable[..., Server]) -> None:
    server = serve(publish_with_parquet=len(CSV) - 1)
    api = server.new_account().api
    task = api.deliver(CSV, enforce_schema="true")
    path = f"/file/download/{task['file_id']}?format=parquet"
    answer = api.get(path)
    assert (answer.status_code, answer.headers["entrepot-version"]) == (200, "1")
    server.assert_sound()


def read_in_a_loop(api: Api, file_id: str, over: threading.Event) -> list[int]:
    """The rows that pandas read, each time, until `over` is set; the last time after that."""
    import pandas

    url = f"{api.client.base_url}/api/v1/file/download/{file_id}?format=parquet"
    seen = []
    while not over.is_set():
        seen.append(len(pandas.read_parquet(url, storage_options=dict(api.authorization))))
    return [*seen, len(pandas.read_parquet(url, storage_options=dict(api.authorization)))]


@pytest.mark.parametrize(
    "publications", [8, pytest.param(100, marks=pytest.mark.long)], ids=["few", "100"]
)
def test_pandas_never_fails_during_publications(server: Server, publications: int) -> None:
    account = server.new_account()
    file_id = str(account.api.deliver(b"id,n\n1,1\n")["file_id"])
    over = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read_in_a_loop, account.api, file_id, over) for _ in range(2)]
        try:
            for number in range(2, publications + 2):
                content = b"id,n\n" + b"1,1\n" * number
                files = {"file": ("n.csv", content)}
                task = account.api.post(f"/file/{file_id}/versions", files=files).json()
                assert account.api.wait_task(task["task_id"])["status"] == "succeeded"
        finally:
            over.set()
        for reader in readers:
            seen = reader.result()
            assert seen == sorted(seen)
            assert seen[-1] == publications + 1
