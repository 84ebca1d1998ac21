"""Check that what names a row of another table names one that is there."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKeyConstraint, and_, func, select

from entrepot.blobs.store import BlobStore
from entrepot.db.metadata import metadata
from entrepot.db.tables import inspections, schema_revisions, versions
from entrepot.db.types import ReadConnection
from entrepot_client.counts import counted


def references_have_rows(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Every foreign key, and the revision of the schema by which a version was judged, has its row.

    The database keeps the keys itself, unless somebody has changed it with another program or its
    file is damaged.
    """
    del store, now
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda key: [*key.column_keys]):
            lost = conn.scalar(select(func.count()).select_from(table).where(_has_no_row(key))) or 0
            if lost:
                yield (
                    f"{table.name}: the {', '.join(key.column_keys)} of {counted(lost, 'row')} is "
                    f"in no row of {key.referred_table.name}"
                )
    named = (
        schema_revisions.c.file_id == versions.c.file_id,
        schema_revisions.c.revision == inspections.c.revision,
    )
    judged = select(inspections.c.version_id, inspections.c.revision).join(versions)
    without = ~select(schema_revisions.c.revision).where(*named).exists()
    for row in conn.execute(judged.where(inspections.c.revision > 0, without)):
        yield (
            f"version {row.version_id} was judged by revision {row.revision} of its file's schema, "
            "which is not there"
        )


def _has_no_row(key: ForeignKeyConstraint) -> ColumnElement[bool]:
    target = key.referred_table.alias()
    pairs = [(each.parent, target.c[each.column.name]) for each in key.elements]
    equal = [column == referred for column, referred in pairs]
    is_set = [column.is_not(None) for column, _ in pairs]
    return and_(*is_set, ~select(target).where(*equal).exists())
