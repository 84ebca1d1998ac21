"""The byte order mark of a text, and UTF-16 or UTF-32 without one.

Texts of tables are mostly figures and marks of ASCII, whose upper bytes are zero in UTF-16 and
UTF-32. So are the shares below far apart, and the numbers need no tuning; they were set by hand on
the folder `encodings` of tests/inspection/corpus. A text of other letters in UTF-16 has few zeros,
but the ends of its lines and cells have each one at the same place.
"""

import codecs
import unicodedata

HEAD_BYTES = 4096
"""The first part of a text, in which zeros are counted by their place in four bytes."""
MIN_HEAD_BYTES = 8
"""A shorter text is UTF-16 only if exactly half of it is zeros."""
MIN_UPPER_ZEROS_32, MAX_LOWER_ZEROS_32 = 0.8, 0.2
"""Share of zeros at the three places of upper bytes, and at the one of the lowest, in UTF-32."""
MIN_UPPER_ZEROS_16, MAX_LOWER_ZEROS_16 = 0.4, 0.1
"""The same in UTF-16, where words of other scripts have no zeros above."""
ENDS = b"\n\r\t,; "
"""What ends a line, a cell or a word; in UTF-16 each has a zero beside it."""
MIN_WIDE_ENDS = 0.5
"""Share of the bytes of `ENDS` that have that zero, for a text with few zeros to be UTF-16."""
MAX_CONTROLS = 0.01
"""Share of characters that are controls, unassigned or of private use, in a text of UTF-16."""

MAX_MARKS = 8
"""Byte order marks at the beginning that are taken for one."""

# UTF-32 first: its mark begins with that of UTF-16.
BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def byte_order(head: bytes) -> tuple[int, str | None]:
    """The length of the byte order mark, written once or several times, and the encoding; also that
    of UTF-16 and UTF-32 without a mark, which show by where the zeros are."""
    for bom, encoding in BOMS:
        if head.startswith(bom):
            # Programs that each write a mark leave several, of which none is text.
            marks = head[: MAX_MARKS * len(bom)]
            return len(marks) - len(_without(marks, bom)), encoding
    return 0, _by_zeros(head[:HEAD_BYTES])


def warn_of_marks(bom: int, encoding: str) -> list[str]:
    """A sentence on the `bom` bytes of marks at the beginning of a text, if they are several."""
    mark = next((len(mark) for mark, name in BOMS if name == encoding), bom)
    if bom <= mark:
        return []
    return [f"The file begins with {bom // mark} byte order marks. They were left out."]


def _without(head: bytes, bom: bytes) -> bytes:
    while head.startswith(bom):
        head = head[len(bom) :]
    return head


def _by_zeros(start: bytes) -> str | None:
    zeros = [start[n::4].count(0) * 4 / max(1, len(start)) for n in range(4)]
    if len(start) >= MIN_HEAD_BYTES:
        if min(zeros[1:]) > MIN_UPPER_ZEROS_32 and zeros[0] < MAX_LOWER_ZEROS_32:
            return "utf-32-le"
        if min(zeros[:3]) > MIN_UPPER_ZEROS_32 and zeros[3] < MAX_LOWER_ZEROS_32:
            return "utf-32-be"
    if len(start) >= MIN_HEAD_BYTES or start.count(0) * 2 == len(start):
        even, odd = (zeros[0], zeros[2]), (zeros[1], zeros[3])
        if min(odd) > MIN_UPPER_ZEROS_16 and max(even) < MAX_LOWER_ZEROS_16:
            return "utf-16-le"
        if min(even) > MIN_UPPER_ZEROS_16 and max(odd) < MAX_LOWER_ZEROS_16:
            return "utf-16-be"
    wide = (name for name, upper in (("utf-16-le", 1), ("utf-16-be", 0)) if _is_wide(start, upper))
    return next(wide, None)


def _is_wide(start: bytes, upper: int) -> bool:
    """Whether a text with few zeros is UTF-16 anyway. `upper` is the place of the upper byte
    of each character, 0 or 1."""
    uppers, lowers = start[upper::2], start[1 - upper :: 2]
    if lowers.count(0) >= uppers.count(0):
        return False
    wide = sum(low in ENDS for low, up in zip(lowers, uppers, strict=False) if not up)
    if wide < MIN_WIDE_ENDS * sum(start.count(end) for end in ENDS) or not wide:
        return False
    try:
        text = codecs.getincrementaldecoder("utf-16-le" if upper else "utf-16-be")().decode(start)
    except UnicodeDecodeError:
        return False
    odd = sum(unicodedata.category(mark)[0] == "C" and mark not in "\t\r\n" for mark in text)
    return odd <= MAX_CONTROLS * len(text)
