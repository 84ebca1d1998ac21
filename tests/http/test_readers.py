"""Programs that people have read a published file straight from its address, with the key.

On SQLite alone: how bytes are sent has nothing to do with the database.
"""

import os
import random
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pytest
from fsspec.implementations.http import HTTPFileSystem
from tests.support.server import Server, TestAccount

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)

NAMED = "53c9c295-83f4-4754-a781-cd03841c806f"
WIDTH, LENGTH = 40, 2_000
"""A Parquet of 4 MB: smaller ones DuckDB reads whole."""


@pytest.fixture(scope="module")
def holder(server: Server) -> TestAccount:
    return server.new_account()


@pytest.fixture(scope="module")
def table() -> list[list[Any]]:
    some = random.Random(1)
    return [
        [some.randrange(10**9) if n == 7 else some.randbytes(50).hex() for n in range(WIDTH)]
        for _ in range(LENGTH)
    ]


@pytest.fixture(scope="module")
def content(table: list[list[Any]]) -> bytes:
    lines = [",".join(f"c{n}" for n in range(WIDTH))]
    lines += [",".join(map(str, row)) for row in table]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def address(server: Server, holder: TestAccount, content: bytes) -> str:
    """Where the file's bytes are, as they were delivered."""
    task = holder.api.deliver(content, limit=20_000_000, enforce_schema="true")
    server.wait_derived()
    return f"{server.endpoint}/api/v1/file/download/{task['file_id']}"


def test_pandas_reads_csv(address: str, holder: TestAccount, table: list[list[Any]]) -> None:
    frame = pd.read_csv(address, storage_options=holder.api.authorization)
    assert frame.shape == (LENGTH, WIDTH)
    assert frame["c7"].tolist() == [row[7] for row in table]


def test_pandas_reads_parquet(address: str, holder: TestAccount, table: list[list[Any]]) -> None:
    named = f"{address}?format=parquet"
    frame = pd.read_parquet(named, storage_options=holder.api.authorization)
    assert frame.shape == (LENGTH, WIDTH)
    assert frame["c7"].tolist() == [row[7] for row in table]


def test_polars_scans_parquet(address: str, holder: TestAccount, table: list[list[Any]]) -> None:
    """Through fsspec: polars itself sends no headers of ours (pola-rs/polars, issue 17197)."""
    files = fsspec.filesystem("http", headers=holder.api.authorization)
    with files.open(f"{address}?format=parquet") as opened:
        total = pl.scan_parquet(opened).select(pl.col("c7").sum()).collect().item()
    assert total == sum(row[7] for row in table)


class Counting(HTTPFileSystem):  # type: ignore[misc]
    """Files over HTTP that count what is fetched of them; `modified` is what DuckDB asks for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fetched = 0

    def modified(self, path: str) -> datetime:
        del path
        return datetime(2026, 1, 1, tzinfo=UTC)

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        opened = super()._open(path, mode, **kwargs | {"cache_type": "none"})
        fetch = opened.cache.fetcher

        def counted(start: int, end: int) -> bytes:
            part: bytes = fetch(start, end)
            self.fetched += len(part)
            return part

        opened.cache.fetcher = counted
        return opened


def test_duckdb_reads_only_what_it_needs(
    address: str, holder: TestAccount, table: list[list[Any]]
) -> None:
    """One of forty columns costs less than a tenth of the file."""
    named = f"{address}?format=parquet"
    size = int(holder.api.client.head(named).headers["content-length"])
    with duckdb.connect() as engine:
        files = Counting(headers=holder.api.authorization, skip_instance_cache=True)
        engine.register_filesystem(files)
        total = engine.execute("SELECT sum(c7) FROM read_parquet(?)", [named]).fetchone()
    assert total == (sum(row[7] for row in table),)
    assert 0 < files.fetched < size / 10


def test_the_page_that_tells_it_can_be_followed(
    server: Server, address: str, holder: TestAccount
) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/read-as-parquet.md").read_text()
    lines = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert len(lines) == 1
    output = subprocess.run(
        [sys.executable, "-c", lines[0].replace(NAMED, address.rpartition("/")[2])],
        env={
            **os.environ,
            "ENTREPOT_ENDPOINT": server.endpoint,
            "ENTREPOT_API_KEY": holder.api_key,
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.count("[5 rows x 40 columns]") == 2
    assert "shape: (5, 40)" in output


def test_curl_goes_on_where_it_was_cut(
    address: str, holder: TestAccount, content: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "half.csv"
    target.write_bytes(content[: len(content) // 3])
    curl = [
        "curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--continue-at", "-",
        "--header", f"Authorization: Bearer {holder.api_key}", "--output", str(target),
        "--write-out", "%{http_code} %{size_download}", address,
    ]  # fmt: skip
    done = subprocess.run(curl, capture_output=True, text=True, check=True)
    assert done.stdout == f"206 {len(content) - len(content) // 3}"
    assert target.read_bytes() == content
