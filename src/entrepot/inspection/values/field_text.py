"""Values that a format stores, as texts in the form that a contract gives to their field.

The canonical CSV of a version keeps the version's contract, whatever format was delivered: `12.5`
is `12,5` where the field's `decimalChar` is a comma, and would else be read as 125 where its
`groupChar` is a point. A value that no text of its field states, such as seconds under `%H:%M`,
breaks the contract: a reader of the CSV would see another one.
"""

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import CellKind
from entrepot.inspection.values.decimals import PARTS, let
from entrepot.inspection.values.json_numbers import with_marked_numbers
from entrepot.inspection.values.plain_number import plain_number, without_affixes
from entrepot.inspection.values.temporal import moment
from entrepot.schemas.lexical import CONTROL
from entrepot.schemas.model import Field
from entrepot.schemas.numbers import MAX_DIGITS, number_regex
from entrepot.schemas.strptime import form_in_utc

BELOW_MICROSECOND = r"[.]\d{6}\d*[1-9]"
USUAL_MARKS = frozenset(" .,'_\u00a0\u202f\u2019")
"""Characters between the digits of numbers that are not part of `nan`, `inf` or an exponent."""


def spelled(text: Sql, field: Field, marks: tuple[str, ...]) -> Sql:
    """The text, in the form of `field`, of a value that the format stores and that has one; its
    plain form is `text`. `marks` are the texts of missing values."""
    match field.type:
        case "integer" | "number":
            return _spelled_number(text, field)
        case "year":
            sign = f"CASE WHEN starts_with({text}, '-') THEN '-' ELSE '' END"
            digits = f"split_part(ltrim({text}, '-'), '.', 1)"
            return f"{sign} || lpad({digits}, greatest(4, length({digits}))::INTEGER, '0')"
        case "boolean":
            return _spelled_boolean(text, field, marks)
        case "list":
            return f"array_to_string({items_of_json(text)}, {literal(field.delimiter)})"
        case "date" | "time" | "datetime" if has_own_format(field):
            return _spelled_moment(text, field)
        case _:
            return text


def has_text(  # noqa: PLR0911 (a row per type)
    text: Sql, field: Field, marks: tuple[str, ...], kind: CellKind | None
) -> Sql:
    """Whether a stored value of the field's type, `text` in its plain form, has a text in the form
    of `field` that states it; `true` if all have. `kind` is what the format says of the column."""
    match field.type:
        case "integer" if kind in (None, "number"):
            few = _with_digits(text, f"n <= {MAX_DIGITS}")
            return f"CASE WHEN {_has_exponent(text)} THEN {few} ELSE true END"
        case "number" if not set(field.decimal_char + field.group_char) <= USUAL_MARKS:
            written = _spelled_number(text, field)
            bare, pattern = without_affixes(written, field), literal(number_regex(field))
            same = f"{plain_number(written, field)} = {text}"
            return f"(regexp_full_match({bare}, {pattern}) AND {same})"
        case "number" if not field.bare_number and field.affix is None:
            # What stands around the digits is not read, and there are none.
            return f"NOT regexp_matches({text}, '(?i)[nf]')"
        case "list":
            return _has_list(text, field, marks)
        case "date" | "time" | "datetime" if has_own_format(field):
            plain = moment(text, Field("", field.type))
            same = f"coalesce({moment(_spelled_moment(text, field), field)} = {plain}, false)"
            if field.type == "date":
                return same
            return f"({same} AND NOT regexp_matches({text}, {literal(BELOW_MICROSECOND)}))"
        case _:
            return sql("true")


def has_own_format(field: Field) -> bool:
    """Whether a date or a time is written in a form of its own: `any` takes the default form."""
    return field.format not in ("default", "any")


def _spelled_moment(text: Sql, field: Field) -> Sql:
    # In UTC: the engine's own cast to a timestamp leaves out how far the clock is from it.
    plain = moment(text, Field("", field.type))
    if field.type == "datetime":
        plain = f"make_timestamp(epoch_us({plain}))"
    return f"strftime({plain}, {literal(form_in_utc(field.format))})"


def _spelled_boolean(text: Sql, field: Field, marks: tuple[str, ...]) -> Sql:
    """By the first word of each that does not mean a missing value."""
    words = {}
    for value, listed in (("true", field.true_values), ("false", field.false_values)):
        usable = [word for word in listed if word not in marks] or list(listed)
        words[value] = value if value in usable else usable[0]
    if words == {"true": "true", "false": "false"}:
        return text
    true, false = literal(words["true"]), literal(words["false"])
    return f"CASE WHEN {text} = 'true' THEN {true} ELSE {false} END"


def items_of_json(text: Sql) -> Sql:
    """The items of the JSON array `text` as texts, with all digits of their numbers."""
    exact = with_marked_numbers(text, "")
    return f"json_extract_string(CASE WHEN json_valid({text}) THEN {exact} END, '$[*]')"


def _has_list(text: Sql, field: Field, marks: tuple[str, ...]) -> Sql:
    """Whether the items are those again that stand between the delimiters: none of them is null or
    has a delimiter in it, and the list is not empty."""
    delimiter = literal(field.delimiter)
    items, written = sql("l.items"), sql("l.written")
    written_items = f"array_to_string(i, {delimiter})"
    pair = let(items_of_json(text), sql("i"), f"{{'items': i, 'written': {written_items}}}")
    same = f"string_split({written}, {delimiter}) = {items}"
    conditions = [f"coalesce({same}, false)"]
    conditions.append(f"NOT regexp_matches({written}, {literal(CONTROL)})")
    if marks:
        conditions.append(f"{written} NOT IN ({', '.join(map(literal, marks))})")
    return let(pair, sql("l"), sql(" AND ".join(conditions)))


def _spelled_number(text: Sql, field: Field) -> Sql:
    if field.type == "integer":
        # A whole number of JSON or of a double may have an exponent, a text of an integer may not.
        text = f"CASE WHEN {_has_exponent(text)} THEN {_without_exponent(text)} ELSE {text} END"
    if field.type == "integer" and "." in field.group_char:
        # There the point stands between groups, and `5.0` is not an integer.
        text = f"regexp_replace({text}, '[.]0+$', '')"
    if field.type == "number" and field.decimal_char != ".":
        text = f"replace({text}, '.', {literal(field.decimal_char)})"
    if field.affix is not None:
        text = f"{literal(field.affix.prefix)} || ({text}) || {literal(field.affix.suffix)}"
    return text


def _has_exponent(text: Sql) -> Sql:
    return f"(contains({text}, 'e') OR contains({text}, 'E'))"


def _with_digits(text: Sql, body: Sql) -> Sql:
    """The SQL expression `body`, in which `p.sign`, `d` and `n` are the sign of the whole number
    `text`, its digits from the first that is not zero, and how many it has written out."""
    parsed = f"regexp_extract({text}, {literal(PARTS)}, ['sign', 'whole', 'part', 'exponent'])"
    far = f"CASE WHEN starts_with(p.exponent, '-') THEN 0 ELSE {MAX_DIGITS + 1} END"
    exponent = f"coalesce(try_cast(nullif(p.exponent, '') AS INTEGER), {far})"
    count = f"CASE WHEN d = '' THEN 1 ELSE length(d) - length(p.part) + ({exponent}) END"
    digits = let(sql("ltrim(p.whole || p.part, '0')"), sql("d"), let(count, sql("n"), body))
    return let(parsed, sql("p"), digits)


def _without_exponent(text: Sql) -> Sql:
    """The whole number `text` without an exponent."""
    return _with_digits(text, f"p.sign || rpad(d, least(n, {MAX_DIGITS})::INTEGER, '0')")
