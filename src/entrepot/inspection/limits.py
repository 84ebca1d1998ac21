"""How much of the machine one inspection may use."""

from dataclasses import dataclass

MIB = 1 << 20

COLUMNS_PER_QUERY = 200
"""Columns of a wide table that one query asks for: their expressions have to fit into memory."""
MAX_GROUP_CELLS = 4_000_000
"""Cells of a row group: the writer keeps a group in memory before it writes it."""
MAX_GROUP_ROWS, MIN_GROUP_ROWS = 65_536, 2_048
"""Rows of a row group: to read any 100 rows costs one group of each column that is read. Groups are
multiples of the smaller number, which is the engine's vector."""


def rows_per_group(columns: int) -> int:
    """Rows of a row group of Parquet, and of a batch of Arrow, in a table of `columns`."""
    rows = min(MAX_GROUP_ROWS, MAX_GROUP_CELLS // max(1, columns))
    return max(MIN_GROUP_ROWS, rows // MIN_GROUP_ROWS * MIN_GROUP_ROWS)


BASE_SECONDS, BYTES_PER_SECOND = 60.0, 2_000_000
"""What an inspection may take: these seconds, and one more for each of this many bytes of unpacked
content. Usual files take a hundredth of it."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one inspection; whatever passes one ends as the verdict resource-limit.

    `wall_seconds` and `cpu_seconds` are the most seconds that any file gets (CPU summed over the
    threads), `clock_factor` times the budget are those of the clock where CPU is scarce, `memory`
    is resident bytes, `scratch` bytes on disk for what does not fit into memory, `line` the bytes
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
    clock_factor: float = 1.0

    def cpu_budget(self, unpacked: int) -> float:
        """Seconds of CPU for a file of `unpacked` bytes of content."""
        return min(self.cpu_seconds, BASE_SECONDS + unpacked / BYTES_PER_SECOND)

    def wall_budget(self, unpacked: int) -> float:
        """Seconds by the clock for a file of `unpacked` bytes of content."""
        budget = min(self.wall_seconds, BASE_SECONDS + unpacked / BYTES_PER_SECOND)
        return self.clock_factor * budget
