"""A column that no type of the forms holds exactly is stored as text, and the report says so."""

import json
from typing import Any

import pytest
from tests.support.server import TestAccount

LONG = "1234567890" * 4
TABLE = f"id,n\n1,{LONG}\n2,5\n".encode()
WARNING = (
    "`n` is stored as text, not as integer, in Parquet, Arrow and JSON Lines: "
    "a number has more than 38 digits."
)


@pytest.mark.parametrize("enforce", ["true", "false"])
def test_more_digits_than_a_decimal_has(account: TestAccount, enforce: str) -> None:
    api = account.api
    file_id = str(api.deliver(TABLE, enforce_schema=enforce)["file_id"])
    report = api.json(f"/file/{file_id}/report")
    (table,) = report["tasks"]
    assert table["valid"]
    assert table["warnings"] == [WARNING]
    assert (table["stats"]["warnings"], report["stats"]["warnings"]) == (1, 1)


def test_where_all_numbers_fit_nothing_is_said(account: TestAccount) -> None:
    api = account.api
    fitting = TABLE.replace(LONG.encode(), b"9" * 38)
    file_id = str(api.deliver(fitting, enforce_schema="true")["file_id"])
    assert api.json(f"/file/{file_id}/report")["tasks"][0]["warnings"] == []


@pytest.mark.parametrize(
    ("field", "good", "wrong"),
    [
        ({"type": "number"}, "1.5", "abc"),
        (
            {"type": "number", "bareNumber": False, "entrepot:affix": {"suffix": "%"}},
            "1.5%",
            "12 kg",
        ),
        ({"type": "integer", "entrepot:leadingZeros": False}, "7", "007"),
        ({"type": "boolean"}, "true", "maybe"),
        ({"type": "date"}, "2026-11-02", "2026-11-31"),
    ],
)
def test_an_exception_keeps_the_cells_that_break_its_contract(
    account: TestAccount, field: dict[str, Any], good: str, wrong: str
) -> None:
    """As texts, as the other cells of their column: nothing is made of them in silence."""
    api = account.api
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "c", **field}]}
    table = f"id,c\n1,{good}\n2,{wrong}\n".encode()
    broken = api.deliver(table, enforce_schema=json.dumps(schema))
    assert broken["status"] == "failed"
    file_id = broken["file_id"]
    accepted = api.post(f"/file/{file_id}/versions/1/accept", json={"reason": "Agreed"}).json()
    assert api.wait_task(accepted["task_id"])["status"] == "succeeded"
    rows = api.json(f"/file/{file_id}/preview")["rows"]
    assert [row["values"] for row in rows] == [[1, good], [2, wrong]]
