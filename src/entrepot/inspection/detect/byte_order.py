"""The byte order mark of a text, and UTF-16 or UTF-32 without one.

Texts of tables are mostly figures and marks of ASCII, whose upper bytes are zero in UTF-16 and
UTF-32. So are the shares below far apart, and the numbers need no tuning; they were set by hand on
the folder `encodings` of tests/inspection/corpus.
"""

import codecs

HEAD_BYTES = 4096
"""The first part of a text, in which zeros are counted by their place in four bytes."""
MIN_HEAD_BYTES = 8
"""A shorter text is UTF-16 only if exactly half of it is zeros."""
MIN_UPPER_ZEROS_32, MAX_LOWER_ZEROS_32 = 0.8, 0.2
"""Share of zeros at the three places of upper bytes, and at the one of the lowest, in UTF-32."""
MIN_UPPER_ZEROS_16, MAX_LOWER_ZEROS_16 = 0.4, 0.1
"""The same in UTF-16, where words of other scripts have no zeros above."""

# UTF-32 first: its mark begins with that of UTF-16.
BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def byte_order(head: bytes) -> tuple[int, str | None]:
    """The length of the byte order mark and the encoding, also of UTF-16 and UTF-32 without a
    mark, which show by where the zeros are."""
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return len(bom), encoding
    start = head[:HEAD_BYTES]
    zeros = [start[n::4].count(0) * 4 / max(1, len(start)) for n in range(4)]
    if len(start) >= MIN_HEAD_BYTES:
        if min(zeros[1:]) > MIN_UPPER_ZEROS_32 and zeros[0] < MAX_LOWER_ZEROS_32:
            return 0, "utf-32-le"
        if min(zeros[:3]) > MIN_UPPER_ZEROS_32 and zeros[3] < MAX_LOWER_ZEROS_32:
            return 0, "utf-32-be"
    if len(start) >= MIN_HEAD_BYTES or start.count(0) * 2 == len(start):
        even, odd = (zeros[0], zeros[2]), (zeros[1], zeros[3])
        if min(odd) > MIN_UPPER_ZEROS_16 and max(even) < MAX_LOWER_ZEROS_16:
            return 0, "utf-16-le"
        if min(even) > MIN_UPPER_ZEROS_16 and max(odd) < MAX_LOWER_ZEROS_16:
            return 0, "utf-16-be"
    return 0, None
