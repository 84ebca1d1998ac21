"""Figures as people read them."""

from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import Markup

from entrepot.http.web.formatting import (
    age,
    duration,
    exact_size,
    exact_time,
    machine_time,
    percent,
    size,
    truncate,
)
from entrepot.http.web.rendering import marked

NOW = datetime(2026, 11, 23, 21, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (179, "2 minutes ago"),
        (3600, "1 hour ago"),
        (86_400 * 89, "89 days ago"),
        (86_400 * 90, "3 months ago"),
        (86_400 * 800, "2 years ago"),
        (-5, "in less than a minute"),
        (-86_400 * 89.999, "in 90 days"),
        (-86_400 * 364.99, "in 12 months"),
    ],
)
def test_an_age_is_rough(seconds: float, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (99_940, "99.9 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (10**12, "1.0 TB"),
        (2**63 - 1, "9.2 EB"),
    ],
)
def test_a_size_is_rough(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (1.25, "1.2 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_a_duration_is_rough(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_the_exact_figure_is_exact() -> None:
    assert exact_size(1_234_567) == "1,234,567 bytes"
    assert exact_time(NOW) == "2026-11-23 21:04:05 UTC"
    assert machine_time(NOW) == "2026-11-23T21:04:05Z"


def test_backticks_become_code_and_everything_is_escaped() -> None:
    assert marked("a `<b>` & c") == Markup("a <code>&lt;b&gt;</code> &amp; c")
    assert marked("one ` alone <i>") == Markup("one ` alone &lt;i&gt;")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("`abc` is not a number.", "`abc` is not a number."),
        ("1 of 2 rows breaks it. Expected a number.", "1 of 2 rows breaks it…"),
        ("a_name_without_any_place_to_break_it.csv", "a_name_without_any_place_t…"),
    ],
)
def test_a_text_is_cut_once_and_between_words(text: str, words: str) -> None:
    assert truncate(text, 27) == words


@pytest.mark.parametrize(
    ("part", "whole", "digits", "text"),
    [
        (2, 3, 1, "66.7 %"), (2, 3, 0, "67 %"), (0, 3, 0, "0 %"), (0, 0, 0, "0 %"),
        (3, 3, 1, "100 %"), (1, 9_999, 1, "under 0.1 %"), (9_998, 9_999, 1, "over 99.9 %"),
        (1, 999, 0, "under 1 %"), (998, 999, 0, "over 99 %"), (1, 2, 1, "50 %"),
    ],
)  # fmt: skip
def test_a_share_is_rounded_and_never_all_or_nothing_that_it_is_not(
    part: int, whole: int, digits: int, text: str
) -> None:
    assert percent(part, whole, digits) == text
