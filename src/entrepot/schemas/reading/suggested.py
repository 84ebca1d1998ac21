"""What another schema changes, of documents as they are stored."""

import json

from entrepot.errors import SchemaInvalid
from entrepot.schemas.changes import Change, bound_changes
from entrepot.schemas.compare_schemas import compare_schemas
from entrepot.schemas.table_dialect import parse_dialect
from entrepot.schemas.table_schema import parse_schema
from entrepot.texts.json_text import JsonText


def compare_stored(old: JsonText, new: JsonText) -> tuple[Change, ...]:
    """The changes from one valid schema to another, within bounds."""
    return bound_changes(compare_schemas(json.loads(old), json.loads(new)))


def compare_suggested(
    old: JsonText, schema: JsonText, dialect: JsonText | None
) -> tuple[Change, ...] | None:
    """The changes from the schema `old`, which is valid, to what a report suggests; None where
    that, or the dialect that goes with it, is invalid."""
    try:
        parse_schema(json.loads(schema))
        if dialect is not None:
            parse_dialect(json.loads(dialect))
    except SchemaInvalid:
        return None
    return compare_stored(old, schema)
