"""A start that is refused has migrated nothing, whatever the release that the database is of."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from errno import EPERM
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import inspect, text
from tests.migrations.test_rejected_versions import migrate_to, put
from tests.support.fault_proxy import fault_proxy
from tests.support.seaweedfs import (
    BUCKET,
    SeaweedFS,
    environment,
    new_prefix,
    s3_environment,
    without_conditions,
)

from entrepot.blobs.disk_identity import write_store_id
from entrepot.blobs.disk_sync import ID_FILE
from entrepot.bootstrap.identity import check_identity
from entrepot.bootstrap.secret import create_secret, secret_digest
from entrepot.bootstrap.stores import store_location
from entrepot.cli.start import migrate_installation, open_installation
from entrepot.db.engine import Database
from entrepot.errors import StartRefused, StoreUnavailable
from entrepot.migrations.revisions import current_revision, known_revisions
from entrepot.migrations.run import migrate
from entrepot.settings import Settings, read_settings

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
WITH_IDENTITY = "0015"
"""The first revision whose database has the id of the installation."""
BEFORE_IDENTITY = "0014"
BEFORE_FORMS = "0025"
"""A revision whose next one needs the table `derivatives`."""
OURS = UUID(int=1)
Situation = Callable[[Settings, Database], AbstractContextManager[Settings]]


@contextmanager
def written(path: Path, content: str) -> Iterator[None]:
    """While a file has that content."""
    before = path.read_text() if path.exists() else None
    path.write_text(content)
    yield
    path.unlink() if before is None else path.write_text(before)


@contextmanager
def moved_away(path: Path, place: Path) -> Iterator[None]:
    """While a file is at another place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    yield
    place.rename(path)


@contextmanager
def other_store(settings: Settings, database: Database) -> Iterator[Settings]:
    """The store has files of another installation; before it had an id, other blobs."""
    del database
    (blob,) = (path for path in settings.blobs.glob("blobs/*/*/*") if path.is_file())
    with (
        moved_away(blob, settings.blobs / "blobs" / "00" / "00" / str(UUID(int=2))),
        written(settings.blobs / ID_FILE, str(UUID(int=2))),
    ):
        yield settings


@contextmanager
def damaged_id(settings: Settings, database: Database) -> Iterator[Settings]:
    del database
    with written(settings.blobs / ID_FILE, "damaged"):
        yield settings


@contextmanager
def newer_release(settings: Settings, database: Database) -> Iterator[Settings]:
    revision = current_revision(database)
    set_revision = text("UPDATE alembic_version SET version_num = :revision")
    with database.writing() as conn:
        conn.execute(set_revision, {"revision": "9999"})
    yield settings
    with database.writing() as conn:
        conn.execute(set_revision, {"revision": revision})


@contextmanager
def store_without_its_id(settings: Settings, database: Database) -> Iterator[Settings]:
    del database
    with moved_away(settings.blobs / ID_FILE, settings.data / "kept"):
        yield settings


@contextmanager
def lost_secret(settings: Settings, database: Database) -> Iterator[Settings]:
    del database
    with moved_away(settings.data / "secret", settings.data / "kept"):
        yield settings


def other_secret(settings: Settings, database: Database) -> AbstractContextManager[Settings]:
    del database
    secret = read_settings(secret="x" * 40).secret
    return nullcontext(settings.model_copy(update={"secret": secret}))


AT_ALL: tuple[Situation, ...] = (other_store, damaged_id, newer_release)
OF_AN_IDENTITY: tuple[Situation, ...] = (store_without_its_id, lost_secret, other_secret)


def fill(settings: Settings, database: Database) -> None:
    """An account with a version, whose bytes are in the store, in the first release's tables."""
    account_id, user_id, file_id, version_id = (uuid4() for _ in range(4))
    with database.writing() as conn:
        common = {"created_at": NOW}
        put(conn, "accounts", id=account_id, name="acme", quota=10**9, **common)
        put(conn, "users", id=user_id, account_id=account_id, name="anna", role="admin", **common)
        put(
            conn, "files", id=file_id, account_id=account_id, owner_id=user_id, name="a.csv",
            description="", size_limit=1000, enforcement="given", updated_at=NOW, **common,
        )  # fmt: skip
        put(
            conn, "versions", id=version_id, file_id=file_id, account_id=account_id, number=1,
            status="published", size=5, sha256="0" * 64, media_type="text/csv",
            created_by=user_id, decided_at=NOW, task_id=uuid4(), **common,
        )  # fmt: skip
    path = settings.blobs / "blobs" / version_id.hex[:2] / version_id.hex[2:4] / str(version_id)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a,b\n\n")


def identify(settings: Settings, database: Database) -> None:
    """What the first start of the release that gave installations an id wrote."""
    digest = secret_digest(create_secret(settings), OURS)
    with database.writing() as conn:
        put(conn, "installation", id=OURS, secret_digest=digest, created_at=NOW)
    write_store_id(settings.blobs, OURS)


def address_of(database: Database) -> str | None:
    """The setting that names it; None for SQLite in the data folder."""
    if database.embedded:
        return None
    return database.engine.url.set(drivername="postgresql").render_as_string(False)


def everything(settings: Settings, database: Database) -> Any:
    """The revision, the names of all tables, and those of all files."""
    with database.reading() as conn:
        tables = sorted(inspect(conn).get_table_names())
    names = sorted(str(path.relative_to(settings.data)) for path in settings.data.rglob("*"))
    return current_revision(database), tables, names


def test_a_refused_start_has_migrated_nothing(empty: tuple[Database, Path]) -> None:
    """On PostgreSQL with one situation in turn for each release: a start opens several
    connections, each of which is a process there."""
    database, file = empty
    settings = read_settings(data=file.parent, database=address_of(database))
    for revision in known_revisions():
        migrate_to(database, revision)
        if revision == known_revisions()[0]:
            fill(settings, database)
        situations = AT_ALL
        if revision >= WITH_IDENTITY:
            situations += OF_AN_IDENTITY
        if revision == WITH_IDENTITY:
            identify(settings, database)
        if not database.embedded:
            situations = situations[int(revision) % len(situations) :][:1]
        for situation in situations:
            with situation(settings, database) as changed:
                before = everything(settings, database)
                with pytest.raises(StartRefused):
                    open_installation(changed).close()
                assert everything(settings, database) == before, (revision, situation)
        identity = check_identity(settings, database)  # the right parts are not refused
        assert (identity.id if identity else None) == (OURS if revision >= WITH_IDENTITY else None)


def test_a_migration_that_fails_leaves_no_copy(
    empty: tuple[Database, Path],
) -> None:
    """The copies that earlier migrations made stay."""
    database, file = empty
    migrate_to(database, BEFORE_FORMS)
    earlier = [file.with_name(f"{file.name}.before-000{number}") for number in range(1, 4)]
    for path in earlier if database.embedded else []:
        path.write_bytes(b"")
    with database.writing() as conn:
        conn.execute(text("ALTER TABLE derivatives RENAME TO others"))
    before = sorted(file.parent.iterdir())
    with pytest.raises(Exception, match="derivatives"):
        migrate(database, file, NOW)
    assert sorted(file.parent.iterdir()) == before
    assert current_revision(database) == BEFORE_FORMS


@contextmanager
def s3_without_conditions(request: pytest.FixtureRequest) -> Iterator[str]:
    request.getfixturevalue("s3")
    with without_conditions():
        yield f"s3://{BUCKET}/{new_prefix()}"


@contextmanager
def read_only_s3(request: pytest.FixtureRequest) -> Iterator[str]:
    store: SeaweedFS = request.getfixturevalue("seaweedfs")
    with (
        fault_proxy(store.port) as proxy,
        environment(s3_environment(proxy.endpoint)),
        proxy.failing("read-only", writes_only=True),
    ):
        yield f"s3://{BUCKET}/{new_prefix()}"


@contextmanager
def folder_without_hard_links(request: pytest.FixtureRequest) -> Iterator[str]:
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("store") / "new"
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")

    def refuse(source: Path, name: Path) -> None:  # link(2): as on exFAT
        raise PermissionError(EPERM, "Operation not permitted", source, None, name)

    with patch.context() as changed:
        changed.setattr("os.link", refuse)
        yield str(folder)


@pytest.mark.parametrize(
    "unusable", [s3_without_conditions, read_only_s3, folder_without_hard_links]
)
def test_a_store_that_cannot_be_used_is_found_before_the_migration(
    empty: tuple[Database, Path],
    unusable: Callable[[pytest.FixtureRequest], AbstractContextManager[str]],
    request: pytest.FixtureRequest,
) -> None:
    database, file = empty
    migrate_to(database, BEFORE_IDENTITY)
    with unusable(request) as store:
        settings = read_settings(data=file.parent, database=address_of(database), store=store)
        before = everything(settings, database)
        with pytest.raises((StoreUnavailable, StartRefused)):
            migrate_installation(settings)
        assert everything(settings, database) == before
        location = store_location(settings)
        assert (location.read_id(), location.count_files()) == (None, 0)
