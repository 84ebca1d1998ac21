"""Whether a text is JSON (RFC 8259), as SQL: the engine's own check takes a comma too many
(`[1,]`), `NaN` and `inf`; and a text of the engine as JSON."""

from entrepot.inspection.sql import Sql, literal

STRINGS = r'"(?:[^"\\]|\\.)*"'
NOT_FINITE = "NaN|Infinity"
"""The engine's words, in its JSON, for doubles that JSON has not."""
MARK = "\x02"
"""What no JSON has: control characters are escaped in it (RFC 8259, section 7)."""
LOOSE = r",\s*[\]}]|(?i:nan|inf)"

RAW_CONTROL = literal(r"[\x7f-\x{9f}]")
"""The control characters that JSON lets stand in strings as they are."""


def is_json(text: Sql, kind: Sql) -> Sql:
    """Whether `text` is a JSON value of `kind` (`OBJECT`, `ARRAY`). Only a text that looks loose
    is looked at again without what its strings say."""
    bare = f"regexp_replace({text}, {literal(STRINGS)}, '\"\"', 'g')"
    loose = (
        f"CASE WHEN regexp_matches({text}, {literal(LOOSE)}) "
        f"THEN regexp_matches({bare}, {literal(LOOSE)}) ELSE false END"
    )
    return (
        f"CASE WHEN json_valid({text}) THEN "
        f"try(json_type({text})) = '{kind}' AND NOT ({loose}) ELSE false END"
    )


def finite_json(text: Sql) -> Sql:
    """The engine's JSON `text` with null for each NaN and infinity within it. What stands in
    strings stays."""
    words = rf"({STRINGS})|-?(?:{NOT_FINITE})"
    # A mark follows each string, and takes the place of each word.
    marked = f"regexp_replace({text}, {literal(words)}, '\\1' || {literal(MARK)}, 'g')"
    strings = f"replace({marked}, {literal(chr(34) + MARK)}, {literal(chr(34))})"
    return (
        f"CASE WHEN regexp_matches({text}, {literal(NOT_FINITE)}) "
        f"THEN replace({strings}, {literal(MARK)}, 'null') ELSE {text} END"
    )


def with_escaped_controls(text: Sql) -> Sql:
    """The JSON `text` with escapes (`\\u0085`) for the control characters within it."""
    escape = literal("\\u%04x")
    char = (
        f"CASE WHEN regexp_matches(c, {RAW_CONTROL}) THEN printf({escape}, unicode(c)) ELSE c END"
    )
    escaped = f"array_to_string(list_transform(string_split({text}, ''), lambda c: {char}), '')"
    return f"CASE WHEN regexp_matches({text}, {RAW_CONTROL}) THEN {escaped} ELSE {text} END"
