"""A row with an empty cell more than the table has columns, beyond the first part of a text.

The engine passes over a delimiter at the end of a row, so that such rows were published from texts
of more than 256 KiB, and rejected from shorter ones.
"""

from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

ROWS = 15_000
SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string"},
        {"name": "city", "type": "string"},
    ]
}


def long_text(row: str, usual: str, end: str = "\n") -> str:
    rows = [usual.format(n) for n in range(ROWS)]
    return end.join(["id,name,city", *rows, row, *rows, ""])


@pytest.mark.parametrize("usual", ['{0},"name, {0}",b', "{0},name number {0},", '{0},"a{0}",""'])
@pytest.mark.parametrize("schema", [SCHEMA, None])
@pytest.mark.parametrize(
    "row", ["21,x,y,", '21,"x","y",', "21,x,,", '21,x,"",', "21,,,", '21,"x,z",y,', '21,x,y,""']
)
def test_an_empty_cell_too_many(
    inspect: Inspect, row: str, usual: str, schema: dict[str, Any] | None
) -> None:
    inspection = inspect(long_text(row, usual), schema)
    assert inspection.verdict == "violates"
    (error,) = errors_of(inspection)
    place = error["code"], error["rowNumber"], error["fieldNumber"]
    assert place == ("extra-cell", ROWS + 2, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", "|", "||"])
def test_an_empty_last_cell_is_one_of_the_table(inspect: Inspect, end: str, delimiter: str) -> None:
    text = long_text("21,x,", "{0},a{0},", end).replace(",", delimiter)
    inspection = inspect(text, SCHEMA)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 2 * ROWS + 1)
    text = long_text("21,x,,", "{0},a{0},", end).replace(",", delimiter)
    assert [each["code"] for each in errors_of(inspect(text, SCHEMA))] == ["extra-cell"]
