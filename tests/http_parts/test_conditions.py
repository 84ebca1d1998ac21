"""Conditional requests and file names, judged by RFC 9110, section 13, and RFC 6266."""

from datetime import UTC, datetime, timedelta, timezone
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import PreconditionFailed
from entrepot.http.downloads.conditions import (
    Validators,
    check_preconditions,
    is_unchanged,
    range_applies,
)
from entrepot.http.downloads.disposition import attachment

NOW = Validators('"abc"', datetime(2023, 11, 25, 13, 25, 0, 999_999, UTC))
AT = "Sat, 25 Nov 2023 13:25:00 GMT"
BEFORE = "Sat, 25 Nov 2023 13:24:59 GMT"
AFTER = "Sat, 25 Nov 2023 13:25:01 GMT"


def test_last_modified_is_whole_seconds_in_gmt() -> None:
    assert NOW.last_modified == AT
    east = NOW.modified.astimezone(timezone(timedelta(hours=5)))
    assert Validators('"abc"', east).last_modified == AT


@pytest.mark.parametrize("value", ['"abc"', 'W/"abc"', "*", '"x", "abc"', ',"x,y" ,, W/"abc",'])
def test_if_none_match_compares_weakly(value: str) -> None:
    assert is_unchanged({"if-none-match": value}, NOW)


@pytest.mark.parametrize("value", ['"x"', "abc", "", '"x" "abc"', '"ab', '"x, "abc"', 'w/"abc"'])
def test_if_none_match_otherwise_sends_all(value: str) -> None:
    assert not is_unchanged({"if-none-match": value}, NOW)
    assert not is_unchanged({"if-none-match": value, "if-modified-since": AFTER}, NOW)


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        (AT, True),
        (AFTER, False),  # that of a later version, withdrawn since
        (BEFORE, False),
        ("Saturday, 25-Nov-23 13:25:00 GMT", True),
        ("Sat Nov 25 13:25:00 2023", True),
        ("yesterday", False),
        ("", False),
        ("Sat, 25 Nov 99999999999 13:25:00 GMT", False),
        ("Fri, 31 Dec 9999 23:59:59 -2359", False),
    ],
)
def test_if_modified_since(value: str, unchanged: bool) -> None:
    assert is_unchanged({"if-modified-since": value}, NOW) is unchanged


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"if-match": '"abc"'},
        {"if-match": '"x", "abc"'},
        {"if-match": "*"},
        {"if-unmodified-since": AT},
        {"if-unmodified-since": "never"},
        {"if-unmodified-since": "Fri, 31 Dec 9999 23:59:59 -2359"},
        {"if-match": '"abc"', "if-unmodified-since": BEFORE},
    ],
)
def test_preconditions_hold(headers: dict[str, str]) -> None:
    check_preconditions(headers, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"if-match": '"x"'},
        {"if-match": 'W/"abc"'},
        {"if-match": ""},
        {"if-unmodified-since": BEFORE},
        {"if-match": '"x"', "if-unmodified-since": AFTER},
    ],
)
def test_preconditions_fail(headers: dict[str, str]) -> None:
    with pytest.raises(PreconditionFailed):
        check_preconditions(headers, NOW)


@pytest.mark.parametrize(
    ("value", "applies"),
    [
        ('"abc"', True),
        (AT, True),
        ('W/"abc"', False),
        ('"x"', False),
        ('"x", "abc"', False),
        (AFTER, False),
        (BEFORE, False),
        ("Fri, 31 Dec 9999 23:59:59 -2359", False),
        ("abc", False),
        ("", False),
    ],
)
def test_if_range(value: str, applies: bool) -> None:
    assert range_applies({"if-range": value}, NOW) is applies
    assert range_applies({}, NOW)


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_no_text_breaks_it(value: str) -> None:
    is_unchanged({"if-none-match": value}, NOW)
    is_unchanged({"if-modified-since": value}, NOW)
    range_applies({"if-range": value}, NOW)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("number_3_digits.csv", "number_3_digits.csv"),
        ("two words.csv", "two words.csv"),
        ("Überfällig.csv", "Uberfallig.csv"),
        ("数字.csv", "__.csv"),
        ("100%25.csv", "100_25.csv"),
        ('say "hi".csv', 'say \\"hi\\".csv'),
        ("back\\slash.csv", "back\\\\slash.csv"),
        ("a\r\nX-Evil: 1.csv", "a__X-Evil: 1.csv"),
        ("it's (a) *.csv", "it's (a) *.csv"),
    ],
)
def test_the_plain_file_name(name: str, plain: str) -> None:
    assert attachment(name).startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_every_name_comes_back_from_the_header(name: str) -> None:
    header = attachment(name)
    assert all(" " <= character <= "~" for character in header)
    extended = header.rpartition("; ")[2]
    message = Message()
    message["Content-Disposition"] = f"attachment; {extended}"
    result = message.get_param("filename", header="content-disposition")
    assert isinstance(result, tuple)
    assert result[0] == "UTF-8"
    assert result[2].encode("latin-1").decode("utf-8") == name
