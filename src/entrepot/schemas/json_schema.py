"""The constraint `jsonSchema`: a JSON Schema for the values of an object or array.

jsonschema-rs validates the values, offline and with regular expressions of linear time. A schema is
accepted only if its references stay inside it and are not circular. So the work for one value is
bounded by the size of the schema, with references expanded, times the size of the value.
"""

from collections.abc import Callable, Mapping
from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.json_pointer import join_pointer

MAX_SCHEMA_PARTS = 10_000
"""Values in a JSON Schema with all its references expanded."""
UNSUPPORTED_KEYWORDS = ("$dynamicRef", "$recursiveRef", "$id", "id", "$anchor", "$dynamicAnchor")


def check_json_schema(constraints: dict[str, Any], pointer: str) -> Mapping[str, Any] | None:
    """The constraint `jsonSchema`, None if there is none. Raises SchemaInvalid with the pointer,
    below `pointer`, of an invalid part or of one whose validation has no bound."""
    if "jsonSchema" not in constraints:
        return None
    schema = constraints["jsonSchema"]
    if not isinstance(schema, dict):
        raise SchemaInvalid(pointer, "a JSON Schema must be an object")
    if _PartCounter(schema, pointer).count(schema, pointer) > MAX_SCHEMA_PARTS:
        reason = f"with its references written out it has more than {MAX_SCHEMA_PARTS:,} parts"
        raise SchemaInvalid(pointer, reason)
    import jsonschema_rs  # takes 8 MiB of memory, so it is loaded only where it is used

    try:
        jsonschema_rs.meta.validate(schema)
        json_validator(schema)
    except jsonschema_rs.ValidationError as error:
        error_pointer = pointer
        for key in error.instance_path:
            error_pointer = join_pointer(error_pointer, key)
        raise SchemaInvalid(error_pointer, _first_line(error)) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaInvalid(pointer, _first_line(error)) from None
    return schema


def load_json_validator(document: Mapping[str, Any] | None) -> None:
    """Load jsonschema-rs if the Table Schema `document` has a JSON Schema. Call this before the
    sandbox is locked, since a library cannot be loaded afterwards."""
    fields = (document or {}).get("fields", [])
    if any("jsonSchema" in field.get("constraints", {}) for field in fields):
        import jsonschema_rs  # noqa: F401


def json_validator(schema: Mapping[str, Any]) -> Callable[[Any], bool]:
    """A function that checks a parsed JSON value against `schema`."""
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(
        dict(schema), pattern_options=jsonschema_rs.RegexOptions(), offline=True
    )
    is_valid: Callable[[Any], bool] = validator.is_valid
    return is_valid


class _PartCounter:
    """Counts the values in parts of a JSON Schema with their references expanded."""

    def __init__(self, root: dict[str, Any], pointer: str) -> None:
        self._root = root
        self._at = pointer
        self._sizes: dict[str, int] = {}
        self._open_references: set[str] = set()

    def count(self, part: object, pointer: str) -> int:
        """The number of values in `part`, which is at `pointer`. Raises SchemaInvalid."""
        if isinstance(part, list):
            return 1 + sum(
                self.count(item, join_pointer(pointer, n)) for n, item in enumerate(part)
            )
        if not isinstance(part, dict):
            return 1
        total = 1
        for key, value in part.items():
            key_pointer = join_pointer(pointer, key)
            if key in UNSUPPORTED_KEYWORDS and isinstance(value, str):
                raise SchemaInvalid(key_pointer, f"{key} is not supported")
            total += self.count(value, key_pointer)
            if key == "$ref" and isinstance(value, str):
                total += self._count_target(value, key_pointer)
        return min(total, MAX_SCHEMA_PARTS + 1)

    def _count_target(self, reference: str, pointer: str) -> int:
        if reference in self._sizes:
            return self._sizes[reference]
        if reference in self._open_references or reference == "#":
            raise SchemaInvalid(pointer, "a reference in a circle is not supported")
        if not reference.startswith("#/"):
            raise SchemaInvalid(pointer, "only references within the schema (#/…) are supported")
        self._open_references.add(reference)
        size = self.count(self._target(reference, pointer), self._at + reference[1:])
        self._open_references.remove(reference)
        self._sizes[reference] = size
        return size

    def _target(self, reference: str, pointer: str) -> object:
        node: Any = self._root
        for step in reference[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                raise SchemaInvalid(pointer, "it refers to nothing")
        return node


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
