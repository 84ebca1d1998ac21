"""A column that no type of the forms holds exactly is stored as text, and the report says so."""

import pytest
from tests.support.server import TestAccount

LONG = "1234567890" * 4
TABLE = f"id,n\n1,{LONG}\n2,5\n".encode()
WARNING = (
    "`n` is stored as text in Parquet, Arrow and JSON Lines: a number has more than 38 digits."
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
