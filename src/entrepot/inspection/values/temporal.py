"""Dates, times, months and durations as SQL: whether a text is one, and what orders them.

A text in a format is read by `values.strptime_sql`, by the rules of `schemas.strptime`; the engine
reads the default forms alone, once a pattern has found that a text has one.
"""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.values.decimals import let
from entrepot.inspection.values.strptime_sql import any_value, format_value
from entrepot.schemas.lexical import DATE, TIME
from entrepot.schemas.model import Field

DEFAULTS = {"date": DATE, "time": TIME, "datetime": f"{DATE}[T ]{TIME}"}


def formatted_check(text: Sql, field: Field) -> Sql:
    """Whether `text` has the field's format, which is not the default."""
    check = f"{formatted(text, field)} IS NOT NULL"
    if field.format != "any":
        return f"({check})"
    return f"(({is_default(text, field)} AND {default(text, field)} IS NOT NULL) OR {check})"


def is_default(text: Sql, field: Field) -> Sql:
    """Whether `text` is written in the default form of the field's type."""
    plain = f"regexp_full_match({text}, {literal(DEFAULTS[field.type])})"
    return plain if field.type == "time" else f"({plain} AND {text} >= '0001')"


def formatted(text: Sql, field: Field) -> Sql:
    """The place in the order of time (see `ordered`) of a text in the field's format; NULL where
    there is none. Without a zone it is UTC."""
    if field.format == "any":
        return any_value(text, field.type)
    return format_value(text, field.type, field.format)


def default(text: Sql, field: Field) -> Sql:
    """A text in the default form, as a date or a timestamp; of a time, its microseconds."""
    pointed = f"replace({text}, ',', '.')"
    match field.type:
        case "date":
            return f"try_cast({text} AS DATE)"
        case "datetime":
            return f"try_cast({pointed} AS TIMESTAMPTZ)"
        case _:
            clock = f"regexp_extract({pointed}, '^[0-9:]{{8}}([.][0-9]{{1,6}})?')"
            offset = let(
                f"regexp_extract({text}, '([-+])([0-9]{{2}}):?([0-9]{{2}})?$', ['s', 'h', 'm'])",
                "z",
                "CASE WHEN z.s = '' THEN 0 ELSE (CASE WHEN z.s = '-' THEN -60000000 "
                "ELSE 60000000 END) * (z.h::BIGINT * 60 + CASE WHEN z.m = '' THEN 0 "
                "ELSE z.m::BIGINT END) END",
            )
            zoned = f"CASE WHEN length({text}) > 8 THEN {offset} ELSE 0 END"
            return f"epoch_us(try_cast({clock} AS TIME)) - ({zoned})"


def ordered(text: Sql, field: Field) -> Sql:
    """The place of a date (days), a time or a datetime (microseconds) in the order of time, as
    `schemas.values.read_value` counts them; NULL where there is none."""
    plain = default(text, field)
    if field.type == "date":
        plain = f"({plain} - DATE '1970-01-01')"
    elif field.type == "datetime":
        plain = f"epoch_us({plain})"
    if field.format == "default":
        return plain
    other = formatted(text, field)
    if field.format != "any":
        return other
    return f"CASE WHEN {is_default(text, field)} THEN {plain} ELSE {other} END"


def moment(text: Sql, field: Field) -> Sql:
    """A date, a time (of 1970-01-01) or a datetime as the engine's date or timestamp, in UTC; NULL
    where there is none."""
    if field.format == "default" and field.type != "time":
        return default(text, field)
    if field.type == "date":
        return f"(DATE '1970-01-01' + ({ordered(text, field)})::INTEGER)"
    return f"make_timestamp({ordered(text, field)})"


def month_number(text: Sql) -> Sql:
    """The number of a month (`2020-01`), counted from the year 0."""
    year, month = f"left({text}, -3)", f"right({text}, 2)"
    return f"(try_cast({year} AS BIGINT) * 12 + try_cast({month} AS BIGINT) - 1)"


REFERENCES = (date(1696, 9, 1), date(1697, 2, 1), date(1903, 3, 1), date(1903, 7, 1))
"""The days from which XML Schema (3.2.6.2) counts two durations to compare them."""
CYCLE_MONTHS, CYCLE_DAYS = 4_800, 146_097
"""The calendar repeats after 400 years."""
SECONDS = sql("DECIMAL(38, 9)")
NANOSECOND = Decimal("1e-9")
PARTS = (
    r"^(-?)P(?:(\d+)W)?(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
)


def with_duration(text: Sql, body: Sql) -> Sql:
    """The SQL expression `body`, in which `l.m` and `l.s` are the months and seconds of the
    duration `text`; they are NULL where they pass 128 bits."""
    names = sql("['sign', 'w', 'y', 'mo', 'd', 'h', 'mi', 's']")

    def part(name: Sql) -> Sql:
        number = f"try_cast(p.{name} AS DECIMAL(28, 9))"
        return f"(CASE WHEN p.{name} = '' THEN 0::DECIMAL(28, 9) ELSE {number} END)"

    sign = sql("(CASE WHEN p.sign = '-' THEN -1 ELSE 1 END)")
    months = f"try({sign} * ({part('y')} * 12 + {part('mo')})::BIGINT)"
    seconds = (
        f"try({sign} * (({part('w')} * 7 + {part('d')}) * 86400 + {part('h')} * 3600 + "
        f"{part('mi')} * 60 + {part('s')})::{SECONDS})"
    )
    pair = f"{{'m': {months}, 's': {seconds}}}"
    parsed = f"regexp_extract({text}, {literal(PARTS)}, {names})"
    return let(parsed, "p", let(pair, "l", body))


def key_of_duration(text: Sql) -> Sql:
    """A text that is equal for equal durations (`P1Y` and `P12M`, `PT60M` and `PT1H`)."""
    return f"coalesce({with_duration(text, 'l.m::VARCHAR || chr(47) || l.s::VARCHAR')}, {text})"


def duration_constant(months: int, seconds: Decimal) -> Sql:
    """The key of a duration of the schema."""
    return literal(f"{months}/{seconds.quantize(NANOSECOND, ROUND_HALF_UP) + 0:.9f}")


def compare_duration(text: Sql, operator: Sql, months: int, seconds: Decimal) -> Sql:
    """Whether the duration `text` is `operator` than the one of the schema from at least one of
    the references: what cannot be ordered (`P1M` and `P30D`) keeps a bound."""
    sides = []
    for start in REFERENCES:
        from_here = f"DATE {literal(start.isoformat())}"
        days = (
            f"((l.m // {CYCLE_MONTHS}) * {CYCLE_DAYS} + (({from_here} + "
            f"to_months((l.m % {CYCLE_MONTHS})::INTEGER))::DATE - {from_here}))"
        )
        bound = (_days(start, months) * 86_400 + seconds).quantize(NANOSECOND, ROUND_HALF_UP)
        sides.append(f"try(({days}::HUGEINT * 86400)::{SECONDS} + l.s) {operator} {bound}")
    return with_duration(text, f"({' OR '.join(sides)})")


def _days(start: date, months: int) -> int:
    sign = -1 if months < 0 else 1
    cycles, rest = divmod(abs(months), CYCLE_MONTHS)
    number = start.year * 12 + start.month - 1 + sign * rest
    moved = date(number // 12, number % 12 + 1, 1)
    return sign * cycles * CYCLE_DAYS + (moved - start) // timedelta(days=1)
