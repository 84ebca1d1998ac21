"""The exact type that holds every value of a column, and the SQL expression that makes it.

A schema says what a text means; how wide an integer is, how many digits a decimal has and
whether times carry a zone only the values tell. So one pass measures them (`probes`), and
then each column's type is the narrowest of Parquet's that keeps every value as it was written.
A value that no type holds keeps the column a text: nothing is rounded in silence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.table import CellKind
from entrepot.inspection.values.cell_sql import CellSql
from entrepot.inspection.values.decimals import has_exact_double
from entrepot.inspection.values.field_text import has_own_format, items_of_json
from entrepot.inspection.values.plain_number import plain_number
from entrepot.inspection.values.temporal import moment, ordered
from entrepot.schemas.lexical import ENDS_IN_ZONE
from entrepot.schemas.model import Field
from entrepot.schemas.strptime import has_zone

Figures = Sequence[Any]

MAX_DECIMAL_DIGITS = 38
"""Digits of the widest decimal that Parquet's readers agree on (128 bits)."""
SHORT_INTEGER_CHARS = 18
"""Characters, a sign among them, up to which every integer fits into 64 bits."""
FINE, TOO_FINE = r"[.,]\d{7}", r"[.,]\d{9}0*[1-9]"
"""More than a microsecond, and than a nanosecond, has digits for."""
FIRST_MOMENT, LAST_MOMENT = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 0001 and 9999 begin and end, in microseconds since 1970."""
ITEM = sql("item")
TOO_MANY_DIGITS = f"a number has more than {MAX_DECIMAL_DIGITS} digits"
BEYOND_YEARS = "a moment is beyond the years 0001 to 9999 in UTC"


@dataclass(frozen=True)
class ExactType:
    """How one column gets its type: aggregates to measure, and what their figures decide.

    `decide(figures)` returns the SQL expression of the typed value, NULL on missing cells.
    `reason(figures)` says which value has no exact type, where `decide` leaves the column a text.
    `more` are probes that cost a lot, measured only where the first figures leave it open.
    """

    probes: tuple[Sql, ...]
    decide: Callable[[Figures], Sql]
    reason: Callable[[Figures], str] = lambda figures: ""
    more: tuple[Sql, ...] = ()
    leaves_open: Callable[[Figures], bool] = lambda figures: False


def exact_type_of(  # noqa: PLR0911 (a row per type)
    cell: CellSql, kind: CellKind | None, usual: bool = False
) -> ExactType:
    """The typing of a column judged as `cell`, whose format knows its cells as `kind`. `usual`: all
    of its values are known to be spelled as `line_regex.USUAL` has it, so there is less to ask."""
    match cell.field.type:
        case "integer":
            return _integer(cell, usual)
        case "number":
            return _number(cell, kind, usual)
        case "boolean":
            return _fixed(when(cell, cell.value))
        case "year":
            return _checked(cell, sql("INTEGER"), f"try_cast({cell.text} AS INTEGER)")
        case "date":
            if usual:
                return _fixed(when(cell, f"({cell.value})::DATE"))
            return _checked(cell, sql("DATE"), cell.value)
        case "time":
            return _time(cell)
        case "datetime":
            return _datetime(cell, usual)
        case "object" | "array" | "geojson":
            text = cell.text if cell.native == "false" else cell.delivered
            return _checked(cell, sql("JSON"), f"try_cast({text} AS JSON)")
        case "list":
            return _list(cell)
        case _:
            return _fixed(as_text(cell))


def when(cell: CellSql, value: Sql) -> Sql:
    """`value` where the cell is present, else NULL."""
    return f"CASE WHEN {cell.present} THEN {value} END"


def as_text(cell: CellSql) -> Sql:
    """The cell as it was delivered."""
    return cell.delivered


def _fixed(sql: Sql) -> ExactType:
    return ExactType((), lambda _: sql)


def count_present(cell: CellSql, condition: Sql) -> Sql:
    """How many present cells meet the condition."""
    return f"count_if({cell.present} AND {condition})"


def _checked(cell: CellSql, target: Sql, value: Sql) -> ExactType:
    """The type if every present cell has a value of it, else a text."""
    lost = count_present(cell, f"({value}) IS NULL")
    typed = when(cell, f"({value})::{target}")
    return ExactType(
        (lost,),
        lambda figures: as_text(cell) if figures[0] else typed,
        lambda figures: "a value is beyond its type",
    )


def _integer(cell: CellSql, usual: bool) -> ExactType:
    """64 bits, else a decimal of up to 38 digits, else a text: no integer is rounded."""
    huge, bare = cell.value, _bare_number(cell)
    as_bigint = when(cell, f"{bare}::BIGINT")
    values = (count_present(cell, f"{huge} IS NULL"), *_extremes(cell, huge))

    def decide(figures: Figures) -> Sql:
        lost, low, high = figures
        if lost:
            return as_text(cell)
        if low is None or (low >= -(2**63) and high < 2**63):
            return as_bigint
        limit = 10**MAX_DECIMAL_DIGITS
        if -limit < low and high < limit:
            return when(cell, f"{bare}::DECIMAL({MAX_DECIMAL_DIGITS}, 0)")
        return as_text(cell)

    def reason(figures: Figures) -> str:
        return TOO_MANY_DIGITS

    if not usual:
        return ExactType(values, decide, reason)
    # A sign and digits: the values need not be looked at, as long as all are short.
    return ExactType(
        (f"max({when(cell, f'strlen({cell.text})')})",),
        lambda figures: decide(figures[1:]) if figures[1:] else as_bigint,
        reason,
        values,
        lambda figures: (figures[0] or 0) > SHORT_INTEGER_CHARS,
    )


def _bare_number(cell: CellSql) -> Sql:
    """The number of a cell without what its field allows around and inside texts: `12.5` that is
    stored as a number has no group separators."""
    return cell.for_field(lambda field: plain_number(cell.text, field))


def _place(cell: CellSql) -> Sql:
    """The place of a moment in the order of its type."""
    return cell.for_field(lambda field: ordered(cell.text, field))


def _extremes(cell: CellSql, value: Sql) -> tuple[Sql, Sql]:
    return f"min({when(cell, value)})", f"max({when(cell, value)})"


@dataclass(frozen=True)
class _Digits:
    """What is asked of a number as a text: whether it has no decimal (an exponent, NaN), its digits
    before and behind the point, whether no double stands for it."""

    number: Sql

    @property
    def odd(self) -> Sql:
        return sql(f"NOT regexp_full_match({self.number}, '[-+]?\\d*\\.?\\d*')")

    @property
    def whole(self) -> Sql:
        return sql(f"strlen(ltrim(split_part({self.number}, '.', 1), '+-0'))")

    @property
    def places(self) -> Sql:
        return sql(f"strlen(split_part({self.number}, '.', 2))")

    @property
    def inexact(self) -> Sql:
        return sql(f"NOT {has_exact_double(self.number)}")


def _number_type(figures: Figures) -> Sql | None:
    """The exact type of numbers of these figures (odd ones, the most digits before and behind the
    point, inexact ones); None if there is none."""
    odd, digits, places, *inexact = figures
    precision = int(digits or 0) + int(places or 0)
    if not odd and digits is not None and precision <= MAX_DECIMAL_DIGITS:
        scale = int(places or 0)
        return sql(f"DECIMAL({max(precision, 1)}, {scale})")
    return None if any(inexact) else sql("DOUBLE")


def _why_no_number(figures: Figures) -> str:
    """Why numbers of these figures have no exact type."""
    odd, digits, places, *_ = figures
    if odd:
        return (
            "a number has an exponent, so that all would be floating-point numbers of 64 bits, and "
            "one has more digits than these keep"
        )
    if max(digits or 0, places or 0) > MAX_DECIMAL_DIGITS:
        return TOO_MANY_DIGITS
    return f"its numbers need more than {MAX_DECIMAL_DIGITS} digits before and after the point"


def _is_double(figures: Figures) -> bool:
    """Whether only doubles can stand for numbers of these figures."""
    return _number_type(figures) == "DOUBLE"


def _number(cell: CellSql, kind: CellKind | None, usual: bool) -> ExactType:
    """An exact decimal where the cells are written as such, else a double that stands for each of
    them. What is a double in the file (`kind` number) stays one. NaN and infinity are doubles."""
    bare = sql(f"trim({_bare_number(cell)})")
    if kind == "number":
        return _fixed(when(cell, sql(f"{bare}::DOUBLE")))
    digits = _Digits(bare)
    odd = sql(f"(contains({bare}, 'e') OR contains({bare}, 'E'))") if usual else digits.odd
    probes = (
        count_present(cell, odd),
        sql(f"max({when(cell, digits.whole)})"),
        sql(f"max({when(cell, digits.places)})"),
    )

    def decide(figures: Figures) -> Sql:
        kind = _number_type(figures)
        return as_text(cell) if kind is None else when(cell, sql(f"{bare}::{kind}"))

    more = (count_present(cell, digits.inexact),)
    # To plan this probe alone takes as long as to read a small file.
    return ExactType(probes, decide, _why_no_number, more, _is_double)


def _datetime(cell: CellSql, usual: bool) -> ExactType:
    """With a zone, if a cell has one (those without are UTC, as the schema has it); to the
    microsecond, or to the nanosecond without a zone. A text where a moment lies, in UTC, beyond
    the years 0001 to 9999, which is what readers of Parquet, Arrow and ISO 8601 agree on."""
    plain = f"replace({cell.text}, ',', '.')"
    place = _place(cell)
    fine = count_present(cell, f"regexp_matches({cell.text}, {literal(FINE)})")
    # What is stored without a zone is UTC, which a format with a zone says.
    says_zone = has_own_format(cell.field) and has_zone(cell.field.format)
    probes = [fine, count_present(cell, sql("true") if says_zone else _is_zoned(cell))]
    if not usual:  # else it is a moment of the years 1000 to 9999
        lost = count_present(cell, f"({place}) IS NULL")
        probes += [lost, f"min({when(cell, place)})", f"max({when(cell, place)})"]
    more = (
        count_present(cell, f"try_cast({plain} AS TIMESTAMP_NS) IS NULL"),
        count_present(cell, f"regexp_matches({cell.text}, {literal(TOO_FINE)})"),
    )

    def reason(figures: Figures) -> str:
        fine, zoned = figures[:2]
        lost, low, high = (0, FIRST_MOMENT, LAST_MOMENT) if usual else figures[2:5]
        if lost or (low is not None and (low < FIRST_MOMENT or high > LAST_MOMENT)):
            return BEYOND_YEARS
        beyond, too_fine = figures[-2:] if fine else (0, 0)
        finer = "a moment is finer than a microsecond, and"
        reasons = (
            ("a moment is finer than a nanosecond", too_fine),
            (f"{finer} one is beyond the years 1677 to 2262", beyond),
            (f"{finer} one has a time zone", zoned),
            (f"{finer} the field has a format", cell.field.format != "default"),
        )
        return next((why for why, holds in reasons if fine and holds), "")

    def decide(figures: Figures) -> Sql:
        fine, zoned = figures[:2]
        if reason(figures):
            return as_text(cell)
        if fine:
            return when(cell, f"{plain}::TIMESTAMP_NS")
        utc = f"make_timestamp({place})"
        return when(cell, f"{utc}::TIMESTAMPTZ" if zoned else utc)

    return ExactType(tuple(probes), decide, reason, more, lambda figures: bool(figures[0]))


def _is_zoned(cell: CellSql) -> Sql:
    """Whether a datetime or a time says how far it is from UTC."""

    def is_zoned(field: Field) -> Sql:
        if field.format in ("default", "any"):
            return f"regexp_matches({cell.text}, {literal(ENDS_IN_ZONE)})"
        return sql("true") if has_zone(field.format) else sql("false")

    return cell.for_field(is_zoned)


def _time(cell: CellSql) -> ExactType:
    """A time of day; with a zone or below the microsecond a text."""
    place = _place(cell)
    probes = (
        count_present(cell, f"({place}) IS NULL"),
        count_present(cell, _is_zoned(cell)),
        count_present(cell, f"regexp_matches({cell.text}, {literal(FINE)})"),
    )
    reasons = (
        "a value is beyond its type", "a time has a zone", "a time is finer than a microsecond"
    )  # fmt: skip
    typed = when(cell, f"make_timestamp({place})::TIME")

    def reason(figures: Figures) -> str:
        return next((why for why, count in zip(reasons, figures, strict=True) if count), "")

    return ExactType(probes, lambda figures: as_text(cell) if reason(figures) else typed, reason)


def _list(cell: CellSql) -> ExactType:
    """A list of exact items, else of texts."""
    items = cell.for_field(lambda field: _items(cell.text, field))
    return _items_type(cell, items, when(cell, items))


def _items(text: Sql, field: Field) -> Sql:
    """The items as texts; without a delimiter, those of a JSON array."""
    if field.delimiter:
        return f"string_split({text}, {literal(field.delimiter)})"
    return items_of_json(text)


def _items_type(cell: CellSql, items: Sql, plain: Sql) -> ExactType:
    item_type = cell.field.item_type or "string"
    if item_type == "string":
        return _fixed(plain)
    if item_type == "number":
        return _number_list(cell, items)
    field = Field("", item_type)
    target, value, untold = {
        "integer": (sql("BIGINT"), sql("try_cast(item AS BIGINT)"), sql("false")),
        "boolean": (sql("BOOLEAN"), sql("try_cast(item AS BOOLEAN)"), sql("false")),
        "date": (sql("DATE"), moment(ITEM, field), sql("false")),
        "time": (sql("TIME"), sql(f"{moment(ITEM, field)}::TIME"), _is_too_precise(ITEM)),
        "datetime": (sql("TIMESTAMP"), moment(ITEM, field), _is_too_precise(ITEM)),
    }[item_type]
    lost = sql(f"len(list_filter({items}, lambda item: {untold} OR ({value}) IS NULL)) > 0")
    typed = when(cell, sql(f"list_transform({items}, lambda item: {value})::{target}[]"))
    return ExactType(
        (count_present(cell, lost),),
        lambda figures: plain if figures[0] else typed,
        lambda figures: "an item is beyond its type",
    )


def _is_too_precise(item: Sql) -> Sql:
    """Whether a time or a datetime says more than a type of the engine keeps."""
    return sql(f"regexp_matches({item}, {literal(f'{ENDS_IN_ZONE}|{FINE}')})")


def _number_list(cell: CellSql, items: Sql) -> ExactType:
    digits = _Digits(sql("trim(item)"))

    def most(value: Sql) -> Sql:
        return sql(
            f"max({when(cell, sql(f'list_max(list_transform({items}, lambda item: {value}))'))})"
        )

    def count(condition: Sql) -> Sql:
        return count_present(cell, sql(f"len(list_filter({items}, lambda item: {condition})) > 0"))

    probes = (
        count(digits.odd), most(digits.whole), most(digits.places), count(digits.inexact)
    )  # fmt: skip

    def decide(figures: Figures) -> Sql:
        kind = _number_type(figures)
        if kind is None:
            return when(cell, items)
        return when(cell, sql(f"list_transform({items}, lambda item: trim(item)::{kind})"))

    return ExactType(probes, decide, _why_no_number)
