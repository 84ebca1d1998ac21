"""`report.csv`: the rejected rows of a version, made with its verdict."""

import csv
import io
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.http.conftest import Run
from tests.http.test_validate import SCHEMA, WRONG
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount

HEADER = b"_row,_line,_errors,id,amount\r\n"


def fetch(api: Api, file_id: str, **params: Any) -> httpx2.Response:
    """The rows, by one request."""
    return api.get(f"/file/{file_id}/report.csv", params=params)


def test_of_a_rejected_version(server: Server, account: TestAccount) -> None:
    task = account.api.deliver(WRONG, enforce_schema=SCHEMA)
    used = account.api.account()["used"]
    assert account.api.account()["derivatives"] > 0  # made before anybody asked
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


def test_every_output_has_the_same_sentence(account: TestAccount, run: Run, tmp_path: Path) -> None:
    content, sentences = b"id,amount\n1,2\n3,x\n1,\xc2\xa05\n5\n", []
    task = account.api.deliver(content, enforce_schema=SCHEMA)
    report = account.api.json(f"/file/{task['file_id']}/report")
    (judged,) = report["tasks"]
    sentences = [error["message"] for error in judged["errors"]]
    assert sentences == [
        "Line 3, column `amount`: `x` is not an integer. Expected an integer, such as 17.",
        "Line 4, column `amount`: `⟨no-break space⟩5` is not an integer."
        " Expected an integer, such as 17.",
        "Line 5, column `amount`: the cell is missing, the row has 1 cell. Expected 2 cells.",
    ]
    assert [error["message"] for error in task["error"]["errors"]] == sentences
    assert task["error"]["detail"] == judged["summary"]
    assert all(sentence in judged["summary"] for sentence in (sentences[0], sentences[2]))
    rows = csv.DictReader(io.StringIO(fetch(account.api, task["file_id"]).text, newline=""))
    assert [row["_errors"] for row in rows] == sentences
    (tmp_path / "orders.csv").write_bytes(content)
    status, out, _ = run("validate", tmp_path / "orders.csv", "--file", task["file_id"])
    # Where all errors are listed, the program shows the figures, and each error once.
    figures = judged["summary"].partition(". ")[0] + "."
    assert (status, out.splitlines()) == (5, [figures, *sentences])
    status, _, messages = run("push", tmp_path / "orders.csv", "--to", task["file_id"])
    assert status == 5
    assert all(messages.count(sentence) == 1 for sentence in (figures, *sentences))


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
