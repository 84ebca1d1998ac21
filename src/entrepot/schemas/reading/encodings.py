"""Names of encodings: the ones that a contract may state, and one spelling for each.

Those that Python has as codecs of text, whose registry knows the names of IANA and the usual ones
besides (`windows-1252`, `latin1`, `cp1252`).
"""

import codecs
import encodings
import pkgutil
from encodings.aliases import aliases
from functools import cache

MAX_NAME_CHARS = 40
"""Characters of a name; the longest that Python knows has 20."""
NOT_OF_FILES = frozenset(
    {"charmap", "idna", "mbcs", "oem", "palmos", "punycode", "raw-unicode-escape", "undefined",
     "unicode-escape"}
)  # fmt: skip
"""Codecs of Python's own, of host names, and of Windows alone (docs.python.org/3/library/codecs,
"Python Specific Encodings"): no file is written in them."""
WITH_MARK = {"utf-8-sig": "utf-8"}
"""A mark of byte order is not a part of the text, whatever the encoding."""


def normalize_encoding(name: str) -> str | None:
    """The name of the encoding as Python spells it; None for one that cannot be stated."""
    if len(name) > MAX_NAME_CHARS or not name.isascii() or not name.isprintable():
        return None
    # Python's look-up keeps each unknown name for ever: only known ones are looked up.
    plain = encodings.normalize_encoding(name.strip()).lower()
    module = aliases.get(plain) or aliases.get(plain.replace(".", "_")) or plain
    return _codecs().get(module)


def known_encodings() -> tuple[str, ...]:
    """Every encoding that a contract may state, in the order of the alphabet."""
    return tuple(sorted(set(_codecs().values())))


@cache
def _codecs() -> dict[str, str]:
    """The names of encodings by the module of their codec."""
    names = {}
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            codec = codecs.lookup(module.name)
        except LookupError:  # a module that is not a codec, or one of Windows alone
            continue
        # The one sign by which Python tells codecs of text from those of bytes.
        if codec._is_text_encoding and codec.name not in NOT_OF_FILES:
            names[module.name] = WITH_MARK.get(codec.name, codec.name)
    return names
