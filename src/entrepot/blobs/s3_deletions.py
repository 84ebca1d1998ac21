"""Delete objects, but keep their bytes aside while a back-up holds deletions.

A hold is the object `hold/marker`. Whoever deletes looks for it after the transaction that lets a
blob go: without the marker, a back-up copies the database after that transaction, and does not name
the blob. The marker is written, renewed and taken over with conditional writes, so that there is
one hold at a time over all hosts. A holder that died stops to renew it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from entrepot.blobs.s3_client import Bucket, content_md5, store_errors, whole_seconds
from entrepot.errors import StoreUnavailable

RENEW_SECONDS = 60.0
"""Seconds between two renewals of a hold."""
HOLD_LIFETIME = timedelta(minutes=10)
"""After this time without a renewal the holder counts as dead. Clocks of hosts may differ."""
WAIT_SECONDS = 1.0
"""Seconds between two looks at a hold that another process has."""


class S3DeletionGate:
    """The deletions of one store, over all processes and hosts that use it."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._marker = bucket.key("hold", "marker")

    def is_held(self) -> bool:
        """Whether deleted bytes are to be kept aside now."""
        return self._bucket.head(self._marker) is not None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Have `is_held` answer yes, until the end of the block. Waits for another hold."""
        etag = self._acquire()
        stop = threading.Event()
        while etag is None:
            stop.wait(WAIT_SECONDS)
            etag = self._acquire()
        renewal = threading.Thread(target=self._renew, args=(etag, stop), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            stop.set()
            renewal.join()
            self._empty()
            self._bucket.delete(self._marker)

    def remove_held(self) -> int:
        """Remove what a hold left that was cut off; how many. 0 during a hold."""
        if next(self._bucket.list("held"), None) is None and not self.is_held():
            return 0
        if self._acquire() is None:
            return 0
        removed = self._empty()
        self._bucket.delete(self._marker)
        return removed

    def _acquire(self) -> str | None:
        """Take the hold: a free one, or that of a process that died; None if another has it."""
        try:
            return self._bucket.put_new(self._marker, uuid4().bytes)
        except FileExistsError:
            head = self._bucket.head(self._marker)
        if head is None or whole_seconds(head["LastModified"]) > datetime.now(UTC) - HOLD_LIFETIME:
            return None
        return self._replace(head["ETag"])

    def _replace(self, etag: str) -> str | None:
        """Write the marker again if it is still the one with this ETag; its new ETag."""
        data = uuid4().bytes
        try:
            with store_errors():
                return self._bucket.client.put_object(
                    Bucket=self._bucket.name,
                    Key=self._marker,
                    Body=data,
                    ContentMD5=content_md5(data),
                    IfMatch=etag,
                )["ETag"]
        except FileExistsError:
            return None

    def _renew(self, etag: str, stop: threading.Event) -> None:
        current: str | None = etag
        while current is not None and not stop.wait(RENEW_SECONDS):
            with suppress(StoreUnavailable):  # the next renewal may be in time still
                current = self._replace(current)

    def _empty(self) -> int:
        count = 0
        for name, _, _ in self._bucket.list("held"):
            self._bucket.delete(self._bucket.key("held", name))
            count += 1
        return count
