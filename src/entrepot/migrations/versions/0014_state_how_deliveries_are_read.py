"""A revision of a contract has its dialect and encoding, and earlier contracts get one.

Until now a reading found out where a header is, and which mark begins a comment; a contract decides
that from now on. So each enforced file that states neither gets, as a revision of the source
`migrated`, what its current version's profile says: `headerRows` (or that there is no header),
`commentChar`, and the sheet of a workbook. Footers were found out too, and are not migrated: what
stands below a table was never a part of it that anybody agreed to, and the first rejection names
the line of dialect that allows it.

Each version keeps what it was read by, so that its other forms are read alike.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from entrepot.activity.record import record
from entrepot.db.types import UtcTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

FILES = sa.table(
    "files",
    sa.column("id", sa.Uuid()),
    sa.column("account_id", sa.Uuid()),
    sa.column("owner_id", sa.Uuid()),
    sa.column("dialect", sa.JSON(none_as_null=True)),
    sa.column("current_version", sa.Integer()),
)
VERSIONS = sa.table(
    "versions",
    sa.column("id", sa.Uuid()),
    sa.column("file_id", sa.Uuid()),
    sa.column("number", sa.Integer()),
)
INSPECTIONS = sa.table(
    "inspections",
    sa.column("version_id", sa.Uuid()),
    sa.column("profile", sa.JSON()),
    sa.column("dialect", sa.JSON(none_as_null=True)),
)
REVISIONS = sa.table(
    "schema_revisions",
    sa.column("file_id", sa.Uuid()),
    sa.column("revision", sa.Integer()),
    sa.column("source", sa.String()),
    sa.column("schema", sa.JSON()),
    sa.column("dialect", sa.JSON(none_as_null=True)),
    sa.column("version", sa.Integer()),
    sa.column("changes", sa.JSON(none_as_null=True)),
    sa.column("created_by", sa.Uuid()),
    sa.column("created_at", UtcTime()),
)
REASON = "its current version is read so, and nothing is found out under a contract any more"


def upgrade() -> None:
    """Go up."""
    for table in ("files", "checks", "schema_revisions", "inspections"):
        op.add_column(table, sa.Column("encoding", sa.String(length=40), nullable=True))
    for table in ("schema_revisions", "inspections"):
        op.add_column(table, sa.Column("dialect", sa.JSON(none_as_null=True), nullable=True))
    conn = op.get_bind()
    of_file = sa.select(FILES.c.dialect)
    conn.execute(
        sa.update(REVISIONS).values(
            dialect=of_file.where(FILES.c.id == REVISIONS.c.file_id).scalar_subquery()
        )
    )
    of_version = of_file.join(VERSIONS, VERSIONS.c.file_id == FILES.c.id)
    conn.execute(
        sa.update(INSPECTIONS).values(
            dialect=of_version.where(VERSIONS.c.id == INSPECTIONS.c.version_id).scalar_subquery()
        )
    )
    now = datetime.now(UTC)
    for file_id in conn.scalars(sa.select(REVISIONS.c.file_id).distinct()).all():
        _migrate_file(conn, file_id, now)


def _migrate_file(conn: Any, file_id: Any, now: datetime) -> None:
    """Give a file with a contract the dialect by which its current version is read."""
    file = conn.execute(sa.select(FILES).where(FILES.c.id == file_id)).one()
    inspected = (
        sa.select(VERSIONS.c.id, VERSIONS.c.number)
        .join(INSPECTIONS, INSPECTIONS.c.version_id == VERSIONS.c.id)
        .where(VERSIONS.c.file_id == file_id)
    )
    current = None
    for version in conn.execute(inspected).all():
        this_version = INSPECTIONS.c.version_id == version.id
        # One at a time: a profile may be large.
        profile = conn.scalar(sa.select(INSPECTIONS.c.profile).where(this_version))
        properties = _dialect_of(profile, file.dialect or {})
        if version.number == file.current_version:
            current = properties
        if properties:
            dialect = {**(file.dialect or {}), **properties}
            conn.execute(sa.update(INSPECTIONS).where(this_version).values(dialect=dialect))
    if current:
        _add_revision(conn, file, current, now)


def _dialect_of(profile: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    """What a profile says of how its version was read, and the file's dialect does not state."""
    reading = profile.get("file") or {}
    properties: dict[str, Any] = {}
    rows = reading.get("headerRows")
    header_stated = "header" in stated or "headerRows" in stated
    if isinstance(rows, list) and not header_stated:
        if not rows:
            properties["header"] = False
        elif rows != [1]:
            properties["headerRows"] = rows
    dialect = reading.get("dialect")
    comment = dialect.get("comment") if isinstance(dialect, dict) else None
    if comment and "commentChar" not in stated:
        properties["commentChar"] = comment
    others = reading.get("otherSheets") or []
    sheet_stated = "sheetName" in stated or "sheetNumber" in stated
    if any(not other.get("hidden") for other in others) and not sheet_stated:
        properties["sheetName"] = reading["sheet"]
    return properties


def _add_revision(conn: Any, file: Any, properties: dict[str, Any], now: datetime) -> None:
    newest = conn.execute(
        sa.select(REVISIONS.c.revision, REVISIONS.c.schema)
        .where(REVISIONS.c.file_id == file.id)
        .order_by(REVISIONS.c.revision.desc())
        .limit(1)
    ).one()
    dialect = {**(file.dialect or {}), **properties}
    changes = [
        {
            "pointer": f"/dialect/{name}",
            "change": f"{name}: found out → {value}",
            "effect": "compatible",
            "reason": REASON,
        }
        for name, value in properties.items()
    ]
    number = newest.revision + 1
    conn.execute(
        sa.insert(REVISIONS).values(
            file_id=file.id,
            revision=number,
            source="migrated",
            schema=newest.schema,
            dialect=dialect,
            version=file.current_version,
            changes=changes,
            created_by=file.owner_id,
            created_at=now,
        )
    )
    conn.execute(sa.update(FILES).where(FILES.c.id == file.id).values(dialect=dialect))
    detail = {"revision": number, "source": "migrated", "changes": changes}
    record(
        conn,
        file.account_id,
        None,
        "schema.change",
        now,
        file.id,
        file.current_version,
        detail,
    )


def downgrade() -> None:
    """There is no way back: restore the copy that was made before."""
    raise NotImplementedError
