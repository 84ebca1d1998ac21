import hashlib
import json
import os
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from client_peer import Fault, Peer

from entrepot_client import errors
from entrepot_client.client import Client
from entrepot_client.transfers.parquet import write_parquet
from entrepot_client.transfers.upload import default_size_limit

PATH = "/api/v1/file/new"


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"id,amount\r\n" + b"1,2\r\n" * 50_000)
    return path


def test_the_form_is_the_apis(peer: Peer, client: Client, orders: Path) -> None:
    schema = {"fields": [{"name": "größe", "type": "integer"}]}
    delivery = client.push(
        orders, description="Zwei\nZeilen", size_limit=1_000_000, enforce_schema=schema
    )
    (form,) = peer.forms
    assert list(form) == ["file_size_limit", "file_description", "enforce_schema", "file"]
    assert form["file_size_limit"][1] == b"1000000"
    assert form["file_description"][1].decode() == "Zwei\nZeilen"
    assert json.loads(form["enforce_schema"][1]) == schema
    part, content = form["file"]
    assert (part.get_filename(), part["Content-Length"]) == ("orders.csv", str(len(content)))
    assert content == orders.read_bytes()
    (request,) = peer.requests_for(PATH)
    assert "Transfer-Encoding" not in request.headers
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert delivery.sha256 == hashlib.sha256(content).hexdigest()
    assert delivery.size == len(content)


def test_what_is_not_given_is_not_sent(peer: Peer, client: Client, orders: Path) -> None:
    client.push(orders)
    assert list(peer.forms[0]) == ["file_size_limit", "file"]
    client.push(orders, enforce_schema=True)
    assert peer.forms[1]["enforce_schema"][1] == b"true"


def test_memory_stays_bounded(client: Client, tmp_path: Path, peer: Peer) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    peer.faults[PATH] = [Fault(202, {}, b'{"task_id": "t"}')]
    progress_bytes: list[int] = []
    tracemalloc.start()
    client.push(path, progress=lambda done, _: progress_bytes.append(done))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
    assert progress_bytes == list(range(64 << 10, (64 << 20) + 1, 64 << 10))


def test_a_file_over_its_limit_is_not_sent(peer: Peer, client: Client, orders: Path) -> None:
    with pytest.raises(errors.FileOverSizeLimit) as caught:
        client.push(orders, size_limit=1000)
    assert (caught.value.size, caught.value.limit) == (orders.stat().st_size, 1000)
    assert peer.requests == []


def test_a_refusal_has_its_figures(peer: Peer, client: Client, orders: Path) -> None:
    peer.upload_problem = {"status": 413, "code": "account-quota-exceeded", "used": 5, "limit": 6}
    with pytest.raises(errors.OverLimit) as caught:
        client.push(orders)
    assert caught.value.figures == {"used": 5, "limit": 6}


@pytest.mark.parametrize("fault", [Fault(503), Fault(0)])
def test_an_upload_is_repeated_so_that_the_server_recognizes_it(
    peer: Peer, client: Client, orders: Path, fault: Fault
) -> None:
    peer.faults[PATH] = [fault]
    client.push(orders)
    requests = peer.requests_for(PATH)
    assert len(requests) == 2
    assert requests[0].headers["Idempotency-Key"] == requests[1].headers["Idempotency-Key"]
    client.push(orders)
    assert peer.requests[-1].headers["Idempotency-Key"] != requests[0].headers["Idempotency-Key"]


def test_an_upload_that_was_refused_is_sent_once(peer: Peer, client: Client, orders: Path) -> None:
    peer.faults[PATH] = [Fault(500)]
    with pytest.raises(errors.ServerFailed):
        client.push(orders)
    assert len(peer.requests_for(PATH)) == 1


def test_an_upload_waits_for_room(peer: Peer, client: Client, orders: Path) -> None:
    wait = {"Retry-After": "1"}
    peer.faults[PATH] = [Fault(429, wait), Fault(429, wait)]
    delivery = client.push(orders)
    assert delivery.sha256 == hashlib.sha256(orders.read_bytes()).hexdigest()
    assert len(peer.requests_for(PATH)) == 3
    assert peer.forms[-1]["file"][1] == orders.read_bytes()


@pytest.mark.parametrize("growth", [b"more", None])
def test_a_file_that_changes_while_it_is_sent(
    peer: Peer, client: Client, orders: Path, growth: bytes | None
) -> None:
    def change(done: int, _: int | None) -> None:
        if done == 65_536:
            if growth is None:
                os.truncate(orders, 70_000)
            else:
                with orders.open("ab") as file:
                    file.write(growth)

    with pytest.raises(errors.LocalFileChanged):
        client.push(orders, progress=change)
    assert peer.forms == []


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no files of processes")
def test_errors_of_the_local_file_are_not_the_servers(
    peer: Peer, client: Client, orders: Path
) -> None:
    with pytest.raises(errors.LocalFileSizeWrong, match="/proc/self/status has more"):
        client.push("/proc/self/status")
    with pytest.raises(OSError, match="Input/output error: '/proc/self/mem'"):
        client.push("/proc/self/mem")

    for failure in (BrokenPipeError("the terminal"), ValueError("a figure"), KeyError("x")):

        def fail(*_: object, failure: Exception = failure) -> None:
            raise failure

        with pytest.raises(type(failure)) as raised:
            client.push(orders, progress=fail)
        assert raised.value is failure
    assert peer.forms == []


def test_what_is_no_regular_file(client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "pipe"):
        with pytest.raises(FileNotFoundError):
            client.push(path)


def test_an_answer_without_a_task(peer: Peer, client: Client, orders: Path) -> None:
    peer.faults[PATH] = [Fault(200, {}, b"{}")]
    with pytest.raises(errors.BadAnswer, match="no task"):
        client.push(orders)


@pytest.mark.parametrize(
    ("size", "limit"),
    [(0, 10**6), (499_999, 10**6), (500_001, 2 * 10**6), (3 * 10**6, 10**7), (10**9, 2 * 10**9)],
)
def test_the_default_limit_leaves_room(size: int, limit: int) -> None:
    assert default_size_limit(size) == limit


def test_columns_of_categories_are_written_as_texts(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    kinds = (pl.Categorical(), pl.Enum(["a", "b"]), pl.List(pl.Categorical()))
    for kind in kinds:
        cell = ["b"] if isinstance(kind, pl.List) else "b"
        write_parquet(pl.DataFrame({"x": [cell, None]}, schema={"x": kind}), path)
        assert pq.read_table(path).to_pydict() == {"x": [cell, None]}
    for column in (pl.Series("x", [1]), pa.chunked_array([[1]])):
        with pytest.raises(errors.UnknownSource, match=type(column).__name__):
            write_parquet(column, path)


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (pd.Series([pd.Period("2020-01")]), "pandas.period"),
        (pd.Series([pd.Interval(0, 1)]), "pandas.interval"),
        (pd.Series([1j]), "complex128"),
        (pd.Series([(1, "x")]), "object"),
        (pd.Series([object()]), "object"),
        (pd.Series([2**70]), "object"),
        (pd.arrays.SparseArray([0]), "Sparse[int64, 0]"),
        (pl.Series([object()], dtype=pl.Object), "Object"),
        (pa.array([pa.MonthDayNano([1, 1, 1])]), "month_day_nano_interval"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_column_that_cannot_be_pushed_is_named(odd: Any, kind: str, tmp_path: Path) -> None:
    make = {pl.Series: pl.DataFrame, pa.MonthDayNanoIntervalArray: pa.table}
    table = make.get(type(odd), pd.DataFrame)({"fine": [1], "odd": odd})
    expected = re.escape(f"cannot push the column 'odd' of the type {kind}. Convert it")
    with pytest.raises(errors.UnknownSource, match=expected):
        write_parquet(table, tmp_path / "table.parquet")
