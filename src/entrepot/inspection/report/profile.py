"""The profile's first part: what reading and judging the file tell of it by themselves.

What the columns hold is measured afterwards (`derive`), so that publishing waits for none of it.
"""

from typing import Any

from entrepot.inspection.table import Table
from entrepot.schemas.model import TableSchema


def file_profile(table: Table, schema: TableSchema, rows: int, size: int) -> dict[str, Any]:
    """The profile of a file of `size` bytes as JSON."""
    columns = [
        {"name": field.name, "label": column.label, "type": field.type}
        for column, field in zip(table.columns, schema.fields, strict=False)
    ]
    return {
        "file": {"bytes": size, "mediaType": table.media_type, **table.description},
        "table": {"rows": rows, "columns": len(table.columns), "header": table.header},
        "columns": columns,
    }
