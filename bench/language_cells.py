"""Cells of real tables in many languages: names, places, words, dates, as packages have them.

Each cell belongs to one half by a hash of its text: half 0 is what models are counted and weights
are set with, half 1 is measured. The cells of `mimesis` are in no half: they are measured alone,
as a source that nothing was set with.
"""

import hashlib
import importlib
import inspect
import json
import pkgutil
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import babel
import mimesis

MAX_CELL = 60
"""Characters; what is longer is text, not a cell."""
VOWELS = "\u0302\u0306\u031b"
"""Marks that make another vowel in Vietnamese, and stay with it in cp1258; tones stand alone."""

WEST = ("cp1252", "iso8859-1", "iso8859-15", "mac-roman", "cp850", "cp437")
CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac-latin2")
BALTIC = ("cp1257", "iso8859-13", "cp775", "iso8859-4")
CYRILLIC = ("cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866", "mac-cyrillic")
CODE_PAGES: dict[str, tuple[str, ...]] = {
    "en": ("cp1252", "iso8859-1", "iso8859-15", "mac-roman", "cp850"),
    **dict.fromkeys(
        ("de", "fr", "es", "pt", "it", "nl", "da", "sv", "nb", "fi", "is", "ca", "ga"), WEST
    ),
    **dict.fromkeys(("pl", "cs", "sk", "hu", "hr", "sl", "sq"), CENTRAL),
    "ro": (*CENTRAL, "iso8859-16"),
    **dict.fromkeys(("lt", "lv", "et"), BALTIC),
    "tr": ("cp1254", "iso8859-9", "cp857", "mac-turkish"),
    **dict.fromkeys(("ru", "bg", "uk", "be", "mk", "sr"), CYRILLIC),
    "el": ("cp1253", "iso8859-7", "cp737", "mac-greek"),
    "he": ("cp1255", "iso8859-8"),
    "ar": ("cp1256", "iso8859-6"),
    "fa": ("cp1256",),
    "ur": ("cp1256",),
    "th": ("cp874", "tis-620"),
    "vi": ("cp1258",),
    "ja": ("cp932", "shift_jis", "euc_jp", "utf-16-le", "utf-16-be"),
    "zh": ("gbk", "gb18030", "utf-16-le"),
    "zh-tw": ("big5", "cp950", "utf-16-le"),
    "ko": ("cp949", "euc_kr", "utf-16-le"),
}
"""The code pages that texts of a language are written in."""
BABEL = {"zh": "zh_Hans", "zh-tw": "zh_Hant"}
FAKER = {"nb": "no", "zh": "zh_CN", "zh-tw": "zh_TW"}
MIMESIS = {"nb": "no"}
PLURAL_PROVIDERS = ("person", "address", "company", "color", "job", "lorem", "date_time")


def half_of(cell: str) -> int:
    """0 or 1, always the same for the same text."""
    return hashlib.sha256(cell.encode()).digest()[0] & 1


def composed(cell: str, language: str) -> str:
    """The cell as the code pages of its language have it."""
    if language == "vi":
        text = ""
        for mark in unicodedata.normalize("NFD", cell):
            joined = unicodedata.normalize("NFC", text[-1:] + mark)
            text = text[:-1] + joined if mark in VOWELS and len(joined) == 1 else text + mark
        return text
    if language in ("fa", "ur"):
        return cell.replace("\u06cc", "\u064a").replace("\u200c", " ")
    if language == "ro":
        return cell.translate(str.maketrans("șțȘȚ", "şţŞŢ"))
    return cell


def cells_of(language: str) -> tuple[list[str], list[str]]:
    """The cells of both halves, sorted."""
    cells = {cell for cell in (*_of_babel(language), *_of_faker(language)) if _is_cell(cell)}
    made = sorted({composed(cell.strip(), language) for cell in cells})
    return [c for c in made if half_of(c) == 0], [c for c in made if half_of(c) == 1]


def unseen_cells_of(language: str) -> list[str]:
    """The cells of a source that nothing is set with; few or none in some languages."""
    folder = Path(str(mimesis.__file__)).parent / "datasets" / MIMESIS.get(language, language)
    result: set[str] = set()
    for path in sorted(folder.glob("*.json")):
        result.update(_texts(json.loads(path.read_text(encoding="utf-8"))))
    return sorted({composed(cell.strip(), language) for cell in result if _is_cell(cell)})


def _is_cell(cell: str) -> bool:
    odd = any(mark in cell for mark in '{}%#?\n\t;,"')
    return 0 < len(cell.strip()) <= MAX_CELL and not odd


def _of_babel(language: str) -> Iterator[str]:
    locale = babel.Locale.parse(BABEL.get(language, language))
    yield from locale.territories.values()
    yield from locale.languages.values()
    yield from locale.currencies.values()
    yield from _texts(locale.months)
    yield from _texts(locale.days)
    yield from (zone["city"] for zone in locale.time_zones.values() if "city" in zone)


def _of_faker(language: str) -> Iterator[str]:
    prefix = FAKER.get(language, language)
    for provider in PLURAL_PROVIDERS:
        folder = importlib.import_module(f"faker.providers.{provider}")
        for module in pkgutil.iter_modules(folder.__path__):
            if module.name == prefix or module.name.startswith(prefix + "_"):
                if language in ("zh", "zh-tw") and module.name != prefix:
                    continue
                result = importlib.import_module(f"faker.providers.{provider}.{module.name}")
                for name, value in vars(result.Provider).items():
                    if not name.startswith("_") and not inspect.isroutine(value):
                        yield from _texts(value)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) or hasattr(value, "items"):
        for key, each in value.items():
            if isinstance(key, str) and not key.isascii():
                yield key
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
