"""The profile of columns as the page shows it: shares, and which column may be a key."""

from typing import Any

import pytest

from entrepot.http.web.files.profile import columns_view


def column(name: str, type: str) -> dict[str, Any]:
    return {
        "name": name, "type": type, "storedAs": "X", "rows": 3, "nulls": 1, "distinct": 3,
        "distinctIsEstimate": False, "candidateKey": True,
        "topValues": [{"value": "Ada", "count": 2}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "may_be"),
    [
        (None, ["id", "day"]),
        ({"fields": [{"name": "id", "constraints": {"required": True}}]}, ["id", "day"]),
        ({"fields": [{"name": "id", "constraints": {"unique": True}}]}, []),
        ({"fields": [{"name": "id"}], "primaryKey": ["id"]}, []),
        ({"fields": [{"name": "id"}], "uniqueKeys": [["id"]]}, []),
    ],
)  # fmt: skip
def test_a_column_may_be_a_key_where_the_contract_has_none(
    schema: dict[str, Any] | None, may_be: list[str]
) -> None:
    """Not one that measures something, whose values are unique by chance."""
    columns = [column("id", "integer"), column("amount", "number"), column("day", "date")]
    view = columns_view({"schema": schema, "columns": columns})
    assert [each.name for each in view.first if "may be a key" in each.notes] == may_be
    assert [each.top[0].percent for each in view.first] == ["66.7 %"] * 3
