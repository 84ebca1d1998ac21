"""Where a store in S3 is, before it is opened."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from entrepot.blobs.cache import BlobCache
from entrepot.blobs.disk_identity import format_id, parse_id
from entrepot.blobs.disk_sync import ID_FILE
from entrepot.blobs.s3 import S3Store
from entrepot.blobs.s3_client import Bucket, open_bucket
from entrepot.blobs.store import BlobId
from entrepot.errors import StoreUnavailable


@dataclass(frozen=True)
class S3Location:
    """A prefix of a bucket. `make_cache` opens the host's cache of borrowed blobs.

    `public_endpoint` is the store's address for clients, if it is not that of the server.
    """

    bucket_name: str
    prefix: str
    make_cache: Callable[[], BlobCache]
    public_endpoint: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket_name}/{self.prefix}".rstrip("/")

    @property
    def id_name(self) -> str:
        """The object with the id."""
        return f"{self}/{ID_FILE}"

    def read_id(self) -> UUID | None:
        """The id in the object. Raises `StoreUnavailable`, also where there is no such bucket."""
        bucket = self._bucket()
        text = bucket.read(bucket.prefix + ID_FILE)
        return parse_id(text.decode("ascii", "replace")) if text is not None else None

    def write_id(self, installation_id: UUID, unfinished: bool = False) -> None:
        """Write the object, which must not exist, and find out whether the store can refuse that.

        Two writers of one key must never both succeed: drafts and holds rely on it.
        """
        bucket = self._bucket()
        key, data = bucket.prefix + ID_FILE, format_id(installation_id, unfinished)
        try:
            bucket.put_new(key, data)
        except FileExistsError:
            if bucket.read(key) == data:
                return
            raise StoreUnavailable(reason="It got another installation's id just now") from None
        try:
            bucket.put_new(key, data)
        except FileExistsError:
            return
        bucket.delete(key)
        raise StoreUnavailable(reason="It has no conditional writes (If-None-Match)")

    def finish_copy(self, installation_id: UUID) -> None:
        """Replace the object."""
        bucket = self._bucket()
        bucket.put(bucket.prefix + ID_FILE, format_id(installation_id))

    def count_files(self) -> int:
        """How many objects are there."""
        bucket = self._bucket()
        return sum(1 for kind in ("blobs", "drafts") for _ in bucket.list(kind))

    def list_blob_ids(self) -> Iterator[BlobId]:
        """The blobs with the prefix."""
        return (stat.blob_id for stat in self._bucket().list_blobs("blobs"))

    def open(self) -> S3Store:
        """The store, with its cache; nothing is sent yet."""
        public_bucket = None
        if self.public_endpoint is not None:
            public_bucket = open_bucket(self.bucket_name, self.prefix, self.public_endpoint)
        return S3Store(self._bucket(), self.make_cache(), public_bucket)

    def _bucket(self) -> Bucket:
        return open_bucket(self.bucket_name, self.prefix)
