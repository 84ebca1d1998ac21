"""Prepare an installation: folder, migration, secret, and what a killed run left."""

import socket
from datetime import UTC, datetime, timedelta

from sqlalchemy import inspect

from entrepot.accounts.accounts import has_accounts
from entrepot.blobs.disk import count_files
from entrepot.bootstrap.parts import Parts, build_parts, read_secret
from entrepot.cli.data_folder import is_locked, lock_data_folder, make_data_folder
from entrepot.db.engine import database_url, open_database
from entrepot.db.tables import accounts
from entrepot.errors import StartRefused
from entrepot.files.sweep import release_all_reservations
from entrepot.migrations.run import current_revision, head_revision, migrate
from entrepot.settings import Settings


def refuse_foreign_store(settings: Settings) -> None:
    """Refuse a database without accounts beside a store with files: it is not the store's.

    Nothing is created, changed or removed here, so it comes before everything that does.
    Raises StartRefused.
    """
    if _has_accounts(settings):
        return
    files = count_files(settings.blobs)
    if files:
        raise StartRefused(
            reason=f"The store {settings.blobs} has {files:,} files, but the database "
            f"{database_url(settings)} has no accounts, so it is not the database of this store. "
            "Set ENTREPOT_DATABASE to the database of this data folder, or name another folder "
            "with --data DIR. Nothing was changed."
        )


def _has_accounts(settings: Settings) -> bool:
    # Opening a SQLite file that is not there, or has no bytes, would create a database.
    file = settings.sqlite_file
    if settings.embedded and not (file.is_file() and file.stat().st_size):
        return False
    database = open_database(settings)
    try:
        with database.reading() as conn:
            return inspect(conn).has_table(accounts.name) and has_accounts(conn)
    finally:
        database.close()


def prepare_installation(settings: Settings) -> None:
    """Migrate, create the secret, and clean up after a killed run. The caller has locked the
    folder."""
    database = open_database(settings)
    try:
        migrate(database, settings.sqlite_file, datetime.now(UTC))
        read_secret(settings)
    finally:
        database.close()
    parts = build_parts(settings)
    try:
        release_dead_uploads(parts)
    finally:
        parts.close()


def release_dead_uploads(parts: Parts) -> None:
    """Release the reservations and half-written files of uploads at the start of the API process.

    In an embedded installation this is the only API process, so all uploads that it finds died with
    another process. Elsewhere uploads of other hosts may be running: the sweep finds dead ones by
    age.
    """
    if parts.settings.embedded:
        release_all_reservations(parts.database, parts.clock())
        parts.store.sweep_incoming(parts.clock() + timedelta(days=1))


def open_installation(settings: Settings) -> Parts:
    """The parts for an operator's command, whether a server runs or not.

    If no server runs, an older database is migrated first. Raises StartRefused.
    """
    refuse_foreign_store(settings)
    make_data_folder(settings.data)
    if not (settings.embedded and is_locked(settings.data)):
        with lock_data_folder(settings.data, "a command", datetime.now(UTC)):
            prepare_for_command(settings)
    return build_parts(settings)


def prepare_for_command(settings: Settings) -> None:
    """Migrate a database that no server uses."""
    database = open_database(settings)
    try:
        if current_revision(database) != head_revision():
            migrate(database, settings.sqlite_file, datetime.now(UTC))
        read_secret(settings)
    finally:
        database.close()


def choose_port(settings: Settings) -> Settings:
    """The settings with a port that is free now; port 0 becomes a free one. Raises StartRefused."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # The server sets this option too: an address still in TIME_WAIT can be used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartRefused(
                reason=f"Port {settings.port} on {settings.host} cannot be used: "
                f"{error.strerror}. Choose another with --port."
            ) from None
        return settings.model_copy(update={"port": probe.getsockname()[1]})
