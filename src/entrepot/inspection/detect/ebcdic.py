"""Whether a text is in EBCDIC, as programs on IBM's large computers write.

Its code pages have the same bytes for letters, digits and the blank, and differ in signs, so that
the code page of a text cannot be told: it has to be stated.
"""

KNOWN = bytes(
    (
        *(0x40, *range(0x81, 0x8A), *range(0x91, 0x9A), *range(0xA2, 0xAA)),
        *(*range(0xC1, 0xCA), *range(0xD1, 0xDA), *range(0xE2, 0xEA), *range(0xF0, 0xFA)),
        *(0x05, 0x0D, 0x15, 0x25, *range(0x4A, 0x51), *range(0x5A, 0x62), *range(0x6A, 0x70)),
    )
)
"""The blank, a to z, A to Z, and 0 to 9; tab, CR, NEL and LF, and most signs."""
EBCDIC_LINE_ENDS = b"\x15\x25"
"""NEL and LF, which are a control character and the percent sign in ASCII."""
ASCII_WORDS = b"\n 0123456789"
"""Of these, a text that is not in EBCDIC has some; in EBCDIC they are control characters."""
MIN_BYTES = 8
"""A shorter text is not judged."""
MIN_LINE_ENDS, MIN_KNOWN = 2, 0.4
"""Line ends of a text in EBCDIC, and its share of letters, digits and signs that all code pages
have. Those of other letters than Latin have two fifths, figures and delimiters among them."""
MIN_BLANKS, MIN_KNOWN_WITHOUT_ENDS = 2, 0.9
"""Blanks and digits of a text whose records have a fixed length and no line ends, and that share.
A text in Cyrillic without a blank or a line end has letters between those of EBCDIC too."""
BLANKS = bytes((0x40, *range(0xF0, 0xFA)))


def looks_like_ebcdic(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a text in EBCDIC."""
    size = len(head)
    if size < MIN_BYTES or head.isascii() or _count(head, ASCII_WORDS):
        return False
    known = _count(head, KNOWN)
    if _count(head, EBCDIC_LINE_ENDS) >= MIN_LINE_ENDS:
        return known >= MIN_KNOWN * size
    return _count(head, BLANKS) >= MIN_BLANKS and known >= MIN_KNOWN_WITHOUT_ENDS * size


def _count(head: bytes, some: bytes) -> int:
    return len(head) - len(head.translate(None, some))
