"""Parse one field of a Table Schema: its type, format, properties, categories, constraints."""

from dataclasses import replace
from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.constraints import checked_value, parse_constraints
from entrepot.schemas.model import Category, Field
from entrepot.schemas.pointers import below
from entrepot.schemas.types import (
    CATEGORICAL,
    CONSTRAINTS,
    DEFAULT_TYPE,
    DIRECTIVES,
    FORMATS,
    ITEM_TYPES,
    ONLY_STRINGS,
)

MAX_NAME = 1_000
MAX_MARK = 20
MAX_CATEGORIES = 10_000

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
KNOWN = {
    "name", "type", "format", "missingValues", "constraints", "categories", "categoriesOrdered",
    *FIELD_PROPERTIES,
}  # fmt: skip


def parse_field(document: object, at: str) -> Field:
    """The field that the object at JSON pointer `at` describes. Raises SchemaInvalid."""
    if not isinstance(document, dict):
        raise SchemaInvalid(at, "a field must be an object")
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or "\0" in name:
        raise SchemaInvalid(f"{at}/name", f"a field needs a name of 1 to {MAX_NAME:,} characters")
    field_type = document.get("type", _type_of_untyped(document) if "type" not in document else 0)
    if not isinstance(field_type, str) or field_type not in CONSTRAINTS:
        raise SchemaInvalid(f"{at}/type", f"there is no type {field_type!r}"[:200])
    if "required" in document:
        raise SchemaInvalid(f"{at}/required", "required belongs into constraints")
    missing, labels = parse_missing_values(document, at) or (None, ())
    field = Field(
        name=name,
        type=field_type,
        format=_format(document, field_type, at),
        missing_values=missing,
        missing_labels=labels,
        other={k: v for k, v in document.items() if k not in KNOWN},
        **_properties(document, field_type, at),
    )
    field = replace(
        field,
        categories=_categories(document, field, at),
        categories_ordered=_ordered(document, at),
    )
    constraints = parse_constraints(document.get("constraints", {}), field, f"{at}/constraints")
    return replace(field, constraints=constraints)


def _type_of_untyped(document: dict[str, Any]) -> str:
    """The standard's `any`, or `string` where the field says what only strings have."""
    constraints = document.get("constraints")
    only_strings = isinstance(constraints, dict) and not ONLY_STRINGS.isdisjoint(constraints)
    formatted = document.get("format", "default") != "default"
    return "string" if only_strings or formatted or "categories" in document else DEFAULT_TYPE


def _format(document: dict[str, Any], field_type: str, at: str) -> str:
    form = document.get("format", "default")
    where = f"{at}/format"
    if not isinstance(form, str) or len(form) > 100 or "\0" in form:
        raise SchemaInvalid(where, "a format must be a short string")
    form = form.removeprefix("fmt:")
    if form in FORMATS.get(field_type, {"default"}):
        return form
    if field_type not in DIRECTIVES:
        raise SchemaInvalid(where, f"the type {field_type} has no format {form!r}")
    _check_directives(form, field_type, where)
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
        if directives.count(directive) > 1:
            raise SchemaInvalid(at, f"the directive %{directive} stands twice")
    if "V" in directives and not {"G", "u"} <= set(directives):
        raise SchemaInvalid(at, "%V needs %G and %u beside it")
    if "G" in directives and not {"V", "u"} <= set(directives):
        raise SchemaInvalid(at, "%G needs %V and %u beside it")


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
                raise SchemaInvalid(where, f"there is no item type {value!r}"[:200])
        elif not 1 <= len(value) <= MAX_MARK and not (name == "groupChar" and value == ""):
            raise SchemaInvalid(where, f"it must be one character, or up to {MAX_MARK}")
        found[attribute] = value
    _check_apart(found, at)
    return found


def _check_apart(found: dict[str, Any], at: str) -> None:
    decimal, group = found.get("decimal_char", "."), found.get("group_char", "")
    if group and (decimal in group or group in decimal):
        raise SchemaInvalid(f"{at}/groupChar", "groupChar and decimalChar are the same")
    for name, attribute in (("decimalChar", "decimal_char"), ("groupChar", "group_char")):
        if any(each.isdigit() or each in "+-" for each in found.get(attribute, "")):
            raise SchemaInvalid(f"{at}/{name}", "digits and signs are parts of the number itself")
    yes = found.get("true_values", Field("").true_values)
    no = found.get("false_values", Field("").false_values)
    both = set(yes) & set(no)
    if both:
        name = "falseValues" if "false_values" in found else "trueValues"
        raise SchemaInvalid(f"{at}/{name}", f"{min(both)!r} is both true and false")


def _texts(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > 1_000:
        raise SchemaInvalid(at, "it must be a list of 1 to 1,000 strings")
    for position, text in enumerate(value):
        if not isinstance(text, str) or "\0" in text:
            raise SchemaInvalid(f"{at}/{position}", "it must be a string")
    return tuple(value)


def _categories(document: dict[str, Any], field: Field, at: str) -> tuple[Category, ...] | None:
    if "categories" not in document:
        return None
    listed, where = document["categories"], f"{at}/categories"
    if field.type not in CATEGORICAL:
        raise SchemaInvalid(where, f"the type {field.type} has no categories")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_CATEGORIES:
        raise SchemaInvalid(where, f"it must be a list of 1 to {MAX_CATEGORIES:,} categories")
    entries = parse_labelled(listed, where)
    categories = []
    for place, value, label in entries:
        if field.type == "integer" and not isinstance(value, int):
            raise SchemaInvalid(place, "it must be an integer")
        categories.append(Category(checked_value(value, field, place), label))
    check_distinct([(place, value) for place, value, _ in entries], "an earlier category has it")
    return tuple(categories)


def _ordered(document: dict[str, Any], at: str) -> bool | None:
    if "categoriesOrdered" not in document:
        return None
    ordered, where = document["categoriesOrdered"], f"{at}/categoriesOrdered"
    if not isinstance(ordered, bool):
        raise SchemaInvalid(where, "it must be true or false")
    if "categories" not in document:
        raise SchemaInvalid(where, "it says nothing without categories")
    return ordered


def parse_missing_values(
    document: dict[str, Any], at: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]] | None:
    """The texts of `missingValues` and the labels of those that have one, None if it is not
    given. Raises SchemaInvalid."""
    if "missingValues" not in document:
        return None
    values, where = document["missingValues"], f"{at}/missingValues"
    if values == []:
        return (), ()
    if not isinstance(values, list) or not any(isinstance(each, dict) for each in values):
        return tuple(dict.fromkeys(_texts(values, where))), ()
    if len(values) > 1_000:
        raise SchemaInvalid(where, "it must be a list of 1 to 1,000 values")
    entries = parse_labelled(values, where)
    for place, value, _ in entries:
        if not isinstance(value, str) or "\0" in value:
            raise SchemaInvalid(place, "it must be a string")
    check_distinct([(place, value) for place, value, _ in entries], "an earlier entry has it")
    labels = tuple((value, label) for _, value, label in entries if label is not None)
    return tuple(value for _, value, _ in entries), labels


def parse_labelled(listed: list[Any], at: str) -> list[tuple[str, Any, str | None]]:
    """Of entries that are values or objects of a value and a label: the pointer to the value,
    the value, its label. Raises SchemaInvalid."""
    entries: list[tuple[str, Any, str | None]] = []
    labels: list[tuple[str, str]] = []
    for position, entry in enumerate(listed):
        place = below(at, position)
        if not isinstance(entry, dict):
            entries.append((place, entry, None))
            continue
        if "value" not in entry:
            raise SchemaInvalid(place, "it needs a value")
        label = entry.get("label")
        if "label" in entry:
            if not isinstance(label, str):
                raise SchemaInvalid(f"{place}/label", "a label must be a string")
            labels.append((f"{place}/label", label))
        entries.append((f"{place}/value", entry["value"], label))
    check_distinct(labels, "an earlier entry has this label")
    return entries


def check_distinct(placed: list[tuple[str, Any]], reason: str) -> None:
    """Make sure that each value of the pairs (pointer, value) is a new one. SchemaInvalid."""
    seen = set()
    for place, value in placed:
        if value in seen:
            raise SchemaInvalid(place, reason)
        seen.add(value)
