"""The byte order mark of a text, and UTF-16 or UTF-32 without one."""

import codecs

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
    start = head[:4096]
    zeros = [start[n::4].count(0) * 4 / max(1, len(start)) for n in range(4)]
    if len(start) >= 8:
        if min(zeros[1:]) > 0.8 and zeros[0] < 0.2:
            return 0, "utf-32-le"
        if min(zeros[:3]) > 0.8 and zeros[3] < 0.2:
            return 0, "utf-32-be"
    if len(start) >= 8 or start.count(0) * 2 == len(start):
        if min(zeros[1], zeros[3]) > 0.4 and max(zeros[0], zeros[2]) < 0.1:
            return 0, "utf-16-le"
        if min(zeros[0], zeros[2]) > 0.4 and max(zeros[1], zeros[3]) < 0.1:
            return 0, "utf-16-be"
    return 0, None
