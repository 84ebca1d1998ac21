"""Parse a Table Schema document.

Source: Data Package v2, Table Schema (datapackage.org). A fault is a JSON pointer (RFC 6901) and a
reason. Properties that the inspection cannot check are rejected by name.
"""

from typing import Any, get_args

from entrepot.errors import SchemaInvalid
from entrepot.schemas.model import Constraints, Field, FieldsMatch, TableSchema
from entrepot.schemas.parse_field import check_own_names, parse_field, parse_missing_values
from entrepot.schemas.parse_keys import parse_foreign_keys, parse_primary_key, parse_unique_keys
from entrepot.schemas.write import to_document

__all__ = ["Constraints", "Field", "TableSchema", "parse_schema", "to_document"]

MAX_FIELDS = 10_000
"""As many as columns are read by default (`inspection.limits.Limits.columns`)."""
MAX_MIN_ROWS = 2**53
KNOWN_PROPERTIES = frozenset(
    {
        *("fields", "missingValues", "primaryKey", "fieldsMatch", "uniqueKeys", "foreignKeys"),
        "entrepot:minRows",
    }
)
FIELDS_MATCH_RULES: tuple[FieldsMatch, ...] = get_args(FieldsMatch)


def parse_schema(document: object) -> TableSchema:
    """Turn a parsed JSON document into a TableSchema. Raises SchemaInvalid."""
    if not isinstance(document, dict):
        raise SchemaInvalid("", "a Table Schema must be an object")
    documents = document.get("fields")
    if not isinstance(documents, list) or not documents:
        raise SchemaInvalid("/fields", "fields must be a list with at least one field")
    if len(documents) > MAX_FIELDS:
        raise SchemaInvalid("/fields", f"a schema may have at most {MAX_FIELDS:,} fields")
    fields = tuple(parse_field(each, f"/fields/{n}") for n, each in enumerate(documents))
    seen: set[str] = set()
    for position, field in enumerate(fields):
        if field.name in seen:
            raise SchemaInvalid(f"/fields/{position}/name", "an earlier field has this name")
        seen.add(field.name)
    names = frozenset(seen)
    check_own_names(document, KNOWN_PROPERTIES, "")
    missing, labels = parse_missing_values(document, "") or (("",), ())
    return TableSchema(
        fields=fields,
        missing_values=missing,
        missing_labels=labels,
        fields_match=_parse_fields_match(document),
        primary_key=parse_primary_key(document, names),
        unique_keys=parse_unique_keys(document, names),
        foreign_keys=parse_foreign_keys(document, names),
        min_rows=_parse_min_rows(document),
        other={k: v for k, v in document.items() if k not in KNOWN_PROPERTIES},
    )


def _parse_min_rows(document: dict[str, Any]) -> int:
    value = document.get("entrepot:minRows", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_MIN_ROWS:
        raise SchemaInvalid("/entrepot:minRows", "it must be a number of rows, 0 or more")
    return value


def _parse_fields_match(document: dict[str, Any]) -> FieldsMatch:
    """One of the five rules, or a list with one of them, as in the standard's first JSON
    profile."""
    value = document.get("fieldsMatch", "exact")
    if isinstance(value, list):
        if len(value) != 1:
            raise SchemaInvalid("/fieldsMatch", "a list must hold one word")
        word, pointer = value[0], "/fieldsMatch/0"
    else:
        word, pointer = value, "/fieldsMatch"
    for match in FIELDS_MATCH_RULES:
        if word == match:
            return match
    raise SchemaInvalid(pointer, f"it must be one of {', '.join(FIELDS_MATCH_RULES)}")
