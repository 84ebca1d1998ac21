"""The code pages that texts of tables come in, how usual each is, and for which languages."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

WESTERN = "en de fr es pt it nl da sv nb fi is ca ga et sq"
CENTRAL = "pl cs sk hu hr sl sq ro de"
CYRILLIC = "ru uk bg be mk sr"
CODE_PAGES: tuple[tuple[str, float, str], ...] = (
    # The code page of Windows in the West is by far the most usual, and ISO 8859-1 is a part of it.
    ("latin-1", 0.0, WESTERN),
    ("cp1252", 0.0, WESTERN),
    ("iso8859-15", 3.0, WESTERN),
    ("mac-roman", 3.5, WESTERN),
    ("cp850", 3.5, WESTERN),
    ("cp437", 4.0, WESTERN),
    ("cp858", 5.0, WESTERN),
    ("cp860", 6.0, "pt"),
    ("cp861", 6.0, "is"),
    ("cp863", 6.0, "fr"),
    ("cp865", 6.0, "da nb"),
    ("mac-iceland", 6.0, "is"),
    ("hp-roman8", 7.5, WESTERN),
    ("iso8859-10", 6.0, "is da sv nb fi et lt"),
    ("cp1250", 1.5, CENTRAL),
    ("iso8859-2", 2.0, CENTRAL),
    ("cp852", 3.5, CENTRAL),
    ("mac-latin2", 4.0, CENTRAL),
    ("mac-croatian", 6.0, "hr sl"),
    ("mac-romanian", 6.0, "ro"),
    ("iso8859-16", 4.5, "ro"),
    ("cp1257", 2.0, "lt lv et"),
    ("iso8859-13", 2.5, "lt lv et"),
    ("cp775", 4.0, "lt lv et"),
    ("iso8859-4", 4.5, "lt lv et"),
    ("cp1254", 1.5, "tr"),
    ("iso8859-9", 1.6, "tr"),
    ("cp857", 4.0, "tr"),
    ("mac-turkish", 4.0, "tr"),
    ("cp1251", 3.0, CYRILLIC),
    ("koi8-r", 4.0, "ru bg"),
    ("koi8-u", 4.5, "uk ru be"),
    ("iso8859-5", 4.5, CYRILLIC),
    ("cp866", 4.0, "ru uk be bg"),
    ("mac-cyrillic", 5.0, CYRILLIC),
    ("cp855", 7.5, "ru bg mk sr"),
    ("cp1125", 7.5, "uk be ru"),
    ("cp1253", 3.5, "el"),
    ("iso8859-7", 3.7, "el"),
    ("cp737", 5.5, "el"),
    ("mac-greek", 6.0, "el"),
    ("cp869", 7.0, "el"),
    ("cp1255", 3.5, "he"),
    ("iso8859-8", 4.0, "he"),
    ("cp862", 7.0, "he"),
    ("cp1256", 3.5, "ar fa ur"),
    ("iso8859-6", 4.0, "ar"),
    ("cp720", 7.0, "ar fa"),
    ("cp874", 3.5, "th"),
    ("tis-620", 4.0, "th"),
    ("cp1258", 2.0, "vi"),
)
"""Code pages of one byte for each character: the codec of Python, the cost of its being used at
all (as in `language_models`), and its languages. Set by hand on half 0 of the cells of
bench/language_cells.py."""
MOST_USUAL = frozenset({"latin-1", "cp1252"})
"""The code page of most tables, under its two names."""
MULTI_BYTE: tuple[tuple[str, float, str], ...] = (
    ("shift_jis", 3.0, "ja"),
    ("cp932", 3.1, "ja"),
    ("euc_jp", 4.0, "ja"),
    ("gb18030", 3.0, "zh"),
    ("big5", 3.5, "zh-tw"),
    ("cp950", 3.6, "zh-tw"),
    ("big5hkscs", 5.0, "zh-tw"),
    ("euc_kr", 3.5, "ko"),
    ("cp949", 3.6, "ko"),
    ("johab", 6.0, "ko"),
)
"""Code pages whose characters beyond ASCII have two bytes or more."""


@dataclass(frozen=True)
class CodePage:
    """A code page of one byte for each of its 256 `characters`, U+FFFD where it has none."""

    name: str
    cost: float
    languages: tuple[str, ...]
    characters: str


@cache
def code_pages() -> tuple[CodePage, ...]:
    """All those of one byte, as Python decodes them."""
    return tuple(
        CodePage(name, cost, tuple(languages.split()), "".join(_characters(name)))
        for name, cost, languages in CODE_PAGES
    )


def _characters(name: str) -> Iterator[str]:
    for byte in range(256):
        mark = bytes((byte,)).decode(name, "replace")
        yield mark if unicodedata.category(mark) != "Co" or byte < 0x80 else "\ufffd"


def codec_names() -> tuple[str, ...]:
    """Every codec that the detector can name, but for those of Unicode."""
    return tuple(name for name, _, _ in (*CODE_PAGES, *MULTI_BYTE))
