"""A file's retention: how many versions it keeps, or for how long; never less than the current one.

Applied where a version becomes current, and by the sweep. What goes is deleted as if by hand: it
can be undone for 7 days, and a version that was undeleted is spared from then on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from entrepot.activity.record import record
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.cleanup.delete import mark_versions_deleted
from entrepot.files.contract import ContractTerms, lock_terms

MAX_VALUES = {"keep_last": 10_000, "days": 36_500}
"""The largest number of each rule."""


@dataclass(frozen=True)
class Retention:
    """The rule: the newest `keep_last` published versions stay, or those of the last `days`."""

    keep_last: int | None = None
    days: int | None = None

    def to_document(self) -> dict[str, int]:
        """As JSON: the one member that is set."""
        if self.keep_last is not None:
            return {"keep_last": self.keep_last}
        return {"days": self.days or 0}


def keep_retention(conn: WriteConnection, file_id: UUID, now: datetime) -> int:
    """Delete the versions that the file's rule does not keep by now; how many."""
    return apply_retention(conn, lock_terms(conn, file_id), now)


def apply_retention(conn: WriteConnection, contract: ContractTerms, now: datetime) -> int:
    """The same for a file whose contract is locked (`lock_terms`)."""
    if contract.retention is None:
        return 0
    file_id = contract.file_id
    excess = _excess_versions(conn, file_id, now)
    if excess:
        mark_versions_deleted(conn, [row.id for row in excess], now)
    for row in excess:
        detail = {"retention": row.retention}
        record(conn, contract.account_id, None, "version.delete", now, file_id, row.number, detail)
    return len(excess)


def files_over_retention(conn: ReadConnection, now: datetime) -> list[UUID]:
    """Files that have versions which their rule does not keep."""
    query = select(files.c.id).where(files.c.retention.is_not(None), files.c.deleted_at.is_(None))
    return [
        file_id for file_id in conn.scalars(query).all() if _excess_versions(conn, file_id, now)
    ]


def _excess_versions(conn: ReadConnection, file_id: UUID, now: datetime) -> list[Any]:
    """Published versions before the current one that the rule does not keep, newest first."""
    query = (
        select(versions.c.id, versions.c.number, versions.c.decided_at, files.c.retention)
        .join(files, files.c.id == versions.c.file_id)
        .where(
            files.c.id == file_id,
            files.c.retention.is_not(None),
            versions.c.status == "published",
            versions.c.number < files.c.current_version,
            versions.c.spared.is_(False),
        )
        .order_by(versions.c.number.desc())
    )
    rows = list(conn.execute(query))
    if not rows:
        return []
    rule = rows[0].retention
    if "keep_last" in rule:
        return rows[rule["keep_last"] - 1 :]  # the current one is the first that is kept
    return [row for row in rows if row.decided_at < now - timedelta(days=rule["days"])]
