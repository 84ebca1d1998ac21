"""How much of the machine one inspection may use."""

from dataclasses import dataclass

MIB = 1 << 20

CELLS_AT_ONCE = 4_000_000
"""Cells of a row group at most: the writer keeps a group in memory before it writes it."""
MOST_ROWS, LEAST_ROWS = 65_536, 2_048
"""Rows of a row group: to read any 100 rows costs one group of each column that is wanted. The
engine writes groups of whole vectors, which are the least."""


def rows_per_group(columns: int) -> int:
    """Rows of a row group of Parquet, and of a batch of Arrow, in a table of `columns`."""
    rows = min(MOST_ROWS, CELLS_AT_ONCE // max(1, columns))
    return max(LEAST_ROWS, rows // LEAST_ROWS * LEAST_ROWS)


@dataclass(frozen=True)
class Limits:
    """Bounds of one inspection; whatever passes one ends as the verdict resource-limit.

    `wall_seconds` and `cpu_seconds` are seconds (CPU summed over the threads), `memory` is
    resident bytes, `scratch` bytes on disk for what does not fit into memory, `line` the bytes
    of one record, `depth` the levels of a JSON object, `columns` a table's columns, `cells` those
    of a workbook's sheet, `errors` the errors listed in a report (counts stay exact), `threads`
    the threads for a large file (None: all cores).

    `unpacked` is the bytes that a compressed file may unpack to. It may also not grow by more
    than `expansion` times, from `free_expansion` bytes on: a column of one value repeated
    compresses a thousandfold too, and is welcome as long as it is small.
    """

    wall_seconds: float = 1_800.0
    cpu_seconds: int = 3_600
    memory: int = 1_024 * MIB
    scratch: int = 8_192 * MIB
    line: int = 16 * MIB
    depth: int = 500
    columns: int = 10_000
    cells: int = 100_000_000
    errors: int = 1_000
    threads: int | None = None
    unpacked: int = 8_192 * MIB
    expansion: int = 200
    free_expansion: int = 1_024 * MIB
