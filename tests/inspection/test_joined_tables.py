"""Tables that were joined with their headers: told in every way that rows are judged by."""

import pytest
from tests.inspection.conftest import Inspect

MANY, FEW = 20_000, 200


def joined(count: int, cells: str) -> str:
    """Two tables of `count` rows, and a third header at the end."""
    rows = "".join(cells.format(n=n) + "\n" for n in range(count))
    return f"a,b,c\n{rows}a,b,c\n{rows}a,b,c\n"


@pytest.mark.parametrize("cells", ["{n},2020-01-01,w", "k{n},x,w", '{n},"x, y",w'])
@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("schema", [None, {"fields": [{"name": name} for name in "abc"]}])
def test_a_header_among_the_rows_has_a_warning(
    count: int, cells: str, schema: dict[str, object] | None, inspect: Inspect
) -> None:
    inspection = inspect(joined(count, cells), schema)
    assert inspection.row_count == 2 * count + 2
    warnings = [text for text in inspection.report["tasks"][0]["warnings"] if "repeated" in text]
    first, last = f"{count + 2:,}", f"{2 * count + 3:,}"
    assert warnings == [
        f"The header is repeated as a row 2 times (row {first}, {last}): tables may have been"
        " joined."
    ]
