"""Check that every address means one file."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import files
from entrepot.db.types import ReadConnection
from entrepot.files.paths import FORM_SUFFIXES
from entrepot_client.paths import is_path


def paths_are_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file is found by its path, which follows the rules and is not the address of a form of
    another file of its account."""
    del store, now
    with_path = or_(files.c.path.is_not(None), files.c.path_key.is_not(None))
    query = select(
        files.c.id, files.c.account_id, files.c.path, files.c.path_key, files.c.deleted_at
    ).where(with_path)
    keys: dict[tuple[UUID, str], UUID] = {}
    for row in conn.execute(query.execution_options(yield_per=500)):
        if row.path is None or not is_path(row.path):
            yield f"file {row.id} has the path {row.path!r} and the key {row.path_key!r}"
        elif row.path_key is None:
            if row.deleted_at is None:
                yield f"file {row.id} has the path {row.path}, and is not found by it"
        elif row.path_key != row.path.lower():
            yield f"file {row.id} has the path {row.path}, and is found by {row.path_key}"
        else:
            keys[row.account_id, row.path_key] = row.id
    for (account_id, key), file_id in keys.items():
        for suffix in FORM_SUFFIXES:
            if (account_id, key + suffix) in keys:
                yield f"the {suffix} of file {file_id} has the address of another file"
