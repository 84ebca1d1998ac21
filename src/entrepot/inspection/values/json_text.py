"""Whether a text is JSON (RFC 8259), as SQL: the engine's own check takes a comma too many
(`[1,]`), `NaN` and `inf`."""

from entrepot.inspection.sql import Sql, literal

STRINGS = r'"(?:[^"\\]|\\.)*"'
LOOSE = r",\s*[\]}]|(?i:nan|inf)"


def is_json(text: Sql, kind: Sql) -> Sql:
    """Whether `text` is a JSON value of `kind` (`OBJECT`, `ARRAY`). Only a text that looks loose
    is looked at again without its strings."""
    bare = f"regexp_replace({text}, {literal(STRINGS)}, '', 'g')"
    loose = (
        f"CASE WHEN regexp_matches({text}, {literal(LOOSE)}) "
        f"THEN regexp_matches({bare}, {literal(LOOSE)}) ELSE false END"
    )
    return (
        f"CASE WHEN json_valid({text}) THEN "
        f"try(json_type({text})) = '{kind}' AND NOT ({loose}) ELSE false END"
    )
