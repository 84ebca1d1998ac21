"""The Content-Disposition of downloads (RFC 6266): a file name in both of its forms."""

import unicodedata
from functools import lru_cache
from urllib.parse import quote

_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187, section 3.2.1, beside letters and digits


@lru_cache(1024)
def attachment(file_name: str) -> str:
    """`attachment` with `filename` in ASCII, for old clients, and `filename*` in UTF-8.

    The ASCII form drops accents and has "_" for every other character, and for "%", which
    some clients decode in it (RFC 6266, appendix D).
    """
    plain = "".join(
        character if " " <= character <= "~" and character != "%" else "_"
        for character in unicodedata.normalize("NFKD", file_name)
        if not unicodedata.combining(character)
    )
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    extended = quote(file_name, safe=_ATTR_CHARS, errors="replace")
    return f"attachment; filename=\"{quoted}\"; filename*=UTF-8''{extended}"
