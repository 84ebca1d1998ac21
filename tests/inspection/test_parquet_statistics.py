"""A Parquet file may state statistics that its cells lack: each cell is judged by itself."""

import io
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import Inspect, errors_of

ROWS = 50


def written(**columns: list[Any]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target, compression="none", use_dictionary=False)
    return target.getvalue()


def with_other_statistics(content: bytes, stated: bytes, instead: bytes) -> bytes:
    """The file with other bytes in its footer, in which the statistics are."""
    length = struct.unpack("<I", content[-8:-4])[0]
    at = len(content) - 8 - length
    footer = content[at:-8]
    assert stated in footer
    assert len(stated) == len(instead)
    return content[:at] + footer.replace(stated, instead) + content[-8:]


def without_stated_nulls(content: bytes) -> bytes:
    """The file whose footer says that no column has a NULL: a count is a byte behind that of its
    field (`0x16`, Thrift's compact protocol), and 7 is written as 14."""
    for place in range(len(content)):
        if content[place : place + 2] != b"\x16\x0e":
            continue
        changed = content[: place + 1] + b"\0" + content[place + 2 :]
        columns = [pq.read_metadata(io.BytesIO(changed)).row_group(0).column(n) for n in range(2)]
        if all(column.statistics.null_count == 0 for column in columns):
            return changed
    raise AssertionError("there is no count of NULLs")


FEW_NULLS = without_stated_nulls(written(k=["aaaa"] * ROWS, v=[None] * 7 + [5] * (ROWS - 7)))
HIGH = with_other_statistics(
    written(k=["aaaa"] * ROWS, v=[5] * (ROWS - 1) + [1_000]),
    struct.pack("<q", 1_000),
    struct.pack("<q", 9),
)
LAST = with_other_statistics(
    written(k=["aaaa"] * (ROWS - 1) + ["zzzz"], v=list(range(ROWS))), b"zzzz", b"aaab"
)
REQUIRED = {"constraints": {"required": True}}


@pytest.mark.parametrize(
    ("content", "k", "v", "rows"),
    [
        (FEW_NULLS, {}, {"type": "integer", **REQUIRED}, range(2, 9)),
        (HIGH, {}, {"type": "integer", "constraints": {"maximum": 9}}, [ROWS + 1]),
        (LAST, {"missingValues": ["zzzz"], **REQUIRED}, {"type": "integer"}, [ROWS + 1]),
        (LAST, {"constraints": {"enum": ["aaaa", "aaab"]}}, {"type": "integer"}, [ROWS + 1]),
        (LAST, {"constraints": {"maxLength": 3}}, {"type": "integer"}, range(2, ROWS + 2)),
    ],
)
def test_cells_are_judged_whatever_the_statistics_say(
    inspect: Inspect, tmp_path: Path, content: bytes, k: Any, v: Any, rows: Any
) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    inspection = inspect(path, {"fields": [{"name": "k", **k}, {"name": "v", **v}]})
    assert [error["rowNumber"] for error in errors_of(inspection)] == list(rows)
    assert inspection.report["tasks"][0]["rowsRejected"] == len(list(rows))
