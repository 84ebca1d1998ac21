"""The texts of numbers without what their field allows around and inside them, as SQL."""

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.schemas.model import Field
from entrepot.schemas.numbers import affix_pattern, affix_regexes


def plain_number(text: Sql, field: Field) -> Sql:
    """The text of a valid number without what its field allows around and inside it."""
    if field.type not in ("integer", "number"):
        return text
    text = without_affixes(text, field)
    if field.group_char:
        text = f"replace({text}, {literal(field.group_char)}, '')"
    if field.type == "number" and field.decimal_char != ".":
        text = f"replace({text}, {literal(field.decimal_char)}, '.')"
    return text


def without_affixes(text: Sql, field: Field) -> Sql:
    """The text of a number without what stands around it, where the field says that it is not
    bare."""
    if field.bare_number:
        return text
    if field.affix is not None:
        return f"regexp_extract({text}, {literal(f'^{affix_pattern(field.affix)}$')}, 1)"
    before, behind = affix_regexes(field)
    return f"regexp_replace(regexp_replace({text}, {literal(before)}, ''), {literal(behind)}, '')"


def begins_plainly(text: Sql, field: Field) -> Sql:
    """Whether a text that the engine takes for a number begins as one of the field does, and does
    not contain `_`. Without leading zeros a digit never follows a first zero."""
    plain = f"{text} >= '-' AND NOT contains({text}, '_')"
    if field.leading_zeros:
        return plain
    zeros = sql("{text} NOT BETWEEN '00' AND '0:' AND {text} NOT BETWEEN '-00' AND '-0:'")
    return f"{plain} AND {zeros.replace('{text}', text)}"
