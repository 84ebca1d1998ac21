"""Cells in sentences: what nobody sees is named, and nothing breaks out of the quotation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.inspection.report.quoting import MAX_QUOTED_CHARS, look_alikes, quoted

NAMED = {
    "17\u00a050": "`17⟨no-break space⟩50`",
    "17\u202f50": "`17⟨narrow no-break space⟩50`",
    "a\u200bb": "`a⟨zero-width space⟩b`",
    "a\tb": "`a⟨tab⟩b`",
    "a\r\nb": "`a⟨carriage return⟩⟨line feed⟩b`",
    "\ufeffid": "`⟨byte order mark⟩id`",
    "a\u202eb": "`a⟨right-to-left override⟩b`",
    "a\u00adb": "`a⟨soft hyphen⟩b`",
    "\u3164": "`⟨hangul filler⟩`",
    "a\0\0\0": "`a⟨3 × NUL⟩`",
    " a b  ": "`⟨space⟩a b⟨2 × space⟩`",
    "\ue000": "`⟨character U+E000⟩`",
    "\ud800": "`⟨character U+D800⟩`",
    "a`b": "`a'b`",
    "日本 é ß": "`日本 é ß`",
    "": "``",
}


@pytest.mark.parametrize("text", NAMED)
def test_what_is_invisible_is_named(text: str) -> None:
    assert quoted(text) == NAMED[text]


@given(st.text(max_size=300))
def test_a_quotation_is_one_short_line_of_visible_characters(text: str) -> None:
    quotation = quoted(text)
    assert quotation.startswith("`")
    assert quotation.endswith("`")
    assert "`" not in quotation[1:-1]
    assert len(quotation) < 5 * MAX_QUOTED_CHARS
    assert quotation.isprintable() or any(not char.isprintable() for char in text)
    assert not any(char in quotation for char in "\r\n\t\0\x1b\u2028\u202e")


def test_signs_that_look_like_others() -> None:
    assert look_alikes("\u221217") == "`\u2212` is a minus sign"
    assert look_alikes("2024\u201303") == "`\u2013` is an en dash"
    assert look_alikes("17") == ""
