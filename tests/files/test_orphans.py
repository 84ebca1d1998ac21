"""A sweep removes the blobs without a row that a crash can leave, and no more than those."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from structlog.testing import capture_logs
from tests.support.migrated import place_migrated_file

from entrepot.accounts.accounts import create_account
from entrepot.accounts.users import create_user
from entrepot.blobs.store import BlobId
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.cli.process import sweep_and_log
from entrepot.cli.start import prepare_installation
from entrepot.db.engine import database_url, has_password
from entrepot.db.tables import accounts, checks, reservations, users
from entrepot.errors import SweepStopped
from entrepot.files.orphans import orphan_limit
from entrepot.files.sweep import sweep
from entrepot.quotas.reserve import RESERVATION_LIFETIME, open_reservation
from entrepot.settings import read_settings

Fill = Callable[[int, int], list[Path]]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """An installation with one account, without a server."""
    settings = read_settings(data=tmp_path)
    place_migrated_file(settings)
    prepare_installation(settings)
    made = build_parts(settings)
    made.database.write(create_account, "acme", 10**9, made.clock())
    made.database.write(create_user, "acme:maria", "admin", made.clock())
    yield made
    made.close()


def old_blob(parts: Parts, blob_id: UUID) -> Path:
    """Put a blob into the store; its file."""
    path = parts.store.path(BlobId(blob_id))
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    return path


@pytest.fixture
def fill(parts: Parts) -> Fill:
    """fill(named, orphans): put old blobs into the store; the files of the orphans."""

    def run(named: int, orphans: int) -> list[Path]:
        blob_ids = [uuid4() for _ in range(named)]
        with parts.database.writing() as conn:
            user = conn.execute(select(users)).one()
            rows = [
                {
                    "id": blob_id,
                    "task_id": uuid4(),
                    "account_id": user.account_id,
                    "name": "table.csv",
                    "mode": "infer",
                    "size": 1,
                    "created_by": user.id,
                    "created_at": parts.clock(),
                }
                for blob_id in blob_ids
            ]
            if rows:
                conn.execute(insert(checks), rows)
        for blob_id in blob_ids:
            old_blob(parts, blob_id)
        return [old_blob(parts, uuid4()) for _ in range(orphans)]

    return run


def run_sweep(parts: Parts, max_orphans: int | None = None) -> int:
    """The orphans that a sweep removes."""
    return sweep(parts.database, parts.store, parts.clock, max_orphans=max_orphans).orphans


@pytest.mark.parametrize(
    ("named", "orphans"), [(0, 1), (1, 2), (2, 1), (9, 10), (990, 10), (2_000, 20)]
)
def test_as_many_orphans_as_a_crash_can_leave_are_removed(
    parts: Parts, fill: Fill, named: int, orphans: int
) -> None:
    lost = fill(named, orphans)
    assert run_sweep(parts) == orphans
    assert not any(path.exists() for path in lost)
    assert len(list(parts.store.list())) == named


@pytest.mark.parametrize(
    ("named", "orphans", "limit"), [(0, 2, 1), (1, 3, 2), (20, 11, 10), (2_000, 21, 20)]
)
def test_a_sweep_of_more_orphans_removes_nothing_and_says_so(
    parts: Parts, fill: Fill, named: int, orphans: int, limit: int
) -> None:
    lost = fill(named, orphans)
    account = parts.database.read(lambda conn: conn.scalars(select(accounts.c.id)).one())
    parts.database.write(open_reservation, account, 100, parts.clock() - 2 * RESERVATION_LIFETIME)
    blobs = parts.settings.blobs
    drafts = [blobs / "incoming" / str(uuid4()), blobs / "drafts" / str(uuid4())]
    for path in drafts:
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    with pytest.raises(SweepStopped) as stopped:
        run_sweep(parts)
    figures = {"orphans": orphans, "blobs": named + orphans, "limit": limit}
    assert stopped.value.figures() == figures
    assert all(path.exists() for path in [*lost, *drafts])
    # What needs no trust in the database's completeness was done.
    assert parts.database.read(lambda conn: conn.execute(select(reservations)).all()) == []
    with capture_logs() as logs:
        sweep_and_log(parts)
    assert [(line["log_level"], line["event"]) for line in logs] == [("critical", "sweep stopped")]
    assert logs[0].items() >= figures.items()
    assert run_sweep(parts, max_orphans=orphans) == orphans
    assert not any(path.exists() for path in [*lost, *drafts])


def test_a_database_without_accounts_removes_nothing(tmp_path: Path) -> None:
    settings = read_settings(data=tmp_path)
    prepare_installation(settings)
    with closing(build_parts(settings)) as parts:
        lost = old_blob(parts, uuid4())
        for max_orphans in (None, 1_000):
            with pytest.raises(SweepStopped):
                run_sweep(parts, max_orphans)
        assert lost.exists()


def test_a_large_store_has_an_absolute_limit() -> None:
    assert orphan_limit(blobs=99_000, named=98_000) == 990
    assert orphan_limit(blobs=10_000_000, named=9_999_000) == 1_000


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("postgresql://maria:secret@host/db", "postgresql://maria:***@host/db"),
        ("postgresql://maria@host/db?password=secret", "postgresql://maria@host/db"),
        (
            "postgresql://h/db?sslpassword=secret&sslmode=require",
            "postgresql://h/db?sslmode=require",
        ),
    ],
)
def test_an_address_that_is_shown_has_no_password(
    tmp_path: Path, address: str, public: str
) -> None:
    assert database_url(read_settings(data=tmp_path, database=address)) == public
    assert has_password(address)
    assert not has_password(public.replace(":***", ""))


def test_orphans_stay_in_the_trash_for_seven_days(parts: Parts, fill: Fill) -> None:
    fill(20, 3)
    assert run_sweep(parts) == 3
    assert len(list(parts.store.list_trash())) == 3
    for days, left in ((6.9, 3), (7.1, 0)):
        later = parts.clock() + timedelta(days=days)
        sweep(parts.database, parts.store, lambda later=later: later)  # type: ignore[misc]
        assert len(list(parts.store.list_trash())) == left


def test_a_blob_that_a_row_names_again_comes_back_from_the_trash(parts: Parts, fill: Fill) -> None:
    fill(20, 0)
    with parts.database.reading() as conn:
        blob_id = BlobId(conn.scalars(select(checks.c.id).limit(1)).one())
    parts.store.discard(blob_id)  # as a sweep did, before an operator restored the database
    assert parts.store.stat(blob_id) is None
    assert sweep(parts.database, parts.store, parts.clock).recovered == 1
    assert parts.store.stat(blob_id) is not None
