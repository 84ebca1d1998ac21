"""Parse a Table Schema document, and write one back.

Source: Data Package v2, Table Schema (datapackage.org). A fault is told as a JSON pointer
(RFC 6901) and a reason. What inspection cannot judge yet is refused by name.
"""

from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.constraints import parse_constraints
from entrepot.schemas.model import Constraints, Field, TableSchema
from entrepot.schemas.types import CONSTRAINTS, DIRECTIVES, FORMATS, ITEM_TYPES, NOT_JUDGED_YET

__all__ = ["Constraints", "Field", "TableSchema", "parse_schema", "to_document"]

MAX_FIELDS = 10_000
MAX_NAME = 1_000

NOT_YET = ("uniqueKeys", "foreignKeys")
FIELD_NOT_YET = ("categories", "categoriesOrdered")

FIELD_PROPERTIES = {
    "decimalChar": "decimal_char",
    "groupChar": "group_char",
    "bareNumber": "bare_number",
    "trueValues": "true_values",
    "falseValues": "false_values",
    "delimiter": "delimiter",
    "itemType": "item_type",
}
PROPERTY_TYPES = {
    "decimalChar": ("number",),
    "groupChar": ("number", "integer"),
    "bareNumber": ("number", "integer"),
    "trueValues": ("boolean",),
    "falseValues": ("boolean",),
    "delimiter": ("list",),
    "itemType": ("list",),
}
CONSTRAINT_NAMES = {
    "required": "required",
    "unique": "unique",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
    "enum": "enum",
}


def parse_schema(document: object) -> TableSchema:
    """Turn a parsed JSON document into a TableSchema. Raises SchemaInvalid."""
    if not isinstance(document, dict):
        raise SchemaInvalid("", "a Table Schema must be an object")
    for name in NOT_YET:
        if document.get(name):
            raise SchemaInvalid(f"/{name}", f"{name} is not supported yet")
    if document.get("fieldsMatch", "exact") not in ("exact", ["exact"]):
        raise SchemaInvalid("/fieldsMatch", "fieldsMatch other than exact is not supported yet")
    described = document.get("fields")
    if not isinstance(described, list) or not described:
        raise SchemaInvalid("/fields", "fields must be a list with at least one field")
    if len(described) > MAX_FIELDS:
        raise SchemaInvalid("/fields", f"a schema may have at most {MAX_FIELDS:,} fields")
    fields = tuple(_field(each, f"/fields/{n}") for n, each in enumerate(described))
    seen: set[str] = set()
    for position, field in enumerate(fields):
        if field.name in seen:
            raise SchemaInvalid(f"/fields/{position}/name", "an earlier field has this name")
        seen.add(field.name)
    known = {"fields", "missingValues", "primaryKey", "fieldsMatch", *NOT_YET}
    missing = _missing_values(document, "")
    return TableSchema(
        fields=fields,
        missing_values=("",) if missing is None else missing,
        primary_key=_primary_key(document, {field.name for field in fields}),
        other={k: v for k, v in document.items() if k not in known},
    )


def _field(document: object, at: str) -> Field:
    if not isinstance(document, dict):
        raise SchemaInvalid(at, "a field must be an object")
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or "\0" in name:
        raise SchemaInvalid(f"{at}/name", f"a field needs a name of 1 to {MAX_NAME:,} characters")
    field_type = document.get("type", "string" if "type" not in document else None)
    if not isinstance(field_type, str) or field_type not in CONSTRAINTS:
        raise SchemaInvalid(f"{at}/type", f"there is no type {field_type!r}"[:200])
    for later in FIELD_NOT_YET:
        if later in document:
            raise SchemaInvalid(f"{at}/{later}", f"{later} is not supported yet")
    if "required" in document:
        raise SchemaInvalid(f"{at}/required", "required belongs into constraints")
    form = _format(document, field_type, at)
    known = {"name", "type", "format", "missingValues", "constraints", *FIELD_PROPERTIES}
    return Field(
        name=name,
        type=field_type,
        format=form,
        missing_values=_missing_values(document, at),
        constraints=parse_constraints(
            document.get("constraints", {}), field_type, form, f"{at}/constraints"
        ),
        other={k: v for k, v in document.items() if k not in known},
        **_properties(document, field_type, at),
    )


def _format(document: dict[str, Any], field_type: str, at: str) -> str:
    form = document.get("format", "default")
    where = f"{at}/format"
    if not isinstance(form, str) or len(form) > 100 or "\0" in form:
        raise SchemaInvalid(where, "a format must be a short string")
    later = NOT_JUDGED_YET.get((field_type, form))
    if later:
        raise SchemaInvalid(where, f"{later} is not supported yet")
    if field_type in DIRECTIVES and form != "default":
        _check_directives(form, field_type, where)
    elif form not in FORMATS.get(field_type, {"default"}):
        raise SchemaInvalid(where, f"the type {field_type} has no format {form!r}")
    return form


def _check_directives(form: str, field_type: str, at: str) -> None:
    rest = form.replace("%%", "")
    directives = [part[:1] for part in rest.split("%")[1:]]
    if not directives:
        raise SchemaInvalid(at, "a format of dates and times needs directives such as %Y-%m-%d")
    for directive in directives:
        if not directive or directive not in DIRECTIVES[field_type]:
            reason = f"the directive %{directive} is not supported for the type {field_type}"
            raise SchemaInvalid(at, reason)


def _properties(document: dict[str, Any], field_type: str, at: str) -> dict[str, Any]:
    """The properties that only some types have, checked, under their Python names."""
    found: dict[str, Any] = {}
    for name, attribute in FIELD_PROPERTIES.items():
        if name not in document:
            continue
        value = document[name]
        where = f"{at}/{name}"
        if field_type not in PROPERTY_TYPES[name]:
            raise SchemaInvalid(where, f"the type {field_type} has no {name}")
        if name in ("trueValues", "falseValues"):
            value = _texts(value, where)
        elif name == "bareNumber":
            if not isinstance(value, bool):
                raise SchemaInvalid(where, "it must be true or false")
        elif not isinstance(value, str) or "\0" in value:
            raise SchemaInvalid(where, "it must be a string")
        elif name == "itemType":
            if value not in ITEM_TYPES:
                raise SchemaInvalid(where, f"there is no item type {value!r}")
        elif len(value) != 1 and not (name == "groupChar" and value == ""):
            raise SchemaInvalid(where, "it must be one character")
        found[attribute] = value
    if found.get("decimal_char", ".") == found.get("group_char", ""):
        raise SchemaInvalid(f"{at}/groupChar", "groupChar and decimalChar are the same")
    both = set(found.get("true_values", ())) & set(found.get("false_values", ()))
    if both:
        raise SchemaInvalid(f"{at}/falseValues", f"{min(both)!r} is both true and false")
    return found


def _texts(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > 1_000:
        raise SchemaInvalid(at, "it must be a list of 1 to 1,000 strings")
    for position, text in enumerate(value):
        if not isinstance(text, str) or "\0" in text:
            raise SchemaInvalid(f"{at}/{position}", "it must be a string")
    return tuple(value)


def _missing_values(document: dict[str, Any], at: str) -> tuple[str, ...] | None:
    if "missingValues" not in document:
        return None
    values = document["missingValues"]
    where = f"{at}/missingValues"
    if values == []:
        return ()
    if isinstance(values, list) and any(isinstance(each, dict) for each in values):
        raise SchemaInvalid(where, "missingValues with labels are not supported yet")
    return _texts(values, where)


def _primary_key(document: dict[str, Any], names: set[str]) -> tuple[str, ...]:
    key = document.get("primaryKey", [])
    parts = [key] if isinstance(key, str) else key
    if not isinstance(parts, list):
        raise SchemaInvalid("/primaryKey", "it must be a field's name or a list of names")
    for position, part in enumerate(parts):
        if not isinstance(part, str) or part not in names:
            raise SchemaInvalid(f"/primaryKey/{position}", "it names no field of the schema")
    if len(set(parts)) < len(parts):
        raise SchemaInvalid("/primaryKey", "it names a field twice")
    return tuple(parts)


def to_document(schema: TableSchema) -> dict[str, Any]:
    """The schema as a JSON document of the standard; defaults are left out."""
    document: dict[str, Any] = {"fields": [_field_document(field) for field in schema.fields]}
    if schema.missing_values != ("",):
        document["missingValues"] = list(schema.missing_values)
    if schema.primary_key:
        document["primaryKey"] = list(schema.primary_key)
    return {**document, **schema.other}


def _field_document(field: Field) -> dict[str, Any]:
    plain = Field(name=field.name)
    document: dict[str, Any] = {"name": field.name, "type": field.type}
    if field.format != "default":
        document["format"] = field.format
    if field.missing_values is not None:
        document["missingValues"] = list(field.missing_values)
    for name, attribute in FIELD_PROPERTIES.items():
        value = getattr(field, attribute)
        if value != getattr(plain, attribute):
            document[name] = list(value) if isinstance(value, tuple) else value
    constraints = _constraints_document(field.constraints)
    if constraints:
        document["constraints"] = constraints
    return {**document, **field.other}


def _constraints_document(constraints: Constraints) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, attribute in CONSTRAINT_NAMES.items():
        value = getattr(constraints, attribute)
        if value is not None and value is not False:
            document[name] = list(value) if isinstance(value, tuple) else value
    return document
