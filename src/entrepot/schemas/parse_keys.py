"""Parse the keys of a Table Schema: primaryKey, uniqueKeys, foreignKeys."""

from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.model import ForeignKey
from entrepot_client.counts import counted

MAX_KEYS = 100
"""Unique keys and foreign keys: each costs a pass over the table."""


def parse_primary_key(document: dict[str, Any], names: frozenset[str]) -> tuple[str, ...]:
    """The fields of the primary key; empty if there is no key. Raises SchemaInvalid."""
    return _parse_names(document.get("primaryKey", []), names, "/primaryKey")


def parse_unique_keys(
    document: dict[str, Any], names: frozenset[str]
) -> tuple[tuple[str, ...], ...]:
    """The fields of each unique key. Raises SchemaInvalid."""
    if "uniqueKeys" not in document:
        return ()
    keys = _check_key_list(document["uniqueKeys"], "/uniqueKeys")
    parsed = []
    for position, key in enumerate(keys):
        pointer = f"/uniqueKeys/{position}"
        if not isinstance(key, list) or not key:
            raise SchemaInvalid(pointer, "a unique key is a list of fields' names")
        parsed.append(_parse_names(key, names, pointer))
        if parsed[-1] in parsed[:-1]:
            raise SchemaInvalid(pointer, "an earlier key is the same")
    return tuple(parsed)


def parse_foreign_keys(document: dict[str, Any], names: frozenset[str]) -> tuple[ForeignKey, ...]:
    """The foreign keys, which must refer to the table itself. Raises SchemaInvalid."""
    if "foreignKeys" not in document:
        return ()
    keys = _check_key_list(document["foreignKeys"], "/foreignKeys")
    return tuple(_parse_foreign_key(key, names, f"/foreignKeys/{n}") for n, key in enumerate(keys))


def _check_key_list(keys: object, pointer: str) -> list[Any]:
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise SchemaInvalid(pointer, f"it must be a list of 1 to {MAX_KEYS} keys")
    return keys


def _parse_foreign_key(key: object, names: frozenset[str], pointer: str) -> ForeignKey:
    if not isinstance(key, dict):
        raise SchemaInvalid(pointer, "a foreign key must be an object")
    for name in ("fields", "reference"):
        if name not in key:
            raise SchemaInvalid(f"{pointer}/{name}", f"a foreign key needs {name}")
    reference, reference_pointer = key["reference"], f"{pointer}/reference"
    if not isinstance(reference, dict):
        raise SchemaInvalid(reference_pointer, "a reference must be an object")
    resource = reference.get("resource", "")
    if not isinstance(resource, str):
        raise SchemaInvalid(f"{reference_pointer}/resource", "it must be a string")
    if resource:
        reason = (
            f"a file is judged by itself, without {resource!r} beside it; a reference to the same "
            "table leaves resource out"
        )
        raise SchemaInvalid(f"{reference_pointer}/resource", reason[:300])
    if "fields" not in reference:
        raise SchemaInvalid(f"{reference_pointer}/fields", "a reference needs fields")
    fields = _parse_names(key["fields"], names, f"{pointer}/fields")
    referenced = _parse_names(reference["fields"], names, f"{reference_pointer}/fields")
    if not fields:
        raise SchemaInvalid(f"{pointer}/fields", "it must name at least one field")
    if len(fields) != len(referenced):
        reason = f"{counted(len(referenced), 'field')} for the {len(fields)} of the foreign key"
        raise SchemaInvalid(f"{reference_pointer}/fields", reason)
    return ForeignKey(fields, referenced)


def _parse_names(key: object, names: frozenset[str], pointer: str) -> tuple[str, ...]:
    """The names in a key: a list of names or, as in v1, a single name."""
    parts = [key] if isinstance(key, str) else key
    if not isinstance(parts, list):
        raise SchemaInvalid(pointer, "it must be a field's name or a list of names")
    for position, part in enumerate(parts):
        if not isinstance(part, str) or part not in names:
            raise SchemaInvalid(f"{pointer}/{position}", "it names no field of the schema")
    if len(set(parts)) < len(parts):
        raise SchemaInvalid(pointer, "it names a field twice")
    return tuple(parts)
