"""Small files of one sender in one account, which one sandbox process may judge (ADR 0043).

A file that takes its reader over can read and judge the files behind it. So they are never those of
two senders: the type refuses it, and nothing else lets a process judge more than one file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from entrepot.inspection.limits import MIB
from entrepot.inspection.results import (
    InspectedVersion,
    InspectionCanceled,
    InspectionFailed,
    InspectionRequest,
)

R = TypeVar("R")

MAX_BATCH_FILES = 20
"""Files that one process judges at most,"""
MAX_BATCH_CPU_SECONDS = 2.0
"""or for so long, on the processor: then the next file goes to another process, since the limit of
a file is that of its process."""
MAX_BATCH_FILE_BYTES = MIB
"""A larger file costs far more than its process, and has one of its own."""


@dataclass(frozen=True)
class BatchSender:
    """Who delivered a file, and the account that the file belongs to."""

    account_id: UUID
    user_id: UUID


@dataclass(frozen=True)
class SentRequest:
    """A request to inspect what a sender delivered."""

    sender: BatchSender
    request: InspectionRequest


class SenderBatch:
    """Requests of one sender in one account, at most `MAX_BATCH_FILES` of small files.

    Raises ValueError where they are of several, none or too many, or one is too large.
    """

    def __init__(self, requests: Sequence[SentRequest]) -> None:
        senders = {each.sender for each in requests}
        if len(senders) != 1:
            raise ValueError(f"a batch is of one sender in one account, not of {len(senders)}")
        if len(requests) > MAX_BATCH_FILES:
            raise ValueError(f"a batch has at most {MAX_BATCH_FILES} files")
        if any(each.request.size > MAX_BATCH_FILE_BYTES for each in requests):
            raise ValueError(f"a file of a batch has at most {MAX_BATCH_FILE_BYTES:,} bytes")
        self.sender = requests[0].sender
        self.requests = tuple(each.request for each in requests)


@dataclass(frozen=True)
class BatchResult(Generic[R]):
    """The result of the request with that `number` (from 0) of a batch: an inspection, and what
    was stored of it; or why there is none."""

    number: int
    inspected: InspectedVersion | None
    stored: R | None
    failure: InspectionCanceled | InspectionFailed | None = None
