"""What every blob store guarantees (`entrepot.blobs.store`), tested with each of them."""

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from tests.support.seaweedfs import new_prefix, open_s3_store

from entrepot.blobs import BLOCK_BYTES, BlobId, BlobStore, DiskStore, StoredBlob
from entrepot.errors import BlobDamaged, BlobMissing, DraftBusy


class TakingTurns:
    """Several objects that are one store, as several hosts have it: each call goes to the next."""

    def __init__(self, *stores: object) -> None:
        self._next = cycle(stores)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._next), name)


def disk_store(folder: Path) -> BlobStore:
    return DiskStore(folder / "data", reserve=0)


def shared_folder(folder: Path) -> BlobStore:
    return cast(BlobStore, TakingTurns(*(DiskStore(folder / "data", 0) for _ in range(3))))


def s3_store(folder: Path) -> BlobStore:
    return open_s3_store(folder, new_prefix())


STORES: dict[str, Callable[[Path], BlobStore]] = {
    "disk": disk_store,
    "shared folder": shared_folder,
    "s3": s3_store,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "s3":
        request.getfixturevalue("s3")
    return STORES[request.param](tmp_path)


def new_id() -> BlobId:
    return BlobId(uuid4())


def put_blob(store: BlobStore, data: bytes, blob_id: BlobId | None = None) -> BlobId:
    blob_id = blob_id or new_id()
    writer = store.create(blob_id)
    writer.write(data)
    assert writer.commit() == StoredBlob(len(data), hashlib.sha256(data).hexdigest())
    return blob_id


def read_all(store: BlobStore, blob_id: BlobId, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(store.read(blob_id, start, stop))


def test_what_was_written_in_pieces_is_read_back(store: BlobStore) -> None:
    data = os.urandom(3 * BLOCK_BYTES + 17)
    blob_id = new_id()
    writer = store.create(blob_id)
    buffer = bytearray()
    for start in range(0, len(data), 700_001):
        buffer[:] = data[start : start + 700_001]
        view = memoryview(buffer)
        writer.write(view)  # the same memory each time, as a parser's buffer would be
        view.release()
    stored = writer.commit()
    assert stored == StoredBlob(len(data), hashlib.sha256(data).hexdigest())
    assert read_all(store, blob_id) == data


@pytest.mark.parametrize("size", [1, 255 * 1024, 256 * 1024, BLOCK_BYTES])
@pytest.mark.parametrize("reused", [True, False], ids=["reused", "kept"])
def test_every_block_counts_once_in_its_order(store: BlobStore, size: int, reused: bool) -> None:
    blocks = [os.urandom(size) for _ in range(20)] + [b"", b"end"]
    blob_id = new_id()
    writer = store.create(blob_id)
    for block in blocks:
        if reused:
            buffer = bytearray(block)
            writer.write(memoryview(buffer))
            buffer[:] = bytes(len(block))
        else:
            writer.write(block)
    data = b"".join(blocks)
    assert writer.commit() == StoredBlob(len(data), hashlib.sha256(data).hexdigest())
    assert read_all(store, blob_id) == data


def test_an_empty_blob_is_a_blob(store: BlobStore) -> None:
    blob_id = new_id()
    assert store.create(blob_id).commit() == StoredBlob(0, hashlib.sha256().hexdigest())
    assert read_all(store, blob_id) == b""
    stat = store.stat(blob_id)
    assert stat is not None
    assert stat.size == 0


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 0),
        (0, 1),
        (5, 10),
        (BLOCK_BYTES - 1, BLOCK_BYTES + 1),
        (0, BLOCK_BYTES),
        (BLOCK_BYTES, None),
        (2 * BLOCK_BYTES, 99 * BLOCK_BYTES),
        (10, 5),
        (99 * BLOCK_BYTES, None),
    ],
)
def test_ranges_are_cut_to_the_blob(store: BlobStore, start: int, stop: int | None) -> None:
    data = os.urandom(2 * BLOCK_BYTES + 3)
    blob_id = put_blob(store, data)
    assert read_all(store, blob_id, start, stop) == data[start:stop]


def test_blocks_are_of_one_mebibyte(store: BlobStore) -> None:
    blob_id = put_blob(store, bytes(2 * BLOCK_BYTES + 3))
    assert [len(block) for block in store.read(blob_id, 1)] == [BLOCK_BYTES, BLOCK_BYTES, 2]


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (0, -1)])
def test_negative_offsets_are_refused(store: BlobStore, start: int, stop: int) -> None:
    blob_id = put_blob(store, b"abc")
    with pytest.raises(ValueError, match="not negative"):
        store.read(blob_id, start, stop)


def test_a_missing_blob_is_said_at_once(store: BlobStore) -> None:
    blob_id = new_id()
    with pytest.raises(BlobMissing) as caught:
        store.read(blob_id)
    assert caught.value.blob_id == blob_id
    assert store.stat(blob_id) is None


def test_nothing_is_seen_before_the_commit(store: BlobStore) -> None:
    blob_id = new_id()
    writer = store.create(blob_id)
    writer.write(b"half")
    assert store.stat(blob_id) is None
    assert list(store.list()) == []
    with pytest.raises(BlobMissing):
        store.read(blob_id)
    writer.commit()
    assert read_all(store, blob_id) == b"half"


def test_an_id_is_taken_once(store: BlobStore) -> None:
    blob_id = put_blob(store, b"first")

    def upload_again() -> None:
        second = store.create(blob_id)  # may be refused here or by its commit
        second.write(b"second")
        second.commit()

    with pytest.raises(FileExistsError):
        upload_again()
    assert read_all(store, blob_id) == b"first"


def test_a_blob_of_another_size_than_expected_is_missing(store: BlobStore) -> None:
    blob_id = put_blob(store, b"twelve bytes")
    for start, stop in ((0, None), (0, 12), (3, 5), (4, 4)):
        content = store.read(blob_id, start, stop, size=12)
        assert b"".join(content) == b"twelve bytes"[start:stop]
        with pytest.raises(BlobMissing):
            store.read(blob_id, start, stop, size=13)
    with pytest.raises(BlobMissing):
        store.read(blob_id, 20, 30, size=11)


def test_of_two_writers_of_one_id_one_wins(store: BlobStore) -> None:
    blob_id = new_id()

    def upload_both() -> None:
        first = store.create(blob_id)
        first.write(b"first")
        try:
            second = store.create(blob_id)  # may be refused here or, in the end, by its commit
            second.write(b"second")
        finally:
            first.commit()
        second.commit()

    with pytest.raises(FileExistsError):
        upload_both()
    assert read_all(store, blob_id) == b"first"


def test_abort_leaves_nothing_and_may_be_repeated(store: BlobStore) -> None:
    blob_id = new_id()
    writer = store.create(blob_id)
    writer.write(b"gone")
    writer.abort()
    writer.abort()
    assert store.stat(blob_id) is None
    for use in (lambda: writer.write(b"more"), writer.commit):
        with pytest.raises(ValueError, match="already"):
            use()
    put_blob(store, b"the id is free again", blob_id)


def test_abort_after_commit_keeps_the_blob(store: BlobStore) -> None:
    blob_id = new_id()
    writer = store.create(blob_id)
    writer.write(b"kept")
    writer.commit()
    writer.abort()
    assert read_all(store, blob_id) == b"kept"
    with pytest.raises(ValueError, match="already"):
        writer.commit()


def no_record() -> StoredBlob:
    raise AssertionError("nothing was to be fetched")


def record_of(data: bytes) -> Callable[[], StoredBlob]:
    return lambda: StoredBlob(len(data), hashlib.sha256(data).hexdigest())


def test_a_borrowed_blob_is_a_local_file(store: BlobStore) -> None:
    data = os.urandom(2 * BLOCK_BYTES + 5)
    blob_id = put_blob(store, data)
    record = no_record if store.path(blob_id) is None else record_of(data)
    with store.borrow(blob_id, record_of(data)) as first, store.borrow(blob_id, record) as again:
        assert first.read_bytes() == again.read_bytes() == data
    with store.borrow(blob_id, record) as path:
        assert path.read_bytes() == data


def test_bytes_of_another_size_are_neither_lent_nor_linked(store: BlobStore) -> None:
    """Somebody has cut the blob off: a form or a further version of the rest would be wrong."""
    blob_id = put_blob(store, b"the first half")
    with pytest.raises(BlobDamaged), store.borrow(blob_id, record_of(b"the first half and more")):
        pass
    with pytest.raises(BlobMissing):
        store.link(blob_id, new_id(), len(b"the first half and more"))
    store.link(blob_id, new_id(), len(b"the first half"))


def test_only_what_is_there_is_borrowed(store: BlobStore) -> None:
    blob_id = put_blob(store, b"gone soon")
    store.delete(blob_id)
    with pytest.raises(BlobMissing), store.borrow(blob_id, record_of(b"gone soon")):
        pass


def test_delete_is_idempotent(store: BlobStore) -> None:
    blob_id = put_blob(store, b"x")
    store.delete(blob_id)
    store.delete(blob_id)
    assert store.stat(blob_id) is None
    store.delete(new_id())


def test_an_open_read_ends_well_after_a_delete(store: BlobStore) -> None:
    data = os.urandom(2 * BLOCK_BYTES)
    blob_id = put_blob(store, data)
    blocks = store.read(blob_id)
    first = next(blocks)
    store.delete(blob_id)
    assert first + b"".join(blocks) == data


def test_a_dropped_read_is_closed(store: BlobStore) -> None:
    blob_id = put_blob(store, bytes(2 * BLOCK_BYTES))
    blocks = store.read(blob_id)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert list(blocks) == []


def test_a_link_is_a_blob_of_its_own(store: BlobStore) -> None:
    source = put_blob(store, b"twice")
    other = new_id()
    store.link(source, other)
    assert read_all(store, other) == b"twice"
    assert {blob.blob_id for blob in store.list()} == {source, other}
    store.delete(source)
    assert read_all(store, other) == b"twice"
    again = new_id()
    store.link(other, again)
    store.delete(other)
    assert read_all(store, again) == b"twice"
    store.delete(again)
    assert list(store.list()) == []


def test_a_link_takes_no_id_that_is_taken(store: BlobStore) -> None:
    source, other = put_blob(store, b"one"), put_blob(store, b"two")
    with pytest.raises(FileExistsError):
        store.link(source, other)
    assert read_all(store, other) == b"two"
    with pytest.raises(BlobMissing):
        store.link(new_id(), new_id())
    assert {blob.blob_id for blob in store.list()} == {source, other}


def test_a_link_is_fresh_for_the_sweep(store: BlobStore) -> None:
    source, other = put_blob(store, b"old"), new_id()
    path = store.path(source)
    if path is not None:
        os.utime(path, (1, 1))
    store.link(source, other)
    stat = store.stat(other)
    assert stat is not None
    assert stat.modified > datetime.now(UTC) - timedelta(minutes=1)


def test_list_and_stat_agree(store: BlobStore) -> None:
    start_time = datetime.now(UTC) - timedelta(seconds=2)
    sizes = {put_blob(store, bytes(size)): size for size in (0, 1, 1000)}
    unfinished = store.create(new_id())
    unfinished.write(b"not yet")
    stats = {stat.blob_id: stat for stat in store.list()}
    assert {blob_id: stat.size for blob_id, stat in stats.items()} == sizes
    for blob_id, stat in stats.items():
        assert store.stat(blob_id) == stat
        assert start_time <= stat.modified <= datetime.now(UTC) + timedelta(seconds=2)
        assert stat.modified.tzinfo is UTC
    unfinished.abort()


def test_a_path_holds_the_bytes(store: BlobStore) -> None:
    data = os.urandom(1000)
    path = store.path(put_blob(store, data))
    assert path is None or path.read_bytes() == data


def test_many_writers_at_once(store: BlobStore) -> None:
    barrier = threading.Barrier(16)

    def upload(number: int) -> tuple[BlobId, bytes]:
        data = os.urandom(200_000 + number)
        blob_id = new_id()
        writer = store.create(blob_id)
        barrier.wait(60)
        for start in range(0, len(data), 9_000):
            writer.write(data[start : start + 9_000])
        assert writer.commit().sha256 == hashlib.sha256(data).hexdigest()
        return blob_id, data

    with ThreadPoolExecutor(16) as pool:
        for blob_id, data in pool.map(upload, range(16)):
            assert read_all(store, blob_id) == data
    assert len(list(store.list())) == 16


def stored_blob_of(data: bytes) -> StoredBlob:
    return StoredBlob(len(data), hashlib.sha256(data).hexdigest())


def test_a_draft_grows_by_one_writer_after_another(store: BlobStore) -> None:
    data, draft = os.urandom(3 * BLOCK_BYTES + 17), uuid4()
    size = 0
    for end in (0, 5, 700_000, 2 * BLOCK_BYTES, len(data)):
        writer = store.drafts.append(draft)
        assert writer.size == size
        for start in range(size, end, 300_000):
            writer.write(memoryview(data)[start : min(start + 300_000, end)])
        assert writer.sync() == writer.size == end
        assert b"".join(store.drafts.read(draft)) == data[:end]
        size = end
        if end < len(data):
            writer.close()
    blob_id = new_id()
    assert store.stat(blob_id) is None
    assert writer.commit(blob_id) == stored_blob_of(data)
    assert read_all(store, blob_id) == data
    writer.close()
    store.drafts.drop(draft)
    assert read_all(store, blob_id) == data
    assert list(store.drafts.list()) == []


def test_a_draft_has_one_writer_at_a_time(store: BlobStore) -> None:
    draft = uuid4()
    writer = store.drafts.append(draft)
    writer.write(b"first")
    with pytest.raises(DraftBusy):
        store.drafts.append(draft)
    store.drafts.append(uuid4()).close()
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="already"):
        writer.write(b"late")
    second = store.drafts.append(draft)
    assert second.size == 5
    second.close()


def test_what_is_forgotten_of_a_draft_does_not_count(store: BlobStore) -> None:
    draft, blob_id = uuid4(), new_id()
    writer = store.drafts.append(draft)
    writer.write(b"sound and wrong")
    writer.truncate(5)
    assert writer.size == writer.sync() == 5
    writer.write(b" and right")
    assert writer.commit(blob_id) == stored_blob_of(b"sound and right")
    writer.close()
    assert read_all(store, blob_id) == b"sound and right"
    other = store.drafts.append(draft)
    other.truncate(0)
    other.close()


def test_a_dropped_draft_begins_anew(store: BlobStore) -> None:
    draft = uuid4()
    store.drafts.drop(draft)
    with pytest.raises(BlobMissing):
        store.drafts.read(draft)
    writer = store.drafts.append(draft)
    writer.write(b"gone")
    writer.close()
    (stat,) = store.drafts.list()
    assert (stat.blob_id, stat.size) == (draft, 4)
    store.drafts.drop(draft)
    store.drafts.drop(draft)
    assert list(store.drafts.list()) == []
    again = store.drafts.append(draft)
    assert again.size == 0
    again.close()


def test_a_draft_is_no_blob_and_takes_no_id_that_is_taken(store: BlobStore) -> None:
    taken_id, draft = put_blob(store, b"blob"), uuid4()
    writer = store.drafts.append(draft)
    writer.write(b"draft")
    assert [blob.blob_id for blob in store.list()] == [taken_id]
    with pytest.raises(FileExistsError):
        writer.commit(taken_id)
    assert read_all(store, taken_id) == b"blob"
    blob_id = new_id()
    assert writer.commit(blob_id) == stored_blob_of(b"draft")
    writer.close()


def test_a_discarded_blob_is_in_the_trash_alone(store: BlobStore) -> None:
    blob_id, other = put_blob(store, b"one"), put_blob(store, b"other")
    store.discard(blob_id)
    store.discard(blob_id)
    store.discard(new_id())
    assert store.stat(blob_id) is None
    assert [stat.blob_id for stat in store.list()] == [other]
    (trashed,) = store.list_trash()
    assert (trashed.blob_id, trashed.size) == (blob_id, 3)


def test_a_blob_is_recovered_from_the_trash(store: BlobStore) -> None:
    blob_id = put_blob(store, b"one")
    with pytest.raises(BlobMissing):
        store.recover(blob_id)
    store.discard(blob_id)
    store.recover(blob_id)
    assert read_all(store, blob_id) == b"one"
    assert list(store.list_trash()) == []
    with pytest.raises(BlobMissing):
        store.recover(new_id())


def test_the_trash_is_emptied_by_the_time_of_the_discard(store: BlobStore) -> None:
    blob_id = put_blob(store, b"one")
    before = datetime.now(UTC) - timedelta(hours=1)
    store.discard(blob_id)
    assert store.empty_trash(before) == 0
    assert [stat.blob_id for stat in store.list_trash()] == [blob_id]
    assert store.empty_trash(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert list(store.list_trash()) == []
