"""The database at the start: migrated after a copy, refused if newer, equal to the declared
tables."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from tests.support.api import CSV
from tests.support.server import PROGRAM, READY_WITHIN, Server

import entrepot
from entrepot.accounts.accounts import create_account
from entrepot.db.engine import Database, sqlite_module
from entrepot.db.tables import metadata
from entrepot.errors import StartRefused
from entrepot.migrations.revisions import current_revision, head_revision
from entrepot.migrations.run import migrate

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_the_migrated_tables_are_the_tables(empty: tuple[Database, Path]) -> None:
    database, file = empty
    assert current_revision(database) is None
    assert migrate(database, file, NOW) is None
    assert current_revision(database) == head_revision()
    with database.engine.connect() as conn:
        ours = set(metadata.tables)

        def include(thing: object, name: str | None, kind: str, *_: object) -> bool:
            del thing
            if kind == "index":
                return name != "ix_files_by_grams"  # of PostgreSQL alone, on a function
            return kind != "table" or name in ours

        context = MigrationContext.configure(
            conn,
            opts={"compare_type": True, "compare_server_default": True, "include_object": include},
        )
        assert compare_metadata(context, metadata) == []
        for table in metadata.sorted_tables:
            migrated = {check["name"] for check in inspect(conn).get_check_constraints(table.name)}
            declared = {
                constraint.name
                for constraint in table.constraints
                if type(constraint).__name__ == "CheckConstraint"
            }
            assert declared <= migrated, table.name


def test_migrating_again_changes_nothing(empty: tuple[Database, Path]) -> None:
    database, file = empty
    migrate(database, file, NOW)
    assert migrate(database, file, NOW) == head_revision()
    assert list(file.parent.glob("*.before-*")) == []


def test_a_newer_database_is_refused(empty: tuple[Database, Path]) -> None:
    database, file = empty
    migrate(database, file, NOW)
    with database.writing() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StartRefused, match="newer release"):
        migrate(database, file, NOW)
    assert list(file.parent.glob("*.before-*")) == []


NEXT = '''"""Add a note to accounts."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column("accounts", sa.Column("note", sa.Text()))
'''


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of a future release with one more migration."""
    folder = tmp_path_factory.mktemp("next")
    ours = Path(entrepot.__file__).parent
    shutil.copytree(ours, folder / "entrepot", ignore=shutil.ignore_patterns("__pycache__"))
    versions = folder / "entrepot" / "migrations" / "versions"
    (versions / "9001_add_a_note.py").write_text(NEXT.format(head=head_revision()))
    return folder


def start_next(release: Path, data: Path, database: str | None) -> str:
    """Migrate as the next release; the revision it arrives at."""
    paths = [str(release), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if database is not None:
        environment["ENTREPOT_DATABASE"] = database
    process = subprocess.run(
        [PROGRAM, "--format", "quiet", "admin", "migrate", "--data", data],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_an_older_database_is_migrated_after_a_copy(
    empty: tuple[Database, Path], next_release: Path
) -> None:
    database, file = empty
    migrate(database, file, NOW)
    database.write(create_account, "acme", 1000, NOW)
    url = None
    if not database.embedded:
        url = database.engine.url.set(drivername="postgresql").render_as_string(False)
    assert start_next(next_release, file.parent, url) == "9001"
    with database.reading() as conn:
        row = conn.execute(text("SELECT name, quota, note FROM accounts")).one()
        assert tuple(row) == ("acme", 1000, None)
    copies = list(file.parent.glob("entrepot.db.before-*"))
    if database.embedded:
        (copy,) = copies
        assert copy.name.startswith(f"entrepot.db.before-{head_revision()}-")
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with closing(sqlite_module().connect(str(copy))) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert conn.execute("SELECT name FROM accounts").fetchone() == ("acme",)
    else:
        assert copies == []
    # This release does not touch what the next one made.
    with pytest.raises(StartRefused, match="newer release"):
        migrate(database, file, NOW)
    assert start_next(next_release, file.parent, url) == "9001"
    assert len(list(file.parent.glob("entrepot.db.before-*"))) == len(copies)


def test_a_server_refuses_a_newer_database_and_leaves_it(serve: Callable[..., Server]) -> None:
    server = serve()
    account = server.new_account()
    assert account.api.deliver(CSV)["status"] == "succeeded"
    # Otherwise the shutdown would interrupt a derivative and log a traceback.
    server.wait_derived()
    server.stop()
    before = server.log_file.stat().st_size
    with closing(sqlite_module().connect(str(server.settings.sqlite_file))) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.commit()
    assert server.spawn().wait(READY_WITHIN) == 1
    log = server.log_file.read_bytes()[before:].decode()
    assert "newer release" in log
    assert "Traceback" not in log
    with closing(sqlite_module().connect(str(server.settings.sqlite_file))) as conn:
        conn.execute("UPDATE alembic_version SET version_num = ?", (head_revision(),))
        conn.commit()
    server.start()
    assert len(account.api.json("/files")["files_list"]) == 1
