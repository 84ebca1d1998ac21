"""Blobs in a bucket of an S3-compatible store: `blobs/<id>` once committed.

What no row names is in `trash/<id>` for some days before it is removed, what a back-up still needs
is in `held/<id>`, and bytes that arrive over many requests are in `drafts/` (`blobs.s3_drafts`).
Unlike a folder the store gives no place to a blob that is on its way: it is a multipart upload.
"""

import builtins
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from entrepot.blobs.cache import BlobCache
from entrepot.blobs.disk_drafts import parse_blob_id
from entrepot.blobs.s3_client import (
    MAX_CONNECTIONS,
    Bucket,
    abort_upload,
    blob_stat,
    store_errors,
)
from entrepot.blobs.s3_deletions import S3DeletionGate
from entrepot.blobs.s3_drafts import S3Drafts
from entrepot.blobs.s3_read import open_object
from entrepot.blobs.s3_write import S3Writer
from entrepot.blobs.store import (
    BLOCK_BYTES,
    BlobId,
    BlobStat,
    BlobWriter,
    Drafts,
    HeldBlobs,
    PresignedHeaders,
    StoredBlob,
)
from entrepot.errors import BlobMissing

BLOB_KINDS = ("blobs", "trash", "held")
"""Kinds of objects that have the id of a blob as their name."""


class S3Store:
    """A `BlobStore` below a prefix of a bucket. Any number of processes and hosts may share it."""

    def __init__(
        self, bucket: Bucket, cache: BlobCache, public_bucket: Bucket | None = None
    ) -> None:
        """Nothing is sent yet. `cache` has the local copies of what is borrowed.

        `public_bucket` is the same bucket at the address that clients reach, if that is another.
        """
        self._bucket = bucket
        self._public_bucket = public_bucket or bucket
        self._cache = cache
        self._deletions = S3DeletionGate(bucket)
        self._sending = ThreadPoolExecutor(MAX_CONNECTIONS, "entrepot-s3")
        self._running: set[str] = set()
        self._drafts = S3Drafts(bucket, self._blob_key)

    @property
    def drafts(self) -> Drafts:
        """The store of bytes that arrive over many requests and become a blob at the end."""
        return self._drafts

    def create(self, blob_id: BlobId) -> BlobWriter:
        """Begin a blob. Nothing is sent yet: the writer raises `StoreUnavailable`, and its commit
        `FileExistsError`."""
        key = self._blob_key(blob_id)
        return S3Writer(self._bucket, key, self._sending, self._running)

    def is_full(self) -> bool:
        """Never known before a write: an upload is refused once the store refuses its bytes."""
        return False

    def stat(self, blob_id: BlobId) -> BlobStat | None:
        """Size and time of a committed blob; None where there is none."""
        head = self._bucket.head(self._blob_key(blob_id))
        if head is None:
            self._bucket.require_store()
            return None
        return blob_stat(blob_id, head)

    def read(
        self,
        blob_id: BlobId,
        start: int = 0,
        stop: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        size: int | None = None,
    ) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in blocks. Raises `BlobMissing`.

        A body that breaks off is continued by a further request, unless the blob is gone.
        """
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError(f"offsets are not negative: {start}, {stop}")
        try:
            key = self._blob_key(blob_id)
            return open_object(self._bucket, key, start, stop, block_bytes, size)
        except FileNotFoundError as error:
            self._bucket.require_store()
            raise BlobMissing(blob_id=blob_id) from error

    def path(self, blob_id: BlobId) -> Path | None:
        """None: no blob is a local file."""
        del blob_id
        return None

    def presign(self, blob_id: BlobId, seconds: int, headers: PresignedHeaders) -> str:
        """An address signed with the server's credentials, for a GET of this blob alone.

        Raises `StoreUnavailable` where the credentials cannot be found.
        """
        key = self._blob_key(blob_id)
        with store_errors():
            return self._public_bucket.client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._public_bucket.name,
                    "Key": key,
                    "ResponseContentType": headers.content_type,
                    "ResponseContentDisposition": headers.content_disposition,
                    "ResponseCacheControl": headers.cache_control,
                },
                ExpiresIn=seconds,
            )

    def borrow(
        self, blob_id: BlobId, find_recorded: Callable[[], StoredBlob]
    ) -> AbstractContextManager[Path]:
        """A copy in the cache of this host, checked when it was fetched.

        Raises as `BlobStore.borrow` does, `BlobDamaged`, and `StorageFull` where the cache's disk
        has no space.
        """
        return self._borrow(blob_id, find_recorded)

    @contextmanager
    def _borrow(self, blob_id: BlobId, find_recorded: Callable[[], StoredBlob]) -> Iterator[Path]:
        # Another host may have deleted what this one has a copy of. Whoever fetches one sees it.
        if self._cache.has_copy(blob_id) and self.stat(blob_id) is None:
            self._cache.drop(blob_id)
            raise BlobMissing(blob_id=blob_id)
        with self._cache.borrow(blob_id, find_recorded, lambda: self.read(blob_id)) as path:
            yield path

    def list_copies(self) -> builtins.list[BlobId]:
        """Of which blobs this host's cache has copies, whole or begun."""
        return self._cache.blob_ids()

    def drop_copy(self, blob_id: BlobId) -> None:
        """Remove this host's copy of a blob. Idempotent."""
        self._cache.drop(blob_id)

    def link(self, source: BlobId, blob_id: BlobId, size: int | None = None) -> None:
        """A copy, made by the store itself. Raises `BlobMissing`, `FileExistsError`."""
        key = self._blob_key(blob_id)
        try:
            self._bucket.copy(self._blob_key(source), key, size=size)
        except FileExistsError:
            self._bucket.require_taken(key)
            raise
        except FileNotFoundError as error:
            self._bucket.require_store()
            raise BlobMissing(blob_id=source) from error

    def delete(self, blob_id: BlobId) -> None:
        """Remove the blob, and this host's copy of it. Idempotent."""
        key = self._blob_key(blob_id)
        if self._deletions.is_held():
            self._copy_over(key, self._bucket.key("held", blob_id))
        self._bucket.delete(key)
        self._cache.drop(blob_id)

    @contextmanager
    def hold_deletions(self) -> Iterator[HeldBlobs]:
        """Keep the bytes of what is deleted meanwhile, under `held/`."""
        with self._deletions.hold():
            yield S3HeldBlobs(self._bucket)

    def remove_held(self) -> int:
        """Remove what a dead process held; how many blobs."""
        return self._deletions.remove_held()

    def discard(self, blob_id: BlobId) -> None:
        """Copy the blob to `trash/`, then remove it."""
        key = self._blob_key(blob_id)
        if self._copy_over(key, self._bucket.key("trash", blob_id)):
            self._bucket.delete(key)
            self._cache.drop(blob_id)

    def recover(self, blob_id: BlobId) -> None:
        """Copy the blob back from `trash/`. Raises `BlobMissing`, `FileExistsError`."""
        key = self._bucket.key("trash", blob_id)
        try:
            self._bucket.copy(key, self._blob_key(blob_id))
        except FileNotFoundError as error:
            raise BlobMissing(blob_id=blob_id) from error
        except FileExistsError:
            if not self._are_equal(key, self._blob_key(blob_id)):
                raise  # else it was cut off after the copy
        self._bucket.delete(key)

    def list_trash(self) -> Iterator[BlobStat]:
        """Every blob in the trash."""
        return self._bucket.list_blobs("trash")

    def empty_trash(self, older_than: datetime) -> int:
        """Remove what was discarded before `older_than` (aware); how many blobs."""
        old = [stat.blob_id for stat in self.list_trash() if stat.modified < older_than]
        for blob_id in old:
            self._bucket.delete(self._bucket.key("trash", blob_id))
        return len(old)

    def list(self) -> Iterator[BlobStat]:
        """Every committed blob."""
        return self._bucket.list_blobs("blobs")

    def sweep_incoming(self, older_than: datetime) -> int:
        """Abort the multipart uploads that got no part since `older_than` (aware); how many.

        A writer that sends nothing for so long counts as dead, unless it is in this process.
        """
        aborted = 0
        for upload in self._list_uploads():
            key, upload_id = upload["Key"], upload["UploadId"]
            if upload_id in self._running or self._last_part(upload) >= older_than:
                continue
            abort_upload(self._bucket, key, upload_id)
            aborted += 1
        return aborted

    def _list_uploads(self) -> Iterator[Any]:
        """Those of this store: another one may have a prefix below the one of this."""
        paginator = self._bucket.client.get_paginator("list_multipart_uploads")
        for kind in BLOB_KINDS:
            prefix = self._bucket.key(kind)
            with store_errors():
                pages = [*paginator.paginate(Bucket=self._bucket.name, Prefix=prefix)]
            for page in pages:
                for upload in page.get("Uploads", ()):
                    if parse_blob_id(upload["Key"].removeprefix(prefix)) is not None:
                        yield upload

    def _last_part(self, upload: Any) -> datetime:
        """When the upload got its last part, or began."""
        last: datetime = upload["Initiated"]
        pages = self._bucket.client.get_paginator("list_parts")
        with store_errors(missing_upload=False):
            for page in pages.paginate(
                Bucket=self._bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
            ):
                last = max(last, *(part["LastModified"] for part in page.get("Parts", ())), last)
        return last.astimezone(UTC)

    def _copy_over(self, source: str, target: str) -> bool:
        """Copy an object over what may be there; whether there is one."""
        with suppress(FileNotFoundError):
            self._bucket.copy(source, target, replace=True)
            return True
        return False

    def _are_equal(self, first: str, second: str) -> bool:
        heads = (self._bucket.head(first), self._bucket.head(second))
        sizes = {head["ContentLength"] for head in heads if head is not None}
        tags = {head["ETag"] for head in heads if head is not None}
        return None not in heads and len(sizes) == len(tags) == 1

    def _blob_key(self, blob_id: BlobId) -> str:
        return self._bucket.key("blobs", blob_id)


@dataclass(frozen=True)
class S3HeldBlobs:
    """Committed blobs, and those deleted since deletions are held."""

    bucket: Bucket

    def read(self, blob_id: BlobId) -> Iterator[bytes]:
        """The bytes, in blocks of 1 MiB. Raises `BlobMissing`."""
        for kind in ("blobs", "held"):
            with suppress(FileNotFoundError):
                return open_object(self.bucket, self.bucket.key(kind, blob_id), 0, None)
        raise BlobMissing(blob_id=blob_id)
