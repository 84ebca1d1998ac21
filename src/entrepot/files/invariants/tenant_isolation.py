"""Check that accounts are apart, and meet only where something was shared or handed over.

Two of the invariants that `files.invariants.invariants` lists.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import (
    activity,
    checks,
    entitlements,
    files,
    keys,
    offers,
    schema_revisions,
    tasks,
    users,
    versions,
)
from entrepot.db.types import ReadConnection
from entrepot.files.transfer import VALIDATION

GRANTED = "entitlement.grant"
HANDED_OVER = "file.transfer"


def accounts_are_apart(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file, its owner, versions and tasks belong to one and the same account, and so does what
    is recorded of it, but for what happened before it was handed over. So do a user and their keys.

    What was brought to be validated against it belongs to who brought it. Users of other accounts
    made something of a file only if it has been shared or handed over.
    """
    del store, now
    home = files.c.account_id
    held = select(keys.c.id).join(users, users.c.id == keys.c.user_id)
    for key_id in conn.scalars(held.where(users.c.account_id != keys.c.account_id)):
        yield f"key {key_id} belongs to another account than its user"
    owner = select(files.c.id).join(users, users.c.id == files.c.owner_id)
    for file_id in conn.scalars(owner.where(users.c.account_id != home)):
        yield f"file {file_id} is owned by a user of another account"
    for name, part, by, brought in (
        ("version", versions, versions.c.created_by, None),
        ("check", checks, checks.c.created_by, checks.c.revision.is_(None)),
        ("task", tasks, tasks.c.user_id, tasks.c.kind == VALIDATION),
        ("activity row", activity, activity.c.user_id, activity.c.action == VALIDATION),
    ):
        strays = select(part.c.id).join(files, files.c.id == part.c.file_id)
        stray = part.c.account_id != home
        if brought is not None:
            stray = and_(stray, ~and_(brought, _at_home(part, by)))
        if part is activity:
            earlier = activity.alias()
            stray = and_(stray, ~_noted(earlier, HANDED_OVER, earlier.c.account_id, part))
        for each in conn.scalars(strays.where(stray)):
            yield f"{name} {each} belongs to another account than its file"
    for name, part in (("version", versions), ("schema revision", schema_revisions)):
        made = select(part.c.file_id).join(files, files.c.id == part.c.file_id)
        made = made.join(users, users.c.id == part.c.created_by)
        shared = activity.c.file_id == part.c.file_id, activity.c.action.in_((GRANTED, HANDED_OVER))
        strange = users.c.account_id != home, ~select(activity.c.id).where(*shared).exists()
        for file_id in conn.scalars(made.where(*strange)):
            yield f"a {name} of file {file_id} was made by a user of another account"


def sharing_is_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Each entitlement and each offer has its activity row; an owner needs no entitlement, and a
    file is offered to users of other accounts alone."""
    del store, now
    for name, part, action in (
        ("entitlement", entitlements, GRANTED),
        ("offer", offers, "file.offer"),
    ):
        told = activity.c.file_id == part.c.file_id, activity.c.action == action
        untold = select(part.c.file_id).where(~select(activity.c.id).where(*told).exists())
        for file_id in conn.scalars(untold):
            yield f"an {name} of file {file_id} has no activity row"
    own = and_(entitlements.c.file_id == files.c.id, entitlements.c.user_id == files.c.owner_id)
    for file_id in conn.scalars(select(files.c.id).join(entitlements, own)):
        yield f"file {file_id} is shared with its owner"
    grantee = users.c.id == entitlements.c.user_id, users.c.account_id != entitlements.c.account_id
    for file_id in conn.scalars(select(entitlements.c.file_id).join(users, and_(*grantee))):
        yield f"file {file_id} is shared with a user who is of another account than that says"
    near = select(offers.c.file_id).join(files, files.c.id == offers.c.file_id)
    near = near.join(users, users.c.id == offers.c.user_id)
    for file_id in conn.scalars(near.where(users.c.account_id == files.c.account_id)):
        yield f"file {file_id} is offered to a user of its own account"


def _at_home(part: Table, by: ColumnElement[Any]) -> ColumnElement[bool]:
    """That a row belongs to the account of the user who made it."""
    mine = select(users.c.id).where(users.c.id == by, users.c.account_id == part.c.account_id)
    return mine.exists()


def _noted(rows: Any, action: str, account_id: Any, part: Table) -> ColumnElement[bool]:
    this = rows.c.file_id == part.c.file_id, rows.c.action == action
    return select(rows.c.id).where(*this, account_id == part.c.account_id).exists()
