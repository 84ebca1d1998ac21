"""Write a Table Schema as a JSON document of the standard."""

from typing import Any

from entrepot.schemas.model import Affix, Category, Constraints, Field, ForeignKey, TableSchema
from entrepot.schemas.parse_field import FIELD_PROPERTIES

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
    "jsonSchema": "json_schema",
}


def to_document(schema: TableSchema) -> dict[str, Any]:
    """The schema as a JSON document of the standard, without defaults."""
    document: dict[str, Any] = {"fields": [_field_document(field) for field in schema.fields]}
    if schema.fields_match != "exact":
        document["fieldsMatch"] = schema.fields_match
    if schema.missing_values != ("",) or schema.missing_labels:
        document["missingValues"] = _missing_values_document(
            schema.missing_values, schema.missing_labels
        )
    if schema.primary_key:
        document["primaryKey"] = list(schema.primary_key)
    if schema.unique_keys:
        document["uniqueKeys"] = [list(key) for key in schema.unique_keys]
    if schema.foreign_keys:
        document["foreignKeys"] = [_foreign_key_document(key) for key in schema.foreign_keys]
    if schema.min_rows:
        document["entrepot:minRows"] = schema.min_rows
    return {**document, **schema.other}


def _foreign_key_document(key: ForeignKey) -> dict[str, Any]:
    return {"fields": list(key.fields), "reference": {"fields": list(key.referenced)}}


def _missing_values_document(
    values: tuple[str, ...], labels: tuple[tuple[str, str], ...]
) -> list[Any]:
    labels_by_value = dict(labels)
    return [
        _labeled_value(value, labels_by_value.get(value)) if labels_by_value else value
        for value in values
    ]


def _labeled_value(value: str | int, label: str | None) -> dict[str, Any]:
    return {"value": value} if label is None else {"value": value, "label": label}


def _categories_document(categories: tuple[Category, ...]) -> list[Any]:
    if all(category.label is None for category in categories):
        return [category.value for category in categories]
    return [_labeled_value(category.value, category.label) for category in categories]


def _field_document(field: Field) -> dict[str, Any]:
    default_field = Field(name=field.name)
    document: dict[str, Any] = {"name": field.name, "type": field.type}
    if field.format != "default":
        document["format"] = field.format
    if field.missing_values is not None:
        document["missingValues"] = _missing_values_document(
            field.missing_values, field.missing_labels
        )
    for name, attribute in FIELD_PROPERTIES.items():
        value = getattr(field, attribute)
        if value != getattr(default_field, attribute):
            document[name] = _property_value(value)
    if field.categories is not None:
        document["categories"] = _categories_document(field.categories)
    if field.categories_ordered is not None:
        document["categoriesOrdered"] = field.categories_ordered
    constraints = _constraints_document(field.constraints)
    if constraints:
        document["constraints"] = constraints
    return {**document, **field.other}


def _property_value(value: object) -> object:
    if isinstance(value, Affix):
        return {"prefix": value.prefix, "suffix": value.suffix}
    return list(value) if isinstance(value, tuple) else value


def _constraints_document(constraints: Constraints) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, attribute in CONSTRAINT_NAMES.items():
        value = getattr(constraints, attribute)
        if value is not None and value is not False:
            document[name] = list(value) if isinstance(value, tuple) else value
    return document
