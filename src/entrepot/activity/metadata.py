"""Bytes of metadata by account: descriptions, schemas, reports, profiles, the record of changes,
and what resumable uploads keep of their requests.

They count against the quota as a part of their own, beyond `FREE_BYTES`. A report is always
written, even above the quota; what a person does next that adds some is refused. Triggers count
(migrations 0020 and 0027).
"""

from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, case, func, select

from entrepot.db.change_sums import compact_changes
from entrepot.db.tables import accounts, metadata_changes
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import QuotaExceeded

FREE_BYTES = 1 << 20
"""The first bytes of an account's metadata, which do not count: so a quota of some bytes takes as
many bytes of files."""
GROWING_ACTIONS = frozenset(
    {
        "file.change", "file.offer", "file.undelete", "version.undelete", "version.compare",
        "schema.propose", "entitlement.grant", "link.create", "version.unwithdraw", "key.create",
        "user.create", "user.link",
    }
)  # fmt: skip
"""What adds metadata and no bytes of a file; deliveries and the like reserve quota anyway.

Of two actions that undo each other one is here, or its function calls `require_metadata_room`: else
an account above its quota could fill the disk of all accounts with rows of its record. What ends,
removes or blocks something is never refused.
"""


def metadata_of_account(account_id: ColumnElement[UUID] = accounts.c.id) -> ScalarSelect[int]:
    """The counted bytes of an account, by default that of the outer query on `accounts`."""
    total = func.coalesce(func.sum(metadata_changes.c.bytes), 0)
    counted = case((total > FREE_BYTES, total - FREE_BYTES), else_=0)
    query = select(counted).where(metadata_changes.c.account_id == account_id)
    return query.correlate(accounts).scalar_subquery()


def changes_of_account(account_id: ColumnElement[UUID]) -> ScalarSelect[int]:
    """How many changes the bytes of an account are the sum of."""
    query = select(func.count()).select_from(metadata_changes)
    return query.where(metadata_changes.c.account_id == account_id).scalar_subquery()


def require_metadata_room(conn: WriteConnection, account_id: UUID) -> None:
    """Check that an account's metadata may grow. Raises QuotaExceeded."""
    compact_metadata(conn, account_id)
    columns = accounts.c.quota, accounts.c.used, accounts.c.reserved
    counted = metadata_of_account().label("metadata")
    row = conn.execute(select(*columns, counted).where(accounts.c.id == account_id)).one()
    metadata = int(row.metadata)
    if row.used + row.reserved + metadata > row.quota:
        raise QuotaExceeded(row.quota, row.used, row.reserved, 0, metadata)


def total_metadata(conn: ReadConnection) -> dict[UUID, int]:
    """All bytes of metadata by account, as they were counted."""
    columns = metadata_changes.c.account_id, func.sum(metadata_changes.c.bytes)
    rows = conn.execute(select(*columns).group_by(metadata_changes.c.account_id))
    return {row[0]: int(row[1]) for row in rows}


def compact_metadata(conn: WriteConnection, account_id: UUID) -> None:
    """Replace many changes of an account by one."""
    compact_changes(conn, metadata_changes, account_id)
