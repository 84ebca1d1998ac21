"""The scan engine (DuckDB), opened for one inspection and locked.

Opened without threads of its own, because the sandbox binds only threads that start after it;
`lock_engine` gives it threads and takes away files, extensions and configuration.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.sql import Sql, literal, sql

SMALL_BYTES = 4 * MIB
"""Files below are read by one thread: to start others takes longer than they save."""
MIN_BLOCK_BYTES = 8 * MIB
"""Of a scan, in which lines are usually far shorter than they may be."""


STATISTICS_OPTIMIZERS = (
    "statistics_propagation",
    "filter_pushdown",
    "join_filter_pushdown",
    "row_group_pruner",
)
"""They take the statistics in a Parquet file for true, such as that a column has no NULL: a cell
would be judged by what the file says about it. Over 2,000,000 rows nothing is slower without."""


def open_engine(trusts_statistics: bool = False) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database that has started no thread yet. `trusts_statistics`: it reads
    Parquet of ours alone."""
    engine = duckdb.connect(
        ":memory:",
        config={
            "threads": "1",
            "async_threads": "0",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "allocator_background_threads": "false",
        },
    )
    # Pushed into a scan, a try_cast fails the whole scan at the first text it cannot cast.
    # To find expressions that are the same takes the square of their count: of 500 columns 20 s.
    disabled = ["type_pushdown", "scalar_fn_pushdown", "common_subexpressions"]
    disabled += [] if trusts_statistics else STATISTICS_OPTIMIZERS
    engine.execute(f"SET disabled_optimizers={literal(','.join(disabled))}")
    # Once for this connection, once for those that `cursor` makes of it.
    for scope in (sql("SESSION"), sql("GLOBAL")):
        engine.execute(f"SET {scope} TimeZone='UTC'")
        # A query of one column of 1,500 takes 10 ms without it, most of them for the footer.
        engine.execute(f"SET {scope} parquet_metadata_cache=true")
    return engine


def new_connection(engine: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection of its own for one file, which can say how far its query is. To be made before
    `lock_engine`, since that is a setting of each connection."""
    connection = engine.cursor()
    # The engine knows it only where it has a bar to show; nothing is to be printed.
    connection.execute("SET enable_progress_bar_print=false")
    connection.execute("SET enable_progress_bar=true")
    return connection


def lock_engine(
    engine: duckdb.DuckDBPyConnection,
    readable: Path,
    scratch: Path,
    size: int,
    limits: Limits,
    also: Sequence[Path] = (),
    packed: bool = False,
) -> None:
    """Bound the engine to reading `readable` (and `also`) and to the folder `scratch`, permanently.

    `size` is the input's, in bytes: a small one is faster on a single thread, unless it is
    compressed, so that its size says little.
    """
    threads = 1 if size < SMALL_BYTES and not packed else limits.threads or os.cpu_count() or 1
    engine.execute(f"SET memory_limit='{memory_of(limits) // MIB}MiB'")
    engine.execute(f"SET temp_directory={literal(str(scratch / 'spill'))}")
    engine.execute(f"SET max_temp_directory_size='{max(1, limits.scratch // MIB)}MiB'")
    engine.execute(
        f"SET allowed_paths=[{', '.join(literal(str(path)) for path in (readable, *also))}]"
    )
    engine.execute(f"SET allowed_directories=[{literal(str(scratch) + '/')}]")
    engine.execute("SET enable_external_access=false")
    engine.execute(f"SET threads={threads}")
    engine.execute("SET lock_configuration=true")


def memory_of(limits: Limits) -> int:
    """The engine's bytes of an inspection's memory: 35 % of it, and 300 MiB if 60 % are as much.

    A scan fills what it is given with blocks that it has read, and is not faster for it: over
    10 GiB all took 686 MiB where the engine had 614, and 327 MiB where it had 240.
    """
    most = limits.memory * 60 // 100
    return max(64 * MIB, min(most, 300 * MIB), limits.memory * 35 // 100)


def line_bounds(longest: int) -> dict[str, Sql]:
    """The options of `read_csv` for lines of at most `longest` bytes.

    By default the engine takes blocks of sixteen such lines at once: 256 MiB for lines of 16 MiB,
    several of them, more than is left beside the groups of a large key.
    """
    block = max(longest, MIN_BLOCK_BYTES)
    return {"max_line_size": sql(f"{longest}"), "buffer_size": sql(f"{block}")}
