"""Database, store and secret of different installations are never used together."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select
from tests.support.postgres import Postgres

from entrepot.accounts.accounts import create_account
from entrepot.accounts.users import create_user
from entrepot.blobs.disk_identity import read_store_id
from entrepot.blobs.store import BlobId
from entrepot.bootstrap.identity import Identity, read_identity
from entrepot.bootstrap.parts import Parts
from entrepot.cli.start import create_installation, open_installation
from entrepot.db.tables import checks, installation, users
from entrepot.errors import StartRefused
from entrepot.settings import Settings, read_settings

Create = Callable[[str], Settings]


@pytest.fixture(params=["sqlite", "postgresql"])
def create(request: pytest.FixtureRequest, tmp_path: Path) -> Create:
    """create(name): an installation with one account and one blob, in a folder of that name."""

    def run(name: str) -> Settings:
        database = None
        if request.param == "postgresql":
            postgres: Postgres = request.getfixturevalue("postgres")
            database = postgres.new_database()
        settings = read_settings(data=tmp_path / name, database=database)
        create_installation(settings)
        with opened(settings) as parts:
            parts.database.write(create_account, "acme", 10**9, parts.clock())
            parts.database.write(create_user, "acme:maria", "admin", parts.clock())
            writer = parts.store.create(BlobId(uuid4()))
            writer.write(b"a\n1\n")
            writer.commit()
        return settings

    return run


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    with closing(open_installation(settings)) as parts:
        yield parts


def identity_of(settings: Settings) -> Identity:
    with opened(settings) as parts:
        identity = parts.database.read(read_identity)
    assert identity is not None
    return identity


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("entrepot.db", "lock"))
    }


def refusal(settings: Settings) -> str:
    """Why the installation cannot be opened; nothing may change."""
    before = contents(settings.data)
    with pytest.raises(StartRefused) as refused:
        open_installation(settings)
    assert contents(settings.data) == before
    return str(refused.value)


def test_database_and_store_have_the_same_id(create: Create) -> None:
    settings = create("a")
    assert identity_of(settings).id == read_store_id(settings.blobs)
    assert (settings.blobs / "installation").stat().st_mode & 0o777 == 0o600


def test_another_installations_store_is_refused_with_both_ids(create: Create) -> None:
    ours, other = create("a"), create("b")
    ids = identity_of(ours).id, identity_of(other).id
    shutil.rmtree(ours.blobs)
    shutil.copytree(other.blobs, ours.blobs)
    reason = refusal(ours)
    assert f"belongs to installation {ids[0]}" in reason
    assert f"belongs to installation {ids[1]}" in reason


def test_a_store_that_is_not_mounted_is_refused(create: Create) -> None:
    settings = create("a")
    settings.blobs.rename(settings.data / "elsewhere")
    assert "to none (is its disk mounted" in refusal(settings)
    assert not settings.blobs.exists()
    (settings.data / "elsewhere").rename(settings.blobs)
    assert identity_of(settings)


def test_a_lost_secret_is_not_replaced(create: Create) -> None:
    settings = create("a")
    secret = settings.data / "secret"
    secret.rename(settings.data / "kept")
    assert f"there is no file {secret}" in refusal(settings)
    (settings.data / "kept").rename(secret)
    assert identity_of(settings)


def test_another_secret_is_refused(create: Create) -> None:
    settings = create("a")
    other = settings.model_copy(update={"secret": read_settings(secret="x" * 40).secret})
    assert f"The secret is not the one of installation {identity_of(settings).id}" in refusal(other)


def test_a_damaged_id_is_refused(create: Create) -> None:
    settings = create("a")
    (settings.blobs / "installation").write_text("")
    assert "does not hold the id of an installation" in refusal(settings)


def forget_identity(settings: Settings) -> UUID:
    """Put the database where it was before its row was written; the store's id."""
    with opened(settings) as parts:
        parts.database.write(lambda conn: conn.execute(delete(installation)))
    store_id = read_store_id(settings.blobs)
    assert store_id is not None
    return store_id


def name_blob(settings: Settings) -> None:
    """Let the database name the one blob, as the row of a validation does."""
    with opened(settings) as parts, parts.database.writing() as conn:
        (stat,) = parts.store.list()
        user = conn.execute(select(users)).one()
        row = {
            "id": stat.blob_id, "task_id": uuid4(), "account_id": user.account_id,
            "name": "table.csv", "mode": "infer", "size": stat.size,
            "created_by": user.id, "created_at": parts.clock(),
        }  # fmt: skip
        conn.execute(insert(checks).values(**row))


def test_what_a_killed_start_left_is_removed(create: Create) -> None:
    """Before or after its files got their names."""
    settings = create("a")
    name_blob(settings)
    files = [settings.data / "secret", settings.blobs / "installation"]
    contents_before = [file.read_bytes() for file in files]
    for has_names in (True, False):
        store_id = forget_identity(settings)
        for file in files:
            file.with_name(f"{file.name}.part").write_bytes(b"half, and longer" * 9)
            if not has_names:
                file.unlink()
        assert (identity_of(settings).id == store_id) == has_names
        assert ([file.read_bytes() for file in files] == contents_before) == has_names
        assert [*settings.data.rglob("*.part")] == []


def test_a_start_that_was_cut_off_before_the_row_takes_the_id_of_the_store(create: Create) -> None:
    settings = create("a")
    name_blob(settings)
    store_id = forget_identity(settings)
    assert identity_of(settings).id == store_id


def test_an_earlier_releases_store_gets_an_id_if_the_database_names_its_blobs(
    create: Create,
) -> None:
    settings = create("a")
    name_blob(settings)
    forget_identity(settings)
    os.unlink(settings.blobs / "installation")
    assert identity_of(settings).id == read_store_id(settings.blobs)


def test_an_earlier_releases_store_with_foreign_blobs_is_refused(create: Create) -> None:
    settings = create("a")
    forget_identity(settings)
    os.unlink(settings.blobs / "installation")
    assert "names none of the blobs in the store" in refusal(settings)
    assert read_store_id(settings.blobs) is None


def test_an_installation_is_created_once(create: Create) -> None:
    settings = create("a")
    before = contents(settings.data)
    with pytest.raises(StartRefused, match=f"Installation {identity_of(settings).id} is there"):
        create_installation(settings)
    assert contents(settings.data).keys() == before.keys()
