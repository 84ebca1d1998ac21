"""What the disk store guarantees beyond the interface: crashes, dead temporary files, full
disks."""

import errno
import gc
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from entrepot.blobs import BlobId, BlobWriter, DiskStore, DraftWriter, StoredBlob
from entrepot.blobs.disk_identity import read_store_id, write_store_id
from entrepot.blobs.disk_life import FROZEN_SECONDS, FrozenLocks
from entrepot.blobs.disk_space import DiskSpace
from entrepot.blobs.disk_sync import BLOBS, DurableFolders
from entrepot.blobs.disk_write import DiskWriter
from entrepot.errors import DraftBusy, StorageFull, StoreUnavailable

MIB = 1024 * 1024


def new_id() -> BlobId:
    return BlobId(uuid4())


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def write_blocks(writer: BlobWriter | DraftWriter, count: int, size: int) -> None:
    for _ in range(count):
        writer.write(os.urandom(size))


def one_hour_later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "data", reserve=0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here; the tests on /dev/full cover ENOSPC")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_folders_and_files_are_the_owners_alone(store: DiskStore, tmp_path: Path) -> None:
    blob_id = new_id()
    store.create(blob_id).commit()
    path = store.path(blob_id)
    assert path == tmp_path / "data/blobs" / str(blob_id)[:2] / str(blob_id)[2:4] / str(blob_id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1
    for folder in (tmp_path / "data", path.parent, tmp_path / "data/incoming"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_sweep_takes_dead_temporary_files_alone(store: DiskStore, tmp_path: Path) -> None:
    incoming = tmp_path / "data/incoming"
    (incoming / str(new_id())).write_bytes(b"its writer died")
    blob_id = new_id()
    slow = store.create(blob_id)
    slow.write(b"alive")
    assert store.sweep_incoming(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.sweep_incoming(one_hour_later()) == 1
    slow.commit()
    assert b"".join(store.read(blob_id)) == b"alive"
    assert files_below(incoming) == []


def test_a_crash_between_link_and_unlink_loses_nothing(store: DiskStore, tmp_path: Path) -> None:
    blob_id = new_id()
    writer = store.create(blob_id)
    writer.write(b"whole")
    writer.commit()
    os.link(store.path(blob_id), tmp_path / "data/incoming" / str(blob_id))
    with pytest.raises(FileExistsError):
        store.create(blob_id)
    assert store.sweep_incoming(one_hour_later()) == 1
    assert b"".join(store.read(blob_id)) == b"whole"


def test_an_id_taken_meanwhile_is_never_replaced(store: DiskStore) -> None:
    blob_id = new_id()
    writer = store.create(blob_id)
    writer.write(b"late")
    store.path(blob_id).parent.mkdir(parents=True)
    store.path(blob_id).write_bytes(b"first")
    with pytest.raises(FileExistsError):
        writer.commit()
    writer.abort()
    assert store.path(blob_id).read_bytes() == b"first"


WRITER_SCRIPT = """
import sys, uuid, pathlib
from entrepot.blobs import BlobId, DiskStore
store = DiskStore(pathlib.Path(sys.argv[1]), reserve=0)
while True:
    blob_id = BlobId(uuid.uuid4())
    writer = store.create(blob_id)
    for _ in range(5):
        writer.write(b"x" * 100_000)
    writer.commit()
    print(blob_id, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.011, 0.027, 0.05])
def test_a_killed_writer_leaves_whole_blobs_and_sweepings(tmp_path: Path, delay: float) -> None:
    data = tmp_path / "data"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER_SCRIPT, str(data)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip()]
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    acknowledged += child.stdout.read().split()
    child.wait(60)
    store = DiskStore(data, reserve=0)
    sizes = {str(stat.blob_id): stat.size for stat in store.list()}
    assert set(acknowledged) <= set(sizes)
    assert set(sizes.values()) == {500_000}
    store.sweep_incoming(one_hour_later())
    assert files_below(data / "incoming") == []


def test_what_no_store_put_there_is_not_listed(store: DiskStore) -> None:
    blob_id = new_id()
    store.create(blob_id).commit()
    (store.path(blob_id).parent / ".DS_Store").write_bytes(b"")
    (store.path(blob_id).parent / str(uuid4()).upper()).write_bytes(b"")
    assert [stat.blob_id for stat in store.list()] == [blob_id]


def test_below_the_watermark_nothing_begins(tmp_path: Path) -> None:
    reserve = 2 * DiskSpace(tmp_path, 0).free()
    with pytest.raises(StorageFull) as caught:
        DiskStore(tmp_path / "data", reserve).create(new_id())
    assert caught.value.reserve == reserve
    assert 0 < caught.value.free < reserve
    assert files_below(tmp_path / "data") == []


def test_a_full_disk_refuses_and_goes_on_reading(small_disk: Path) -> None:
    store = DiskStore(small_disk, reserve=0)
    kept_id = new_id()
    first = store.create(kept_id)
    first.write(os.urandom(MIB))
    first.commit()
    writer = store.create(new_id())
    with pytest.raises(StorageFull) as caught:
        write_blocks(writer, count=9, size=MIB)
    assert caught.value.free < MIB
    assert [path.name for path in files_below(small_disk)] == [str(kept_id)]
    assert len(b"".join(store.read(kept_id))) == MIB
    again = store.create(new_id())
    again.write(os.urandom(4 * MIB))
    assert again.commit().size == 4 * MIB


def test_the_watermark_holds_on_a_small_disk(small_disk: Path) -> None:
    store = DiskStore(small_disk, reserve=3 * MIB)
    writer = store.create(new_id())
    with pytest.raises(StorageFull) as caught:
        write_blocks(writer, count=80, size=100_000)
    assert 3 * MIB <= caught.value.free < 3 * MIB + 200_000
    assert files_below(small_disk) == []


def test_no_room_for_a_folder_is_a_full_disk(small_disk: Path) -> None:
    options = "remount,nr_inodes=7"  # the root, five folders, and the upload
    store = DiskStore(small_disk, reserve=0)
    subprocess.run(["mount", "-o", options, str(small_disk)], check=True)
    writer = store.create(new_id())
    writer.write(b"x")
    with pytest.raises(StorageFull):
        writer.commit()
    writer.abort()
    assert files_below(small_disk) == []


def full_writer(tmp_path: Path) -> tuple[DiskWriter, Path]:
    temporary = tmp_path / "temporary"
    temporary.touch()
    descriptor = os.open("/dev/full", os.O_WRONLY)
    space = DiskSpace(tmp_path, 0)
    folders = DurableFolders(tmp_path)
    (tmp_path / BLOBS).mkdir()
    pool = ThreadPoolExecutor(1)
    return DiskWriter(descriptor, temporary, tmp_path / "final", space, folders, pool), temporary


@pytest.mark.parametrize("size", [1, MIB])
def test_no_space_left_while_writing(tmp_path: Path, size: int) -> None:
    writer, temporary = full_writer(tmp_path)
    with pytest.raises(StorageFull) as caught:
        writer.write(bytes(size))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert not temporary.exists()
    writer.abort()


def test_a_failed_sync_fails_the_upload_for_good(tmp_path: Path) -> None:
    writer, temporary = full_writer(tmp_path)  # a character device cannot be synced: EINVAL
    with pytest.raises(OSError, match="Invalid argument"):
        writer.commit()
    assert not temporary.exists()
    assert not (tmp_path / "final").exists()
    with pytest.raises(ValueError, match="already"):
        writer.commit()


def test_descriptors_are_given_back(store: DiskStore) -> None:
    gc.collect()  # what other tests have left is not closed in between
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        store.create(new_id()).abort()
        store.create(new_id()).commit()
        list(store.read(next(store.list()).blob_id))
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_draft_that_another_store_went_on_with_has_the_right_hash(tmp_path: Path) -> None:
    """As two processes would: what the first remembers of the hash cannot be used any more."""
    first, second = (DiskStore(tmp_path / "data", reserve=0) for _ in range(2))
    draft, data = new_id(), os.urandom(300_000)
    for number, start in enumerate(range(0, len(data), 100_000)):
        writer = (first, second)[number % 2].drafts.append(draft)
        writer.write(data[start : start + 100_000])
        if start + 100_000 < len(data):
            writer.close()
    blob_id = new_id()
    assert writer.commit(blob_id).sha256 == hashlib.sha256(data).hexdigest()
    writer.close()
    assert first.path(blob_id).stat().st_nlink == 2
    first.drafts.drop(draft)
    assert first.path(blob_id).stat().st_nlink == 1


def test_a_draft_is_free_once_its_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from uuid import UUID\n"
        "from entrepot.blobs import DiskStore\n"
        "writer = DiskStore(Path(sys.argv[1]), 0).drafts.append(UUID(sys.argv[2]))\n"
        "writer.write(b'written'); print('held', flush=True); time.sleep(600)"
    )
    draft = new_id()
    command = [sys.executable, "-c", code, str(tmp_path / "data"), str(draft)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        store = DiskStore(tmp_path / "data", reserve=0)
        with pytest.raises(DraftBusy):
            store.drafts.append(draft)
        process.kill()
        process.wait()
        writer = store.drafts.append(draft)
    assert writer.size == len(b"written")
    assert b"".join(store.drafts.read(draft)) == b"written"
    writer.close()


FROZEN_WRITER = """
import sys
from pathlib import Path
from uuid import UUID
from entrepot.blobs import DiskStore
from entrepot.errors import DraftBusy
writer = DiskStore(Path(sys.argv[1]), 0).drafts.append(UUID(sys.argv[2]))
writer.write(b"written")
print("held", flush=True)
sys.stdin.readline()
writer.write(b" late")
try:
    writer.commit(UUID(int=1))
except DraftBusy:
    print("busy", flush=True)
"""


def test_a_draft_is_taken_over_from_a_process_that_stands_still(tmp_path: Path) -> None:
    store, draft, blob_id = DiskStore(tmp_path / "data", reserve=0), new_id(), new_id()
    now = iter((0, FROZEN_SECONDS - 1, FROZEN_SECONDS, 2 * FROZEN_SECONDS - 1, 2 * FROZEN_SECONDS))
    store.drafts.frozen = FrozenLocks(lambda: next(now))
    command = [sys.executable, "-c", FROZEN_WRITER, str(tmp_path / "data"), str(draft)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        for is_touched in (False, True):
            if is_touched:
                os.utime(store.drafts.path(draft))  # as a process does that lives
            for _ in range(2):
                with pytest.raises(DraftBusy):
                    store.drafts.append(draft)
        writer = store.drafts.append(draft)
        process.send_signal(signal.SIGCONT)
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"busy\n"
    assert writer.size == len(b"written")
    writer.write(b" and more")
    data = b"written and more"
    assert writer.commit(blob_id) == StoredBlob(len(data), hashlib.sha256(data).hexdigest())
    assert b"".join(store.read(blob_id)) == data
    assert [stat.blob_id for stat in store.list()] == [blob_id]
    assert list((tmp_path / "data" / "incoming").iterdir()) == []
    writer.close()


def test_a_full_disk_leaves_what_the_draft_had(small_disk: Path) -> None:
    store, draft = DiskStore(small_disk / "data", reserve=MIB), new_id()
    writer = store.drafts.append(draft)
    with pytest.raises(StorageFull):
        write_blocks(writer, 20, MIB)
    assert MIB <= writer.size == writer.sync() < 8 * MIB
    writer.close()
    again = store.drafts.append(draft)
    assert again.size == len(b"".join(store.drafts.read(draft)))
    again.close()


def test_of_several_installations_one_takes_a_new_store(tmp_path: Path) -> None:
    """They write its id at the same moment, as hosts do that share a folder."""
    ids = [uuid4() for _ in range(8)]
    all_here = Barrier(len(ids))

    def take(installation_id: UUID) -> UUID | None:
        all_here.wait()
        try:
            write_store_id(tmp_path, installation_id)
        except StoreUnavailable:
            return None
        return installation_id

    with ThreadPoolExecutor(len(ids)) as pool:
        winners = {taken for taken in pool.map(take, ids) if taken is not None}
    assert winners == {read_store_id(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == ["installation"]
    write_store_id(tmp_path, *winners)  # again, as a start does that was cut off


def remove(root: Path) -> None:
    """A mount that has ended, whose folder was made by mounting."""
    root.rename(root.with_name("away"))


def uncover(root: Path) -> None:
    """A mount that has ended; its folder is there."""
    remove(root)
    root.mkdir()


def replace_with_other(root: Path) -> None:
    """Another installation's store is mounted now."""
    remove(root)
    write_store_id(root, uuid4())
    DiskStore(root, reserve=0)


def act_on(store: DiskStore) -> dict[str, Callable[[], object]]:
    """Everything that a request or a worker asks of a store; what has begun too."""
    blob_id, draft_id = new_id(), uuid4()
    for each in (blob_id, new_id()):
        writer = store.create(each)
        writer.write(b"bytes")
        writer.commit()
    draft = store.drafts.append(draft_id)
    draft.write(b"bytes")
    draft.sync()
    begun = store.create(new_id())
    begun.write(b"bytes")
    recorded = StoredBlob(5, hashlib.sha256(b"bytes").hexdigest())
    return {
        "stat": lambda: store.stat(blob_id),
        "read": lambda: store.read(blob_id),
        "borrow": lambda: store.borrow(blob_id, lambda: recorded).__enter__(),
        "link": lambda: store.link(blob_id, new_id()),
        "create": lambda: store.create(new_id()),
        "commit": begun.commit,
        "append": lambda: store.drafts.append(uuid4()),
        "commit a draft": lambda: draft.commit(new_id()),
        "discard": lambda: store.discard(blob_id),
    }


@pytest.mark.parametrize("end", [remove, uncover, replace_with_other])
def test_a_store_that_is_gone_says_so_and_gets_nothing(
    tmp_path: Path, end: Callable[[Path], None]
) -> None:
    root = tmp_path / "mounted" / "data"
    write_store_id(root, uuid4())
    store = DiskStore(root, reserve=0)
    acts = act_on(store)
    end(root)
    before = files_below(root)
    for name, act in acts.items():
        with pytest.raises(StoreUnavailable):
            pytest.fail(f"{name} gave {act()!r}")
    assert files_below(root) == before
    if root.exists():
        root.rename(root.with_name("other"))
    root.with_name("away").rename(root)
    act_on(store)


def test_bytes_on_their_way_into_a_folder_that_is_gone_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "data"
    store = DiskStore(root, reserve=0)
    writers = store.create(new_id()), store.drafts.append(uuid4())
    remove(root)
    for writer in writers:
        with pytest.raises(StoreUnavailable):
            writer.write(b"bytes")
