"""A schema, its revisions and what they changed, in words for the file's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FIELDS_SHOWN = 500
VALUES_SHOWN = 10
LENGTH = 60
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
READ_AS = {
    "decimalChar": "decimal mark {}",
    "groupChar": "thousands apart by {}",
    "trueValues": "true is {}",
    "falseValues": "false is {}",
    "missingValues": "missing is {}",
    "delimiter": "items apart by {}",
    "itemType": "items are {}",
    "categories": "categories {}",
}
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
    described: str
    rules: tuple[str, ...]
    reading: tuple[str, ...]


@dataclass(frozen=True)
class SchemaView:
    """A schema's first fields, how many there are, and what holds of the whole table."""

    fields: tuple[FieldView, ...]
    count: int
    sentences: tuple[str, ...]


def schema_view(schema: dict[str, Any]) -> SchemaView:
    """A Table Schema in words. Values and names are in backticks."""
    fields = schema.get("fields", [])
    shown = enumerate(fields[:FIELDS_SHOWN], start=1)
    return SchemaView(
        fields=tuple(_field(number, field) for number, field in shown),
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
        type=kind if form == "default" else f"{kind}, {quoted(form)}",
        described=" · ".join(str(field[key]) for key in ("title", "description") if field.get(key)),
        rules=(
            *(
                RULES[name].format(listed(constraints[name]))
                for name in RULES
                if name in constraints
            ),
            *(["has a value in some row"] if field.get("entrepot:notEmpty") else []),
        ),
        reading=(
            *(READ_AS[name].format(listed(field[name])) for name in READ_AS if name in field),
            *_number_reading(field),
        ),
    )


def _number_reading(field: dict[str, Any]) -> list[str]:
    """What our own properties say of how a number is written."""
    affix = field.get("entrepot:affix")
    around = f"{affix.get('prefix', '')}…{affix.get('suffix', '')}" if affix else ""
    return [
        *([f"written as {quoted(around)}"] if affix else []),
        *(["no leading zeros"] if not field.get("entrepot:leadingZeros", True) else []),
    ]


def _sentences(schema: dict[str, Any]) -> list[str]:
    said = [MATCHES[schema.get("fieldsMatch", "exact")]]
    if schema.get("missingValues"):
        said.append(f"A cell means “no value” if it is {listed(schema['missingValues'])}.")
    if least := schema.get("entrepot:minRows"):
        said.append(f"There {'is 1 row' if least == 1 else f'are {least:,} rows'} at least.")
    if schema.get("primaryKey"):
        said.append(f"Primary key: {listed(schema['primaryKey'])}.")
    said += [f"Unique together: {listed(key)}." for key in schema.get("uniqueKeys", [])]
    said += [
        f"Each {listed(key['fields'])} stands as {listed(key['reference']['fields'])} in some row."
        for key in schema.get("foreignKeys", [])
    ]
    return said


def listed(value: Any) -> str:
    """A value, or the first of several, in backticks."""
    if not isinstance(value, list):
        return quoted(value)
    some = ", ".join(quoted(each) for each in value[:VALUES_SHOWN])
    more = len(value) - VALUES_SHOWN
    return f"{some} and {more:,} more" if more > 0 else some


def quoted(value: Any) -> str:
    """One value of a schema in backticks, short; a labelled one with its label."""
    if isinstance(value, dict):
        label = value.get("label")
        return quoted(value.get("value")) + (f" ({plain(label)})" if label else "")
    text = "true" if value is True else "false" if value is False else plain(value)
    return f"`{text}`" if text else "empty"


def plain(value: Any) -> str:
    """A short text on one line, without backticks of its own."""
    text = "".join(char if char.isprintable() else "�" for char in str(value)[: LENGTH + 1])
    text = text.replace("`", "'")
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"


def change_counts(changes: Sequence[dict[str, Any]]) -> str:
    """How many changes a revision made, and how many of them break something."""
    broken = sum(change["effect"] == "breaking" for change in changes)
    count = f"{len(changes):,} change{'' if len(changes) == 1 else 's'}"
    return f"{count}, {broken:,} breaking" if broken else count
