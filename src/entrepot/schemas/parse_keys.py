"""Parse the keys of a Table Schema: primaryKey, uniqueKeys, foreignKeys."""

from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.model import ForeignKey

MAX_KEYS = 100


def parse_primary_key(document: dict[str, Any], names: frozenset[str]) -> tuple[str, ...]:
    """The fields of the primary key; none if there is no key. Raises SchemaInvalid."""
    return _names(document.get("primaryKey", []), names, "/primaryKey")


def parse_unique_keys(
    document: dict[str, Any], names: frozenset[str]
) -> tuple[tuple[str, ...], ...]:
    """The fields of each unique key. Raises SchemaInvalid."""
    if "uniqueKeys" not in document:
        return ()
    keys = _list_of_keys(document["uniqueKeys"], "/uniqueKeys")
    parsed = []
    for position, key in enumerate(keys):
        at = f"/uniqueKeys/{position}"
        if not isinstance(key, list) or not key:
            raise SchemaInvalid(at, "a unique key is a list of fields' names")
        parsed.append(_names(key, names, at))
        if parsed[-1] in parsed[:-1]:
            raise SchemaInvalid(at, "an earlier key is the same")
    return tuple(parsed)


def parse_foreign_keys(document: dict[str, Any], names: frozenset[str]) -> tuple[ForeignKey, ...]:
    """The foreign keys, which must refer to the table itself. Raises SchemaInvalid."""
    if "foreignKeys" not in document:
        return ()
    keys = _list_of_keys(document["foreignKeys"], "/foreignKeys")
    return tuple(_foreign_key(key, names, f"/foreignKeys/{n}") for n, key in enumerate(keys))


def _list_of_keys(keys: object, at: str) -> list[Any]:
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise SchemaInvalid(at, f"it must be a list of 1 to {MAX_KEYS} keys")
    return keys


def _foreign_key(key: object, names: frozenset[str], at: str) -> ForeignKey:
    if not isinstance(key, dict):
        raise SchemaInvalid(at, "a foreign key must be an object")
    for name in ("fields", "reference"):
        if name not in key:
            raise SchemaInvalid(f"{at}/{name}", f"a foreign key needs {name}")
    reference, where = key["reference"], f"{at}/reference"
    if not isinstance(reference, dict):
        raise SchemaInvalid(where, "a reference must be an object")
    resource = reference.get("resource", "")
    if not isinstance(resource, str):
        raise SchemaInvalid(f"{where}/resource", "it must be a string")
    if resource:
        reason = (
            f"a file is judged by itself, without {resource!r} beside it; a reference to the same "
            "table leaves resource out"
        )
        raise SchemaInvalid(f"{where}/resource", reason[:300])
    if "fields" not in reference:
        raise SchemaInvalid(f"{where}/fields", "a reference needs fields")
    fields = _names(key["fields"], names, f"{at}/fields")
    referenced = _names(reference["fields"], names, f"{where}/fields")
    if not fields:
        raise SchemaInvalid(f"{at}/fields", "it must name at least one field")
    if len(fields) != len(referenced):
        reason = f"{len(referenced)} fields for the {len(fields)} of the foreign key"
        raise SchemaInvalid(f"{where}/fields", reason)
    return ForeignKey(fields, referenced)


def _names(key: object, names: frozenset[str], at: str) -> tuple[str, ...]:
    """The names of a key, which is a list of them, or as in v1 a single one."""
    parts = [key] if isinstance(key, str) else key
    if not isinstance(parts, list):
        raise SchemaInvalid(at, "it must be a field's name or a list of names")
    for position, part in enumerate(parts):
        if not isinstance(part, str) or part not in names:
            raise SchemaInvalid(f"{at}/{position}", "it names no field of the schema")
    if len(set(parts)) < len(parts):
        raise SchemaInvalid(at, "it names a field twice")
    return tuple(parts)
