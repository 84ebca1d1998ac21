"""A folder of back-ups is of one installation, and a wrong one costs nobody's data."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.backup.test_backup import KEEP, add_blobs, bytes_by_id, save
from tests.support.fault_proxy import fault_proxy
from tests.support.seaweedfs import BUCKET, SeaweedFS, environment, new_prefix, without_conditions

from entrepot.accounts.accounts import create_account
from entrepot.accounts.users import create_user
from entrepot.backup.folder import BackupFolder, read_blob_list
from entrepot.backup.use_folder import hold_for_backup, hold_for_restoration
from entrepot.bootstrap.backup_mark import OWNER_FILE
from entrepot.bootstrap.parts import Parts
from entrepot.bootstrap.restoring import MARK
from entrepot.bootstrap.stores import store_location
from entrepot.cli.backup import back_up_and_verify, restore_snapshot
from entrepot.cli.start import (
    create_installation,
    open_installation,
    refuse_foreign_store,
)
from entrepot.errors import StartRefused
from entrepot.settings import read_settings


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """An installation with 5 blobs."""
    yield from _installation(tmp_path / "data")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Parts]:
    """A second installation."""
    yield from _installation(tmp_path / "other")


def _installation(data: Path) -> Iterator[Parts]:
    settings = read_settings(data=data)
    create_installation(settings)
    with closing(open_installation(settings)) as opened:
        opened.database.write(create_account, "acme", 10**9, opened.clock())
        opened.database.write(create_user, "acme:maria", "admin", opened.clock())
        add_blobs(opened, 5)
        yield opened


def at(parts: Parts, hours: int) -> Parts:
    return replace(parts, clock=lambda: parts.clock() + timedelta(hours=hours))


@pytest.mark.parametrize("place", ["", "store", "store/blobs", "backups", "run/deep/er"])
def test_a_backup_within_what_it_protects_is_refused(parts: Parts, place: str) -> None:
    """Its oldest snapshot would go with the blobs that no snapshot names: those of the store."""
    before = sorted(parts.settings.data.rglob("*"))
    with pytest.raises(StartRefused, match="which it is to protect"):
        save(parts, parts.settings.data / place, keep=1)
    assert sorted(parts.settings.data.rglob("*")) == before


@pytest.mark.parametrize("place", ["", "store"])
def test_a_backup_into_another_installation_is_refused(
    parts: Parts, other: Parts, place: str
) -> None:
    before = bytes_by_id(other)
    for _ in range(2):
        with pytest.raises(StartRefused, match=r"is not a folder of back-ups\. It has"):
            save(parts, other.settings.data / place, keep=1)
    assert bytes_by_id(other) == before
    assert not (other.settings.data / place / OWNER_FILE).exists()


@pytest.mark.parametrize("where", ["data", "store"])
def test_no_installation_is_created_in_a_folder_of_back_ups(
    parts: Parts, tmp_path: Path, where: str
) -> None:
    """It was, and from then on each back-up into the folder was refused."""
    backups = tmp_path / "backups"
    save(parts, backups, keep=1)
    before = sorted(backups.rglob("*"))
    data = backups if where == "data" else tmp_path / "new"
    settings = read_settings(data=data, store=None if where == "data" else str(backups))
    for create in (create_installation, refuse_foreign_store):  # the latter is what `serve` runs
        with pytest.raises(StartRefused, match="is a folder of back-ups"):
            create(settings)
    with pytest.raises(StartRefused, match="is a folder of back-ups"):
        restore_snapshot(backups, None, settings)
    assert sorted(backups.rglob("*")) == before
    save(parts, backups, keep=1)


def test_a_folder_that_a_link_leads_to_is_refused_too(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(parts.settings.data / "store")
    with pytest.raises(StartRefused, match="which it is to protect"):
        save(parts, tmp_path / "link")


def test_a_folder_with_blobs_of_unknown_origin_is_refused(parts: Parts, tmp_path: Path) -> None:
    blob = tmp_path / "folder" / "blobs" / "ab" / "cd" / str(uuid4())
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x")
    with pytest.raises(StartRefused, match=r"is not a folder of back-ups\. It has blobs"):
        save(parts, tmp_path / "folder")
    assert blob.exists()


def test_a_file_is_not_a_folder(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartRefused, match="is not a folder"):
        save(parts, tmp_path / "file")
    with pytest.raises(StartRefused, match="has no snapshot"):
        restore_snapshot(tmp_path / "file", None, read_settings(data=tmp_path / "restored"))


@pytest.mark.parametrize("earlier_release", [False, True])
def test_two_installations_do_not_share_a_folder(
    parts: Parts, other: Parts, tmp_path: Path, earlier_release: bool
) -> None:
    """Else the snapshots of the one push out those of the other."""
    folder = tmp_path / "backup"
    first = save(parts, folder)
    if earlier_release:
        (folder / OWNER_FILE).unlink()
    with pytest.raises(StartRefused, match="has back-ups of installation"):
        save(other, folder, keep=1)
    assert [path.name for path in BackupFolder(folder).complete_snapshots()] == [first.snapshot]
    assert save(parts, folder).copied == 0


def test_other_files_beside_the_snapshots_are_left_alone(parts: Parts, tmp_path: Path) -> None:
    """Such as the dump of PostgreSQL."""
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "entrepot.dump").write_text("dump")
    save(parts, folder)
    save(parts, folder, keep=1)
    assert (folder / "entrepot.dump").read_text() == "dump"


def test_one_command_at_a_time_changes_the_folder(parts: Parts, tmp_path: Path) -> None:
    """Else one removes what the other has copied for a snapshot that has no name yet."""
    folder = tmp_path / "backup"
    save(parts, folder)
    target = read_settings(data=tmp_path / "restored")
    with hold_for_backup(folder, parts.settings, _owner(folder)):
        with pytest.raises(StartRefused, match="Another command uses the folder"):
            save(parts, folder)
        with pytest.raises(StartRefused, match="Another command uses the folder"):
            restore_snapshot(folder, None, target)
    assert not target.data.exists()
    with hold_for_restoration(folder):
        with pytest.raises(StartRefused, match="Another command uses the folder"):
            save(parts, folder)
        restore_snapshot(folder, None, target)  # any number may read it


def _owner(folder: Path) -> UUID:
    return UUID((folder / OWNER_FILE).read_text())


def test_what_killed_backups_left_goes_with_the_next(parts: Parts, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    save(parts, folder)
    left = [folder / "snapshots" / "20260101T000000.000Z.part", folder / "verify-abc"]
    for each in left:
        each.mkdir()
        (each / "secret").write_text("x")
    save(parts, folder)
    assert not any(each.exists() for each in left)


def test_the_snapshot_just_made_is_the_newest_whatever_the_clock_says(
    parts: Parts, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    save(at(parts, 24 * 365), folder)  # the clock was a year ahead
    add_blobs(parts, 1)
    result = save(parts, folder, keep=1)
    assert (result.blobs, result.removed_snapshots) == (6, 1)
    (snapshot,) = BackupFolder(folder).complete_snapshots()
    assert snapshot.name == result.snapshot
    assert len(list(read_blob_list(snapshot))) == 6


def test_a_snapshot_that_was_renamed_stays(parts: Parts, tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backup")
    first = save(parts, folder.root)
    (folder.snapshots / first.snapshot).rename(folder.snapshots / "before-the-move")
    for hours in (1, 2):
        last = save(at(parts, hours), folder.root, keep=1)
    names = [path.name for path in folder.complete_snapshots()]
    assert names == ["before-the-move", last.snapshot]
    assert folder.choose_snapshot(None).name == last.snapshot


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_written(
    parts: Parts, tmp_path: Path
) -> None:
    folder = BackupFolder(tmp_path / "backup")
    save(parts, folder.root)
    (snapshot,) = folder.complete_snapshots()
    manifest = json.loads((snapshot / "manifest.json").read_text())
    manifest["blob_bytes"] = 10**18
    (snapshot / "manifest.json").write_text(json.dumps(manifest))
    target = read_settings(data=tmp_path / "restored")
    with pytest.raises(StartRefused, match=r"takes 1,000,0.*Make room"):
        restore_snapshot(folder.root, None, target)
    assert not target.data.exists()


def test_a_restoration_that_was_killed_at_its_end_changes_no_database_any_more(
    parts: Parts, tmp_path: Path
) -> None:
    """The mark outlived it, a server used the folder, and somebody repeats the command."""
    folder = tmp_path / "backup"
    snapshot = save(parts, folder).snapshot
    target = read_settings(data=tmp_path / "restored")
    restore_snapshot(folder, None, target)
    with closing(open_installation(target)) as restored:
        restored.database.write(create_account, "later", 10**9, restored.clock())
    (target.data / MARK).write_text(snapshot)
    with pytest.raises(StartRefused, match=f"snapshot {snapshot} into .* was cut off"):
        open_installation(target)
    restore_snapshot(folder, None, target)
    assert not (target.data / MARK).exists()
    with closing(open_installation(target)) as restored:
        restored.database.write(create_user, "later:maria", "admin", restored.clock())


def test_a_restoration_that_was_killed_before_its_mark_is_run_again(
    parts: Parts, tmp_path: Path
) -> None:
    save(parts, tmp_path / "backup")
    target = read_settings(data=tmp_path / "restored")
    target.data.mkdir()
    (target.data / f"{MARK}.part").write_bytes(b"half")
    restore_snapshot(tmp_path / "backup", None, target)
    assert not (target.data / f"{MARK}.part").exists()


def test_a_restoration_that_was_killed_within_a_blob_continues(
    parts: Parts, tmp_path: Path
) -> None:
    folder = BackupFolder(tmp_path / "backup")
    snapshot = save(parts, folder.root).snapshot
    first = next(read_blob_list(folder.snapshots / snapshot))
    target = read_settings(data=tmp_path / "restored")
    (target.data / "store" / "incoming").mkdir(parents=True)
    (target.data / "store" / "incoming" / str(first.blob_id)).write_bytes(b"half")
    (target.data / MARK).write_text(snapshot)
    restore_snapshot(folder.root, None, target)
    with closing(open_installation(target)) as restored:
        assert bytes_by_id(restored) == bytes_by_id(parts)


@pytest.mark.parametrize("fault", ["no conditions", "another's", "gone"])
def test_a_store_that_cannot_be_used_is_found_before_anything_is_copied(
    parts: Parts, tmp_path: Path, s3: SeaweedFS, fault: str
) -> None:
    folder, store = tmp_path / "backup", f"s3://{BUCKET}/{new_prefix()}"
    save(parts, folder)
    target = read_settings(data=tmp_path / "restored", store=store)
    location = store_location(target)
    if fault == "another's":
        location.write_id(uuid4())
    with fault_proxy(s3.port) as proxy, ExitStack() as stack:
        stack.enter_context(environment({"AWS_ENDPOINT_URL_S3": proxy.endpoint}))
        if fault == "no conditions":
            stack.enter_context(without_conditions())
        if fault == "gone":
            stack.enter_context(proxy.failing("503", writes_only=True))
        with pytest.raises(StartRefused, match=r"cannot be used.*Nothing was copied"):
            restore_snapshot(folder, None, target)
    assert location.count_files() == 0
    assert not target.data.exists()
    if fault == "gone":
        restore_snapshot(folder, None, target)
        assert location.count_files() == 5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root mounts a disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("at_blobs", [False, True])
def test_a_full_disk_of_back_ups_is_one_clear_error_and_leaves_the_older_ones(
    parts: Parts, small_disk: Path, tmp_path: Path, at_blobs: bool
) -> None:
    folder = small_disk / "backup"
    first = back_up_and_verify(parts, folder, KEEP, verify=False)
    add_blobs(parts, 3, size=1_000_000)
    room = 20_000 + at_blobs * (1_000_000 + parts.settings.sqlite_file.stat().st_size)
    free = shutil.disk_usage(small_disk).free
    (small_disk / "filler").write_bytes(os.urandom(free - room))
    with pytest.raises(StartRefused, match="The back-up stopped: No space left on device"):
        back_up_and_verify(parts, folder, KEEP, verify=False)
    assert [path.name for path in BackupFolder(folder).complete_snapshots()] == [first["snapshot"]]
    (small_disk / "filler").unlink()
    assert back_up_and_verify(parts, folder, KEEP, verify=False)["snapshot"]
    restore_snapshot(folder, None, read_settings(data=tmp_path / "restored"))
