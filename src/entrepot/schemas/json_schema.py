"""The constraint `jsonSchema`: a JSON Schema that the values of an object or array must keep.

Judged by jsonschema-rs, offline and with regular expressions of linear time. Only a schema whose
references stay inside it and never go in circles is taken, so that the work on one value is
bounded by the size of the schema, written out, times that of the value.
"""

from collections.abc import Callable, Mapping
from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.pointers import below

MAX_SIZE = 10_000
"""Parts of a JSON Schema with all its references written out."""
DYNAMIC = ("$dynamicRef", "$recursiveRef", "$id", "id", "$anchor", "$dynamicAnchor")


def check_json_schema(constraints: dict[str, Any], at: str) -> Mapping[str, Any] | None:
    """The constraint `jsonSchema` of `constraints`, if there is one. Raises SchemaInvalid with
    the pointer, below `at`, of what is no JSON Schema or cannot be judged in bounded time."""
    if "jsonSchema" not in constraints:
        return None
    schema = constraints["jsonSchema"]
    if not isinstance(schema, dict):
        raise SchemaInvalid(at, "a JSON Schema must be an object")
    if _Sizes(schema, at).of(schema, at) > MAX_SIZE:
        reason = f"with its references written out it has more than {MAX_SIZE:,} parts"
        raise SchemaInvalid(at, reason)
    import jsonschema_rs  # 8 MiB, which only who uses it shall pay

    try:
        jsonschema_rs.meta.validate(schema)
        json_validator(schema)
    except jsonschema_rs.ValidationError as error:
        where = at
        for key in error.instance_path:
            where = below(where, key)
        raise SchemaInvalid(where, _first_line(error)) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaInvalid(at, _first_line(error)) from None
    return schema


def load_judge(document: Mapping[str, Any] | None) -> None:
    """Load what judges JSON Schemas if the Table Schema `document` has one: before the sandbox
    shuts, since a library cannot be loaded afterwards."""
    fields = (document or {}).get("fields", [])
    if any("jsonSchema" in field.get("constraints", {}) for field in fields):
        import jsonschema_rs  # noqa: F401


def json_validator(schema: Mapping[str, Any]) -> Callable[[Any], bool]:
    """A function that tells whether a parsed JSON value keeps `schema`."""
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(
        dict(schema), pattern_options=jsonschema_rs.RegexOptions(), offline=True
    )
    judge: Callable[[Any], bool] = validator.is_valid
    return judge


class _Sizes:
    """How large parts of a JSON Schema are with their references written out."""

    def __init__(self, root: dict[str, Any], at: str) -> None:
        self._root = root
        self._at = at
        self._known: dict[str, int] = {}
        self._open: set[str] = set()

    def of(self, part: object, at: str) -> int:
        """The size of `part`, which stands at the pointer `at`. Raises SchemaInvalid."""
        if isinstance(part, list):
            return 1 + sum(self.of(each, below(at, n)) for n, each in enumerate(part))
        if not isinstance(part, dict):
            return 1
        total = 1
        for key, value in part.items():
            here = below(at, key)
            if key in DYNAMIC and isinstance(value, str):
                raise SchemaInvalid(here, f"{key} is not supported")
            total += self.of(value, here)
            if key == "$ref" and isinstance(value, str):
                total += self._of_target(value, here)
        return min(total, MAX_SIZE + 1)

    def _of_target(self, reference: str, at: str) -> int:
        if reference in self._known:
            return self._known[reference]
        if reference in self._open or reference == "#":
            raise SchemaInvalid(at, "a reference in a circle is not supported")
        if not reference.startswith("#/"):
            raise SchemaInvalid(at, "only references within the schema (#/…) are supported")
        self._open.add(reference)
        size = self.of(self._target(reference, at), self._at + reference[1:])
        self._open.remove(reference)
        self._known[reference] = size
        return size

    def _target(self, reference: str, at: str) -> object:
        found: Any = self._root
        for step in reference[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise SchemaInvalid(at, "it refers to nothing")
        return found


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
