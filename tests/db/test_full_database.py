"""A full database is reported as one, at a statement and the commit; nothing half is stored."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, text

from entrepot.db.engine import Database, open_database
from entrepot.db.space import DatabaseSpace
from entrepot.db.types import WriteConnection
from entrepot.errors import DatabaseFull, StorageFull
from entrepot.settings import read_settings

Empty = tuple[Database, Path]
FULL_AT = {
    "a statement": "AFTER INSERT ON things FOR EACH ROW",
    "the commit": "AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
}


def fill(database: Database, moment: str) -> Callable[[], None]:
    """Have the database be full; what is returned ends that."""
    if database.embedded:
        pages = 0
        with database.reading() as conn:
            pages = conn.scalar(text("PRAGMA page_count")) or 0

        def limit(conn: object) -> None:
            conn.connection.driver_connection.execute(f"PRAGMA max_page_count={pages}").close()  # type: ignore[attr-defined]

        event.listen(database.engine, "engine_connect", limit)

        def make_room() -> None:
            event.remove(database.engine, "engine_connect", limit)
            database.engine.dispose()

        return make_room
    constraint = "CONSTRAINT" if moment == "the commit" else ""
    with database.writing() as conn:
        conn.execute(
            text(
                "CREATE FUNCTION be_full() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
            )
        )
        conn.execute(
            text(f"CREATE {constraint} TRIGGER fills {FULL_AT[moment]} EXECUTE FUNCTION be_full()")
        )

    def make_room() -> None:
        with database.writing() as conn:
            conn.execute(text("DROP FUNCTION be_full CASCADE"))

    return make_room


@pytest.mark.both_databases
@pytest.mark.parametrize("moment", FULL_AT)
def test_a_full_database_is_an_error_of_its_own(empty: Empty, moment: str) -> None:
    database, _ = empty
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE things (name text)"))
    make_room = fill(database, moment)

    def insert(conn: WriteConnection) -> None:
        for _ in range(3):
            conn.execute(text("INSERT INTO things VALUES (:name)"), {"name": "x" * 10_000})

    with pytest.raises(DatabaseFull):
        database.write(insert)
    with database.reading() as conn:
        assert conn.scalar(text("SELECT count(*) FROM things")) == 0
    make_room()
    database.write(insert)
    with database.reading() as conn:
        assert conn.scalar(text("SELECT count(*) FROM things")) == 3


def test_what_adds_data_is_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    database = open_database(read_settings(data=tmp_path, database_reserve=2**62))
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE things (name text)"))
    with pytest.raises(StorageFull) as caught, database.growing():
        pass
    assert caught.value.reserve == 2**62
    assert caught.value.free < 2**62
    database.close()


def test_other_errors_of_the_disk_are_not_taken_for_a_full_one(tmp_path: Path) -> None:
    """SQLITE_CANTOPEN where there is space: the folder has gone."""
    database = open_database(read_settings(data=tmp_path / "nowhere"))
    with pytest.raises(Exception, match="unable to open") as caught, database.writing():
        pass
    assert not isinstance(caught.value, DatabaseFull)
    assert DatabaseSpace(tmp_path, 0).free() > 0
    database.close()
