"""Make an earlier version the newest one, by the way that all versions take: restore it.

The store has linked the bytes under the new version's own id by now (`docs/decisions/0017`), so
that neither version needs the other: each is counted, kept and removed by itself. If the file has
another schema than when they were judged, they are inspected again; else their findings hold.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.activity.record import record
from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.db.tables import inspections, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FileTooLarge, NotFound, VersionNotPublished
from entrepot.files.contract import load_terms
from entrepot.files.delivery.deliver import (
    AcceptedDelivery,
    NewVersion,
    Origin,
    add_version,
    next_delivery,
)
from entrepot.files.versions import UndecidedVersion
from entrepot.grants.access import (
    Deliverable,
    Manageable,
    Visible,
    access_readable,
    require_delivering,
    visible_versions,
)
from entrepot.inspection.results import Inspection
from entrepot.quotas.reserve import add_used, hide_owner_figures
from entrepot.schemas.reading.stated import StatedReading
from entrepot.tasks.queue import TaskQueue


@dataclass(frozen=True)
class RestoreSource:
    """The version that is to be the newest again: its number, and its bytes."""

    number: int
    blob_id: BlobId
    stored: StoredBlob


def find_restore_source(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int
) -> RestoreSource:
    """A version that can be restored. Raises NotFound, NotAllowed, VersionNotPublished."""
    target = access_readable(conn, actor, file_id)
    require_delivering(target.rights)
    return _find_source(conn, target, number)


def restore_version(
    conn: WriteConnection,
    target: Deliverable,
    number: int,
    blob_id: BlobId,
    queue: TaskQueue,
    now: datetime,
) -> AcceptedDelivery:
    """Make version `number`, whose bytes lie under `blob_id` too by now, the file's next one.

    Raises NotFound and VersionNotPublished as `find_restore_source` does; FileTooLarge if the
    file's limit is lower by now; QuotaExceeded or OwnerQuotaExceeded, since both versions count.
    """
    source = _find_source(conn, target, number)
    return add_copy(conn, target, source, blob_id, Origin(restored_from=number), queue, now)


def add_copy(
    conn: WriteConnection,
    target: Deliverable | Manageable,
    source: RestoreSource,
    blob_id: BlobId,
    origin: Origin,
    queue: TaskQueue,
    now: datetime,
) -> AcceptedDelivery:
    """Make the bytes of `source`, which lie under `blob_id` too by now, the file's next version.

    The file is locked. Raises FileTooLarge, QuotaExceeded, OwnerQuotaExceeded.
    """
    stored, account_id = source.stored, target.account_id
    limit = load_terms(conn, target.file_id).size_limit
    if stored.size > limit:
        raise FileTooLarge(limit=limit, requested=stored.size)
    with hide_owner_figures(target.actor.account_id, account_id):
        add_used(conn, account_id, stored.size)
    accepted, actor = next_delivery(conn, target.file_id), target.actor
    new_version = NewVersion(accepted, account_id, blob_id, stored, origin.kind, origin)
    add_version(conn, actor, new_version, queue, now)
    origin_fields = {name: value for name, value in asdict(origin).items() if value is not None}
    detail = {**origin_fields, "size": stored.size, "sha256": stored.sha256}
    record(conn, account_id, actor, origin.kind, now, accepted.file_id, accepted.version, detail)
    return accepted


def load_earlier_findings(conn: ReadConnection, version: UndecidedVersion) -> Inspection | None:
    """What was found in bytes that an earlier version had, if that holds still; else None.

    It does if they were judged by the very revision of the schema that the file has now, and read
    as it is read now. A version that becomes the contract is inspected again: findings do not hold
    the dialect that it freezes, and were not judged as a first version if the file had no contract
    then.
    """
    earlier = version.restored_from or version.accepted_from
    if earlier is None or version.mode == "infer":
        return None
    query = (
        select(inspections, versions.c.media_type, versions.c.row_count)
        .join(versions, versions.c.id == inspections.c.version_id)
        .where(
            versions.c.file_id == version.file_id,
            versions.c.number == earlier,
            inspections.c.revision == version.revision,
        )
    )
    row = conn.execute(query).one_or_none()
    if row is None or StatedReading(row.dialect, row.encoding) != version.reading:
        return None
    report = json.loads(row.report)
    return Inspection(
        # It was published under this revision: unless nothing is enforced, it conforms; or it
        # was rejected, and is accepted anyway.
        verdict="conforms" if report["valid"] else "violates",
        report=_without_suggestion(report) if version.accepted_from else report,
        profile=json.loads(row.profile),
        schema=json.loads(row.schema) if row.schema is not None else None,
        media_type=row.media_type,
        row_count=row.row_count,
        detail="",
    )


def _without_suggestion(report: dict[str, Any]) -> dict[str, Any]:
    """The report of what is published anyway, which needs no way out any more."""
    return {name: value for name, value in report.items() if name != "suggested"}


def _find_source(conn: ReadConnection, target: Visible, number: int) -> RestoreSource:
    key = (
        versions.c.file_id == target.file_id,
        versions.c.number == number,
        visible_versions(target),
    )
    row = conn.execute(select(versions).where(*key)).one_or_none()
    if row is None:
        raise NotFound
    if row.status != "published":
        raise VersionNotPublished(version=number, version_status=row.status)
    return RestoreSource(number, BlobId(row.id), StoredBlob(row.size, row.sha256))
