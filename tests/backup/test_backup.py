"""Back-ups are consistent and complete, and what lacks a piece is not restored."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from tests.support.postgres import Postgres

from entrepot.accounts.accounts import create_account
from entrepot.accounts.users import create_user
from entrepot.backup.folder import BackupFolder, read_blob_list
from entrepot.backup.save import BackupResult, back_up
from entrepot.backup.use_folder import hold_for_backup
from entrepot.blobs.store import BlobId
from entrepot.bootstrap.identity import read_identity
from entrepot.bootstrap.parts import Parts
from entrepot.cli.backup import back_up_and_verify, restore_snapshot
from entrepot.cli.doctor import check_invariants
from entrepot.cli.start import create_installation, open_installation
from entrepot.db.tables import accounts, checks, users
from entrepot.errors import BackupFailed, StartRefused
from entrepot.files.sweep import sweep
from entrepot.settings import read_settings

KEEP = 7


@pytest.fixture(params=["sqlite", "postgresql"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parts]:
    """An installation with an account and 20 blobs that the database names."""
    database = None
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        database = postgres.new_database()
    settings = read_settings(data=tmp_path / "data", database=database)
    create_installation(settings)
    with closing(open_installation(settings)) as opened:
        opened.database.write(create_account, "acme", 10**9, opened.clock())
        opened.database.write(create_user, "acme:maria", "admin", opened.clock())
        add_blobs(opened, 20)
        yield opened


def save(parts: Parts, folder: Path, keep: int = KEEP) -> BackupResult:
    """Take a snapshot, as the command does."""
    identity = parts.database.read(read_identity)
    assert identity is not None
    with hold_for_backup(folder, parts.settings, identity.id) as backup:
        return back_up(parts, backup, keep)


def add_blobs(parts: Parts, count: int, size: int = 1_000) -> list[BlobId]:
    """Blobs that rows name, as validations do; with the sums that the quota has."""
    blob_ids = [BlobId(uuid4()) for _ in range(count)]
    for blob_id in blob_ids:
        data = os.urandom(size)
        writer = parts.store.create(blob_id)
        writer.write(data)
        stored = writer.commit()
        with parts.database.writing() as conn:
            user = conn.execute(select(users)).one()
            row = {
                "id": blob_id, "task_id": uuid4(), "account_id": user.account_id,
                "name": "table.csv", "mode": "infer", "size": stored.size,
                "sha256": stored.sha256, "created_by": user.id, "created_at": parts.clock(),
            }  # fmt: skip
            conn.execute(insert(checks).values(**row))
            used = accounts.c.used + stored.size
            conn.execute(update(accounts).values(used=used))
    return blob_ids


def bytes_by_id(parts: Parts) -> dict[UUID, bytes]:
    return {stat.blob_id: b"".join(parts.store.read(stat.blob_id)) for stat in parts.store.list()}


def test_a_snapshot_is_restored_as_it_was(parts: Parts, tmp_path: Path) -> None:
    before = bytes_by_id(parts)
    record = back_up_and_verify(parts, tmp_path / "backup", KEEP, verify=False)
    assert record["blobs"].startswith("20 ")
    add_blobs(parts, 1)
    if not parts.settings.embedded:  # the dump is the operator's; the database is as it was
        shutil.rmtree(parts.settings.data)
        with pytest.raises(StartRefused, match="names 1 blob that the snapshot"):
            restore_snapshot(tmp_path / "backup", None, parts.settings)
        return
    restored = parts.settings.model_copy(update={"data": tmp_path / "restored"})
    assert restore_snapshot(tmp_path / "backup", None, restored)["snapshot"] == record["snapshot"]
    with closing(open_installation(restored)) as again:
        assert bytes_by_id(again) == before
        assert again.secret == parts.secret
        names = {"invariant: bytes", "invariant: quotas", "invariant: orphans"}
        results = {result.name: result.ok for result in check_invariants(again)}
        assert all(results[name] for name in names)


def test_postgresql_gets_its_bytes_back_beside_its_own_dump(parts: Parts, tmp_path: Path) -> None:
    if parts.settings.embedded:
        pytest.skip("SQLite's database is part of the snapshot")
    before = bytes_by_id(parts)
    assert "not the database" in back_up_and_verify(parts, tmp_path / "b", KEEP, False)["covers"]
    shutil.rmtree(parts.settings.data)
    restore_snapshot(tmp_path / "b", None, parts.settings)
    with closing(open_installation(parts.settings)) as again:
        assert bytes_by_id(again) == before


def test_a_second_snapshot_copies_only_what_is_new(parts: Parts, tmp_path: Path) -> None:
    first = save(parts, tmp_path / "backup")
    assert (first.blobs, first.copied) == (20, 20)
    add_blobs(parts, 3)
    later = _at(parts, 1)
    second = save(later, tmp_path / "backup")
    assert (second.blobs, second.copied, second.copied_bytes) == (23, 3, 3_000)


def _at(parts: Parts, seconds: int) -> Parts:
    return replace(parts, clock=lambda: parts.clock() + timedelta(seconds=seconds))


def test_old_snapshots_go_with_the_blobs_that_only_they_name(parts: Parts, tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backup")
    save(parts, folder.root)
    with parts.database.writing() as conn:
        gone = BlobId(conn.scalars(select(checks.c.id).limit(1)).one())
        conn.execute(update(checks).where(checks.c.id == gone).values(keep_until=parts.clock()))
    sweep(parts.database, parts.store, _at(parts, 1).clock)
    assert folder.blob_path(gone).exists()
    result = save(_at(parts, 2), folder.root, 1)
    assert (result.blobs, result.removed_snapshots) == (19, 1)
    assert not folder.blob_path(gone).exists()
    (snapshot,) = folder.complete_snapshots()
    assert all(folder.blob_path(copy.blob_id).exists() for copy in read_blob_list(snapshot))


def test_what_is_deleted_during_a_backup_is_kept_until_its_end(parts: Parts) -> None:
    (stat, *_) = parts.store.list()
    data = b"".join(parts.store.read(stat.blob_id))
    with parts.store.hold_deletions() as held:
        parts.store.delete(stat.blob_id)
        assert parts.store.stat(stat.blob_id) is None
        assert parts.store.remove_held() == 0
        assert b"".join(held.read(stat.blob_id)) == data
    assert not list((parts.settings.blobs / "held").iterdir())


def test_what_a_killed_backup_held_goes_at_a_sweep(parts: Parts) -> None:
    (parts.settings.blobs / "held" / str(uuid4())).write_bytes(b"x")
    sweep(parts.database, parts.store, parts.clock)
    assert not list((parts.settings.blobs / "held").iterdir())


@pytest.mark.parametrize("damage", ["missing", "short", "database", "secret", "list"])
def test_a_snapshot_that_lacks_a_piece_writes_nothing(
    parts: Parts, tmp_path: Path, damage: str
) -> None:
    folder = BackupFolder(tmp_path / "backup")
    save(parts, folder.root)
    (snapshot,) = folder.complete_snapshots()
    copy = next(read_blob_list(snapshot))
    damages: dict[str, Callable[[], object]] = {
        "missing": folder.blob_path(copy.blob_id).unlink,
        "short": lambda: os.truncate(folder.blob_path(copy.blob_id), 10),
        "database": lambda: os.truncate(snapshot / "entrepot.db", 10),
        "secret": (snapshot / "secret").unlink,
        "list": lambda: os.truncate(snapshot / "blobs.tsv", 0),
    }
    if damage == "database" and not parts.settings.embedded:
        pytest.skip("the dump is not part of it")
    damages[damage]()
    target = parts.settings.model_copy(update={"data": tmp_path / "restored"})
    with pytest.raises(StartRefused, match="lacks pieces"):
        restore_snapshot(folder.root, None, target)
    assert not target.data.exists()


def test_bytes_that_are_damaged_or_missing_in_the_store_make_no_snapshot(
    parts: Parts, tmp_path: Path
) -> None:
    (stat, *_) = parts.store.list()
    path = parts.store.path(stat.blob_id)
    assert path is not None
    for damage in (lambda: path.write_bytes(b"other"), path.unlink):
        damage()
        with pytest.raises(BackupFailed, match=str(stat.blob_id)):
            save(parts, tmp_path / "backup")
    assert BackupFolder(tmp_path / "backup").complete_snapshots() == []


def test_a_folder_that_is_not_empty_is_left_alone(parts: Parts, tmp_path: Path) -> None:
    save(parts, tmp_path / "backup")
    before, names = bytes_by_id(parts), sorted(parts.settings.data.rglob("*"))
    with pytest.raises(StartRefused, match=r"is not empty\. It has installation .* is complete"):
        restore_snapshot(tmp_path / "backup", None, parts.settings)
    assert bytes_by_id(parts) == before
    assert sorted(parts.settings.data.rglob("*")) == names


def test_a_folder_without_snapshots_says_so(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="has no snapshot"):
        restore_snapshot(tmp_path / "nothing", None, parts.settings)
    assert not (tmp_path / "nothing").exists()
    settings = read_settings(data=tmp_path / "target")
    with pytest.raises(StartRefused, match="has no snapshot"):
        restore_snapshot(tmp_path / "nothing", None, settings)
    assert not settings.data.exists()


def test_a_folder_with_anything_of_others_is_left_alone(parts: Parts, tmp_path: Path) -> None:
    """Also where there is neither a database nor bytes: another installation's secret, say."""
    save(parts, tmp_path / "backup")
    for name in ("secret", "notes.txt"):
        settings = read_settings(data=tmp_path / f"used-{name}", database=parts.settings.database)
        settings.data.mkdir()
        (settings.data / name).write_text("mine")
        with pytest.raises(StartRefused, match=f"is not empty. It has {name}"):
            restore_snapshot(tmp_path / "backup", None, settings)
        assert (settings.data / name).read_text() == "mine"
        assert [path.name for path in settings.data.iterdir()] == [name]
