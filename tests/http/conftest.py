"""What tests over HTTP share."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.support.api import CSV, Api
from tests.support.server import Server, TestAccount
from tests.support.slow_inspection import SLOW_SCHEMA, inspecting, slow_table, suspended

from entrepot.tasks.schedule import SHORT_BYTES
from entrepot_client.cli.main import run as run_program

ENDLESS_CSV = slow_table()
LONG_CSV = CSV + b"5,3\n" * (SHORT_BYTES // 4)
"""More than what may use the place that is kept for short work."""
Run = Callable[..., tuple[int, str, str]]
"""Runs the program with these arguments: its exit status, output and messages."""


def upload_endless(api: Api) -> str:
    """A task whose inspection has to be ended from outside; it runs."""
    sent = api.upload(ENDLESS_CSV, limit=10**9, enforce_schema=json.dumps(SLOW_SCHEMA))
    task_id = str(sent.json()["task_id"])
    api.wait_status(task_id, {"running"})
    return task_id


@pytest.fixture
def held(account: TestAccount) -> Iterator[str]:
    """A task that runs until the test's end or until it is canceled."""
    task_id = upload_endless(account.api)
    yield task_id
    cancel(account.api, task_id)


@pytest.fixture
def held_places(server: Server, account: TestAccount) -> Iterator[None]:
    """Until the test's end tasks of the account hold every place but the one for short work: what
    is as long as `LONG_CSV` waits."""
    with holding_places(server, account.api):
        yield


@contextmanager
def holding_places(server: Server, api: Api) -> Iterator[None]:
    """As `held_places`, until the block's end."""
    others, places = inspecting(server), server.settings.inspections_at_once
    tasks = [upload_endless(api) for _ in range(places)]
    try:
        with suspended(server, places, others):
            yield
    finally:
        for task_id in tasks:
            cancel(api, task_id)


def cancel(api: Api, task_id: str) -> None:
    """Cancel the task, and wait for its end."""
    api.post(f"/task/{task_id}/cancel")
    api.wait_task(task_id)


@pytest.fixture
def run(
    server: Server,
    account: TestAccount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The program `entrepot`, signed in as the account's admin."""
    monkeypatch.setenv("ENTREPOT_ENDPOINT", server.endpoint)
    monkeypatch.setenv("ENTREPOT_API_KEY", account.api_key)

    def one(*arguments: Any) -> tuple[int, str, str]:
        status = run_program([str(each) for each in arguments])
        output = capsys.readouterr()
        return status, output.out, output.err

    return one
