"""Parse one field of a Table Schema: its type, format, properties, categories, constraints."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from entrepot.errors import SchemaInvalid
from entrepot.schemas.constraints import check_value, parse_constraints
from entrepot.schemas.json_pointer import join_pointer
from entrepot.schemas.model import Affix, Category, Field
from entrepot.schemas.numbers import GROUPINGS
from entrepot.schemas.strptime import has_zone
from entrepot.schemas.types import (
    CATEGORICAL_TYPES,
    CONSTRAINTS,
    DEFAULT_TYPE,
    DIRECTIVES,
    FORMATS,
    ITEM_TYPES,
    STRING_CONSTRAINTS,
)
from entrepot.texts import is_safe_line

MAX_NAME_CHARS = 1_000
"""Of a field; `inspection.check.infer` cuts labels to as many."""
MAX_MARK_CHARS = 20
"""The length of `decimalChar`, `groupChar` and `delimiter`."""
MAX_CATEGORIES = 10_000
"""As many as `constraints.MAX_ENUM_VALUES`, for the same reason."""
OWN_NAMESPACE = "entrepot:"
"""Before the names of our own properties, as the standard recommends for extensions."""

FIELD_PROPERTIES = {
    "decimalChar": "decimal_char",
    "groupChar": "group_char",
    "bareNumber": "bare_number",
    "trueValues": "true_values",
    "falseValues": "false_values",
    "delimiter": "delimiter",
    "itemType": "item_type",
    "entrepot:affix": "affix",
    "entrepot:grouping": "grouping",
    "entrepot:leadingZeros": "leading_zeros",
    "entrepot:finite": "finite",
    "entrepot:timeZone": "time_zone",
    "entrepot:storedType": "stored_type",
    "entrepot:notEmpty": "not_empty",
}
PROPERTY_TYPES = {
    "decimalChar": ("number",),
    "groupChar": ("number", "integer"),
    "bareNumber": ("number", "integer"),
    "trueValues": ("boolean",),
    "falseValues": ("boolean",),
    "delimiter": ("list",),
    "itemType": ("list",),
    "entrepot:affix": ("number", "integer"),
    "entrepot:grouping": ("number", "integer"),
    "entrepot:leadingZeros": ("number", "integer"),
    "entrepot:finite": ("number",),
    "entrepot:timeZone": ("time", "datetime"),
    "entrepot:storedType": ("boolean", "date", "time", "datetime", "duration"),
    "entrepot:notEmpty": tuple(CONSTRAINTS),
}
FLAGS = frozenset(
    {
        "bareNumber",
        *("entrepot:leadingZeros", "entrepot:finite", "entrepot:timeZone", "entrepot:notEmpty"),
        "entrepot:storedType",
    }
)
"""The properties that are true or false."""
CHOICES: dict[str, Collection[str]] = {"itemType": ITEM_TYPES, "entrepot:grouping": GROUPINGS}
KNOWN_PROPERTIES = {
    "name", "type", "format", "missingValues", "constraints", "categories", "categoriesOrdered",
    *FIELD_PROPERTIES,
}  # fmt: skip


def parse_field(document: object, pointer: str) -> Field:
    """The field at JSON pointer `pointer`. Raises SchemaInvalid."""
    if not isinstance(document, dict):
        raise SchemaInvalid(pointer, "a field must be an object")
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS or "\0" in name:
        raise SchemaInvalid(
            f"{pointer}/name", f"a field needs a name of 1 to {MAX_NAME_CHARS:,} characters"
        )
    field_type = document.get("type", _default_type(document) if "type" not in document else 0)
    if not isinstance(field_type, str) or field_type not in CONSTRAINTS:
        raise SchemaInvalid(f"{pointer}/type", f"there is no type {field_type!r}"[:200])
    if "required" in document:
        raise SchemaInvalid(f"{pointer}/required", "required belongs into constraints")
    check_own_names(document, KNOWN_PROPERTIES, pointer)
    missing_values, labels = parse_missing_values(document, pointer) or (None, ())
    field = Field(
        name=name,
        type=field_type,
        format=_parse_format(document, field_type, pointer),
        missing_values=missing_values,
        missing_labels=labels,
        other={k: v for k, v in document.items() if k not in KNOWN_PROPERTIES},
        **_parse_properties(document, field_type, pointer),
    )
    _check_zone(field, pointer)
    field = replace(
        field,
        categories=_parse_categories(document, field, pointer),
        categories_ordered=_parse_ordered(document, pointer),
    )
    constraints = parse_constraints(
        document.get("constraints", {}), field, f"{pointer}/constraints"
    )
    return replace(field, constraints=constraints)


def _default_type(document: dict[str, Any]) -> str:
    """The standard's `any`, or `string` if the field has a property that only strings have."""
    constraints = document.get("constraints")
    only_strings = isinstance(constraints, dict) and not STRING_CONSTRAINTS.isdisjoint(constraints)
    formatted = document.get("format", "default") != "default"
    return "string" if only_strings or formatted or "categories" in document else DEFAULT_TYPE


def _parse_format(document: dict[str, Any], field_type: str, pointer: str) -> str:
    format_ = document.get("format", "default")
    format_pointer = f"{pointer}/format"
    if not isinstance(format_, str) or len(format_) > 100 or "\0" in format_:
        raise SchemaInvalid(format_pointer, "a format must be a short string")
    format_ = format_.removeprefix("fmt:")
    if format_ in FORMATS.get(field_type, {"default"}):
        return format_
    if field_type not in DIRECTIVES:
        raise SchemaInvalid(format_pointer, f"the type {field_type} has no format {format_!r}")
    _check_directives(format_, field_type, format_pointer)
    return format_


def _check_directives(format_: str, field_type: str, pointer: str) -> None:
    directives_text = format_.replace("%%", "")
    directives = [part[:1] for part in directives_text.split("%")[1:]]
    if not directives:
        raise SchemaInvalid(
            pointer, "a format of dates and times needs directives such as %Y-%m-%d"
        )
    for directive in directives:
        if not directive or directive not in DIRECTIVES[field_type]:
            reason = f"the directive %{directive} is not supported for the type {field_type}"
            raise SchemaInvalid(pointer, reason)
        if directives.count(directive) > 1:
            raise SchemaInvalid(pointer, f"the directive %{directive} stands twice")
    if "V" in directives and not {"G", "u"} <= set(directives):
        raise SchemaInvalid(pointer, "%V needs %G and %u beside it")
    if "G" in directives and not {"V", "u"} <= set(directives):
        raise SchemaInvalid(pointer, "%G needs %V and %u beside it")


def _parse_properties(document: dict[str, Any], field_type: str, pointer: str) -> dict[str, Any]:
    """The properties that only some types have, checked, under their Python names."""
    properties: dict[str, Any] = {}
    for name, attribute in FIELD_PROPERTIES.items():
        if name not in document:
            continue
        value = document[name]
        property_pointer = f"{pointer}/{name}"
        if field_type not in PROPERTY_TYPES[name]:
            raise SchemaInvalid(property_pointer, f"the type {field_type} has no {name}")
        if name in ("trueValues", "falseValues"):
            value = _parse_texts(value, property_pointer)
        elif name == "entrepot:affix":
            value = _parse_affix(value, property_pointer)
        elif name in FLAGS:
            if not isinstance(value, bool):
                raise SchemaInvalid(property_pointer, "it must be true or false")
        elif not isinstance(value, str) or "\0" in value:
            raise SchemaInvalid(property_pointer, "it must be a string")
        elif name in CHOICES:
            if value not in CHOICES[name]:
                listed = ", ".join(sorted(CHOICES[name]))
                raise SchemaInvalid(property_pointer, f"it must be one of {listed}")
        elif not 1 <= len(value) <= MAX_MARK_CHARS and not (name == "groupChar" and value == ""):
            raise SchemaInvalid(
                property_pointer, f"it must be one character, or up to {MAX_MARK_CHARS}"
            )
        properties[attribute] = value
    _check_conflicts(properties, field_type, pointer)
    return properties


def _check_conflicts(properties: dict[str, Any], field_type: str, pointer: str) -> None:
    decimal_char, group_char = properties.get("decimal_char", "."), properties.get("group_char", "")
    alike = decimal_char in group_char or group_char in decimal_char
    # An integer has no decimalChar: `1.234` is one with the groupChar `.`.
    if field_type == "number" and group_char and alike:
        raise SchemaInvalid(f"{pointer}/groupChar", "groupChar and decimalChar are the same")
    for name, attribute in (("decimalChar", "decimal_char"), ("groupChar", "group_char")):
        if any(char.isdigit() or char in "+-" for char in properties.get(attribute, "")):
            raise SchemaInvalid(
                f"{pointer}/{name}", "digits and signs are parts of the number itself"
            )
    if "grouping" in properties and not group_char:
        raise SchemaInvalid(f"{pointer}/entrepot:grouping", "it needs groupChar beside it")
    if "affix" in properties and properties.get("bare_number", True):
        raise SchemaInvalid(f"{pointer}/entrepot:affix", "it needs bareNumber false beside it")
    true_values = properties.get("true_values", Field("").true_values)
    false_values = properties.get("false_values", Field("").false_values)
    overlap = set(true_values) & set(false_values)
    if overlap:
        name = "falseValues" if "false_values" in properties else "trueValues"
        raise SchemaInvalid(f"{pointer}/{name}", f"{min(overlap)!r} is both true and false")


def _check_zone(field: Field, pointer: str) -> None:
    """Check that a format of its own says the same of the zone."""
    if field.time_zone is None or field.format in ("default", "any"):
        return
    if field.time_zone != has_zone(field.format):
        says = "has no zone" if field.time_zone else "has a zone"
        raise SchemaInvalid(f"{pointer}/entrepot:timeZone", f"the format {says}")


def check_own_names(document: dict[str, Any], known: Collection[str], pointer: str) -> None:
    """Check that every property in our own namespace is one of `known`: one that is misspelled
    would be without effect. Raises SchemaInvalid."""
    for name in document:
        if name.startswith(OWN_NAMESPACE) and name not in known:
            own = ", ".join(sorted(each for each in known if each.startswith(OWN_NAMESPACE)))
            raise SchemaInvalid(join_pointer(pointer, name), f"here it must be one of {own}")


def _parse_affix(value: object, pointer: str) -> Affix:
    if not isinstance(value, dict) or not value or not set(value) <= {"prefix", "suffix"}:
        raise SchemaInvalid(pointer, "it must be an object with a prefix, a suffix or both")
    for side, text in value.items():
        side_pointer = f"{pointer}/{side}"
        if not isinstance(text, str) or len(text) > MAX_MARK_CHARS or not is_safe_line(text):
            raise SchemaInvalid(side_pointer, f"it must be a text of up to {MAX_MARK_CHARS} signs")
        if any(char.isdigit() or char in "+-" for char in text):
            raise SchemaInvalid(side_pointer, "digits and signs are parts of the number itself")
    affix = Affix(**{side: text.strip() for side, text in value.items()})
    if affix == Affix():
        raise SchemaInvalid(pointer, "the prefix and the suffix are both empty")
    return affix


def _parse_texts(value: object, pointer: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > 1_000:
        raise SchemaInvalid(pointer, "it must be a list of 1 to 1,000 strings")
    for position, text in enumerate(value):
        if not isinstance(text, str) or "\0" in text:
            raise SchemaInvalid(f"{pointer}/{position}", "it must be a string")
    return tuple(value)


def _parse_categories(
    document: dict[str, Any], field: Field, pointer: str
) -> tuple[Category, ...] | None:
    if "categories" not in document:
        return None
    items, categories_pointer = document["categories"], f"{pointer}/categories"
    if field.type not in CATEGORICAL_TYPES:
        raise SchemaInvalid(categories_pointer, f"the type {field.type} has no categories")
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_CATEGORIES:
        raise SchemaInvalid(
            categories_pointer, f"it must be a list of 1 to {MAX_CATEGORIES:,} categories"
        )
    entries = parse_labeled_values(items, categories_pointer)
    categories = []
    for value_pointer, value, label in entries:
        if field.type == "integer" and not isinstance(value, int):
            raise SchemaInvalid(value_pointer, "it must be an integer")
        categories.append(Category(check_value(value, field, value_pointer), label))
    check_distinct(
        [(value_pointer, value) for value_pointer, value, _ in entries],
        "an earlier category has it",
    )
    return tuple(categories)


def _parse_ordered(document: dict[str, Any], pointer: str) -> bool | None:
    if "categoriesOrdered" not in document:
        return None
    ordered, ordered_pointer = document["categoriesOrdered"], f"{pointer}/categoriesOrdered"
    if not isinstance(ordered, bool):
        raise SchemaInvalid(ordered_pointer, "it must be true or false")
    if "categories" not in document:
        raise SchemaInvalid(ordered_pointer, "it says nothing without categories")
    return ordered


def parse_missing_values(
    document: dict[str, Any], pointer: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]] | None:
    """The texts of `missingValues` and the labels of those that have one; None if it is not given.
    Raises SchemaInvalid."""
    if "missingValues" not in document:
        return None
    values, values_pointer = document["missingValues"], f"{pointer}/missingValues"
    if values == []:
        return (), ()
    if not isinstance(values, list) or not any(isinstance(each, dict) for each in values):
        return tuple(dict.fromkeys(_parse_texts(values, values_pointer))), ()
    if len(values) > 1_000:
        raise SchemaInvalid(values_pointer, "it must be a list of 1 to 1,000 values")
    entries = parse_labeled_values(values, values_pointer)
    for value_pointer, value, _ in entries:
        if not isinstance(value, str) or "\0" in value:
            raise SchemaInvalid(value_pointer, "it must be a string")
    check_distinct(
        [(value_pointer, value) for value_pointer, value, _ in entries], "an earlier entry has it"
    )
    labels = tuple((value, label) for _, value, label in entries if label is not None)
    return tuple(value for _, value, _ in entries), labels


def parse_labeled_values(items: list[Any], pointer: str) -> list[tuple[str, Any, str | None]]:
    """Parse items that are values or objects with a value and a label, into tuples of the pointer
    to the value, the value, and its label. Raises SchemaInvalid."""
    entries: list[tuple[str, Any, str | None]] = []
    labels: list[tuple[str, str]] = []
    for position, entry in enumerate(items):
        item_pointer = join_pointer(pointer, position)
        if not isinstance(entry, dict):
            entries.append((item_pointer, entry, None))
            continue
        if "value" not in entry:
            raise SchemaInvalid(item_pointer, "it needs a value")
        label = entry.get("label")
        if "label" in entry:
            if not isinstance(label, str):
                raise SchemaInvalid(f"{item_pointer}/label", "a label must be a string")
            labels.append((f"{item_pointer}/label", label))
        entries.append((f"{item_pointer}/value", entry["value"], label))
    check_distinct(labels, "an earlier entry has this label")
    return entries


def check_distinct(values: list[tuple[str, Any]], reason: str) -> None:
    """Check that no value of the pairs (pointer, value) repeats. Raises SchemaInvalid."""
    seen = set()
    for pointer, value in values:
        if value in seen:
            raise SchemaInvalid(pointer, reason)
        seen.add(value)
