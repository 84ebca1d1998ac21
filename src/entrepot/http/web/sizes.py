"""Sizes as people write them in a form: `500 kB`, `10 MB`, `2 GB`, or bytes."""

from entrepot.errors import FieldInvalid
from entrepot.files.delivery.define import parse_size_limit
from entrepot_client.cli.sizes import parse_size

MAX_SIZE_CHARS = 40
"""Characters of a size that are read: a longer text is not a size."""
UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def read_size_limit(text: str, max_bytes: int) -> int:
    """The size limit in bytes, 1 to `max_bytes`. Raises FieldInvalid."""
    text = text.strip()
    if not text:
        return parse_size_limit(text, max_bytes)
    return parse_size_limit(read_size(text, "file_size_limit"), max_bytes)


def read_size(text: str, field: str) -> str:
    """The digits of the bytes of a size with a unit. Raises FieldInvalid with the `field`."""
    try:
        if len(text) > MAX_SIZE_CHARS:
            raise ValueError
        return str(parse_size(text.replace("\u00a0", " ")))
    except ValueError:
        reason = "is not a size; write it like 500 kB, 10 MB or 2 GB."
        raise FieldInvalid(field, reason, "10 MB") from None


def write_size_limit(size_bytes: int) -> str:
    """The size as a form shows it: exact, in the largest unit without a fraction."""
    for unit, factor in UNITS:
        if size_bytes % factor == 0:
            return f"{size_bytes // factor} {unit}"
    return str(size_bytes)
