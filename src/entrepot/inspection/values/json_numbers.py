"""Numbers of JSON with more digits than a double keeps, as SQL over the text of a document.

The engine's reader of JSON takes numbers with a point or an exponent as doubles, and gives their
digits back from there. So such a number is turned into a marked text in the document before values
are taken out of it, and back into a number in these. By hand, since no setting of the engine keeps
the digits.
"""

import secrets

from entrepot.inspection.sql import Sql, literal

LONG_NUMBER = r"-?[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?|-?[0-9]+(?:[.][0-9]+)?[eE][-+]?[0-9]{3,}"
"""A number of more than 15 digits, or with an exponent of three."""
TEXT_OR_LONG_NUMBER = rf'("(?:[^"\\]|\\.)*")|({LONG_NUMBER})'
BEGIN, END = "\x02", "\x03"
"""What no JSON document has: control characters are escaped in it (RFC 8259, section 7)."""


def new_mark() -> str:
    """A text that begins a marked number, and that nobody can have written into a file."""
    return f"number-{secrets.token_hex(16)}:"


def has_long_number(doc: Sql) -> Sql:
    """Whether the document may have such a number; texts in it may look like one."""
    return f"regexp_matches({doc}, {literal(LONG_NUMBER)})"


def with_marked_numbers(doc: Sql, mark: str) -> Sql:
    """The document with its long numbers as texts that begin with `mark`."""
    begin, end = literal(BEGIN), literal(END)
    split = (
        f"regexp_replace({doc}, {literal(TEXT_OR_LONG_NUMBER)}, "
        f"'\\1' || {begin} || '\\2' || {end}, 'g')"
    )
    opened = f"replace(replace({split}, {begin} || {end}, ''), {begin}, {literal(chr(34) + mark)})"
    return f"CASE WHEN {has_long_number(doc)} THEN replace({opened}, {end}, '\"') ELSE {doc} END"


def without_marks(value: Sql, mark: str) -> Sql:
    """A value as it was in the document: a number, or a JSON text with its numbers."""
    marked = literal(f'"{mark}([^"]*)"')
    inside = f"regexp_replace({value}, {marked}, '\\1', 'g')"
    return (
        f"CASE WHEN starts_with({value}, {literal(mark)}) THEN substr({value}, {len(mark) + 1}) "
        f"WHEN contains({value}, {literal(mark)}) THEN {inside} ELSE {value} END"
    )
