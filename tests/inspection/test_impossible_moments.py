"""What no calendar and no clock has is named, in every temporal type and format."""

import random

import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.report.impossible_moments import explain_impossible
from entrepot.schemas.model import Field
from entrepot.schemas.strptime import MONTHS
from entrepot.schemas.values import read_value

FORMS = [
    ("date", "default", "%Y-%m-%d"), ("time", "default", "%H:%M:%S"),
    ("time", "default", "%H:%M:%S%z"), ("datetime", "default", "%Y-%m-%dT%H:%M:%S"),
    ("datetime", "default", "%Y-%m-%d %H:%M:%S%z"), ("yearmonth", "default", "%Y-%m"),
    *(
        ("date", form, form)
        for form in ("%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%d %B %Y", "%b %d, %Y", "%Y-%j", "%d.%m.")
    ),
    *(
        ("date", form, form)
        for form in ("%Y-%U-%w", "%Y W%W %a", "%y %W %u", "%Y-%m-%d %j", "%Y %V %d.%m.", "%Y-%U")
    ),
    ("date", "%G-W%V-%u", "%G-W%V-%u"), ("time", "%H:%M", "%H:%M"),
    ("time", "%I:%M %p", "%I:%M %p"), ("datetime", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"),
    ("datetime", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%S"), ("date", "any", "%d/%m/%Y"),
    ("date", "any", "%d %B %Y"), ("time", "any", "%H:%M"), ("datetime", "any", "%Y-%m-%dT%H:%M"),
    ("datetime", "any", "%d %b %Y %H:%M:%S"),
]  # fmt: skip
"""A type, the format of its field, and a form that texts of it have."""
TEXTS = 200


def text_of(form: str, chance: random.Random) -> str:
    """A text in the form, with parts that occur or do not."""

    def number(most: int, digits: int = 2) -> str:
        return f"{chance.randint(0, most):0{digits}}"

    months = [name.title() for name in MONTHS]
    parts = {
        "Y": number(9999, 4), "G": number(9999, 4), "y": number(99), "m": number(14),
        "d": number(35), "j": number(400, 3), "B": chance.choice([*months, "Oktober"]),
        "b": chance.choice([*(name[:3] for name in months), "Okt"]), "V": number(56),
        "u": number(8, 1), "w": number(7, 1), "U": number(55), "W": number(55),
        "a": chance.choice(["Mon", "Thu", "Sun", "Die"]), "H": number(26), "I": number(14),
        "M": number(63), "S": number(63),
        "p": chance.choice(["AM", "PM"]), "z": f"{chance.choice('+-')}{number(26)}:{number(63)}",
    }  # fmt: skip
    for directive, part in parts.items():
        form = form.replace(f"%{directive}", part)
    return form


@pytest.mark.parametrize(("kind", "format_", "form"), FORMS)
def test_a_reason_is_given_where_the_form_is_right_and_the_moment_is_not(
    kind: str, format_: str, form: str
) -> None:
    chance, field = random.Random(form), Field("", kind, format=format_)
    outcomes = set()
    for _ in range(TEXTS):
        text = text_of(form, chance)
        try:
            read_value(text, field)
            is_moment = True
        except ValueError:
            is_moment = False
        assert bool(explain_impossible(field, text)) != is_moment, text
        outcomes.add(is_moment)
    assert False in outcomes


@pytest.mark.parametrize(
    ("kind", "form", "cell", "reason"),
    [
        ("date", "default", "2015-02-30", "is not a date: February 2015 has 28 days"),
        ("date", "default", "2015-13-01", "is not a date: there is no month 13"),
        ("date", "%d.%m.%Y", "31.04.2015", "is not a date: April 2015 has 30 days"),
        ("date", "any", "31/02/2015", "is not a date: February 2015 has 28 days"),
        ("date", "%d %b %Y", "12 Okt 2015", "`Okt` is not the English name of a month"),
        ("date", "%G-W%V-%u", "2014-W53-1", "is not a date: 2014 has 52 weeks"),
        ("date", "%Y-%j", "2015-366", "is not a date: 2015 has 365 days"),
        ("date", "%Y-W%W-%w", "2015-W53-1", "is not a date: week 53 of 2015 has no Monday"),
        ("date", "%Y-%m-%d (%j)", "2015-02-03 (035)", "two days, 2015-02-03 and 2015-02-04"),
        ("time", "default", "25:00", "is not a time: there is no hour 25"),
        ("time", "%I:%M %p", "13:00 PM", "there is no hour 13 with AM or PM"),
        ("datetime", "default", "2015-01-01T10:00:00+25:00", "there is no time zone +25:00"),
        ("yearmonth", "default", "2015-13", "is not a year with a month: there is no month 13"),
    ],
)
def test_the_sentence_of_the_report(
    inspect: Inspect, kind: str, form: str, cell: str, reason: str
) -> None:
    field = {"name": "v", "type": kind, **({} if form == "default" else {"format": form})}
    (error,) = errors_of(inspect(f"k,v\na,{cell}\n", {"fields": [{"name": "k"}, field]}))
    assert reason in error["message"]
    assert "Expected a" in error["message"]
