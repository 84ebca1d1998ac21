"""A Table Dialect that comes with a file is part of its contract."""

import json

import pytest
from tests.support.api import CSV, assert_problem
from tests.support.server import TestAccount

DIALECT = {"delimiter": ";", "header": True}


def test_it_is_kept_with_the_contract_and_shown(account: TestAccount) -> None:
    task = account.api.deliver(b"id;amount\n1;2,5\n", table_dialect=json.dumps(DIALECT))
    assert task["status"] == "succeeded"
    assert account.api.json(f"/file/{task['file_id']}")["table_dialect"] == DIALECT
    without = account.api.deliver(CSV, table_dialect=" ")
    assert account.api.json(f"/file/{without['file_id']}")["table_dialect"] is None


@pytest.mark.parametrize("path", ["/file/new", "/files", "/file/validate"])
@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"delimiter": ""}', "/delimiter"),
        ('{"quoteChar": "ab"}', "/quoteChar"),
        ('{"headerRows": [2, 1]}', "/headerRows"),
        ('{"entrepot:footer": "(?=Total)"}', "/entrepot:footer"),
        ("[]", ""),
        ("nonsense", ""),
        ('{"header": true, "header": false}', ""),
    ],
)
def test_a_wrong_one_is_refused(account: TestAccount, path: str, text: str, pointer: str) -> None:
    answer = account.api.upload(CSV, path=path, table_dialect=text)
    problem = assert_problem(answer, 422, "dialect-invalid", pointer=pointer)
    assert problem["detail"].startswith("table_dialect: at ")
    assert account.api.json("/tasks")["tasks_list"] == []
