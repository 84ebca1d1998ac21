"""What an account's used and reserved bytes consist of, and how many files and versions it has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select

from entrepot.db.tables import checks, files, reservations, uploads, versions
from entrepot.db.types import ReadConnection
from entrepot.files.remove import kept
from entrepot.files.versions import QUARANTINED

_KINDS = {
    "received": "undecided",
    "inspecting": "undecided",
    "published": "earlier",
    "rejected": "quarantined",
    "failed": "quarantined",
    "canceled": "canceled",
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
    mine = files.c.account_id == account_id, files.c.deleted_at.is_(None)
    sizes = func.sum(files.c.current_size).filter(files.c.current_size >= 0)
    count, current = conn.execute(select(func.count(), sizes).where(*mine)).one()
    every = conn.execute(_by_status(account_id)).all()
    counts: Counter[str] = Counter({row.status: row.count for row in every})
    used = Counter(dict.fromkeys(["current", *_KINDS.values(), "validations"], 0))
    _add(used, every, 1)
    buried = _by_status(account_id).join(files, files.c.id == versions.c.file_id)
    of_deleted = conn.execute(buried.where(files.c.deleted_at.is_not(None))).all()
    _add(used, of_deleted, -1)
    used["deleted"] += sum(int(row.size) for row in of_deleted)
    used["current"] = int(current or 0)
    used["earlier"] -= used["current"]
    validated = checks.c.account_id == account_id, *kept(checks)
    used["validations"] = _sum(conn, checks.c.size, *validated)
    return AccountUsage(
        files=count,
        versions=counts.total(),
        quarantined=sum(counts[status] for status in QUARANTINED),
        used_by=dict(used),
        reserved_by=_reserved(conn, account_id),
    )


def _by_status(account_id: UUID) -> Select[Any]:
    figures = func.count().label("count"), func.sum(versions.c.size).label("size")
    held = versions.c.account_id == account_id, versions.c.bytes_removed_at.is_(None)
    return select(versions.c.status, *figures).where(*held).group_by(versions.c.status)


def _add(used: Counter[str], rows: Sequence[Row[Any]], sign: int) -> None:
    for row in rows:
        used[_KINDS[row.status]] += sign * int(row.size)


def _reserved(conn: ReadConnection, account_id: UUID) -> dict[str, int]:
    mine = reservations.c.account_id == account_id
    resumable = select(uploads.c.id).where(uploads.c.id == reservations.c.id).exists()
    return {
        "uploads": _sum(conn, reservations.c.size, mine, ~resumable),
        "resumable_uploads": _sum(conn, reservations.c.size, mine, resumable),
    }


def _sum(conn: ReadConnection, size: Any, *which: Any) -> int:
    return int(conn.scalar(select(func.sum(size)).where(*which)) or 0)
