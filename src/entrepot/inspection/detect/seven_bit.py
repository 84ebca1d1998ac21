"""Encodings in which bytes of ASCII stand for letters of other scripts: ISO 2022, HZ and UTF-7.

ISO 2022 (RFC 1468, 1554, 1557, 2237) and HZ (RFC 1843) mark such letters with sequences that other
texts do not have. The mark of UTF-7 (RFC 2152) is the plus sign, which is usual in tables: UTF-7 is
suspected, and read only where it is stated.
"""

import re
import unicodedata
from functools import cache

from entrepot.inspection.detect.language_models import SIGNS, alphabets, ideographs, script_of

ESCAPE = b"\x1b"
ISO_2022 = re.compile(rb"\x1b(?:\$(?:[@AB]|\([@A-DOPQ]|\)C)|\(I|\.[AF])")
"""The escape sequences after which the codecs below read other letters than those of ASCII."""
KOREAN = b"\x1b$)C"
"""What ISO-2022-KR has before its first letters, and no other."""
JAPANESE_CODECS = (
    *("iso2022_jp", "iso2022_jp_1", "iso2022_jp_ext", "iso2022_jp_2"),
    *("iso2022_jp_3", "iso2022_jp_2004"),
)
"""The codecs of Python for the others. The first one that reads most of a text is chosen."""
HZ = re.compile(rb"~\{((?:[!-w][!-~])+)~\}")
"""Characters of GB 2312 in HZ."""
HZ_EVERYDAY = range(0x21, 0x58)
"""The first bytes of signs and of the first level of GB 2312, which has the everyday characters.
Small letters of ASCII are beyond it, so that words between the marks are not taken for Chinese."""
MIN_EVERYDAY = 0.8
"""The share of characters of that level, for a text to be HZ. Chinese texts have 97 % and more."""
MIN_HZ_CHARACTERS = 2
"""With fewer characters, HZ is a guess."""
UTF_7 = re.compile(rb"\+([A-Za-z0-9+/]*)(-?)")
"""A plus sign of UTF-7, the letters that stand for others, and the mark that may end them."""
MAX_PLUS_SIGNS = 1_000
"""Plus signs of a text that are looked at."""
MIN_UNENDED = 2
"""Sequences of UTF-7 without the mark at the end that make it suspect; one with it is enough."""
DOUBT = 0.5
"""How sure a reading is where another one fits as well."""


class SevenBitMarks:
    """What the blocks of a text of ASCII have of the marks of these encodings. `escapes`: escape
    sequences; `tildes`: the mark of HZ."""

    def __init__(self) -> None:
        self.escapes = self.tildes = False
        self._plus_signs = self._ended = self._unended = 0
        self._is_utf7 = True

    def add(self, block: bytes) -> None:
        """Look for the marks in a block of ASCII, which is the next one or any other."""
        self.escapes = self.escapes or ESCAPE in block
        self.tildes = self.tildes or (b"~" in block and b"~{" in block)
        if self._is_utf7 and b"+" in block:
            self._look_at_plus_signs(block)

    @property
    def suspects_utf7(self) -> bool:
        """Whether each plus sign is as UTF-7 has it, and some of them stand for letters."""
        return self._is_utf7 and (self._ended > 0 or self._unended >= MIN_UNENDED)

    @property
    def any(self) -> bool:
        """Whether a closer look is needed."""
        return self.escapes or self.tildes or self.suspects_utf7

    def _look_at_plus_signs(self, block: bytes) -> None:
        # A sequence may be cut in two at either end of a block, which is not looked at.
        begin, end = block.find(b"\n") + 1, block.rfind(b"\n") + 1 or len(block)
        first = block.find(b"+")
        begin = 0 if first < begin and not self._plus_signs else begin
        for match in UTF_7.finditer(block, begin, end):
            if self._plus_signs >= MAX_PLUS_SIGNS:
                return
            self._plus_signs += 1
            written, mark = match.groups()
            if not written:
                self._is_utf7 = bool(mark)  # "+-" is a plus sign
            else:
                text = _decode_utf7(written)
                self._is_utf7 = bool(text)
                before = chr(block[match.start() - 1]) if match.start() else " "
                if text and _is_known(text, before):
                    self._ended += bool(mark)
                    self._unended += not mark
            if not self._is_utf7:
                return


def guess_iso_2022(sample: bytes) -> str | None:
    """The encoding of lines with escape sequences; None if they are not those of ISO 2022."""
    if not ISO_2022.search(sample):
        return None
    if KOREAN in sample:
        return "iso2022_kr"
    return min(JAPANESE_CODECS, key=lambda name: sample.decode(name, "replace").count("\ufffd"))


def guess_hz(sample: bytes) -> tuple[str, float] | None:
    """The encoding of lines with tildes, and how sure it is; None if they are plain ASCII.

    UTF-8, and not sure, where some lines are as HZ has them and others are not.
    """
    pairs = b"".join(HZ.findall(sample))
    leads = pairs[::2]
    everyday = sum(lead in HZ_EVERYDAY for lead in leads)
    if not leads or everyday < MIN_EVERYDAY * len(leads):
        return None
    try:
        sample.decode("hz")
    except UnicodeDecodeError:
        return "utf-8", DOUBT
    return "hz", 1.0 if len(leads) >= MIN_HZ_CHARACTERS else DOUBT


def _decode_utf7(written: bytes) -> str:
    """What the letters after a plus sign stand for; nothing if a writer of UTF-7 would not write
    them: code points without a character, and letters of ASCII."""
    try:
        text = (b"+%b-" % written).decode("utf-7")
    except UnicodeDecodeError:
        return ""
    odd = any(unicodedata.category(mark) in ("Cc", "Cn", "Co", "Cs") for mark in text)
    return "" if odd or any(mark.isascii() and mark.isalnum() for mark in text) else text


def _is_known(text: str, before: str) -> bool:
    """Whether the text has letters or signs as tables have them, right after `before`."""
    if before.isalpha() and text[0].isalpha() and script_of(text[0]) != "LATIN":
        return False
    return any(mark.lower() in _known_marks() for mark in text)


@cache
def _known_marks() -> frozenset[str]:
    """The letters beyond ASCII of all languages that are known, and the signs of tables."""
    letters = {letter for model in alphabets().values() for letter in model.letters}
    letters.update(*(model.characters for model in ideographs().values()), *SIGNS)
    return frozenset(letter for letter in letters if letter > "\x7f")
