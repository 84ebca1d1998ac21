"""`entrepot files preview` against a real server; on one database, since it only asks the API."""

import json

import pytest
from tests.http.conftest import Run
from tests.support.api import CSV
from tests.support.server import TestAccount

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


def test_rows_are_shown_filtered_and_sorted(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV + b"5,\n", enforce_schema="true")["file_id"]
    status, out, _ = run("files", "preview", file_id, "--sort=-id", "--where", "id > 1")
    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        ["row", "id", "amount"], ["4", "5"], ["3", "3", "4"]
    ]  # fmt: skip
    options = ("--columns", "amount", "--limit", "1", "--offset", "1", "--version", "1")
    status, out, _ = run("files", "preview", file_id, *options, "--format", "json")
    assert json.loads(out) == [{"_row": 3, "values": {"amount": 4}}]


def test_a_wrong_condition_is_told(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    status, _, output = run("files", "preview", file_id, "--where", "id = 1 AND")
    assert status != 0
    assert "at character 10." in output
