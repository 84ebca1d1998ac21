"""Which settings all hosts of one installation must have alike, and a mark to compare them by.

A setting is in `SHARED` if what a client is answered, or how a version is judged, would depend on
the host that gets the request or the work; all others are a host's own.
"""

import base64
import hashlib

from entrepot.settings import Settings

SHARED = (
    "public_url",
    "max_file_size",
    "default_quota",
    "uploads_per_account",
    "unfinished_uploads",
    "upload_lifetime",
    "lease",
    "derivative_space",
    "publish_with_parquet",
    "presigned_seconds",
    "presigned_endpoint",
    "inspection_memory",
    "inspection_scratch",
    "inspection_seconds",
    "inspection_unpacked",
    "inspection_expansion",
    "inspection_line",
    "inspection_columns",
    "inspection_cells",
    "inspection_errors",
)
"""The order is that of the parts of a mark."""
COMPARED_AT_START = ("database", "store", "secret")
"""By the ids of the installation: a host with another one does not start (`bootstrap.identity`)."""
PREFIX = "entrepot/"
PART = 2
"""Letters of a mark for each setting: PostgreSQL keeps 63 letters of a name."""


def settings_mark(settings: Settings) -> str:
    """What says which shared settings a process has; PostgreSQL shows it as its name."""
    return PREFIX + "".join(_part(getattr(settings, name)) for name in SHARED)


def different_settings(settings: Settings, mark: str) -> list[str]:
    """The settings that differ from those of the process with that mark; none if it is not the mark
    of a process of this release."""
    own = settings_mark(settings)
    if not mark.startswith(PREFIX) or len(mark) != len(own):
        return []
    starts = range(len(PREFIX), len(own), PART)
    return [
        name
        for name, start in zip(SHARED, starts, strict=True)
        if mark[start : start + PART] != own[start : start + PART]
    ]


def _part(value: object) -> str:
    digest = hashlib.sha256(repr(value).encode()).digest()
    return base64.urlsafe_b64encode(digest)[:PART].decode()
