"""Revision 0013: refused versions become rejected or failed, and the record stays as it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from alembic import command
from alembic.config import Config
from sqlalchemy import column, insert, select, table, text

import entrepot
from entrepot.activity.chain import chain_all_rows, check_chains
from entrepot.blobs.disk import DiskStore
from entrepot.db.engine import Database
from entrepot.db.tables import metadata, versions
from entrepot.db.types import StoredJson, WriteConnection
from entrepot.files.invariants.activity import changes_are_recorded
from entrepot.files.invariants.checks import tasks_and_versions_agree
from entrepot.migrations.revisions import current_revision, head_revision
from entrepot.migrations.run import migrate
from entrepot.texts.json_text import to_json_text

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
BEFORE = "0012"

DECIDED = {
    # The status before and after, how the task ended, the activity and its result.
    "published": ("published", "published", "succeeded", "version.publish", "done"),
    "judged": ("refused", "rejected", "failed", "version.refuse", "refused"),
    "not judged": ("refused", "failed", "failed", "version.fail", "failed"),
    "canceled": ("canceled", "canceled", "canceled", "version.cancel", "canceled"),
}
FILES = [
    ("published", "judged", "not judged", "canceled", "judged"),
    # The same numbers in another file, so that a number alone tells nothing.
    ("published", "not judged", "judged"),
]


def migrate_to(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(entrepot.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with database.writing() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


def put(conn: WriteConnection, name: str, /, **values: Any) -> None:
    """Insert a row of an older release: these columns alone, whatever the table has by now."""
    known = metadata.tables[name].c
    older = table(name, *(column(each, known[each].type) for each in values))
    for each, value in values.items():
        if isinstance(known[each].type, StoredJson) and value is not None:
            values[each] = to_json_text(value)
    conn.execute(insert(older).values(values))


def fill(conn: WriteConnection) -> dict[UUID, str]:
    """An account with files whose versions ended in every way; each version's status to come."""
    account_id, user_id, key = uuid4(), uuid4(), {"created_at": NOW}
    put(conn, "accounts", id=account_id, name="acme", quota=10**9, **key)
    put(conn, "users", id=user_id, account_id=account_id, name="anna", role="admin", **key)
    noted = {"account_id": account_id, "at": NOW, "detail": {}}
    put(conn, "activity", action="user.create", result="done", **noted)
    expected = {}
    for number_of_file, kinds in enumerate(FILES):
        file_id = uuid4()
        put(
            conn,
            "files",
            id=file_id,
            account_id=account_id,
            owner_id=user_id,
            name=f"{number_of_file}.csv",
            description="",
            size_limit=1000,
            enforcement="given",
            current_version=1,
            current_size=5,
            updated_at=NOW,
            **key,
        )
        for number, kind in enumerate(kinds, 1):
            before, after, ended, action, result = DECIDED[kind]
            version_id, task_id = uuid4(), uuid4()
            expected[version_id] = after
            put(
                conn,
                "versions",
                id=version_id,
                file_id=file_id,
                account_id=account_id,
                number=number,
                status=before,
                size=5,
                sha256="0" * 64,
                media_type="text/csv",
                created_by=user_id,
                decided_at=NOW,
                task_id=task_id,
                keep_until=None if kind == "published" else NOW + timedelta(days=7),
                **key,
            )
            put(
                conn,
                "tasks",
                id=task_id,
                account_id=account_id,
                user_id=user_id,
                kind="version.new",
                status=ended,
                stage=ended,
                file_id=file_id,
                version=number,
                **key,
            )
            of = {"file_id": file_id, "version": number, **noted}
            delivered = "file.define" if number == 1 else "version.deliver"
            put(conn, "activity", action=delivered, result="done", **of)
            put(conn, "activity", action=action, result=result, **of)
    chain_all_rows(conn)
    return expected


def recorded(database: Database) -> list[Any]:
    with database.reading() as conn:
        return list(conn.execute(text("SELECT * FROM activity ORDER BY id")))


def test_refused_versions_are_rejected_or_failed_after_the_migration(
    empty: tuple[Database, Path],
) -> None:
    database, file = empty
    migrate_to(database, BEFORE)
    assert current_revision(database) == BEFORE
    expected = database.write(fill)
    record = recorded(database)
    assert {row.action for row in record} >= {"version.refuse", "version.fail"}
    assert migrate(database, file, NOW) == BEFORE
    assert current_revision(database) == head_revision()
    with database.reading() as conn:
        rows = conn.execute(select(versions.c.id, versions.c.status, versions.c.keep_until)).all()
        assert {row.id: row.status for row in rows} == expected
        kept = {row.keep_until for row in rows if row.status in ("rejected", "failed")}
        assert kept == {NOW + timedelta(days=7)}
    assert recorded(database) == record
    store = DiskStore(file.parent / "store", 0)
    for check in (check_chains, changes_are_recorded, tasks_and_versions_agree):
        with database.reading() as conn:
            assert list(check(conn, store, NOW)) == []
