"""The name of a downloaded file: the server's name for it, made safe.

Whoever delivered the file chose the name, so it is untrusted: it may name a folder, a dotfile that
a shell reads, a device of Windows, or hide its ending behind a bidirectional mark.
"""

import re
import unicodedata
from email.message import Message

_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]'
)
_DEVICE_NAMES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
# Leaves space for `.part.json` within the 255 bytes that file systems allow.
_MAX_NAME_BYTES = 240


def name_from_disposition(header: str | None) -> str | None:
    """The file name in a Content-Disposition header (RFC 6266), None when there is none.

    `filename*` wins over `filename`, whichever comes first.
    """
    if not header:
        return None
    message = Message()
    message["Content-Disposition"] = header
    plain_name = None
    for key, value in message.get_params(failobj=[], header="content-disposition"):
        if key.lower() != "filename":
            continue
        if isinstance(value, tuple):
            charset, _, text = value
            try:
                return str(text).encode("latin-1").decode(charset or "utf-8")
            except (UnicodeError, LookupError):
                continue
        plain_name = plain_name or str(value)
    return plain_name


def safe_name(name: str | None, fallback: str) -> str:
    """A name that is one visible file in its folder, on every system.

    Keeps the last part of a path, drops control and bidirectional characters and leading dots, and
    shortens to 240 bytes before the ending. `fallback` (the file id) is used if nothing is left.
    """
    base_name = unicodedata.normalize("NFC", name or "").replace("\\", "/").rpartition("/")[2]
    cleaned = _UNSAFE.sub("", base_name).strip(" .") or fallback
    if _DEVICE_NAMES.fullmatch(cleaned):
        cleaned = f"_{cleaned}"
    stem, dot, ending = cleaned.rpartition(".")
    if not stem or len(ending) > 20:
        stem, dot, ending = cleaned, "", ""
    max_stem_bytes = _MAX_NAME_BYTES - len((dot + ending).encode())
    return stem.encode()[:max_stem_bytes].decode(errors="ignore") + dot + ending
