"""The cache of borrowed blobs: one fetch for all, nothing damaged, nothing lost by a death."""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from entrepot.blobs.cache import BlobCache
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.errors import BlobDamaged, StorageFull, StoreUnavailable

KIB = 1024


class Blob:
    """Bytes elsewhere, and how often they were fetched."""

    def __init__(self, size: int = 10 * KIB) -> None:
        self.id = BlobId(uuid4())
        self.data = os.urandom(size)
        self.sent = self.data
        self.fetches = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def recorded(self) -> StoredBlob:
        return StoredBlob(len(self.data), hashlib.sha256(self.data).hexdigest())

    def read(self) -> Iterator[bytes]:
        self.fetches += 1
        half = len(self.sent) // 2
        yield self.sent[:half]
        assert self.may_go_on.wait(60)
        yield self.sent[half:]


@pytest.fixture
def new_cache(tmp_path: Path) -> Callable[..., BlobCache]:
    """Caches of one folder, as several processes have them."""
    return lambda limit=100 * KIB, reserve=0: BlobCache(tmp_path / "cache", limit, reserve)


def use(cache: BlobCache, blob: Blob) -> None:
    with cache.borrow(blob.id, blob.recorded, blob.read) as path:
        assert path.read_bytes() == blob.data


def test_several_borrowers_share_one_fetch(new_cache: Callable[..., BlobCache]) -> None:
    blob = Blob()
    blob.may_go_on.clear()
    with ThreadPoolExecutor(8) as pool:
        uses = [pool.submit(use, new_cache(), blob) for _ in range(8)]
        blob.may_go_on.set()
        for each in uses:
            each.result(60)
    use(new_cache(), blob)
    assert blob.fetches == 1


@pytest.mark.parametrize("sent", [b"", b"short", None], ids=["empty", "short", "changed"])
def test_what_is_not_the_recorded_bytes_is_not_lent(
    new_cache: Callable[..., BlobCache], sent: bytes | None
) -> None:
    cache, blob = new_cache(), Blob()
    blob.sent = blob.data[:-1] + bytes([blob.data[-1] ^ 1]) if sent is None else sent
    with pytest.raises(BlobDamaged):
        use(cache, blob)
    assert cache.blob_ids() == []
    blob.sent = blob.data
    use(cache, blob)


def test_a_fetch_that_fails_leaves_nothing_and_is_repeated(
    new_cache: Callable[..., BlobCache], tmp_path: Path
) -> None:
    blob, cache = Blob(), new_cache()

    def broken() -> Iterator[bytes]:
        yield blob.data[:100]
        raise StoreUnavailable(reason="It broke off")

    with pytest.raises(StoreUnavailable), cache.borrow(blob.id, blob.recorded, broken):
        pass
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    use(cache, blob)


def test_what_was_not_used_for_longest_goes_first(new_cache: Callable[..., BlobCache]) -> None:
    cache, blobs = new_cache(limit=35 * KIB), [Blob() for _ in range(3)]
    for number, blob in enumerate(blobs):
        use(cache, blob)
        os.utime(cache._files / str(blob.id), (number, number))
    use(cache, blobs[0])
    use(cache, Blob())
    assert set(cache.blob_ids()) >= {blobs[0].id, blobs[2].id}
    assert blobs[1].id not in cache.blob_ids()


def test_what_is_borrowed_is_never_evicted(new_cache: Callable[..., BlobCache]) -> None:
    cache, other, first = new_cache(limit=15 * KIB), new_cache(limit=15 * KIB), Blob()
    with cache.borrow(first.id, first.recorded, first.read) as path:
        for _ in range(3):  # another process, or another thread of this one
            use(other, Blob())
            use(cache, Blob())
        assert path.read_bytes() == first.data
    use(cache, Blob())
    assert first.id not in cache.blob_ids()
    assert len(cache.blob_ids()) == 1


def test_most_fetches_do_not_look_at_all_copies(
    new_cache: Callable[..., BlobCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: [looks.append(path), scan(path)][1])
    caches = [new_cache(limit=1_000 * KIB) for _ in range(3)]
    largest = 0
    for number in range(900):
        use(caches[number % 3], Blob(2 * KIB))
        largest = max(largest, len(caches[0].blob_ids()))
    assert 400 <= largest <= 500
    assert len(looks) / 2 < 300


def test_the_reserve_of_the_disk_stays_free(new_cache: Callable[..., BlobCache]) -> None:
    with pytest.raises(StorageFull):
        use(new_cache(reserve=1 << 60), Blob())


def test_a_copy_of_a_blob_that_is_gone_goes(new_cache: Callable[..., BlobCache]) -> None:
    cache, blob = new_cache(), Blob()
    with cache.borrow(blob.id, blob.recorded, blob.read) as path, path.open("rb") as opened:
        cache.drop(blob.id)
        assert opened.read() == blob.data
    cache.drop(blob.id)
    use(cache, blob)
    assert blob.fetches == 2


def test_what_a_dead_process_fetched_of_a_blob_goes_with_it(
    new_cache: Callable[..., BlobCache], tmp_path: Path
) -> None:
    blob, cache = Blob(), new_cache()
    begun = tmp_path / "cache" / "incoming" / str(blob.id)
    begun.write_bytes(blob.data[:100])
    assert cache.blob_ids() == [blob.id]
    cache.drop(blob.id)
    assert not begun.exists()


PROCESS = """
import hashlib, os, sys, time
from pathlib import Path
from uuid import UUID
from entrepot.blobs.cache import BlobCache
from entrepot.blobs.store import StoredBlob
data = b"x" * 10_000
cache = BlobCache(Path(sys.argv[1]), 100_000, 0)
recorded = StoredBlob(len(data), hashlib.sha256(data).hexdigest())
def read():
    yield data[:5000]
    if sys.argv[3] == "fetching":
        print("held", flush=True); time.sleep(600)
    yield data[5000:]
with cache.borrow(UUID(sys.argv[2]), lambda: recorded, read):
    print("held", flush=True); time.sleep(600)
"""


@pytest.mark.parametrize("state", ["fetching", "borrowing"])
def test_a_process_that_dies_holds_nothing(
    new_cache: Callable[..., BlobCache], tmp_path: Path, state: str
) -> None:
    cache, blob = new_cache(limit=11_000), Blob()
    blob.data = blob.sent = b"x" * 10_000
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "cache"), str(blob.id), state]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        held = next(path for path in (tmp_path / "cache").rglob(str(blob.id)))
        with held.open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.send_signal(signal.SIGKILL)
        process.wait()
    use(cache, blob)
    assert blob.fetches == (1 if state == "fetching" else 0)
    use(cache, Blob())
    assert blob.id not in cache.blob_ids()
