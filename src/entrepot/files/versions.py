"""Versions of a file and the states they pass through."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType
from uuid import UUID

from entrepot.blobs.store import BlobId

FileId = NewType("FileId", UUID)

VersionStatus = Literal["received", "inspecting", "published", "refused", "canceled", "deleted"]
UNDECIDED: tuple[VersionStatus, ...] = ("received", "inspecting")


@dataclass(frozen=True)
class Published:
    """A version that readers see: all that a download needs. `size` is bytes."""

    file_id: FileId
    blob_id: BlobId
    number: int
    file_name: str
    size: int
    sha256: str
    media_type: str
    published_at: datetime
