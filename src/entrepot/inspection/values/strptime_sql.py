"""Texts in strptime formats read as SQL, by the rules of `schemas.strptime.parse_moment`.

The engine's own strptime is not used: given a zone it reads 30 February as 2 March.
"""

from collections.abc import Sequence

from entrepot.inspection.sql import Sql, literal, sql
from entrepot.inspection.values.decimals import let
from entrepot.schemas.strptime import (
    ABBREVIATION_CHARS,
    DAY_FORMATS,
    DAYS,
    FIRST_YEAR_OF_1900S,
    ISO_DAY,
    MONTHS,
    TIME_FORMATS,
    WHOLE_FORMATS,
    any_format_regex,
    capturing_regex,
)


def _plain_part(text: Sql) -> Sql:
    """`schemas.strptime.plain_part`."""
    return f"ltrim(lower({text}), ' 0')"


class _Parts:
    """SQL for what the directives of one pattern state, over the struct `name` of their texts."""

    def __init__(self, directives: Sequence[str], name: Sql) -> None:
        self.texts: dict[str, Sql] = {}
        self.conditions: list[Sql] = []
        for number, directive in enumerate(directives, start=1):
            text = f"{name}.g{number}"
            first = self.texts.setdefault(directive, text)
            if first != text:
                self.conditions.append(f"{_plain_part(first)} = {_plain_part(text)}")

    def has(self, directives: str) -> bool:
        """Whether the pattern has all these directives."""
        return set(directives) <= self.texts.keys()

    def number(self, directive: str, default: int = 0) -> Sql:
        """The number that the directive states."""
        text = self.texts.get(directive)
        return sql(f"{default:d}") if text is None else f"try_cast({text} AS INTEGER)"

    def position(self, directive: str, names: Sequence[str]) -> Sql:
        """The place of a name among `names`, from 1."""
        short = ", ".join(literal(name[:ABBREVIATION_CHARS]) for name in names)
        text = f"lower(left({self.texts[directive]}, {ABBREVIATION_CHARS}))"
        return f"list_position([{short}], {text})"

    def one(self, values: Sequence[Sql], default: Sql) -> Sql:
        """The first of `values`; that the others equal it is a condition."""
        self.conditions += [f"{other} = {values[0]}" for other in values[1:]]
        return values[0] if values else default

    def year(self) -> Sql:
        """The year, with its century."""
        years = [self.number("Y")] if self.has("Y") else []
        if self.has("y"):
            short = self.number("y")
            century = f"CASE WHEN {short} < {FIRST_YEAR_OF_1900S} THEN 2000 ELSE 1900 END"
            years.append(f"({short} + {century})")
        return self.one(years, "1900")

    def weekday(self) -> Sql:
        """The day of the week from Monday, 0; empty if none is stated."""
        days = [f"({self.position(name, DAYS)} - 1)" for name in "aA" if self.has(name)]
        days += [f"(({self.number('w')} + 6) % 7)"] if self.has("w") else []
        days += [f"({self.number('u')} - 1)"] if self.has("u") else []
        return self.one(days, "")

    def day(self) -> Sql:
        """The day as a DATE, NULL where no calendar has it or it is stated in two ways."""
        year, weekday = self.year(), self.weekday()
        days: list[Sql] = []
        first = f"make_date({year}, 1, 1)"
        if self.has("j"):
            days.append(f"({first} + ({self.number('j')} - 1))")
        for name, begin in (("U", 6), ("W", 0)):  # weeks begin on Sunday, on Monday
            if self.has(name) and weekday:
                to_first_week = f"(({7 + begin} - (isodow({first}) - 1)) % 7)"
                in_week = f"(({weekday} + {7 - begin}) % 7)"
                passed = f"{to_first_week} + 7 * ({self.number(name)} - 1) + {in_week}"
                days.append(f"({first} + ({passed})::INTEGER)")
        self.conditions += [f"year({day}) = {year}" for day in days]
        if self.has("GV") and weekday:
            iso_year = self.number("G")
            fourth = f"make_date({iso_year}, 1, 4)"  # is always in the first week
            passed = f"1 - isodow({fourth}) + 7 * ({self.number('V')} - 1) + {weekday}"
            day = f"({fourth} + ({passed})::INTEGER)"
            self.conditions.append(f"isoyear({day}) = {iso_year}")
            days.append(day)
        months = [self.position(name, MONTHS) for name in "bB" if self.has(name)]
        months += [self.number("m")] if self.has("m") else []
        if not days or (months and self.has("d")):
            day_of_month = (
                f"try_cast(trim({self.texts['d']}) AS INTEGER)" if self.has("d") else sql("1")
            )
            written = f"{year} || '-' || {self.one(months, '1')} || '-' || {day_of_month}"
            days.append(f"try_cast({written} AS DATE)")
        return self.one(days, "")

    def clock(self) -> Sql:
        """The time of day in microseconds."""
        hour = self.number("H")
        if self.has("I"):
            half = f"{self.number('I')} % 12"
            if self.has("H"):
                self.conditions.append(f"{hour} % 12 = {half}")
            else:
                noon = f"lower({self.texts['p']}) = 'pm'" if self.has("p") else sql("false")
                hour = f"({half} + CASE WHEN {noon} THEN 12 ELSE 0 END)"
        seconds = f"(({hour} * 60 + {self.number('M')}) * 60 + {self.number('S')})"
        fraction = sql("")
        if self.has("f"):
            fraction = f" + try_cast(rpad({self.texts['f']}, 6, '0') AS BIGINT)"
        return f"({seconds}::BIGINT * 1000000{fraction})"

    def offset(self) -> Sql:
        """How far the clock is ahead of UTC, in microseconds."""
        zone = self.texts.get("z")
        if zone is None:
            return sql("0")
        hours = f"try_cast(substr({zone}, 2, 2) AS BIGINT)"
        minutes = f"try_cast(right({zone}, 2) AS BIGINT)"
        ahead = f"CASE WHEN {zone}[1] = '-' THEN -60000000 ELSE 60000000 END"
        return f"CASE WHEN {zone} = 'Z' THEN 0 ELSE {ahead} * ({hours} * 60 + {minutes}) END"


def format_value(text: Sql, kind: str, pattern: str) -> Sql:
    """The date (days since 1970), the time (microseconds) or the datetime (microseconds since
    1970) that `text` states in the form of `pattern`, in UTC; NULL where it states none."""
    regex, directives = capturing_regex(pattern)
    names = ", ".join(f"'g{number}'" for number in range(1, len(directives) + 1))
    parts = _Parts(directives, "e")
    day = f"({parts.day()} - DATE '1970-01-01')" if kind != "time" else sql("0")
    moment = f"{parts.clock()} - {parts.offset()}"
    both = f"{day} * 86400000000 + {moment}"
    value = day if kind == "date" else moment if kind == "time" else both
    conditions = " AND ".join(["e.g1 <> ''", *parts.conditions])
    extracted = f"regexp_extract({text}, {literal(f'^(?:{regex})$')}, [{names}])"
    return let(extracted, "e", f"CASE WHEN {conditions} THEN {value} END")


def any_value(text: Sql, kind: str) -> Sql:
    """`format_value` of the first format of `any` that `text` has."""
    regex = any_format_regex(kind)
    if kind != "datetime":
        formats = DAY_FORMATS if kind == "date" else TIME_FORMATS
        value = _first(text, kind, formats)
        return f"CASE WHEN regexp_full_match({text}, {literal(regex)}) THEN {value} END"
    names = sql("['day', 'clock', 'iso', 'iso_clock']")
    day = _first("w.day", "date", DAY_FORMATS)
    clock = f"CASE WHEN w.clock = '' THEN 0 ELSE {_first('w.clock', 'time', TIME_FORMATS)} END"
    iso_day = format_value("w.iso", "date", ISO_DAY)
    iso_clock = _first("w.iso_clock", "time", TIME_FORMATS)
    apart = let(
        f"regexp_extract({text}, {literal(f'^(?:{regex})$')}, {names})",
        "w",
        f"CASE WHEN w.day <> '' THEN {day} * 86400000000 + {clock} "
        f"WHEN w.iso <> '' THEN {iso_day} * 86400000000 + {iso_clock} END",
    )
    return f"coalesce({apart}, {_first(text, kind, WHOLE_FORMATS)})"


def _first(text: Sql, kind: str, formats: Sequence[str]) -> Sql:
    return f"coalesce({', '.join(format_value(text, kind, form) for form in formats)})"
