"""`report.csv`: the rejected rows of a version, made in the background when they are asked for."""

from typing import Any

import httpx2
import pytest
from tests.http.test_validate import SCHEMA, WRONG
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.wait import UNHURRIED, wait_until

HEADER = b"_row,_line,_errors,id,amount\r\n"


def fetch(api: Api, file_id: str, **params: Any) -> httpx2.Response:
    """The rows, once they are made."""
    answers: list[httpx2.Response] = []

    def made() -> bool:
        answers.append(answer := api.get(f"/file/{file_id}/report.csv", params=params))
        if answer.status_code != 409:
            return True
        pending = assert_problem(answer, 409, "derivative-pending")
        assert int(answer.headers["retry-after"]) == pending["retry_after"] >= 1
        return False

    wait_until(made, "the rows are made", UNHURRIED)
    return answers[-1]


def test_of_a_rejected_version(server: Server, account: TestAccount) -> None:
    task = account.api.deliver(WRONG, enforce_schema=SCHEMA)
    used = account.api.account()["used"]
    answer = fetch(account.api, task["file_id"])
    assert answer.status_code == 200
    assert answer.content == HEADER + (
        b'3,3,"Line 3, column `amount`: `x` is not an integer. Expected an integer, such as 17."'
        b",3,x\r\n"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="orders-rejected.csv"' in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert fetch(account.api, task["file_id"], version=1).content == answer.content
    assert account.api.account()["used"] == used
    server.assert_sound()


def test_of_a_published_version(account: TestAccount) -> None:
    task = account.api.deliver(b"id,amount\n1,2\n3\n4,5\n")
    answer = fetch(account.api, task["file_id"])
    assert answer.content == HEADER + (
        b'3,3,"Line 3, column `amount`: the cell is missing, the row has 1 cell. Expected 2 cells."'
        b",3\r\n"
    )
    clean = account.api.deliver(CSV, enforce_schema="true")
    assert fetch(account.api, clean["file_id"]).content == HEADER


def test_what_has_no_rows(account: TestAccount) -> None:
    task = account.api.deliver(b"%PDF-1.7 nothing", enforce_schema="true")
    path = f"/file/{task['file_id']}/report.csv"
    assert_problem(account.api.get(path), 422, "not-tabular", format="report.csv")
    assert_problem(account.api.get(path, params={"version": 2}), 404, "not-found")
    assert_problem(account.api.get(path, params={"version": 0}), 422, "field-invalid")


def test_who_may_see_them(server: Server, account: TestAccount) -> None:
    member = account.new_user()
    task = member.api.deliver(WRONG, enforce_schema=SCHEMA)
    assert fetch(member.api, task["file_id"]).status_code == 200
    assert fetch(account.api, task["file_id"]).status_code == 200
    for other in (account.new_user().api, server.new_account().api):
        answer = other.get(f"/file/{task['file_id']}/report.csv")
        assert_problem(answer, 404, "not-found")


@pytest.mark.parametrize("cell", [b"=HYPERLINK(1)", b"@x"])
def test_formulas_do_not_run(account: TestAccount, cell: bytes) -> None:
    task = account.api.deliver(b"id,amount\n1," + cell + b"\n", enforce_schema=SCHEMA)
    rows = fetch(account.api, task["file_id"]).content.splitlines()
    assert rows[1].endswith(b",1,'" + cell)
    delivered = account.api.json(task["report_url"])["tasks"][0]["errors"][0]
    assert delivered["cell"] == cell.decode()
