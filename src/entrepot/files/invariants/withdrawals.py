"""Check that what was withdrawn is out of sight, and what was purged is gone."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import comparisons, derivatives, files, inspections, versions
from entrepot.db.types import ReadConnection

PURGE_AGE = timedelta(hours=1)
"""After so long the bytes of a purged version are gone, whatever died meanwhile: sweeps run more
often."""


def withdrawals_are_complete(
    conn: ReadConnection, store: BlobStore, now: datetime
) -> Iterator[str]:
    """A withdrawn version has its time, its reason and an end of its bytes; of a purged one
    nothing is left that shows what was in it; a file says that all its versions are withdrawn."""
    of_withdrawal = versions.c.withdrawn_at, versions.c.withdrawal_reason, versions.c.keep_until
    withdrawn = versions.c.status == "withdrawn"
    half = and_(withdrawn, or_(*(column.is_(None) for column in of_withdrawal)))
    other = and_(~withdrawn, or_(versions.c.withdrawn_at.is_not(None), versions.c.purged))
    deleted = versions.c.status == "deleted"
    for version_id in conn.scalars(select(versions.c.id).where(or_(half, and_(other, ~deleted)))):
        yield f"version {version_id} is withdrawn by half"
    traces = (
        ("a report", inspections.c.version_id == versions.c.id),
        ("a form", derivatives.c.version_id == versions.c.id),
        (
            "a comparison",
            or_(comparisons.c.before_id == versions.c.id, comparisons.c.after_id == versions.c.id)
            & comparisons.c.result.is_not(None),
        ),
    )
    for what, of_version in traces:
        with_trace = select(versions.c.id).where(versions.c.purged, of_version).distinct()
        for version_id in conn.scalars(with_trace):
            yield f"version {version_id} was purged and still has {what}"
    overdue = versions.c.purged, versions.c.bytes_removed_at.is_(None)
    late = versions.c.keep_until < now - PURGE_AGE
    for version_id in conn.scalars(select(versions.c.id).where(*overdue, late)):
        yield f"version {version_id} was purged long ago and its bytes are kept"
    gone = select(versions.c.id).where(versions.c.purged, versions.c.bytes_removed_at.is_not(None))
    for version_id in conn.scalars(gone):
        if store.stat(version_id) is not None:
            yield f"version {version_id} was purged and its bytes are in the store"
    any_withdrawn = select(versions.c.id).where(versions.c.file_id == files.c.id, withdrawn)
    empty = files.c.withdrawn_at.is_not(None)
    wrong = or_(
        and_(empty, or_(files.c.current_version.is_not(None), ~any_withdrawn.exists())),
        and_(~empty, files.c.current_version.is_(None), any_withdrawn.exists()),
    )
    for file_id in conn.scalars(select(files.c.id).where(wrong, files.c.purged_at.is_(None))):
        yield f"file {file_id} does not say whether all of its versions are withdrawn"
