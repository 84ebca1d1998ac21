"""The identity of an installation: one random id in database, store and secret.

Database, store and secret of different installations must never be used together: a sweep would
take the blobs of the other for orphans, and every key would be void. So each start and each command
compares them before it does anything. Only `serve`, `demo` and `admin init` create an identity.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID, uuid4

from sqlalchemy import inspect, select

from entrepot.accounts.accounts import has_accounts
from entrepot.blobs.disk_identity import UnfinishedCopy
from entrepot.blobs.location import StoreLocation
from entrepot.bootstrap.secret import create_secret, read_secret, secret_digest
from entrepot.bootstrap.stores import store_location
from entrepot.db.engine import Database, database_url
from entrepot.db.inserts import insert_row
from entrepot.db.tables import accounts, installation
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import StartRefused
from entrepot.settings import Settings

SAMPLE_BLOBS = 1_000
"""Blobs of a store without an id that are looked up in the database that is to own it."""


@dataclass(frozen=True)
class Identity:
    """What the database records of its installation."""

    id: UUID
    secret_digest: bytes
    created_at: datetime


def read_identity(conn: ReadConnection) -> Identity | None:
    """The installation of this database; None if it has none yet."""
    if not inspect(conn).has_table(installation.name):
        return None
    row = conn.execute(select(installation)).one_or_none()
    return Identity(row.id, row.secret_digest, row.created_at) if row is not None else None


def check_identity(settings: Settings, database: Database) -> Identity | None:
    """Compare the ids of database, store and secret; the identity, None where the database has
    none yet: `create_identity` gives it one.

    The database may be of any earlier release, or empty: this comes before its migration, and
    creates nothing. Raises StartRefused where they belong to different installations.
    """
    identity = database.read(read_identity)
    location = store_location(settings)
    store_id = _store_id(location)
    if identity is None:
        is_new = not database.read(has_any_account)
        if store_id is not None and is_new and location.count_files():
            raise StartRefused(reason=_mismatch(settings, None, store_id))
        _refuse_foreign_blobs(settings, database)
        return None
    if store_id != identity.id:
        raise StartRefused(reason=_mismatch(settings, identity.id, store_id))
    digest = secret_digest(read_secret(settings), identity.id)
    if not hmac.compare_digest(digest, identity.secret_digest):
        raise StartRefused(
            reason=f"The secret is not the one of installation {identity.id}, to which the "
            f"database {database_url(settings)} belongs. Set ENTREPOT_SECRET to its secret, or "
            f"bring {settings.data / 'secret'} back from a back-up: with another secret no API "
            "key is valid. Nothing was changed."
        )
    return identity


def create_identity(settings: Settings, clock: Callable[[], datetime]) -> Identity:
    """Create the identity of an installation that `check_identity` found none of, or complete it:
    all but the row of the database (`record_identity`).

    The store's file is written first, before the database is migrated: a store that cannot be
    used is found while nothing has changed. Cut off before the database's row, the next start takes
    the id from the store. Raises `StoreUnavailable`, `OSError`.
    """
    location = store_location(settings)
    installation_id = _store_id(location)
    if installation_id is None:
        installation_id = uuid4()
    location.write_id(installation_id)  # also one that a start wrote which was cut off
    secret = create_secret(settings)
    return Identity(installation_id, secret_digest(secret, installation_id), clock())


def record_identity(conn: WriteConnection, identity: Identity) -> Identity:
    """Write the identity's row: from now on the installation is complete."""
    insert_row(conn, installation, **vars(identity))
    return identity


def _refuse_foreign_blobs(settings: Settings, database: Database) -> None:
    """Refuse a store none of whose blobs is named by the database, which has no identity yet."""
    # Loaded here: only the first start of an installation needs it.
    from entrepot.files.remove import names_any_blob

    location = store_location(settings)
    blob_ids = list(islice(location.list_blob_ids(), SAMPLE_BLOBS))
    if blob_ids and not database.read(names_any_blob, blob_ids):
        raise StartRefused(
            reason=f"The database {database_url(settings)} names none of the blobs in the store "
            f"{location}, so it is not the database of this store. Set ENTREPOT_DATABASE to "
            "the database of this data folder, or name another folder with --data DIR. Nothing "
            "was changed."
        )


def _store_id(location: StoreLocation) -> UUID | None:
    try:
        return location.read_id()
    except UnfinishedCopy as copy:
        raise StartRefused(
            reason=f"The store {location} holds an {copy}. Run `entrepot admin move` again, with "
            "the same --data, --to and --store: it continues. Nothing was changed."
        ) from None
    except ValueError:
        raise StartRefused(
            reason=f"{location.id_name} does not hold the id of an installation, such as "
            f"{UUID(int=0)}. Bring it back from a back-up. Nothing was changed."
        ) from None


def _mismatch(settings: Settings, database_id: UUID | None, store_id: UUID | None) -> str:
    database_owner = f"to installation {database_id}" if database_id else "to no installation yet"
    store_owner = (
        f"to installation {store_id}"
        if store_id
        else "to none (is its disk mounted, or the folder that all hosts share?)"
    )
    return (
        f"The database {database_url(settings)} belongs {database_owner}, but the store "
        f"{store_location(settings)} belongs {store_owner}. Set ENTREPOT_DATABASE and --data DIR "
        "(or --store) to those of one installation. Nothing was changed."
    )


def has_any_account(conn: ReadConnection) -> bool:
    """Whether the database has an account; it may have no tables yet."""
    return inspect(conn).has_table(accounts.name) and has_accounts(conn)
