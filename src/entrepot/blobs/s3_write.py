"""Write one upload to an S3-compatible store: streamed in parts, hashed, counted, then completed.

At most two parts are in memory: one that fills, one that is on its way.
"""

import hashlib
from concurrent.futures import Executor, Future
from contextlib import suppress

from entrepot.blobs.s3_client import Bucket, MultipartUpload
from entrepot.blobs.store import StoredBlob

FIRST_PART_BYTES = 8 * 1024 * 1024
"""Size of the first 500 parts; the size doubles every 500 parts."""
MAX_PART_BYTES = 128 * 1024 * 1024
"""Size of the largest parts: 10,000 parts, which is the most that S3 takes, are 1.1 TB."""
PARTS_OF_ONE_SIZE = 500


def part_bytes(index: int) -> int:
    """The size of the part with this index, the first one being 0."""
    return min(FIRST_PART_BYTES << min(index // PARTS_OF_ONE_SIZE, 16), MAX_PART_BYTES)


class S3Writer:
    """A `BlobWriter`: one PUT for a small blob, a multipart upload for a larger one.

    `running` gets the id of the multipart upload for as long as this writer lives, so that a sweep
    in this process leaves it alone.
    """

    def __init__(self, bucket: Bucket, key: str, sending: Executor, running: set[str]) -> None:
        self._bucket, self._key = bucket, key
        self._sending, self._running = sending, running
        self._digest = hashlib.sha256()
        self._size = 0
        self._buffer, self._filled = bytearray(), 0
        self._upload: MultipartUpload | None = None
        self._part: tuple[Future[None], bytearray] | None = None
        self._parts_sent = 0
        self._ended = False

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`. Raises `StoreUnavailable`, `StorageFull`."""
        self._require_open()
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self._size += len(view)
        try:
            while view:
                room = part_bytes(self._parts_sent) - self._filled
                taken = view[:room]
                self._buffer[self._filled : self._filled + len(taken)] = taken
                self._filled += len(taken)
                view = view[room:]
                if len(taken) == room:
                    self._send_part()
        except BaseException:
            self.abort()
            raise

    def commit(self) -> StoredBlob:
        """Complete the blob: durable and readable. Raises `FileExistsError`, and as `write`."""
        self._require_open()
        try:
            self._bucket.require_store()
            if self._upload is None:
                self._put_whole()
            else:
                if self._filled:
                    self._send_part()
                self._wait_for_part()
                self._upload.complete()
                self._running.discard(self._upload.upload_id)
        except FileExistsError:
            self.abort()
            self._bucket.require_taken(self._key)
            raise
        except BaseException:
            self.abort()
            raise
        self._ended = True
        return StoredBlob(self._size, self._digest.hexdigest())

    def abort(self) -> None:
        """Remove what was stored. Idempotent; after a commit it does nothing."""
        if self._ended:
            return
        self._ended = True
        self._buffer = bytearray()
        if self._upload is not None:
            with suppress(Exception):  # the failure of a part that is not needed any more
                self._wait_for_part()
            self._upload.abort()
            self._running.discard(self._upload.upload_id)

    def _put_whole(self) -> None:
        """Store it in one request.

        A request that was repeated because its answer got lost finds the key taken by itself.
        """
        try:
            self._bucket.put_new(self._key, self._buffer)
        except FileExistsError:
            if self._bucket.read(self._key) != bytes(self._buffer):
                raise

    def _send_part(self) -> None:
        if self._upload is None:
            self._upload = MultipartUpload(self._bucket, self._key)
            self._running.add(self._upload.upload_id)
        free = self._wait_for_part()
        part, self._buffer = self._buffer, free
        del part[self._filled :]  # of the last part, which is shorter
        self._filled = 0
        self._parts_sent += 1
        self._part = self._sending.submit(self._upload.put_part, part), part

    def _wait_for_part(self) -> bytearray:
        """The buffer of the part that was on its way, to be filled again: its memory is there
        already, and new memory costs more than what is copied into it."""
        part, self._part = self._part, None
        if part is None:
            return bytearray()
        sent, buffer = part
        sent.result()
        return buffer

    def _require_open(self) -> None:
        if self._ended:
            raise ValueError("this upload was committed or aborted already")
