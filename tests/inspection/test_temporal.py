"""Dates and times in every format: cells (SQL) and values of schemas (Python) are read by the same
rules, which are those of Python's strptime but for texts that name no day of a calendar."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.test_contract_cases import CONTRACT, given

from entrepot.inspection.engine import open_engine
from entrepot.inspection.values.strptime_sql import any_value, format_value
from entrepot.schemas.model import Field
from entrepot.schemas.strptime import ANY_FORMATS, expand_directives, parse_moment
from entrepot.schemas.values import InvalidValue, read_value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORMATS = [
    "%Y-%m-%d", "%y%m%d", "%d.%m.%y", "%Y-%j", "%G-W%V-%u", "%Y %U %w", "%Y %W %a", "%x", "%c",
    "%A, %d %B %Y", "%Y-%m-%d %j", "%m/%d", "%y %Y", "%H:%M", "%Y-%m-%dT%H:%M:%S%z",
    "%d %b %Y %I:%M:%S.%f %p", "%c %Z", "%Y-%j %H %I", "%Y%m%d%H%M%S", "%x %Y", "100%% %d(%m",
]  # fmt: skip
CONTRADICTING = {"%Y-%m-%d %j", "%y %Y", "%Y-%j %H %I", "%x %Y"}
ROLLED_OVER = {"%Y-%j", "%G-W%V-%u", "%Y %U %w", "%Y %W %a"}
"""Formats in which Python takes a day or a week that the year has not for one of another year."""


def parts(rng: random.Random) -> dict[str, Callable[[], str]]:
    """What writes a part of each directive, possible or not."""
    number, word = rng.randint, rng.choice
    week = ("0", "01", "26", "52", "53")
    return {
        "Y": lambda: word(["2020", "2021", "1900", "0001", "9999", "20", "0000"]),
        "G": lambda: word(["2020", "2021", "2026"]),
        "y": lambda: f"{number(0, 99):02}",
        "m": lambda: word([f"{number(0, 13)}", f"{number(1, 12):02}"]),
        "d": lambda: word([f"{number(0, 32)}", f"{number(1, 31):02}", f"{number(1, 31):2}"]),
        "j": lambda: word(["001", "60", "365", "366", "000", "367"]),
        "b": lambda: word(["Jan", "feb", "SEP", "March"]),
        "B": lambda: word(["February", "december", "MAY", "Sep"]),
        "a": lambda: word(["Mon", "SUN", "wed", "Xyz"]),
        "A": lambda: word(["Monday", "sunday", "Sun"]),
        "w": lambda: str(number(0, 7)),
        "u": lambda: str(number(0, 8)),
        "U": lambda: word(week),
        "W": lambda: word(week),
        "V": lambda: word(week),
        "H": lambda: f"{number(0, 24):02}",
        "I": lambda: str(number(0, 13)),
        "M": lambda: f"{number(0, 60):02}",
        "S": lambda: f"{number(0, 61):02}",
        "f": lambda: "7" * number(1, 7),
        "p": lambda: word(["AM", "pm", "a"]),
        "z": lambda: word(["Z", "+0100", "-05:30", "+2359", "+2400", "-00:60"]),
        "Z": lambda: word(["UTC", "gmt", "CET"]),
    }


def written(rng: random.Random, form: str) -> str:
    made = parts(rng)
    return re.sub(
        "%(.)", lambda match: made[match[1]]() if match[1] in made else "%", expand_directives(form)
    )


def microseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    offset = moment.utcoffset() or timedelta(0)
    return (moment.replace(tzinfo=UTC) - EPOCH - offset) // timedelta(microseconds=1)


def of_python(text: str, form: str) -> int | None:
    try:
        return microseconds(datetime.strptime(text, form))  # noqa: DTZ007 (a zone is in the text)
    except (ValueError, OverflowError, re.error):
        return None


def of_cells(texts: list[str], sql: str) -> list[int | None]:
    with open_engine() as engine:
        query = f"SELECT {sql} FROM (SELECT unnest(?::VARCHAR[]) AS t)"
        return [value for (value,) in engine.execute(query, [texts]).fetchall()]


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_read_alike_by_cells_by_schemas_and_by_python(form: str) -> None:
    rng = random.Random(form)
    texts = [*(written(rng, form) for _ in range(500)), "", " ", "\n", "2021-02-30"]
    read = [microseconds(parse_moment(text, form)) for text in texts]
    assert of_cells(texts, format_value("t", "datetime", form)) == read
    if form in CONTRADICTING:
        return
    for text, ours in zip(texts, read, strict=True):
        if ours is not None or form not in ROLLED_OVER:
            assert ours == of_python(text, form), text


@pytest.mark.parametrize("kind", ["date", "time", "datetime"])
def test_any_is_the_first_format_that_fits(kind: str) -> None:
    rng = random.Random(kind)
    texts = [written(rng, rng.choice(ANY_FORMATS[kind])) for _ in range(1_500)]
    cells = of_cells(texts, any_value("t", kind))
    for text, cell in zip(texts, cells, strict=True):
        try:
            value = read_value(text, Field("", kind, "any"))
        except ValueError:
            value = None
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ]\d\d:.*)?|\d\d:\d\d:.*", text) is None:
            assert cell == value, text  # others may have the default form too


IMPOSSIBLE = {
    "%Y-%m-%dT%H:%M:%S%z": ["2021-02-30T10:00:00+0100", "2021-02-29T10:00:00Z"],
    "%Y-%m-%d %H:%M:%S %Z": ["2021-04-31 10:00:00 UTC"],
    "%y-%m-%d": ["21-02-29", "00-13-01"],
    "%Y-%j": ["2021-366", "2020-367", "2020-000"],
    "%G-W%V-%u": ["2021-W53-1", "2021-W00-1"],
    "%Y %U %w": ["2021 00 0", "2021 53 0"],
    "%d %B %Y": ["31 June 2021"],
    "%Y-%m-%d %j": ["2021-03-01 059"],
    "any": ["2021-02-30T10:00:00+0100", "30 Feb 2021 10:00:00+0100", "2021-02-29 10:00", "00/1/20"],
    "default": ["2021-02-30T10:00:00+01:00", "2100-02-29T10:00:00", "0000-01-01T00:00:00"],
}


@pytest.mark.parametrize("form", IMPOSSIBLE)
def test_an_impossible_day_is_an_error_and_no_value(inspect: Inspect, form: str) -> None:
    schema = {"fields": [{"name": "t", "type": "datetime", "format": form}]}
    inspection = inspect("t\n" + "".join(f"{text}\n" for text in IMPOSSIBLE[form]), schema)
    assert [each["type"] for each in errors_of(inspection)] == ["type-error"] * len(
        IMPOSSIBLE[form]
    )
    for text in IMPOSSIBLE[form]:
        with pytest.raises(ValueError):  # noqa: PT011 (the standard library's own, too)
            read_value(text, Field("t", "datetime", form))


def test_the_reason_is_our_own() -> None:
    with pytest.raises(InvalidValue):
        read_value("2021-366", Field("t", "date", "%Y-%j"))


@pytest.mark.parametrize(
    ("file", "wrong"), [("datetime_tz_feb30.csv", {2}), ("datetime_any_feb30.csv", {2, 3})]
)
def test_the_days_that_were_published_as_others(
    inspect: Inspect, file: str, wrong: set[int]
) -> None:
    schema: Any = given(file)[0]
    inspection = inspect(CONTRACT / file, schema)
    assert {each["rowNumber"] for each in errors_of(inspection)} == wrong
