"""What people may write in names, descriptions and reasons, decided by Unicode's categories.

In: a text as it was sent. Out: the text, or the error that names its first forbidden character.
Letters of any script are allowed, and so are the joiners that Persian and Hindi need (U+200C,
U+200D) and the marks of direction that Hebrew and Arabic need (U+200E, U+200F, U+061C): none of
them hides a part of the text from a reader, as the bidirectional controls do.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

from entrepot.errors import FieldInvalid
from entrepot_client.counts import counted

BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the order in which the rest of a line is shown (Unicode, UAX #9)."""
LINE_BREAKS: Final = frozenset("\n\r\t")
"""The control characters of a text of several lines."""
_FORBIDDEN_CATEGORIES: Final = {
    "Cc": "control characters",
    "Cs": "halves of surrogate pairs",
    "Zl": "line separators",
    "Zp": "paragraph separators",
}


def check_text(text: str, field: str, max_chars: int, *, one_line: bool) -> str:
    """The text, if it has at most `max_chars` characters and no forbidden one. Raises FieldInvalid.

    `one_line` forbids line breaks too, as names do.
    """
    if len(text) > max_chars:
        raise FieldInvalid(
            field, f"may have {counted(max_chars, 'character')}; it has {len(text):,}."
        )
    for position, character, kind in _forbidden(text, one_line):
        reason = f"must not contain {kind}: character {position} is U+{ord(character):04X}."
        raise FieldInvalid(field, reason)
    return text


def is_safe_line(text: str) -> bool:
    """Whether the text has no character that `check_text` forbids in one line."""
    return next(_forbidden(text, one_line=True), None) is None


def replace_forbidden(text: str) -> str:
    """The text for one line of a page, with a replacement character for each forbidden one."""
    unsafe = {character for _, character, _ in _forbidden(text, one_line=True)}
    return "".join("\ufffd" if character in unsafe else character for character in text)


def _forbidden(text: str, one_line: bool) -> Iterator[tuple[int, str, str]]:
    """The forbidden characters: the position of each, from 1, and its kind."""
    if text.isascii() and text.isprintable():
        return
    for position, character in enumerate(text, 1):
        if character in BIDI_CONTROLS:
            yield position, character, "bidirectional control characters"
        elif one_line or character not in LINE_BREAKS:
            kind = _FORBIDDEN_CATEGORIES.get(unicodedata.category(character))
            if kind is not None:
                yield position, character, kind
