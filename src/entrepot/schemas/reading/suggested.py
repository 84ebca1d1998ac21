"""What a suggested schema and dialect change, once they are known to be sound."""

from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.changes import Change
from entrepot.schemas.compare_schemas import compare_schemas
from entrepot.schemas.table_dialect import parse_dialect
from entrepot.schemas.table_schema import parse_schema


def compare_suggested(
    old: dict[str, Any], new: dict[str, Any], dialect: dict[str, Any] | None
) -> tuple[Change, ...] | None:
    """Every change from the schema `old`, a valid document, to `new`; None where `new` or the
    dialect that is suggested with it is none."""
    try:
        parse_schema(new)
        if dialect is not None:
            parse_dialect(dialect)
    except SchemaInvalid:
        return None
    return compare_schemas(old, new)
