"""What an account sees of its quota: each byte of it, and what holds it."""

import json
from typing import Any

import pytest
from tests.http.conftest import ENDLESS_CSV
from tests.http.test_deletions import remove
from tests.http.test_versions import BROKEN, SCHEMA, publish, rows
from tests.support.api import CSV, Api
from tests.support.server import TestAccount
from tests.support.slow_inspection import SLOW_SCHEMA
from tests.support.tus import Tus

pytestmark = pytest.mark.both_databases

NOTHING = {
    "current": 0,
    "undecided": 0,
    "earlier": 0,
    "quarantined": 0,
    "canceled": 0,
    "deleted": 0,
    "withdrawn": 0,
    "validations": 0,
}


def figures(api: Api) -> dict[str, Any]:
    """The account; what it consists of adds up."""
    result = api.account()
    assert sum(result["used_by"].values()) == result["used"], result
    assert sum(result["reserved_by"].values()) == result["reserved"], result
    parts = ("used", "reserved", "metadata", "free")
    assert result["quota"] == sum(result[name] for name in parts)
    return result


def test_an_empty_account(account: TestAccount) -> None:
    result = figures(account.api)
    assert result["used_by"] == NOTHING
    assert result["reserved_by"] == {"uploads": 0, "resumable_uploads": 0}
    assert (result["files"], result["versions"], result["quarantined"]) == (0, 0, 0)


def test_every_byte_is_told_by_what_holds_it(account: TestAccount) -> None:
    api = account.api
    file_id = api.deliver(CSV, enforce_schema=SCHEMA)["file_id"]
    second, third = rows(3), rows(5)
    publish(api, file_id, second)
    publish(api, file_id, third)
    publish(api, file_id, BROKEN, "failed")
    expected = NOTHING | {
        "current": len(third),
        "earlier": len(CSV) + len(second),
        "quarantined": len(BROKEN),
    }
    result = figures(api)
    assert result["used_by"] == expected
    assert (result["files"], result["versions"], result["quarantined"]) == (1, 4, 1)

    assert remove(api, f"/file/{file_id}/versions/1").status_code == 200
    expected |= {"earlier": len(second), "deleted": len(CSV)}
    assert figures(api)["used_by"] == expected

    other = api.deliver(second)["file_id"]
    assert figures(api)["used_by"] == expected | {"current": len(third) + len(second)}
    assert remove(api, f"/file/{other}").status_code == 200
    expected |= {"deleted": len(CSV) + len(second)}
    assert figures(api)["used_by"] == expected
    assert figures(api)["files"] == 1


def test_what_is_not_decided_or_not_complete(account: TestAccount, held: str) -> None:
    api = account.api
    result = figures(api)
    running = result["used"]
    assert running > 0
    assert result["used_by"] == NOTHING | {"undecided": running}
    fields = {"enforce_schema": json.dumps(SLOW_SCHEMA)}
    files = {"file": ("a.csv", ENDLESS_CSV)}
    validation = api.post("/file/validate", data=fields, files=files).json()["task_id"]
    upload = Tus.begin(api, 12_345)
    result = figures(api)
    assert result["used_by"] == NOTHING | {"undecided": running, "validations": len(ENDLESS_CSV)}
    assert result["reserved_by"] == {"uploads": 0, "resumable_uploads": 12_345}
    upload.delete()
    for task_id in (held, validation):
        api.post(f"/task/{task_id}/cancel")
        assert api.wait_task(task_id)["status"] == "canceled"
    result = figures(api)
    expected = NOTHING | {name: result["used_by"][name] for name in ("canceled", "validations")}
    assert (result["used_by"], result["reserved"]) == (expected, 0)
