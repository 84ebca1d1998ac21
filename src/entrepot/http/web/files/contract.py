"""A schema, its revisions and what they changed, in words for the file's page."""

from dataclasses import dataclass
from typing import Any

from entrepot.texts import replace_forbidden
from entrepot.texts.json_text import JsonText

FIELDS_SHOWN = 500
"""Fields of a schema on the page; all of them are in its JSON."""
VALUES_SHOWN = 10
"""Values of a constraint; the others are counted."""
MAX_TEXT_CHARS = 60
"""Characters of one value or name."""
RULES = {
    "required": "required",
    "unique": "unique",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "length at least {}",
    "maxLength": "length at most {}",
    "pattern": "matches {}",
    "enum": "one of {}",
    "jsonSchema": "keeps a JSON Schema",
}
VALUE_FORMS = {
    "decimalChar": "decimal mark {}",
    "groupChar": "thousands separator {}",
    "trueValues": "true is {}",
    "falseValues": "false is {}",
    "missingValues": "missing values: {}",
    "delimiter": "items apart by {}",
    "itemType": "items are {}",
    "categories": "categories {}",
}
GROUP_FORMS = {"thousands": "groups of three digits", "indian": "Indian groups of digits"}
ZONE_FORMS = {True: "with a time zone", False: "without a time zone"}
MATCHES = {
    "exact": "The columns are these, in this order.",
    "equal": "The columns are these, in any order.",
    "subset": "The columns may be more than these, in any order.",
    "superset": "The columns may be fewer than these, in any order.",
    "partial": "One of these columns is there at least, in any order.",
}


@dataclass(frozen=True)
class FieldView:
    """One field in words; `rules` are its constraints, `reading` how its values are written."""

    number: int
    name: str
    type: str
    description: str
    rules: tuple[str, ...]
    value_forms: tuple[str, ...]


@dataclass(frozen=True)
class SchemaView:
    """A schema's first fields, how many there are, and what holds of the whole table."""

    fields: tuple[FieldView, ...]
    count: int
    sentences: tuple[str, ...]


def schema_view(schema: dict[str, Any]) -> SchemaView:
    """A Table Schema in words. Values and names are in backticks."""
    fields = schema.get("fields", [])
    numbered = enumerate(fields[:FIELDS_SHOWN], start=1)
    return SchemaView(
        fields=tuple(_field(number, field) for number, field in numbered),
        count=len(fields),
        sentences=tuple(_sentences(schema)),
    )


def _field(number: int, field: dict[str, Any]) -> FieldView:
    constraints = field.get("constraints", {})
    form = field.get("format", "default")
    kind = field.get("type", "any")
    return FieldView(
        number=number,
        name=field["name"],
        type=kind if form == "default" else f"{kind}, {quote_value(form)}",
        description=" · ".join(
            str(field[key]) for key in ("title", "description") if field.get(key)
        ),
        rules=(
            *(
                RULES[name].format(join_values(constraints[name]))
                for name in RULES
                if name in constraints
            ),
            *(["at least one value"] if field.get("entrepot:notEmpty") else []),
        ),
        value_forms=(
            *(
                VALUE_FORMS[name].format(join_values(field[name]))
                for name in VALUE_FORMS
                if name in field
            ),
            *_own_forms(field),
        ),
    )


def _own_forms(field: dict[str, Any]) -> list[str]:
    """What our own properties say of how a value is written."""
    affix = field.get("entrepot:affix")
    around = f"{affix.get('prefix', '')}…{affix.get('suffix', '')}" if affix else ""
    return [
        *([f"written as {quote_value(around)}"] if affix else []),
        *([GROUP_FORMS[groups]] if (groups := field.get("entrepot:grouping")) else []),
        *(["no leading zeros"] if not field.get("entrepot:leadingZeros", True) else []),
        *(["no NaN and no infinities"] if field.get("entrepot:finite") else []),
        *(["in workbooks stored as such"] if field.get("entrepot:storedType") else []),
        *([ZONE_FORMS[zone]] if (zone := field.get("entrepot:timeZone")) is not None else []),
    ]


def _sentences(schema: dict[str, Any]) -> list[str]:
    sentences = [MATCHES[schema.get("fieldsMatch", "exact")]]
    if schema.get("missingValues"):
        sentences.append(
            f"A cell means “no value” if it is {join_values(schema['missingValues'])}."
        )
    if least := schema.get("entrepot:minRows"):
        sentences.append(f"At least {least:,} row{'' if least == 1 else 's'}.")
    if schema.get("primaryKey"):
        sentences.append(f"Primary key: {join_values(schema['primaryKey'])}.")
    sentences += [f"Unique together: {join_values(key)}." for key in schema.get("uniqueKeys", [])]
    for key in schema.get("foreignKeys", []):
        fields, referenced = join_values(key["fields"]), join_values(key["reference"]["fields"])
        sentences.append(f"Each {fields} stands as {referenced} in some row.")
    return sentences


def join_values(value: Any) -> str:
    """A value, or the first of several, in backticks."""
    if not isinstance(value, list):
        return quote_value(value)
    some = ", ".join(quote_value(each) for each in value[:VALUES_SHOWN])
    more = len(value) - VALUES_SHOWN
    return f"{some} and {more:,} more" if more > 0 else some


def quote_value(value: Any) -> str:
    """One value of a schema in backticks, short; a labelled one with its label."""
    if isinstance(value, dict):
        label = value.get("label")
        return quote_value(value.get("value")) + (f" ({short_text(label)})" if label else "")
    text = "true" if value is True else "false" if value is False else short_text(value)
    return f"`{text}`" if text else "empty"


def short_text(value: Any, most: int = MAX_TEXT_CHARS) -> str:
    """A text of at most `most` characters on one line, without backticks of its own."""
    text = replace_forbidden(str(value)[: most + 1])
    text = text.replace("`", "'")
    return text if len(text) <= most else text[: most - 1] + "…"


def change_counts(changes: JsonText) -> str:
    """How many changes a revision made, and how many of them break something; counted in the text,
    where a quotation mark of a value has a backslash before it."""
    broken, all_changes = changes.count('"effect": "breaking"'), changes.count('"effect": "')
    count = f"{all_changes:,} change{'' if all_changes == 1 else 's'}"
    return f"{count}, {broken:,} breaking" if broken else count
