"""A store in a folder whose locks other hosts do not see is refused to one of many hosts."""

from pathlib import Path

import pytest

from entrepot.bootstrap.shared_folder import find_local_locks, refuse_local_locks
from entrepot.errors import StartRefused
from entrepot.settings import Settings, read_settings

ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
NFS = "98 22 0:52 / {} rw,relatime shared:50 - nfs4 nas:/export rw,vers=4.2,{},proto=tcp\n"
OTHERS = {
    "nfs": "98 22 0:52 / {} rw,relatime - nfs nas:/export rw,vers=3,nolock,proto=tcp\n",
    "cifs": "98 22 0:52 / {} rw,relatime - cifs //nas/share rw,vers=3.1.1,nobrl\n",
    "fuse.sshfs": "98 22 0:52 / {} rw,nosuid - fuse.sshfs nas:/x rw,user_id=0\n",
}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "of all hosts"
    folder.mkdir()
    return folder


def settings_of(shared: Path, role: str) -> Settings:
    return read_settings(database="postgresql://h/d", store=str(shared / "store"), role=role)


def mounts_with(tmp_path: Path, line: str, point: Path, *more: str) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(ROOT + line.format(str(point).replace(" ", r"\040"), *more))
    return file


@pytest.mark.parametrize("kind", OTHERS)
def test_a_mount_whose_locks_stay_on_the_host_is_refused(
    shared: Path, tmp_path: Path, kind: str
) -> None:
    mounts = mounts_with(tmp_path, OTHERS[kind], shared)
    for role in ("api", "worker"):
        with pytest.raises(StartRefused, match=f"mounted as {kind}"):
            refuse_local_locks(settings_of(shared, role), mounts)
    refuse_local_locks(settings_of(shared, "all"), mounts)  # it may be the only host


@pytest.mark.parametrize(
    ("option", "is_local"),
    [("local_lock=none", False), ("local_lock=posix", False), ("local_lock=all", True)],
)
def test_nfs_is_refused_by_its_options(
    shared: Path, tmp_path: Path, option: str, is_local: bool
) -> None:
    mounts = mounts_with(tmp_path, NFS, shared, option)
    mount = find_local_locks(settings_of(shared, "api"), mounts)
    assert mount == (f"nfs4 with {option}" if is_local else None)


def test_only_the_mount_that_has_the_store_counts(shared: Path, tmp_path: Path) -> None:
    mounts = mounts_with(tmp_path, NFS, tmp_path / "of", "nolock")
    refuse_local_locks(settings_of(shared, "api"), mounts)
    inner = ROOT.replace(
        " / / ", rf" / {shared}/store ".replace("of all hosts", r"of\040all\040hosts")
    )
    mounts.write_text(mounts_with(tmp_path, NFS, shared, "nolock").read_text() + inner)
    refuse_local_locks(settings_of(shared, "api"), mounts)


def test_the_mounts_of_this_machine_can_be_read(shared: Path) -> None:
    assert find_local_locks(settings_of(shared, "api")) is None
