"""A first page of a Parquet in S3: of the whole file, and of ranges of it.

Run as `python -m bench.parquet_ranges`. The product fetches the whole file once for each host
(`docs/decisions/0060-stores-of-many-hosts.md`). The ranges are the footer and the first row group,
in a sparse file. The store is SeaweedFS on this machine, so no network is between them.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from uuid import uuid4

import duckdb
from tests.support.seaweedfs import environment, new_prefix, open_s3_store, running_seaweedfs

from entrepot.blobs.store import BlobId, BlobStore, StoredBlob

ROUNDS = 3
FOOTER_END_BYTES = 8
"""The length of the footer, and `PAR1`, at the end of each Parquet."""


def write_table(path: Path, rows: int) -> tuple[int, int]:
    """Six columns of numbers, texts and dates; where the first row group is: start and stop."""
    duckdb.execute(
        "COPY (SELECT i AS id, hash(i)::VARCHAR AS a, (hash(i + 1) % 1000000) / 100.0 AS b, "
        "'text ' || (hash(i) % 100000) AS c, DATE '2020-01-01' + (i % 3000)::INT AS d, "
        f"hash(i * 7)::VARCHAR AS e FROM range({rows:d}) t(i)) "
        f"TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    )
    start = "min(coalesce(dictionary_page_offset, data_page_offset))"
    query = f"SELECT {start}, sum(total_compressed_size) FROM parquet_metadata('{path}')"
    row = duckdb.execute(f"{query} WHERE row_group_id = 0").fetchone()
    assert row is not None
    return int(row[0]), int(row[0] + row[1])


def read_page(path: Path) -> None:
    """The first 100 rows."""
    with duckdb.connect() as engine:
        engine.execute(f"SELECT * FROM read_parquet('{path}') LIMIT 100").fetchall()


def fetch_ranges(
    store: BlobStore, blob_id: BlobId, size: int, group: tuple[int, int], to: Path
) -> int:
    """Write the ranges to a sparse file; how many bytes they are."""
    end = b"".join(store.read(blob_id, size - FOOTER_END_BYTES, size))
    footer = size - FOOTER_END_BYTES - int.from_bytes(end[:4], "little")
    with to.open("wb") as file:
        file.truncate(size)
        for start, stop in ((0, 4), group, (footer, size)):
            file.seek(start)
            for block in store.read(blob_id, start, stop):
                file.write(block)
    return size - footer + group[1] - group[0]


def timed(act: Callable[[], object]) -> float:
    """The median of the seconds that it takes."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def compare(folder: Path, rows: int) -> None:
    """Print what the whole file costs for one page, as a multiple of the ranges."""
    table = folder / "table.parquet"
    group, content = write_table(table, rows), table.read_bytes()
    recorded = StoredBlob(len(content), hashlib.sha256(content).hexdigest())
    store, blob_id = open_s3_store(folder, new_prefix()), BlobId(uuid4())
    writer = store.create(blob_id)
    writer.write(content)
    writer.commit()

    def whole() -> None:
        with store.borrow(blob_id, lambda: recorded) as path:
            read_page(path)
        store.drop_copy(blob_id)

    def ranges() -> None:
        fetch_ranges(store, blob_id, recorded.size, group, folder / "ranges")
        read_page(folder / "ranges")

    fetched = fetch_ranges(store, blob_id, recorded.size, group, folder / "ranges")
    whole_seconds, range_seconds = timed(whole), timed(ranges)
    print(
        f"{recorded.size:,} bytes: {recorded.size / fetched:.0f} times the bytes and "
        f"{whole_seconds / range_seconds:.1f} times the seconds of the ranges "
        f"({whole_seconds:.2f} s, {range_seconds:.2f} s)"
    )


if __name__ == "__main__":
    with running_seaweedfs() as running, environment(running.environment):
        for count in map(int, sys.argv[1:] or ("1000000", "8000000")):
            with tempfile.TemporaryDirectory() as name:
                compare(Path(name), count)
