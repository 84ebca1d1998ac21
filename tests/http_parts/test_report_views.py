"""How the pages show the errors of a report."""

from typing import Any

import pytest

from entrepot.http.web.reports import column_of, report_view

INSERTED: dict[str, Any] = {
    "type": "extra-label",
    "code": "extra-label",
    "message": "Line 1, column 2: the column `comment` was inserted.",
    "label": "comment",
    "fieldName": "",
    "fieldNumber": 2,
}


def test_an_inserted_column_is_called_by_its_name() -> None:
    counted = {"type": "extra-label", "code": "extra-label", "count": 1, "fieldNumber": 2}
    task = {
        "labels": ["city", "comment"],
        "stats": {"rows": 2},
        "errors": [INSERTED],
        "errorCounts": [counted, counted | {"fieldNumber": 3}],
        "rowsRejected": 0,
        "warnings": [],
    }
    view = report_view({"valid": False, "tasks": [task]})
    assert [column_of(error) for error in view.errors] == ["comment"]
    assert [count.column for count in view.counts] == ["comment", "column 3"]


@pytest.mark.parametrize(
    ("error", "column"),
    [
        ({"fieldName": "city", "label": "City", "fieldNumber": 1}, "city"),
        ({"fieldName": "", "label": "", "fieldNumber": 4}, "column 4"),
        ({"type": "no-rows"}, ""),
    ],
)
def test_a_column_has_the_name_of_the_contract_else_a_number(
    error: dict[str, Any], column: str
) -> None:
    assert column_of(error) == column
