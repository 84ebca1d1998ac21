"""Prepare an installation: folder, migration, secret, and what a killed run left."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from entrepot.bootstrap.backup_mark import refuse_backups
from entrepot.bootstrap.identity import (
    Identity,
    check_identity,
    create_identity,
    has_any_account,
    read_identity,
    record_identity,
)
from entrepot.bootstrap.moved import refuse_moved
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.bootstrap.restoring import refuse_unfinished_restoration
from entrepot.bootstrap.stores import store_location
from entrepot.cli.data_folder import hold_data_folder
from entrepot.cli.database_errors import explain_database_errors
from entrepot.db.advisory_locks import hold_advisory_lock
from entrepot.db.engine import database_url, open_database
from entrepot.errors import StartRefused
from entrepot.migrations.revisions import (
    current_revision,
    head_revision,
    refuse_unfinished_move,
    supported_revision,
)
from entrepot.migrations.run import ADVISORY_LOCK_ID, migrate
from entrepot.quotas.reserve import release_all_reservations
from entrepot.settings import Settings
from entrepot.settings.folders import default_folder, demo_folder
from entrepot_client.counts import counted


def refuse_foreign_store(settings: Settings) -> None:
    """Refuse a database without accounts beside a store with files: it is not the store's.

    Nothing is created, changed or removed here, so it comes before everything that does.
    Raises StartRefused, also for a folder of back-ups, and where the installation's database was
    moved away.
    """
    refuse_backups(settings)
    refuse_moved(settings)
    refuse_unfinished_restoration(settings)
    if _has_accounts(settings):
        return
    location = store_location(settings)
    files = location.count_files()
    if files:
        raise StartRefused(
            reason=f"The store {location} has {counted(files, 'file')}, but the database "
            f"{database_url(settings)} has no accounts, so it is not the database of this store. "
            "Set ENTREPOT_DATABASE to the database of this data folder, or name another folder "
            "with --data DIR. Nothing was changed."
        )


def _has_accounts(settings: Settings) -> bool:
    # Opening a SQLite file that is not there, or has no bytes, would create a database.
    file = settings.sqlite_file
    if settings.embedded and not (file.is_file() and file.stat().st_size):
        return False
    with closing(open_database(settings)) as database:
        refuse_unfinished_move(database)
        return database.read(has_any_account)


def refuse_missing_installation(settings: Settings) -> None:
    """Refuse a folder or a database that holds no installation. Creates nothing.

    Raises StartRefused.
    """
    if settings.embedded:
        exists = settings.sqlite_file.is_file() and settings.sqlite_file.stat().st_size > 0
        place = f"the folder {settings.data}"
    else:
        with closing(open_database(settings)) as database:
            exists = current_revision(database) is not None
        place = f"the database {database_url(settings)}"
    if not exists:
        raise StartRefused(
            reason=f"There is no installation in {place}.{_other_installations(settings)} "
            "`entrepot serve` and `entrepot admin init` create one. Nothing was created."
        )


def _other_installations(settings: Settings) -> str:
    """Where the installations are that a person may have meant: the default one and the demo's."""
    folders = [
        folder
        for folder in (default_folder(), demo_folder())
        if folder != settings.data and (folder / settings.sqlite_file.name).is_file()
    ]
    return "".join(f" One is in {folder}: add --data {folder}." for folder in folders)


def create_installation(settings: Settings) -> Identity:
    """Create an installation where there is none. Raises StartRefused."""
    with explain_database_errors(settings):
        refuse_foreign_store(settings)
        with hold_data_folder(settings, "a command", datetime.now(UTC)):
            with closing(open_database(settings)) as database:
                identity = database.read(read_identity)
            if identity is not None:
                raise StartRefused(
                    reason=f"Installation {identity.id} is there already, in "
                    f"{database_url(settings)}. Nothing was changed."
                )
            return migrate_installation(settings)


def prepare_installation(settings: Settings) -> Identity:
    """Migrate, create secret and identity if there are none, and clean up after a killed run.

    The caller has locked the folder. Raises StartRefused.
    """
    identity = migrate_installation(settings)
    with closing(build_parts(settings)) as parts:
        release_dead_uploads(parts)
    return identity


def migrate_installation(settings: Settings) -> Identity:
    """Migrate a database that no server uses, and complete the identity. Raises StartRefused."""
    if settings.embedded:
        # SQLite gives its other files (-wal, -shm) the mode of this one.
        settings.sqlite_file.touch(mode=0o600)
        settings.sqlite_file.chmod(0o600)
    # Of several starts on one PostgreSQL the others wait, and then find everything there.
    with (
        closing(open_database(settings)) as database,
        hold_advisory_lock(database, ADVISORY_LOCK_ID),
    ):
        # All that may refuse it comes before the migration: a refused start has changed nothing.
        refuse_unfinished_move(database)
        supported_revision(database)
        with _explain_store_errors(settings):
            identity = check_identity(settings, database)
            complete = identity or create_identity(settings, lambda: datetime.now(UTC))
        migrate(database, settings.sqlite_file, datetime.now(UTC))
        return identity or database.write(record_identity, complete)


@contextmanager
def _explain_store_errors(settings: Settings) -> Iterator[None]:
    """Refuse a folder that cannot be a store."""
    try:
        yield
    except OSError as error:
        raise StartRefused(
            reason=f"The store {store_location(settings)} cannot be used: {error.strerror} "
            f"({error.filename}). Name a folder with --store DIR that this user may write to, on a "
            "file system with hard links (exFAT has none), or a bucket with --store "
            "s3://BUCKET/PREFIX."
        ) from error


def release_dead_uploads(parts: Parts) -> None:
    """Release the reservations and half-written files of uploads at the start of the API process.

    In an embedded installation this is the only API process, so all uploads that it finds died with
    another process. Elsewhere uploads of other hosts may be running: the sweep finds dead ones by
    age.
    """
    if parts.settings.embedded:
        parts.database.write(release_all_reservations, parts.clock())
        parts.store.sweep_incoming(parts.clock() + timedelta(days=1))


def open_installation(settings: Settings) -> Parts:
    """The parts for an operator's command, whether a server runs or not.

    If no server runs, a database of an earlier release is migrated first. Raises StartRefused.
    """
    refuse_foreign_store(settings)
    refuse_missing_installation(settings)
    if not _is_current(settings):
        with hold_data_folder(settings, "a command", datetime.now(UTC)):
            migrate_installation(settings)
    return build_parts(settings)


def _is_current(settings: Settings) -> bool:
    """Whether the database is of this release and has its identity, so that a command can use it
    beside a server."""
    with closing(open_database(settings)) as database:
        refuse_unfinished_move(database)
        if current_revision(database) != head_revision():
            return False
        return check_identity(settings, database) is not None


def choose_ports(settings: Settings) -> Settings:
    """The settings with ports that are free now; port 0 becomes a free one. Raises StartRefused.

    A server without the API needs no port but that of its metrics.
    """
    ports = {}
    if settings.role != "worker":
        ports["port"] = _free_port(settings.host, settings.port, "--port")
    if settings.metrics_port is not None:
        ports["metrics_port"] = _free_port(
            settings.metrics_host, settings.metrics_port, "ENTREPOT_METRICS_PORT"
        )
    return settings.model_copy(update=ports)


def _free_port(host: str, port: int, option: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # The server sets this option too: an address still in TIME_WAIT can be used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartRefused(
                reason=f"Port {port} on {host} cannot be used: "
                f"{error.strerror}. Choose another with {option}."
            ) from None
        bound: int = probe.getsockname()[1]
        return bound
