"""Move an installation's database to PostgreSQL, and its bytes to another store if one is named:
copy, compare, and let nobody use either half.

The original is only read. The target has the table `unfinished_move` from the first moment to the
last, and nothing but this starts on a database that has it (`migrations.run`). Run again after it
was cut off, a move continues where it stopped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, inspect, text

from entrepot.blobs.location import StoreLocation
from entrepot.bootstrap.identity import read_identity
from entrepot.bootstrap.moved import Moved, read_moved, refuse_other_move, write_moved
from entrepot.bootstrap.stores import store_location
from entrepot.db.advisory_locks import hold_advisory_lock
from entrepot.db.engine import Database, database_url, open_database
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import StartRefused, StorageFull, StoreUnavailable
from entrepot.migrations.revisions import UNFINISHED_MOVE, current_revision, head_revision
from entrepot.migrations.run import ADVISORY_LOCK_ID, migrate
from entrepot.move.copy_bytes import CopiedBytes, copy_bytes, refuse_used_store
from entrepot.move.copy_tables import (
    BATCH_ROWS,
    TableDigest,
    continue_sequences,
    copy_table,
    digest_table,
    tables,
)
from entrepot.settings import Settings
from entrepot_client.counts import counted

Check = Callable[[Settings], list[str]]
"""Takes the settings of the moved installation; what is wrong with it."""


@dataclass(frozen=True)
class FinishedMove:
    """A finished move: the address without its password, and what was copied and compared.

    `copied` is None if the bytes stay where they are.
    """

    database: str
    installation: UUID
    tables: int
    rows: int
    copied: CopiedBytes | None


def move_installation(
    source: Settings, target: Settings, check: Check, batch_rows: int = BATCH_ROWS
) -> FinishedMove:
    """Copy the SQLite database of `source` to the PostgreSQL of `target`, and the bytes if the
    stores differ. The caller has locked the data folder, so no server writes meanwhile.

    `check` looks at the copy before it may be used. Raises StartRefused; then the copy is
    unfinished, and running this again continues it.
    """
    original = open_database(source, read_only=True)
    copy = open_database(target)
    try:
        with hold_advisory_lock(copy, ADVISORY_LOCK_ID), original.reading() as reading:
            identity = read_identity(reading)
            if identity is None or current_revision(original) != head_revision():
                raise StartRefused(
                    reason=f"The database {database_url(source)} is not of this release. Run "
                    "`entrepot admin migrate` first, which keeps a copy of it."
                )
            refuse_other_move(source, database_url(target))
            new_store = _find_new_store(source, target)
            is_begun = _is_begun(copy, target, identity.id, new_store)
            if new_store is not None:  # before anything is written: it may turn out to be unusable
                _claim_store(source, target, new_store, identity.id)
            if not is_begun:
                copy.write(_mark, identity.id, new_store)
            migrate(copy, target.sqlite_file, datetime.now(UTC))
            for table in tables():
                copy_table(table, reading, copy, batch_rows)
            copy.write(continue_sequences)
            digests = _compare(reading, copy, target)
            copied = None
            if new_store is not None:
                copied = _copy_bytes(reading, source, new_store)
            if wrong := check(target):
                raise StartRefused(
                    reason=f"The copy in {database_url(target)} breaks what must always hold: "
                    f"{'; '.join(wrong[:5])}. `entrepot doctor --deep` says whether the original "
                    "does too. The original was not changed."
                )
            # First: the original must not be used beside its copy, which has the same bytes.
            write_moved(source, database_url(target), _address(new_store))
            if new_store is not None:
                with _explain_store_errors(new_store):
                    new_store.finish_copy(identity.id)
            copy.write(_finish)
    finally:
        copy.close()
        original.close()
    rows = sum(digest.rows for digest in digests)
    return FinishedMove(database_url(target), identity.id, len(digests), rows, copied)


def _find_new_store(source: Settings, target: Settings) -> StoreLocation | None:
    """The store that is to have the bytes; None if they stay where they are."""
    location = store_location(target)
    return location if str(location) != str(store_location(source)) else None


def _claim_store(
    source: Settings, target: Settings, location: StoreLocation, installation: UUID
) -> None:
    """Mark the store as the target of this move. Raises StartRefused."""
    if read_moved(source) == Moved(database_url(target), str(location)):
        return  # cut off after the copy was complete
    with _explain_store_errors(location):
        refuse_used_store(location, installation)
        location.write_id(installation, unfinished=True)


def _copy_bytes(reading: ReadConnection, source: Settings, location: StoreLocation) -> CopiedBytes:
    with _explain_store_errors(location):
        return copy_bytes(reading, store_location(source).open(), location.open())


@contextmanager
def _explain_store_errors(location: StoreLocation) -> Iterator[None]:
    try:
        yield
    except (StoreUnavailable, StorageFull, OSError) as error:
        problem = error.reason if isinstance(error, StoreUnavailable) else str(error).rstrip(".")
        raise StartRefused(
            reason=f"The store {location} does not answer, or has no space: {problem}. Run this "
            "again when it does: what is there stays. The original was not changed."
        ) from error


def _is_begun(
    copy: Database, target: Settings, installation: UUID, new_store: StoreLocation | None
) -> bool:
    """Whether the database is marked as the target of this move; else it is empty. Raises
    StartRefused."""
    names = copy.read(_table_names)
    if UNFINISHED_MOVE in names:
        begun = copy.read(_read_mark)
        if begun.installation == installation and begun.store != _address(new_store):
            raise StartRefused(reason=_other_store(target, begun.store))
        if begun.installation != installation:
            raise StartRefused(
                reason=f"The database {database_url(target)} holds the unfinished copy of another "
                "installation. Name an empty database with --to. Nothing was changed."
            )
        return True
    there = copy.read(read_identity)
    if there is not None and there.id == installation:
        raise StartRefused(
            reason=f"The database {database_url(target)} has this installation already: its move "
            "has finished. Set ENTREPOT_DATABASE to that address. Nothing was changed."
        )
    if names:
        raise StartRefused(
            reason=f"The database {database_url(target)} is not empty: it has "
            f"{counted(len(names), 'table')}, "
            f"such as {sorted(names)[0]}. Name an empty one with --to, made by `createdb`. "
            "Nothing was changed."
        )
    return False


def _table_names(conn: ReadConnection) -> set[str]:
    return set(inspect(conn).get_table_names())


def _mark(conn: WriteConnection, installation: UUID, new_store: StoreLocation | None) -> None:
    conn.execute(text(f"CREATE TABLE {UNFINISHED_MOVE} (installation uuid NOT NULL, store text)"))
    row = {"id": installation, "store": _address(new_store)}
    conn.execute(text(f"INSERT INTO {UNFINISHED_MOVE} VALUES (:id, :store)"), row)  # noqa: S608 - ours


def _read_mark(conn: ReadConnection) -> "Row[tuple[UUID, str | None]]":
    return conn.execute(text(f"SELECT installation, store FROM {UNFINISHED_MOVE}")).one()  # noqa: S608 - ours


def _address(store: StoreLocation | None) -> str | None:
    return str(store) if store is not None else None


def _other_store(target: Settings, begun_with: str | None) -> str:
    option = f"with --store {begun_with}" if begun_with else "without --store"
    return (
        f"The move to {database_url(target)} was begun {option}. Run it again {option}: it "
        "continues. To begin again, empty the database (`dropdb`, `createdb`). Nothing was changed."
    )


def _finish(conn: WriteConnection) -> None:
    conn.execute(text(f"DROP TABLE {UNFINISHED_MOVE}"))


def _compare(reading: ReadConnection, copy: Database, target: Settings) -> list[TableDigest]:
    """The digests of all tables, which are the same in both. Raises StartRefused."""
    digests = []
    for table in tables():
        there, here = copy.read(digest_table, table), digest_table(reading, table)
        if there != here:
            raise StartRefused(
                reason=f"The table {table.name} differs: {counted(here.rows, 'row')} in the "
                "original, "
                f"{there.rows} in {database_url(target)}. Something has written to one of them "
                "since the move began. Empty the database (`dropdb`, `createdb`) and run this "
                "again. The original was not changed."
            )
        digests.append(here)
    return digests
