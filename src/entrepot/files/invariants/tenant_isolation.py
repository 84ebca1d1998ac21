"""Check that accounts are apart, and meet only where something was shared or handed over.

Two of the invariants that `files.invariants.checks` lists.
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
    file_links,
    files,
    keys,
    offers,
    schema_revisions,
    tasks,
    users,
    versions,
)
from entrepot.db.types import ReadConnection
from entrepot.files.transfer import VALIDATION_KIND

GRANTED = "entitlement.grant"
TRANSFERRED = "file.transfer"


def tenants_are_isolated(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """A file, its owner, versions and tasks belong to one and the same account, and so does what
    is recorded of it, but for what happened before it was handed over. So do a user and their keys.

    What was brought to be validated against it belongs to who brought it. Users of other accounts
    made something of a file only if it has been shared or handed over.
    """
    del store, now
    file_account = files.c.account_id
    key_query = select(keys.c.id).join(users, users.c.id == keys.c.user_id)
    for key_id in conn.scalars(key_query.where(users.c.account_id != keys.c.account_id)):
        yield f"key {key_id} belongs to another account than its user"
    owner_query = select(files.c.id).join(users, users.c.id == files.c.owner_id)
    for file_id in conn.scalars(owner_query.where(users.c.account_id != file_account)):
        yield f"file {file_id} is owned by a user of another account"
    for name, table, user_column, may_be_foreign in (
        ("version", versions, versions.c.created_by, None),
        ("check", checks, checks.c.created_by, checks.c.revision.is_(None)),
        ("task", tasks, tasks.c.user_id, tasks.c.kind == VALIDATION_KIND),
        ("activity row", activity, activity.c.user_id, activity.c.action == VALIDATION_KIND),
    ):
        query = select(table.c.id).join(files, files.c.id == table.c.file_id)
        foreign = table.c.account_id != file_account
        if may_be_foreign is not None:
            foreign = and_(foreign, ~and_(may_be_foreign, _in_users_account(table, user_column)))
        if table is activity:
            earlier = activity.alias()
            foreign = and_(
                foreign, ~_is_recorded(earlier, TRANSFERRED, earlier.c.account_id, table)
            )
        for row_id in conn.scalars(query.where(foreign)):
            yield f"{name} {row_id} belongs to another account than its file"
    for name, table in (("version", versions), ("schema revision", schema_revisions)):
        creators = select(table.c.file_id).join(files, files.c.id == table.c.file_id)
        creators = creators.join(users, users.c.id == table.c.created_by)
        shared = (
            activity.c.file_id == table.c.file_id,
            activity.c.action.in_((GRANTED, TRANSFERRED)),
        )
        unshared = (
            users.c.account_id != file_account,
            ~select(activity.c.id).where(*shared).exists(),
        )
        for file_id in conn.scalars(creators.where(*unshared)):
            yield f"a {name} of file {file_id} was made by a user of another account"


def sharing_is_sound(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Each entitlement, offer and link has its activity row; an owner needs no entitlement, a file
    is offered to users of other accounts alone, and nothing came by a link to another file."""
    del store, now
    for name, table, action in (
        ("an entitlement", entitlements, GRANTED),
        ("an offer", offers, "file.offer"),
        ("a link", file_links, "link.create"),
    ):
        recorded = activity.c.file_id == table.c.file_id, activity.c.action == action
        unrecorded = select(table.c.file_id).where(~select(activity.c.id).where(*recorded).exists())
        for file_id in conn.scalars(unrecorded):
            yield f"{name} of file {file_id} has no activity row"
    owner_entitlement = and_(
        entitlements.c.file_id == files.c.id, entitlements.c.user_id == files.c.owner_id
    )
    for file_id in conn.scalars(select(files.c.id).join(entitlements, owner_entitlement)):
        yield f"file {file_id} is shared with its owner"
    grantee = users.c.id == entitlements.c.user_id, users.c.account_id != entitlements.c.account_id
    for file_id in conn.scalars(select(entitlements.c.file_id).join(users, and_(*grantee))):
        yield f"file {file_id} is shared with a user who is of another account than that says"
    other_file = file_links.c.id == versions.c.link_id, file_links.c.file_id != versions.c.file_id
    for version_id in conn.scalars(select(versions.c.id).join(file_links, and_(*other_file))):
        yield f"version {version_id} was delivered with a link to another file"
    same_account = select(offers.c.file_id).join(files, files.c.id == offers.c.file_id)
    same_account = same_account.join(users, users.c.id == offers.c.user_id)
    for file_id in conn.scalars(same_account.where(users.c.account_id == files.c.account_id)):
        yield f"file {file_id} is offered to a user of its own account"


def _in_users_account(table: Table, user_column: ColumnElement[Any]) -> ColumnElement[bool]:
    """That a row belongs to the account of the user who made it."""
    same_account = select(users.c.id).where(
        users.c.id == user_column, users.c.account_id == table.c.account_id
    )
    return same_account.exists()


def _is_recorded(rows: Any, action: str, account_id: Any, table: Table) -> ColumnElement[bool]:
    same_file = rows.c.file_id == table.c.file_id, rows.c.action == action
    return select(rows.c.id).where(*same_file, account_id == table.c.account_id).exists()
