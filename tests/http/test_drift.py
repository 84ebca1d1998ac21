"""A version that keeps its contract and differs much from the one before is published with a
warning that names both figures."""

from tests.support.server import Server, TestAccount
from tests.support.sharing import deliver, share

FIRST = b"kind,amount\n" + b"".join(b"%s,%d\n" % (b"ab"[n % 2 :][:1], n) for n in range(10))
SECOND = b"kind,amount\n" + b"c,\n" * 5 + b"a,5000\n" * 5
WARNINGS = [
    "`kind` has 1 new value (`c`) of 2; version 1 had 2 different values.",
    "50.0% of the cells of `amount` are empty; in version 1 it was 0.0%.",
    "The maximum of `amount` is 5,000; in version 1 it was 9.",
]
THIRD = b"kind,amount\n" + b"a,5000\n" * 4
FEWER_ROWS = "The table has 4 rows; version 2 had 10."


def test_drift_is_a_warning(account: TestAccount, server: Server) -> None:
    api = account.api
    file_id = str(api.deliver(FIRST, enforce_schema="true")["file_id"])
    stranger = server.new_account().admin
    share(api, file_id, stranger.user_name, "w")
    task = deliver(stranger, file_id, SECOND)
    assert task["status"] == "succeeded"

    (table,) = api.json(f"/file/{file_id}/report")["tasks"]
    assert (table["warnings"], table["drift"]) == (WARNINGS, WARNINGS)
    assert table["valid"]
    assert table["stats"]["warnings"] == len(WARNINGS)
    # Who may only deliver learns nothing of what others delivered.
    for path in (f"/file/{file_id}/report", f"/task/{task['task_id']}/report"):
        (seen,) = stranger.api.json(path)["tasks"]
        assert seen["warnings"] == []
        assert "drift" not in seen

    deliver(account.admin, file_id, THIRD)
    (table,) = api.json(f"/file/{file_id}/report")["tasks"]
    assert FEWER_ROWS in table["warnings"]


def test_a_file_without_a_contract_has_no_drift(account: TestAccount) -> None:
    api = account.api
    file_id = str(api.deliver(FIRST)["file_id"])
    deliver(account.admin, file_id, THIRD)
    assert api.json(f"/file/{file_id}/report")["tasks"][0]["warnings"] == []
