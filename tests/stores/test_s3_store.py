"""What the S3 store guarantees beyond the interface: faults of the store, deaths, several hosts."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.seaweedfs import (
    SeaweedFS,
    environment,
    new_prefix,
    open_s3_store,
    open_test_bucket,
    s3_environment,
)

from entrepot.blobs import BlobId, StoredBlob, s3_client, s3_write
from entrepot.blobs.cache import BlobCache
from entrepot.blobs.s3 import S3Store
from entrepot.blobs.s3_client import open_bucket
from entrepot.blobs.s3_location import S3Location
from entrepot.blobs.s3_write import MAX_PART_BYTES, part_bytes
from entrepot.errors import (
    BlobDamaged,
    BlobMissing,
    DraftBusy,
    StorageFull,
    StoreUnavailable,
)

MIB = 1 << 20
PART = part_bytes(0)


def new_id() -> BlobId:
    return BlobId(uuid4())


def stored(data: bytes) -> StoredBlob:
    return StoredBlob(len(data), hashlib.sha256(data).hexdigest())


def put(store: S3Store, data: bytes) -> BlobId:
    blob_id = new_id()
    writer = store.create(blob_id)
    writer.write(data)
    assert writer.commit() == stored(data)
    return blob_id


def uploads_of(store: S3Store) -> list[str]:
    return [upload["UploadId"] for upload in store._list_uploads()]


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture
def store(s3: SeaweedFS, tmp_path: Path, prefix: str) -> S3Store:
    del s3
    return open_s3_store(tmp_path, prefix)


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    with fault_proxy(seaweedfs.port) as made, environment(s3_environment(made.endpoint)):
        yield made


@pytest.fixture
def behind_proxy(proxy: FaultProxy, tmp_path: Path, prefix: str) -> S3Store:
    del proxy
    return open_s3_store(tmp_path, prefix)


def test_the_parts_of_the_largest_file_are_few_enough() -> None:
    assert sum(part_bytes(index) for index in range(10_000)) > 1_000_000_000_000
    assert max(part_bytes(index) for index in range(10_000)) == MAX_PART_BYTES
    assert part_bytes(0) >= 5 * MIB


def test_a_blob_of_several_parts_is_one_blob(store: S3Store) -> None:
    data = os.urandom(2 * PART + 1234)
    blob_id = put(store, data)
    assert b"".join(store.read(blob_id)) == data
    assert b"".join(store.read(blob_id, PART - 5, PART + 5)) == data[PART - 5 : PART + 5]
    assert uploads_of(store) == []


def test_parts_that_grow_have_the_bytes_as_they_came(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buffer of a part is filled again for the next one but one, which may be larger."""
    monkeypatch.setattr(s3_write, "PARTS_OF_ONE_SIZE", 2)
    data, blob_id = os.urandom(6 * PART + 1234), new_id()
    writer = store.create(blob_id)
    for start in range(0, len(data), 1_000_003):
        writer.write(data[start : start + 1_000_003])
    assert writer.commit() == stored(data)
    assert b"".join(store.read(blob_id)) == data


CHECKSUMS = (b"content-md5", b"x-amz-checksum-crc32")


@pytest.mark.parametrize(("size", "changed"), [(1234, 1), (PART + 1234, 1), (PART + 1234, 2)])
def test_bytes_that_change_on_the_way_are_refused(store: S3Store, size: int, changed: int) -> None:
    """Their checksum is signed, instead of the bytes; what has none is signed itself."""
    signed: list[bool] = []
    puts = count(1)

    def change(request: Any, **_: object) -> None:
        covered = any(name in request.headers["Authorization"] for name in CHECKSUMS)
        is_unsigned = request.headers["X-Amz-Content-SHA256"] == b"UNSIGNED-PAYLOAD"
        signed.append(covered == is_unsigned)
        if request.method == "PUT" and next(puts) == changed:
            request.body = bytes(request.body[:-1]) + b"?"

    events = store._bucket.client.meta.events
    events.register("before-send.s3", change)
    writer = store.create(blob_id := new_id())
    writer.write(bytes(size))
    with pytest.raises(StoreUnavailable, match="BadDigest"):
        writer.commit()
    events.unregister("before-send.s3", change)
    assert next(puts) == changed + 1
    assert all(signed)
    assert store.stat(blob_id) is None


@pytest.mark.parametrize("knows_crc32", [True, False])
def test_the_checksum_of_a_part_is_one_that_the_store_knows(
    store: S3Store, knows_crc32: bool
) -> None:
    sent: list[list[bool]] = []

    def note(request: Any, **_: object) -> None:
        if request.method == "PUT":
            sent.append([name in request.headers["Authorization"] for name in CHECKSUMS])

    handlers = {"before-send.s3": note}
    if not knows_crc32:
        handlers |= {
            "before-parameter-build.s3.CreateMultipartUpload": lambda params, **_: params.pop(
                "ChecksumAlgorithm"
            ),
            "after-call.s3.UploadPart": lambda parsed, **_: parsed.pop("ChecksumCRC32"),
        }
    events = store._bucket.client.meta.events
    for event, handler in handlers.items():
        events.register(event, handler)
    data = os.urandom(2 * PART + 1234)
    assert b"".join(store.read(put(store, data))) == data
    for event, handler in handlers.items():
        events.unregister(event, handler)
    assert sent == [[True, True], *[[not knows_crc32, True]] * 2]


def test_an_upload_that_ends_early_leaves_no_parts(store: S3Store) -> None:
    writer = store.create(new_id())
    writer.write(bytes(2 * PART))
    assert len(uploads_of(store)) == 1
    writer.abort()
    assert uploads_of(store) == []
    assert list(store.list()) == []


def test_the_parts_of_a_dead_writer_are_aborted(
    store: S3Store, tmp_path: Path, prefix: str
) -> None:
    code = (
        "import sys; from pathlib import Path; from uuid import uuid4\n"
        "from tests.support.seaweedfs import open_s3_store\n"
        "writer = open_s3_store(Path(sys.argv[1]), sys.argv[2]).create(uuid4())\n"
        "writer.write(bytes(17 << 20)); writer._wait_for_part(); import os; os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "other"), prefix]
    assert subprocess.run(command, cwd=Path.cwd(), check=False).returncode == 9
    living = store.create(new_id())
    living.write(bytes(PART))
    now = datetime.now(UTC)
    assert len(uploads_of(store)) == 2
    assert store.sweep_incoming(now - timedelta(hours=1)) == 0, "it may live elsewhere"
    assert store.sweep_incoming(now + timedelta(hours=1)) == 1
    living.write(b"more")
    assert living.commit().size == PART + 4


def test_a_sweep_leaves_the_uploads_of_a_store_below_its_prefix(
    store: S3Store, tmp_path: Path, prefix: str
) -> None:
    """One at `a` and one at `a/b`, in different processes."""
    below = open_s3_store(tmp_path / "below", f"{prefix}/b")
    running = below.create(new_id())
    running.write(bytes(PART))
    assert store.sweep_incoming(datetime.now(UTC) + timedelta(hours=1)) == 0
    running.write(b"more")
    assert running.commit().size == PART + 4


def test_large_copies_are_made_in_parts(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "COPY_PART_BYTES", 5 * MIB)
    data, copy = os.urandom(12 * MIB + 3), new_id()
    source = put(store, data)
    store.link(source, copy)
    assert b"".join(store.read(copy)) == data
    with pytest.raises(FileExistsError):
        store.link(source, copy)
    assert uploads_of(store) == []


def test_a_second_discard_keeps_what_the_first_put_aside(store: S3Store) -> None:
    blob_id = put(store, b"kept for a week")
    store.discard(blob_id)
    store.discard(blob_id)
    store.recover(blob_id)
    assert b"".join(store.read(blob_id)) == b"kept for a week"


def test_a_recovery_that_was_cut_off_is_completed(store: S3Store, prefix: str) -> None:
    blob_id = put(store, b"twice")
    store.discard(blob_id)
    bucket = open_test_bucket(prefix)
    bucket.copy(bucket.key("trash", blob_id), bucket.key("blobs", blob_id))
    store.recover(blob_id)
    assert list(store.list_trash()) == []


def test_damaged_bytes_are_not_lent(store: S3Store) -> None:
    blob_id = put(store, b"the bytes")
    with pytest.raises(BlobDamaged), store.borrow(blob_id, lambda: stored(b"other bytes")):
        pass


def test_a_host_forgets_what_another_one_deleted(
    store: S3Store, tmp_path: Path, prefix: str
) -> None:
    other = open_s3_store(tmp_path / "other", prefix)
    blob_id = put(store, b"gone")
    with store.borrow(blob_id, lambda: stored(b"gone")) as path:
        pass
    other.delete(blob_id)
    assert path.exists()
    with pytest.raises(BlobMissing), store.borrow(blob_id, lambda: stored(b"gone")):
        pass
    assert not path.exists()


def test_two_hosts_that_write_one_draft_never_mix(
    store: S3Store, tmp_path: Path, prefix: str
) -> None:
    """What the newer one stores counts, whoever stores first, also in pieces of other sizes."""
    other, draft, blob_id = open_s3_store(tmp_path / "other", prefix), uuid4(), new_id()
    begun = store.drafts.append(draft, 8)
    begun.write(b"begun ")
    begun.close()
    older, newer = store.drafts.append(draft, 9), other.drafts.append(draft, 10)
    for size in (10, 300):
        older.write(os.urandom(size))
        older.sync()
    newer_bytes = os.urandom(PART + 1000)
    newer.write(newer_bytes)
    data = b"begun " + newer_bytes
    assert newer.sync() == len(data)
    older.write(b"late")
    older.close()
    with pytest.raises(DraftBusy):
        store.drafts.append(draft, 9)
    assert [(stat.blob_id, stat.size) for stat in store.drafts.list()] == [(draft, len(data))]
    assert newer.commit(blob_id) == stored(data)
    assert b"".join(store.read(blob_id)) == data
    newer.close()


def test_bytes_of_an_older_generation_do_not_count(
    store: S3Store, tmp_path: Path, prefix: str
) -> None:
    """A writer that does not know that its bytes were removed continues."""
    other, draft, blob_id = open_s3_store(tmp_path / "other", prefix), uuid4(), new_id()
    slow = store.drafts.append(draft, 1)
    slow.write(b"0123456789")
    slow.sync()
    newer = other.drafts.append(draft, 2)
    newer.truncate(4)
    slow.write(b"slow")
    assert slow.sync() == 14
    newer.write(b"newer")
    assert newer.commit(blob_id) == stored(b"0123newer")
    assert b"".join(store.read(blob_id)) == b"0123newer"
    assert b"".join(store.drafts.read(draft)) == b"0123newer"
    slow.close()
    newer.close()
    other.drafts.drop(draft)
    with pytest.raises(BlobMissing):
        other.drafts.read(draft)


def test_a_draft_of_large_and_small_pieces_becomes_one_blob(store: S3Store) -> None:
    draft, blob_id, data = uuid4(), new_id(), os.urandom(2 * PART + 7 * MIB)
    start = 0
    for size in (100, PART + 100, 3 * MIB, 4 * MIB, len(data)):
        writer = store.drafts.append(draft)
        writer.write(data[start : start + size])
        start = writer.sync()
        if start < len(data):
            writer.close()
    assert writer.commit(blob_id) == stored(data)
    writer.close()
    assert b"".join(store.read(blob_id)) == data


@pytest.mark.parametrize("fault", ["gone", "500", "503", "read-only"])
def test_a_failing_store_is_said_and_recovers(
    behind_proxy: S3Store, proxy: FaultProxy, fault: str
) -> None:
    store, data = behind_proxy, os.urandom(1000)
    blob_id = put(store, data)
    writer = store.create(new_id())
    writer.write(data)
    draft = store.drafts.append(uuid4())
    draft.write(data)
    with proxy.failing(fault):  # type: ignore[arg-type]
        for act in (
            lambda: store.stat(blob_id),
            lambda: list(store.read(blob_id)),
            writer.commit,
            lambda: store.delete(blob_id),
            lambda: list(store.list()),
            draft.sync,
        ):
            with pytest.raises(StoreUnavailable):
                act()
        assert proxy.refused
    assert b"".join(store.read(blob_id)) == data
    put(store, data)
    assert draft.size == 0, "only what is durable counts"
    draft.close()


def test_a_full_store_is_said(behind_proxy: S3Store, proxy: FaultProxy) -> None:
    writer = behind_proxy.create(new_id())
    writer.write(b"no room")
    with proxy.failing("full", writes_only=True), pytest.raises(StorageFull) as full:
        writer.commit()
    assert str(full.value) == "The server's storage is full. Nothing was stored."


@pytest.mark.parametrize("what", ["emptied", "removed", "another's"])
def test_of_a_store_that_is_gone_no_blob_is_missing_and_none_is_stored(
    s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A HEAD says 404 of a missing bucket too, and nothing else was looked at."""
    monkeypatch.setattr(s3_client, "SEEN_SECONDS", 0)
    client = open_test_bucket("").client
    name = f"gone-{uuid4().hex}"
    client.create_bucket(Bucket=name)
    bucket = open_bucket(name, "p")
    bucket.put("p/installation", b"7")
    store = S3Store(bucket, BlobCache(tmp_path / "cache", 1 << 30, 0))
    blob_id, draft = put(store, b"bytes"), store.drafts.append(uuid4())
    client.delete_objects(
        Bucket=name,
        Delete={"Objects": [{"Key": f"p/blobs/{blob_id}"}, {"Key": "p/installation"}]},
    )
    if what == "removed":
        client.delete_bucket(Bucket=name)
    elif what == "another's":
        bucket.put("p/installation", b"8")
    draft.write(b"bytes")
    for act in (
        lambda: put(store, b"new"),
        draft.sync,
        lambda: store.stat(blob_id),
        lambda: store.read(blob_id),
        lambda: store.link(blob_id, new_id()),
        lambda: store.drafts.append(uuid4()),
        lambda: store.borrow(blob_id, lambda: stored(b"bytes")).__enter__(),
    ):
        with pytest.raises(StoreUnavailable):
            act()


@pytest.mark.parametrize(
    ("status", "code"), [(301, "PermanentRedirect"), (409, "ConditionalRequestConflict")]
)
def test_odd_refusals_are_no_errors_of_ours(
    behind_proxy: S3Store, proxy: FaultProxy, status: int, code: str
) -> None:
    """A redirect that names no region, and a conflict about a key that nobody has."""
    writer = behind_proxy.create(new_id())
    writer.write(b"bytes")
    proxy.answer = status, code
    with proxy.failing("answer", writes_only=status == 409), pytest.raises(StoreUnavailable):
        writer.commit()
    put(behind_proxy, b"bytes")


def test_a_body_that_breaks_off_is_continued(behind_proxy: S3Store, proxy: FaultProxy) -> None:
    data = os.urandom(300_000)
    blob_id = put(behind_proxy, data)
    proxy.truncated_bytes = 130_000
    with proxy.failing("truncated"):
        assert b"".join(behind_proxy.read(blob_id, block_bytes=20_000)) == data
    proxy.truncated_bytes = 900  # not even one block
    with proxy.failing("truncated"), pytest.raises(StoreUnavailable):
        list(behind_proxy.read(blob_id))


def test_a_store_that_is_silent_is_given_up(
    proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "ANSWER_SECONDS", 1.0)  # the last answer has to come within it
    store = open_s3_store(tmp_path, new_prefix())
    with proxy.failing("silent"), pytest.raises(StoreUnavailable):
        store.stat(new_id())
    assert proxy.refused == s3_client.ATTEMPTS
    assert store.stat(new_id()) is None


def test_a_hold_keeps_what_other_hosts_delete(store: S3Store, tmp_path: Path, prefix: str) -> None:
    other = open_s3_store(tmp_path / "other", prefix)
    blob_id = put(store, b"needed")
    with store.hold_deletions() as held:
        other.delete(blob_id)
        assert other.stat(blob_id) is None
        assert other.remove_held() == 0
        assert b"".join(held.read(blob_id)) == b"needed"
    with pytest.raises(BlobMissing):
        held.read(blob_id)
    assert not store._deletions.is_held()


def test_a_hold_of_a_dead_process_ends(
    store: S3Store, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob_id = put(store, b"left behind")
    assert store._deletions._acquire() is not None, "and never released"
    store.delete(blob_id)
    other = open_s3_store(tmp_path / "other", prefix)
    assert other.remove_held() == 0
    monkeypatch.setattr("entrepot.blobs.s3_deletions.HOLD_LIFETIME", timedelta(seconds=-5))
    assert other.remove_held() == 1
    assert not store._deletions.is_held()


def test_a_store_belongs_to_one_installation(s3: SeaweedFS, prefix: str) -> None:
    del s3

    def no_cache() -> None:
        raise AssertionError("nothing is opened")

    location = S3Location("entrepot-tests", prefix, no_cache)  # type: ignore[arg-type]
    owner = UUID(int=7)
    assert location.read_id() is None
    location.write_id(owner)
    location.write_id(owner)
    assert location.read_id() == owner
    with pytest.raises(StoreUnavailable):
        location.write_id(UUID(int=8))
    assert location.read_id() == owner
    assert location.count_files() == 0
    missing = S3Location("no-such-bucket", prefix, no_cache)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        missing.read_id()
