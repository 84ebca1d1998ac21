"""A warning for each column of a published version that its forms store as text, although its
field has another type: no type there holds all of its values exactly."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from entrepot.db.tables import inspections
from entrepot.db.types import WriteConnection
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import with_warnings
from entrepot.texts.json_text import to_json_text

MAX_WARNINGS = 50


def note_kept_as_text(conn: WriteConnection, version_id: UUID) -> None:
    """Add the warnings to the version's report once its columns are measured; a second call changes
    nothing."""
    query = select(inspections.c.report, inspections.c.columns)
    row = conn.execute(query.where(inspections.c.version_id == version_id)).one_or_none()
    if row is None:
        return
    before = json.loads(row.report)
    known = before["tasks"][0]["warnings"]
    columns = json.loads(row.columns) if row.columns is not None else ()
    new = [each for each in describe_kept_as_text(columns) if each not in known]
    if new:
        report = to_json_text(with_warnings(before, [*known, *new]))
        conn.execute(
            update(inspections).where(inspections.c.version_id == version_id).values(report=report)
        )


def describe_kept_as_text(columns: Any) -> list[str]:
    """A sentence for each of the measured `columns` that is kept as text; at most MAX_WARNINGS."""
    kept = [column for column in columns if column.get("keptAsText")]
    return [
        f"{quoted(column['name'])} is stored as text, not as {column['type']}, in Parquet, Arrow "
        f"and JSON Lines: {column['keptAsText']}."
        for column in kept[:MAX_WARNINGS]
    ]
