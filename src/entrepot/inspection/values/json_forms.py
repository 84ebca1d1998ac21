"""The forms in which JSON has values that it has no type for: as JSON Lines are written here.

A date of JSON is a text. One in the default form (ISO 8601) is a stored date, as one of Parquet is:
the `format` of its field says how texts of people are written. NaN and the infinities are the texts
that Table Schema has for them.
"""

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from entrepot.inspection.sql import literal, sql
from entrepot.inspection.table import Column
from entrepot.inspection.values.field_text import has_own_format
from entrepot.inspection.values.temporal import formatted, is_default
from entrepot.schemas.lexical import ENDS_IN_ZONE
from entrepot.schemas.model import Field
from entrepot.schemas.strptime import has_zone
from entrepot.schemas.values import read_value

INFINITE = sql("('INF', '-INF')")
NOT_FINITE = sql("('NaN', 'INF', '-INF')")
"""What `cell_json` writes for doubles that JSON has not."""
TEMPORAL = ("date", "time", "datetime")
DAYS, CLOCKS = ("2001-02-03", "2012-10-11", "1999-12-31"), ("04:05:06", "10:11:12.5", "23:59:58Z")
SAMPLES = {
    "date": DAYS,
    "time": CLOCKS,
    "datetime": tuple(f"{day}T{clock}" for day in DAYS for clock in CLOCKS),
}


def with_json_forms(column: Column, field: Field) -> Column:
    """The column of a JSON file with such texts as values of the field's type."""
    text = column.text
    if field.type == "number":
        stored, kind = f"{text} IN {NOT_FINITE}", sql("'number'")
    elif (
        field.type in TEMPORAL and has_own_format(field) and not _misreads(field.type, field.format)
    ):
        default = is_default(text, Field("", field.type))
        # Where the format has a zone, a text without one states less than it should.
        if has_zone(field.format):
            default = f"({default} AND regexp_matches({text}, {literal(ENDS_IN_ZONE)}))"
        # What has the field's own format too stays as it is written.
        stored = f"CASE WHEN {default} THEN {formatted(text, field)} IS NULL ELSE false END"
        kind = literal(field.type)
    else:
        return column
    known = column.kind_sql
    as_stored = f"CASE WHEN {known} = 'text' AND {stored} THEN {kind} ELSE {known} END"
    return replace(column, kind_sql=f"({as_stored})")


@lru_cache(maxsize=1_000)
def _misreads(kind: str, form: str) -> bool:
    """Whether a text in the default form may be a text of the format that states another moment
    (`%Y-%d-%m`): there it is read by the format alone."""
    formatted, default = Field("", kind, form), Field("", kind)
    for text in SAMPLES[kind]:
        with suppress(ValueError):
            if read_value(text, formatted) != read_value(text, default):
                return True
    return False
