"""What an account's used and reserved bytes consist of, and how many files and versions it has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select

from entrepot.db.tables import checks, files, reservations, uploads, versions
from entrepot.db.types import ReadConnection
from entrepot.files.remove import bytes_kept
from entrepot.files.versions import QUARANTINED_STATUSES

_USAGE_KINDS = {
    "received": "undecided",
    "inspecting": "undecided",
    "published": "earlier",
    "rejected": "quarantined",
    "failed": "quarantined",
    "canceled": "canceled",
    "withdrawn": "withdrawn",
    "deleted": "deleted",
}
"""What the bytes of a version of each status count as; the current ones are taken out of it."""


@dataclass(frozen=True)
class AccountUsage:
    """What an account holds. The bytes of `used_by` add up to what is used, those of `reserved_by`
    to what is reserved.

    `versions` are those whose bytes are kept, `quarantined` the rejected and the
    failed ones of them.
    """

    files: int
    versions: int
    quarantined: int
    used_by: dict[str, int]
    reserved_by: dict[str, int]


def account_usage(conn: ReadConnection, account_id: UUID) -> AccountUsage:
    """The account's holdings, read within one transaction."""
    # Without a look at each version's file, of which there may be a million: what is current is
    # summed up by an index of the files, and deleted files, of which there are few, by themselves.
    of_account = files.c.account_id == account_id, files.c.deleted_at.is_(None)
    sizes = func.sum(files.c.current_size).filter(files.c.current_size >= 0)
    count, current = conn.execute(select(func.count(), sizes).where(*of_account)).one()
    by_status = conn.execute(_by_status(account_id)).all()
    counts: Counter[str] = Counter({row.status: row.count for row in by_status})
    used = Counter(dict.fromkeys(["current", *_USAGE_KINDS.values(), "validations"], 0))
    _add(used, by_status, 1)
    in_deleted_files = _by_status(account_id).join(files, files.c.id == versions.c.file_id)
    of_deleted = conn.execute(in_deleted_files.where(files.c.deleted_at.is_not(None))).all()
    _add(used, of_deleted, -1)
    used["deleted"] += sum(int(row.size) for row in of_deleted)
    used["current"] = int(current or 0)
    used["earlier"] -= used["current"]
    of_validations = checks.c.account_id == account_id, *bytes_kept(checks)
    used["validations"] = _sum(conn, checks.c.size, *of_validations)
    return AccountUsage(
        files=count,
        versions=counts.total(),
        quarantined=sum(counts[status] for status in QUARANTINED_STATUSES),
        used_by=dict(used),
        reserved_by=_reserved(conn, account_id),
    )


def _by_status(account_id: UUID) -> Select[Any]:
    columns = func.count().label("count"), func.sum(versions.c.size).label("size")
    of_account = versions.c.account_id == account_id, versions.c.bytes_removed_at.is_(None)
    return select(versions.c.status, *columns).where(*of_account).group_by(versions.c.status)


def _add(used: Counter[str], rows: Sequence[Row[Any]], sign: int) -> None:
    for row in rows:
        used[_USAGE_KINDS[row.status]] += sign * int(row.size)


def _reserved(conn: ReadConnection, account_id: UUID) -> dict[str, int]:
    of_account = reservations.c.account_id == account_id
    resumable = select(uploads.c.id).where(uploads.c.id == reservations.c.id).exists()
    return {
        "uploads": _sum(conn, reservations.c.size, of_account, ~resumable),
        "resumable_uploads": _sum(conn, reservations.c.size, of_account, resumable),
    }


def _sum(conn: ReadConnection, size: Any, *conditions: Any) -> int:
    return int(conn.scalar(select(func.sum(size)).where(*conditions)) or 0)
