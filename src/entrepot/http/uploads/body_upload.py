"""What receives the body of one request: `UploadSession`, or `SmallUpload` for few bytes."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable

from entrepot.errors import FileTooLarge
from entrepot.files.delivery.uploads import AnyUpload, KeyedReply, UnclaimedReply, UploadTarget
from entrepot.tasks.records import TaskId


class BodyUpload(ABC):
    """One upload under way. Use: `take` bytes, `finish`, `commit`. Figures are bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.received = 0

    @abstractmethod
    def reject_oversized(self, min_bytes: int) -> None:
        """Refuse before the body what cannot fit. Raises FileTooLarge, QuotaExceeded."""

    @abstractmethod
    def set_expected_size(self, max_bytes: int) -> None:
        """Say that the file will have at most `max_bytes` bytes."""

    @abstractmethod
    async def take(self, data: memoryview | bytes) -> None:
        """Take the next bytes, which stay as they are. Raises FileTooLarge, and what storing them
        raises."""

    @abstractmethod
    async def finish(self) -> AnyUpload:
        """Make the bytes durable. Raises what storing them raises."""

    @abstractmethod
    def keyed_reply(self, fingerprint: str) -> KeyedReply | UnclaimedReply | None:
        """What the upload's key is to be answered with its task; None if it has none."""

    async def find_replayed_task(self, fingerprint: str) -> TaskId | None:
        """The task of the same request before this one; None if there was none. Raises KeyReused
        if it was another one."""
        del fingerprint
        return None

    @abstractmethod
    def commit(
        self, target: UploadTarget, upload: AnyUpload, reply: KeyedReply | UnclaimedReply | None
    ) -> Awaitable[TaskId]:
        """Deliver what was received. Raises what `UploadTarget.commit` raises."""

    def count(self, data: memoryview | bytes) -> None:
        """Count bytes as received. Raises FileTooLarge."""
        self.received += len(data)
        if self.received > self.limit:
            raise FileTooLarge(limit=self.limit, requested=self.received)
