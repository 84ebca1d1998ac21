"""Decimal numbers of any length, compared exactly, as SQL over their texts.

A double tells most numbers apart and is cheap; where two are equal as doubles, and where a text
has more digits than a double holds, the digits themselves decide.
"""

from collections.abc import Sequence
from decimal import Decimal

from entrepot.inspection.sql import Sql, literal, sql

EXACT_DIGITS = 15
"""Two decimals of this many digits are equal if and only if their doubles are."""

MAX_EXPONENT = 290
"""Decimal exponents within which doubles keep 15 digits: below the 307 of IEEE 754 by the digits
of a number's own."""

PARTS = r"^\s*([-+]?)([0-9]*)\.?([0-9]*)(?:[eE]([-+]?[0-9]+))?\s*$"
FAR_EXPONENT = 10**17
"""Stands for an exponent of more than 17 digits."""


def let(value: Sql, name: Sql, body: Sql) -> Sql:
    """The SQL expression `body`, in which `name` is `value`, evaluated once."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def is_short(text: Sql) -> Sql:
    """Whether the number `text` is so short that its double stands for it."""
    return f"(length({text}) <= {EXACT_DIGITS} AND NOT regexp_matches({text}, '[eE]'))"


def exact(text: Sql) -> Sql:
    """The number `text` (digits, point, exponent) as a row that orders and equals as it does:
    sign, place of the first digit, digits. Rows of infinities lie beyond all others; NULL for
    NaN."""
    parsed = let(
        f"regexp_extract({text}, {literal(PARTS)}, ['sign', 'whole', 'part', 'exponent'])",
        "p",
        let(
            "ltrim(p.whole || p.part, '0')",
            "d",
            let(
                f"coalesce(try_cast(p.exponent AS BIGINT), CASE WHEN p.exponent = '' THEN 0 WHEN "
                f"starts_with(p.exponent, '-') THEN -{FAR_EXPONENT} ELSE {FAR_EXPONENT} END) "
                "+ length(d) - length(p.part)",
                "place",
                "CASE WHEN d = '' THEN row(0, 0::BIGINT, '') "
                "WHEN p.sign = '-' THEN row(-1, -place, "
                "translate(rtrim(d, '0'), '0123456789', '9876543210') || '~') "
                "ELSE row(1, place, rtrim(d, '0')) END",
            ),
        ),
    )
    infinite = (
        f"CASE WHEN regexp_matches({text}, '(?i)nan') THEN NULL "
        f"WHEN starts_with(trim({text}), '-') THEN row(-2, 0::BIGINT, '') "
        f"ELSE row(2, 0::BIGINT, '') END"
    )
    return f"CASE WHEN regexp_matches({text}, '(?i)[fn]') THEN {infinite} ELSE {parsed} END"


def has_exact_double(text: Sql) -> Sql:
    """Whether a double stands for the number `text`: written in the shortest way that tells it from
    other doubles, it is the same number. NaN and infinities are doubles."""
    shortest = sql(f"try_cast({text} AS DOUBLE)::VARCHAR")
    others = let(exact(text), sql("r"), f"r IS NULL OR abs(r[1]) = 2 OR ({exact(shortest)}) = r")
    # To take a number apart costs nine times as much, and programs write doubles the shortest way.
    return f"(CASE WHEN {is_short(text)} OR {shortest} = {text} THEN true ELSE {others} END)"


def is_whole(text: Sql) -> Sql:
    """Whether the number `text` is whole, by its digits. NULL for NaN and infinities."""
    others = let(exact(text), "r", "length(rtrim(r[3], '~')) <= greatest(0, r[1] * r[2])")
    return (
        f"CASE WHEN regexp_full_match({text}, '[-+]?[0-9]+([.]0*)?') THEN true "
        f"WHEN regexp_matches({text}, '(?i)[nf]') THEN NULL ELSE {others} END"
    )


def exact_constant(number: Decimal) -> Sql:
    """The row of `exact` for a number of the schema."""
    if number.is_infinite():
        return f"row({-2 if number < 0 else 2}, 0::BIGINT, '')"
    sign, digits, exponent = number.as_tuple()
    written = "".join(map(str, digits)).lstrip("0")
    if not written:
        return sql("row(0, 0::BIGINT, '')")
    place = int(exponent) + len(written)
    written = written.rstrip("0")
    if sign:
        written = written.translate(str.maketrans("0123456789", "9876543210")) + "~"
        return f"row(-1, {-place}::BIGINT, {literal(written)})"
    return f"row(1, {place}::BIGINT, {literal(written)})"


def as_double(number: Decimal) -> Sql:
    """The double nearest to a number of the schema."""
    return f"'{float(number)!r}'::DOUBLE"


def is_usual(number: Decimal) -> bool:
    """Whether a number of the schema has few digits and lies where doubles keep them, so that
    cells can be compared with it by short expressions. (Of 1,000 columns, an expression that
    takes a number apart costs 3 ms each to plan.)"""
    return (
        number.is_finite()
        and len(number.as_tuple().digits) <= EXACT_DIGITS
        and (not number or -EXACT_DIGITS < number.adjusted() <= EXACT_DIGITS)
    )


def has_few_digits(text: Sql) -> Sql:
    """Whether a double stands for the number `text`, if it is near a usual one."""
    return f"(length({text}) <= {EXACT_DIGITS} OR regexp_matches({text}, '^[^eE]{{0,15}}[eE]'))"


def near_usual(text: Sql, numbers: Sequence[Decimal]) -> tuple[Sql, list[Sql]]:
    """The number `text`, which is as a double one of the usual `numbers`, and these, as decimals
    of 38 digits: what is beyond them is rounded."""
    whole = max(1, *(number.adjusted() + 1 for number in numbers if number), 1)
    # One digit of the 38 is left free: rounding may carry into it.
    kind = f"DECIMAL(38, {37 - whole})"
    return f"try_cast({text} AS {kind})", [f"'{number:f}'::{kind}" for number in numbers]


def compare_number(text: Sql, value: Sql, operator: Sql, bound: Decimal) -> Sql:
    """Whether the number `text`, with `value` its double, is `operator` (such as `>=`) than
    `bound`. NaN is not."""
    decided = sql("true" if "=" in operator else "false")
    if not bound:
        positive = sql("true" if ">" in operator else "false")
        equal = (
            f"CASE WHEN NOT regexp_matches({text}, '^[^eE]*[1-9]') THEN {decided} "
            f"ELSE starts_with(ltrim({text}), '-') <> {positive} END"
        )
    elif is_usual(bound):
        near, (limit,) = near_usual(text, [bound])
        equal = (
            f"CASE WHEN {has_few_digits(text)} THEN {decided} "
            f"ELSE coalesce({near} {operator} {limit}, {decided}) END"
        )
    else:
        equal = f"coalesce({exact(text)} {operator} {exact_constant(bound)}, false)"
    return (
        f"CASE WHEN {value} = {as_double(bound)} THEN {equal} WHEN isnan({value}) THEN false "
        f"ELSE {value} {operator} {as_double(bound)} END"
    )


def is_one_of(text: Sql, value: Sql, numbers: Sequence[Decimal]) -> Sql:
    """Whether the number `text`, with `value` its double, equals one of `numbers`."""
    doubles = ", ".join(map(as_double, numbers))
    if all(map(is_usual, numbers)):
        near, listed = near_usual(text, numbers)
        exactly = (
            f"CASE WHEN {has_few_digits(text)} THEN true ELSE {near} IN ({', '.join(listed)}) END"
        )
    else:
        nan = f" OR isnan({value})" if any(map(Decimal.is_nan, numbers)) else sql("")
        rows = ", ".join(exact_constant(number) for number in numbers if not number.is_nan())
        return f"({f'coalesce({exact(text)} IN ({rows}), false)' if rows else 'false'}{nan})"
    return f"coalesce({value} IN ({doubles}) AND {exactly}, false)"


def compare_integer(text: Sql, value: Sql, operator: Sql, bound: int) -> Sql:
    """Whether the integer `text`, with `value` its 128 bits or NULL, is `operator` than `bound`."""
    # Well within the engine's 128 bits, so that no cast overflows.
    if not -(2**126) < bound < 2**126:
        return f"{exact(text)} {operator} {exact_constant(Decimal(bound))}"
    below = f"starts_with(ltrim({text}), '-')"
    beyond = below if "<" in operator else f"NOT {below}"
    return f"coalesce({value} {operator} {bound}::HUGEINT, {beyond})"


def key_of_number(text: Sql, value: Sql) -> Sql:
    """A text that is equal for equal numbers. All NaN are equal."""
    double = f"({value} + 0.0)::VARCHAR"
    plain = f"abs(r[1]) = 2 OR (length(r[3]) <= {EXACT_DIGITS} AND abs(r[2]) < {MAX_EXPONENT})"
    others = let(
        exact(text), "r", f"CASE WHEN r IS NULL OR {plain} THEN {double} ELSE r::VARCHAR END"
    )
    return f"CASE WHEN {is_short(text)} THEN {double} ELSE {others} END"
