"""Small files of one sender in one process, through the real sandbox; and forms with a verdict."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.inspection.conftest import processes_of, request_for
from tests.support.slow_inspection import SLOW_SCHEMA, slow_table
from tests.support.wait import wait_until

from entrepot.inspection.results import (
    FormFiles,
    InspectedVersion,
    InspectionCanceled,
    InspectionFailed,
    InspectionRequest,
    JudgedForm,
)
from entrepot.inspection.sandbox.batch import (
    MAX_BATCH_FILE_BYTES,
    MAX_BATCH_FILES,
    BatchResult,
    BatchSender,
    SenderBatch,
    SentRequest,
)
from entrepot.inspection.sandbox.pool import InspectionPool

SENDER = BatchSender(uuid4(), uuid4())
SCHEMA = {"fields": [{"name": "id", "type": "integer", "constraints": {"unique": True}}]}

Stored = dict[JudgedForm, bytes]


def keep(inspected: InspectedVersion, files: FormFiles) -> Stored:
    return {form: files.path(form).read_bytes() for form in inspected.forms}


def batch_of(*requests: InspectionRequest) -> SenderBatch:
    return SenderBatch([SentRequest(SENDER, request) for request in requests])


def never(number: int) -> bool:
    return False


@pytest.fixture(autouse=True)
def _earlier_processes_have_ended(pool: InspectionPool) -> None:
    """The pool is that of all tests."""
    wait_until(lambda: not processes_of(pool), "earlier sandbox processes have ended")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., InspectionRequest]:
    """write(content, schema=None) makes a file, and a request that wants the forms too."""

    def make(content: bytes, schema: Any = None, **changes: Any) -> InspectionRequest:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        path.write_bytes(content)
        request = request_for(path, schema=schema)
        return replace(request, forms="by-verdict", **changes)

    return make


def rows_of(result: BatchResult[Stored], tmp_path: Path) -> list[dict[str, Any]]:
    assert result.stored is not None
    (tmp_path / "made.parquet").write_bytes(result.stored["parquet"])
    return pq.read_table(tmp_path / "made.parquet").to_pylist()


def test_a_batch_is_of_one_sender_in_one_account(write: Callable[..., InspectionRequest]) -> None:
    small = write(b"id\n1\n")
    other_user = BatchSender(SENDER.account_id, uuid4())
    other_account = BatchSender(uuid4(), SENDER.user_id)
    for other in (other_user, other_account):
        with pytest.raises(ValueError, match="one sender in one account, not of 2"):
            SenderBatch([SentRequest(SENDER, small), SentRequest(other, small)])
    with pytest.raises(ValueError, match="not of 0"):
        SenderBatch([])
    with pytest.raises(ValueError, match="at most 20 files"):
        batch_of(*[small] * (MAX_BATCH_FILES + 1))
    with pytest.raises(ValueError, match="bytes"):
        batch_of(replace(small, size=MAX_BATCH_FILE_BYTES + 1))


def test_files_of_a_batch_are_judged_as_each_alone(
    pool: InspectionPool, write: Callable[..., InspectionRequest], tmp_path: Path
) -> None:
    requests = [write(b"id,t\n1,x\n2,y\n", at) for at in (None, None)] + [
        write(b"id\n1\n2\n1\n", SCHEMA),
        write(b"id\n7\n8\n", SCHEMA),
        write(b"%PDF-1.7 nothing"),
        write('{"a": 1.5, "b": "ä"}\n{"a": 2}\n'.encode()),
    ]
    pids: set[int] = set()

    def store(inspected: InspectedVersion, files: FormFiles) -> Stored:
        pids.update(process.pid for process in processes_of(pool))
        return keep(inspected, files)

    results = list(pool.inspect_batch(batch_of(*requests), store, never))
    assert [result.number for result in results] == list(range(len(requests)))
    assert len(pids) == 1
    for request, result in zip(requests, results, strict=True):
        inspected, stored = pool.inspect_version(
            request, keep, lambda done, of: None, lambda: False
        )
        assert result.inspected == inspected
        assert result.stored == stored
    verdicts = [result.inspected and result.inspected.inspection.verdict for result in results]
    assert verdicts == ["conforms", "conforms", "violates", "conforms", "not-tabular", "conforms"]
    assert [sorted(result.stored or {}) for result in results] == [
        ["parquet"], ["parquet"], ["rejected"], ["parquet"], [], ["parquet"],
    ]  # fmt: skip
    assert rows_of(results[3], tmp_path) == [{"id": 7}, {"id": 8}]
    assert results[2].stored is not None
    assert results[2].stored["rejected"].count(b"\r\n") == 2


def test_a_process_takes_no_file_after_its_time(
    pool: InspectionPool, write: Callable[..., InspectionRequest]
) -> None:
    pids: set[int] = set()

    def store(inspected: InspectedVersion, files: FormFiles) -> None:
        pids.update(process.pid for process in processes_of(pool))

    requests = [write(b"id\n1\n") for _ in range(3)]
    results = list(pool.inspect_batch(batch_of(*requests), store, never, 0))
    assert [result.number for result in results] == [0, 1, 2]
    assert len(pids) == 3


def test_the_next_file_is_read_while_one_is_stored(
    pool: InspectionPool, write: Callable[..., InspectionRequest]
) -> None:
    def store(inspected: InspectedVersion, files: FormFiles) -> None:
        if files.number == 0:
            wait_until((files.folder / "1").exists, "the process has begun the next file")

    requests = [write(b"id\n1\n"), write(b"id\n2\n")]
    results = list(pool.inspect_batch(batch_of(*requests), store, never))
    assert [result.inspected is not None for result in results] == [True, True]


def kill_at(pool: InspectionPool, number: int, name: str) -> Callable[[int], bool]:
    """A `canceled` that sends each process of that request a signal, once."""
    sent: set[int] = set()

    def canceled(check_number: int) -> bool:
        for process in processes_of(pool) if check_number == number else ():
            if process.pid not in sent:
                sent.add(process.pid)
                process.send_signal(getattr(signal, name))
        return False

    return canceled


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
def test_what_ends_its_process_fails_alone(
    pool: InspectionPool, write: Callable[..., InspectionRequest], name: str
) -> None:
    small = b"id\n1\n2\n"
    slow = write(slow_table(100), SLOW_SCHEMA)
    requests = [write(small, SCHEMA), slow, write(small), write(small)]
    results = list(pool.inspect_batch(batch_of(*requests), keep, kill_at(pool, 1, name)))
    assert [result.number for result in results] == [0, 1, 2, 3]
    second = results[1]
    if name == "SIGKILL":
        assert isinstance(second.failure, InspectionFailed)
        assert second.inspected is None
    else:
        assert second.inspected is not None
        assert second.inspected.inspection.verdict == "source-error"
    for number in (0, 2, 3):
        result = results[number]
        assert result.inspected is not None
        assert result.inspected.inspection.verdict == "conforms"
        assert result.stored is not None
        assert result.stored["parquet"][:4] == b"PAR1"


def test_a_file_that_spoils_the_engine_fails_alone(
    pool: InspectionPool, write: Callable[..., InspectionRequest]
) -> None:
    """After an error of some kinds the engine answers nothing any more."""
    moments = pa.array([[2**62]], pa.list_(pa.timestamp("s")))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, pa.schema([("m", moments.type)])) as file:
        file.write_batch(pa.record_batch([moments], ["m"]))
    good, odd = write(b"id\n1\n2\n"), write(sink.getvalue().to_pybytes())
    results = list(pool.inspect_batch(batch_of(good, odd, odd, good), keep, never))
    assert [result.number for result in results] == [0, 1, 2, 3]
    assert [result.inspected and result.inspected.inspection.verdict for result in results] == [
        "conforms", "source-error", "source-error", "conforms",
    ]  # fmt: skip


def test_the_cpu_of_each_file_counts_from_its_begin(
    pool: InspectionPool, write: Callable[..., InspectionRequest]
) -> None:
    used: dict[int, list[float]] = {0: [], 1: []}
    requests = [write(slow_table(12), SLOW_SCHEMA), write(b"id\n1\n")]
    batch = batch_of(*requests)
    list(pool.inspect_batch(batch, keep, never, 60, lambda number, cpu: used[number].append(cpu)))
    assert used[0] == sorted(used[0])
    assert all(cpu < used[0][-1] for cpu in used[1])


def test_one_is_canceled(pool: InspectionPool, write: Callable[..., InspectionRequest]) -> None:
    slow = write(slow_table(100), SLOW_SCHEMA)
    requests = [write(b"id\n1\n"), slow, write(b"id\n2\n")]
    results = list(pool.inspect_batch(batch_of(*requests), keep, lambda number: number == 1))
    assert isinstance(results[1].failure, InspectionCanceled)
    assert [result.inspected is None for result in results] == [False, True, False]


def test_a_suggestion_is_looked_for_in_a_process_of_its_own(
    pool: InspectionPool, write: Callable[..., InspectionRequest]
) -> None:
    current = write(b"id\n1\n")
    broken = write(b"id\n1.5\n", SCHEMA, suggest=True, current=current.path, current_rows=1)
    results = list(pool.inspect_batch(batch_of(write(b"id\n1\n"), broken), keep, never))
    inspected = results[1].inspected
    assert inspected is not None
    assert inspected.inspection.report["suggested"]["changes"]
    assert results[1].stored is not None
    assert results[1].stored["rejected"].endswith(b",1.5\r\n")


def test_a_first_version_is_converted_by_the_schema_that_it_freezes(
    pool: InspectionPool, write: Callable[..., InspectionRequest], tmp_path: Path
) -> None:
    request = write(b"id,amount,\n1,1.50,\n2,22.25,\n")
    inspected, stored = pool.inspect_version(request, keep, lambda done, of: None, lambda: False)
    names = [field["name"] for field in (inspected.inspection.schema or {})["fields"]]
    (tmp_path / "made.parquet").write_bytes(stored["parquet"])
    assert pq.read_table(tmp_path / "made.parquet").column_names == names == ["id", "amount"]
    columns = inspected.forms["parquet"].columns or []
    assert [column["name"] for column in columns] == names
