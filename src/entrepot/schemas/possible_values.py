"""Whether a text may be a value of a field, so that it is not a mark of a missing one."""

from typing import Any

from entrepot.schemas.model import Field

DIGIT_DIRECTIVES = frozenset("YGymdjwuUWVHIMSfcxX")
"""The strptime directives that stand for digits, or for more than one part, of which some do."""
BEGINNINGS = {"duration": "P", "object": "{", "geojson": "{", "array": "["}
"""What each value of these types has in it."""


def can_be_value(text: str, field: dict[str, Any]) -> bool:
    """Whether a cell with this text may be a value of the field; True if that is unknown."""
    has_digits = any(char.isdigit() for char in text)
    if field.get("type") == "list" and field.get("itemType", "string") != "string":
        field = {"type": field["itemType"]}
    field_type = field.get("type", "string")
    match field_type:
        case "integer" | "year" | "yearmonth" | "geopoint":
            return has_digits
        case "number":
            words = () if field.get("entrepot:finite") else ("nan", "inf")
            return has_digits or any(word in text.lower() for word in words)
        case "date" | "time" | "datetime":
            return has_digits or not _has_digits(field.get("format", "default"))
        case "duration" | "object" | "geojson" | "array":
            return BEGINNINGS[field_type] in text
        case "boolean":
            usual = Field("")
            sides = {"trueValues": usual.true_values, "falseValues": usual.false_values}
            return any(text in field.get(side, texts) for side, texts in sides.items())
        case _:
            return True


def _has_digits(form: str) -> bool:
    """Whether each date or time in this format has a digit."""
    if form.removeprefix("fmt:") in ("default", "any"):
        return True
    return any(part[:1] in DIGIT_DIRECTIVES for part in form.replace("%%", "").split("%")[1:])
