"""What a preview of a published version needs: its Parquet, and what its schema calls columns."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.blobs.store import BlobId
from entrepot.db.tables import inspections, versions
from entrepot.db.types import ReadConnection, json_member
from entrepot.files.derivative_space import EAGER
from entrepot.files.forms.read_form import find_form
from entrepot.files.queries.read import get_published
from entrepot.files.versions import PublishedVersion
from entrepot.texts.json_text import JsonText

FORM = "preview"
"""What the record of activity says was read."""
DEFAULT_FIRST_ROW = 2
"""The number of the first data row, as reports have it, where the file does not tell another."""

FIRST_ROW = json_member(inspections.c.profile, "file", "firstRow")


@dataclass(frozen=True)
class PreviewSource:
    """A version whose rows may be looked at, at the cost of the account of who looks.

    `parquet` holds its rows. `schema` says the types of its columns. `first_row` is the number of
    the first data row. `used_at` is when the Parquet's last use was noted, `until` when the right
    to read may end.
    """

    version_id: BlobId
    row_count: int
    parquet: PublishedVersion
    schema: JsonText | None
    first_row: int
    used_at: datetime
    until: datetime | None


def find_preview_source(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None = None
) -> PreviewSource | None:
    """A published version's Parquet, the newest by default; None if it is not there (yet).

    Raises NotFound, NotAllowed, NoPublishedVersion, VersionNotTabular.
    """
    version_id = get_published(conn, actor, file_id, number).blob_id
    parquet = find_form(conn, actor, file_id, EAGER, number)
    if parquet is None:
        return None
    row = conn.execute(
        select(versions.c.row_count, inspections.c.schema, FIRST_ROW.label("first_row"))
        .join(inspections, inspections.c.version_id == versions.c.id)
        .where(versions.c.id == version_id)
    ).one()
    return PreviewSource(
        version_id=version_id,
        row_count=row.row_count,
        parquet=replace(parquet.published, form=FORM),
        schema=row.schema,
        first_row=int(row.first_row or 0) or DEFAULT_FIRST_ROW,
        used_at=parquet.used_at,
        until=parquet.until,
    )
