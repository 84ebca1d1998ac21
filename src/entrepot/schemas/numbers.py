"""The lexical forms of integers and numbers: decimal mark, groups of digits, what stands around.

Patterns match a whole text, for RE2 and (with `re.ASCII`) for Python's `re` alike.
"""

import re
from collections.abc import Mapping

from entrepot.schemas.model import Affix, Field, Grouping

THOUSANDS = r"[1-9]\d{{0,2}}(?:{group}\d{{3}})+"
"""Groups of three digits: `1,234,567`."""
INDIAN = r"[1-9]\d?(?:{group}\d{{2}})*{group}\d{{3}}"
"""Groups of two digits before one of three: `12,34,567` (lakh and crore)."""
GROUPINGS: Mapping[Grouping, str] = {"thousands": THOUSANDS, "indian": INDIAN}
AFFIX_BLANKS = " \t\n\r\f\v\u00a0\u202f"
"""What may stand between a number and its affix."""
BLANKS = f"[{AFFIX_BLANKS}]*"
SPECIAL = "nan|inf|infinity"
SPECIAL_LETTERS = frozenset("naninfinity")
TO_LAST_DIGIT = re.compile(r"(?s:.*\d)", re.ASCII)
"""What the second of `affix_regexes` leaves of a text, in linear time in Python's `re` too."""
MAX_DIGITS = 400
"""Digits of an integer up to which an exponent is written out: the largest double has 309."""


def number_regex(field: Field, grouping: Grouping | None = None) -> str:
    """The pattern of the texts that are values of the field, an integer or a number, with nothing
    around them. A letter that is a mark is not part of `NaN`, `INF` or an exponent. With a
    `groupChar` its groups are those of `grouping`, by default those that the field has."""
    groups = GROUPINGS[grouping or field.grouping or "thousands"]
    whole = r"\d+" if field.leading_zeros else r"(?:0|[1-9]\d*)"
    if field.group_char:
        whole = rf"(?:{whole}|{groups.format(group=re.escape(field.group_char))})"
    if field.type == "integer":
        # Programs that know no missing integers (pandas) write a point and zeros.
        zeros = "" if "." in field.group_char else r"(?:\.0+)?"
        return rf"\s*[-+]?{whole}{zeros}\s*"
    mark = re.escape(field.decimal_char)
    letters = (field.decimal_char + field.group_char).lower()
    exponent = "" if "e" in letters else r"(?:[eE][-+]?\d+)?"
    digits = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+){exponent}"
    if field.finite or not SPECIAL_LETTERS.isdisjoint(letters):
        return rf"\s*[-+]?{digits}\s*"
    return rf"\s*[-+]?(?:{digits}|(?i:{SPECIAL}))\s*"


def affix_regexes(field: Field) -> tuple[str, str]:
    """What may stand before and behind a number that is not bare, as patterns."""
    return rf"^[^-+\d{re.escape(field.decimal_char)}]*", r"\D*$"


def affix_pattern(affix: Affix) -> str:
    """A pattern of a number with its affix, on several lines too; group 1 is the number. For RE2
    alone: Python's `re` takes the fourth power of the blanks in a text."""
    prefix, suffix = (re.escape(text) for text in (affix.prefix, affix.suffix))
    return f"(?s:{BLANKS}{prefix}{BLANKS}(.*?){BLANKS}{suffix}{BLANKS})"


def without_affixes(text: str, field: Field) -> str:
    """The text of a number without what stands around it, where the field says that it is not
    bare; empty where the affix of the column is not there."""
    if field.bare_number:
        return text
    if field.affix is not None:
        return _within_affix(text, field.affix)
    before, _ = affix_regexes(field)
    to_last_digit = TO_LAST_DIGIT.match(re.sub(before, "", text, flags=re.ASCII))
    return to_last_digit[0] if to_last_digit else ""


def _within_affix(text: str, affix: Affix) -> str:
    """What group 1 of `affix_pattern` is; empty where the affix is not there."""
    text = text.strip(AFFIX_BLANKS)
    if not text.startswith(affix.prefix):
        return ""
    text = text[len(affix.prefix) :]
    if not text.endswith(affix.suffix):
        return ""
    return text[: len(text) - len(affix.suffix)].strip(AFFIX_BLANKS)
