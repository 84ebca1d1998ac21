"""The connection to an S3-compatible store: keys below one prefix, bounded waits, our errors.

botocore, the base of the AWS SDK, rather than obstore: `docs/decisions/0054-stores.md` says why.
Endpoint, region and credentials come from where every S3 program takes them: `AWS_ENDPOINT_URL_S3`,
`AWS_REGION`, `AWS_ACCESS_KEY_ID` and the others of the SDK, its configuration files, or the host.
"""

import base64
import hashlib
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from entrepot.blobs.disk_drafts import parse_blob_id
from entrepot.blobs.disk_sync import ID_FILE
from entrepot.blobs.store import BlobId, BlobStat
from entrepot.errors import StartRefused, StorageFull, StoreUnavailable

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

CONNECT_SECONDS = 3
"""Seconds to connect to the store, for each attempt."""
ANSWER_SECONDS = 15
"""Seconds in which the store may send nothing, for each attempt."""
ATTEMPTS = 3
"""Attempts of one request; a request that gets no answer at all ends within 60 s."""
MAX_CONNECTIONS = 64
"""Connections that a process keeps open to the store."""
COPY_PART_BYTES = 256 * 1024 * 1024
"""Bytes that the store copies by itself in one request; it has to answer within `ANSWER_SECONDS`.
10,000 parts are 2.5 TB; a copy in one request could have 5 GiB."""

SEEN_SECONDS = 1.0
"""Seconds in which a store that was there is not looked for again."""

OPERATIONS_WITH_BYTES = ("PutObject", "UploadPart")
"""Their checksum is among the headers that are signed, instead of a SHA-256 of the bytes, which
cost a tenth of what an upload costs this process. Over TLS the SDK signs them like this by
itself."""

CRC32 = "ChecksumCRC32"
MISSING_CODES = frozenset({"NoSuchKey", "404", "NotFound"})
TAKEN_CODES = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})
FULL_CODES = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"})


@dataclass(frozen=True)
class Bucket:
    """The keys of one bucket that begin with `prefix`, which is empty or ends with a slash."""

    client: "S3Client"
    name: str
    prefix: str
    _seen: list[tuple[float, bytes]] = field(default_factory=list, compare=False)

    def require_store(self) -> None:
        """Raise `StoreUnavailable` where the whole store is gone: no blob of it is missing then.
        Whoever stores bytes looks first: they would not be where the others are.

        A HEAD says the same of a missing object and a missing bucket. A bucket may be emptied, and
        be another installation's after that.
        """
        now = time.monotonic()
        if self._seen and now < self._seen[0][0] + SEEN_SECONDS:
            return
        owner = self.read(self.prefix + ID_FILE)
        if owner is None:
            raise StoreUnavailable(reason="It has no installation's id (was its bucket emptied?)")
        if self._seen and owner != self._seen[0][1]:
            raise StoreUnavailable(reason="It has the id of another installation now")
        self._seen[:] = [(now, owner)]

    def require_taken(self, key: str) -> None:
        """Raise `StoreUnavailable` where a key is free that the store has called taken."""
        if self.head(key) is None:
            raise StoreUnavailable(reason="It refused a key that is free")

    def key(self, kind: str, name: object = "") -> str:
        """The key of an object of that kind."""
        return f"{self.prefix}{kind}/{name}"

    def put_new(self, key: str, data: bytes | bytearray) -> str:
        """Store an object under a key that must be free; its ETag. Raises `FileExistsError`."""
        return self._put(key, data, {"IfNoneMatch": "*"})

    def put(self, key: str, data: bytes | bytearray) -> str:
        """Store an object in place of what may have the key; its ETag."""
        return self._put(key, data, {})

    def _put(self, key: str, data: bytes | bytearray, condition: dict[str, str]) -> str:
        with store_errors():
            answer = self.client.put_object(
                Bucket=self.name,
                Key=key,
                Body=data,  # type: ignore[arg-type] # bytearray is allowed too
                ContentMD5=content_md5(data),
                **condition,  # type: ignore[arg-type]
            )
        return answer["ETag"]

    def read(self, key: str) -> bytes | None:
        """All bytes of a small object; None if there is none."""
        with store_errors(), suppress(FileNotFoundError), missing_errors():
            answer = self.client.get_object(Bucket=self.name, Key=key)
            return answer["Body"].read()
        return None

    def head(self, key: str) -> Any | None:
        """What the store says about an object; None if there is none."""
        with store_errors(), suppress(FileNotFoundError), missing_errors():
            return self.client.head_object(Bucket=self.name, Key=key)
        return None

    def delete(self, key: str) -> None:
        """Remove an object. A missing one is not an error."""
        with store_errors():
            self.client.delete_object(Bucket=self.name, Key=key)

    def list(self, kind: str) -> Iterator[tuple[str, int, datetime]]:
        """Name, size and time of every object of a kind, in the order of the names."""
        prefix = self.key(kind)
        pages = iter(
            self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        )
        while True:
            with store_errors():
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", ()):
                yield (
                    entry["Key"].removeprefix(prefix),
                    entry["Size"],
                    whole_seconds(entry["LastModified"]),
                )

    def list_blobs(self, kind: str) -> Iterator[BlobStat]:
        """Every object of a kind whose name is the id of a blob."""
        for name, size, modified in self.list(kind):
            blob_id = parse_blob_id(name)
            if blob_id is not None:
                yield BlobStat(blob_id, size, modified)

    def copy(
        self, source: str, target: str, replace: bool = False, size: int | None = None
    ) -> None:
        """Have the store copy an object, under a key that must be free unless it may `replace`.

        Raises `FileNotFoundError` without the source, also where it does not have `size` bytes,
        `FileExistsError` if the key is taken.
        """
        head = self.head(source)
        if head is None or size not in (None, head["ContentLength"]):
            raise FileNotFoundError(source)
        size, copy_source = head["ContentLength"], {"Bucket": self.name, "Key": source}
        if size <= COPY_PART_BYTES:
            with store_errors(), missing_errors():
                self.client.copy_object(
                    Bucket=self.name,
                    Key=target,
                    CopySource=copy_source,  # type: ignore[arg-type]
                    **({} if replace else {"IfNoneMatch": "*"}),  # type: ignore[arg-type]
                )
            return
        with MultipartUpload(self, target) as upload:
            for start in range(0, size, COPY_PART_BYTES):
                upload.copy_part(source, start, min(start + COPY_PART_BYTES, size))
            upload.complete(replace)


class MultipartUpload:
    """One multipart upload, aborted at the end of its block unless it was completed.

    The store refuses a part whose bytes do not have the CRC-32 that they were sent with. A store
    that does not know this checksum does not have it in its answer: then the Content-MD5, which
    takes four times as long, checks the other parts too, as it does the first one.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        """Begin it. Raises `StoreUnavailable`."""
        self._bucket, self._key = bucket, key
        self._parts: list[dict[str, Any]] = []
        with store_errors():
            answer = bucket.client.create_multipart_upload(
                Bucket=bucket.name, Key=key, ChecksumAlgorithm="CRC32"
            )
        self.upload_id = answer["UploadId"]
        self._checks_crc32 = False

    def __enter__(self) -> "MultipartUpload":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self.abort()

    @property
    def part_count(self) -> int:
        """Parts that are in the store."""
        return len(self._parts)

    def put_part(self, data: bytes | bytearray) -> None:
        """Store the next part, at least 5 MiB unless it is the last. One thread at a time."""
        with store_errors():
            answer = self._bucket.client.upload_part(
                Bucket=self._bucket.name,
                Key=self._key,
                UploadId=self.upload_id,
                PartNumber=len(self._parts) + 1,
                Body=data,  # type: ignore[arg-type] # bytearray is allowed too
                ChecksumCRC32=content_crc32(data),
                **({} if self._checks_crc32 else {"ContentMD5": content_md5(data)}),  # type: ignore[arg-type]
            )
        self._checks_crc32 = CRC32 in answer
        self._add_part(answer)

    def copy_part(self, source: str, start: int, stop: int) -> None:
        """Have the store copy bytes of another object as the next part."""
        with store_errors(), missing_errors():
            answer = self._bucket.client.upload_part_copy(
                Bucket=self._bucket.name,
                Key=self._key,
                UploadId=self.upload_id,
                PartNumber=len(self._parts) + 1,
                CopySource={"Bucket": self._bucket.name, "Key": source},
                CopySourceRange=f"bytes={start}-{stop - 1}",
            )
        self._add_part(answer["CopyPartResult"])

    def _add_part(self, stored: Mapping[str, Any]) -> None:
        """Name a part as the store did: it asks for its own checksum when the parts become one."""
        names = {name: stored[name] for name in ("ETag", CRC32) if name in stored}
        self._parts.append({"PartNumber": len(self._parts) + 1, **names})

    def complete(self, replace: bool = False) -> None:
        """Make the parts one object, durable and readable. Raises `FileExistsError`, unless it may
        `replace` what is there."""
        with store_errors():
            self._bucket.client.complete_multipart_upload(
                Bucket=self._bucket.name,
                Key=self._key,
                UploadId=self.upload_id,
                MultipartUpload={"Parts": self._parts},  # type: ignore[typeddict-item]
                **({} if replace else {"IfNoneMatch": "*"}),  # type: ignore[arg-type]
            )

    def abort(self) -> None:
        """Remove the parts. If the store does not answer now, the sweep does it."""
        with suppress(StoreUnavailable):
            abort_upload(self._bucket, self._key, self.upload_id)


def abort_upload(bucket: Bucket, key: str, upload_id: str) -> None:
    """Remove the parts of a multipart upload. Idempotent."""
    with store_errors(missing_upload=False):
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload_id)


def open_bucket(name: str, prefix: str, endpoint: str | None = None) -> Bucket:
    """A client for the bucket; nothing is sent yet. Raises `StoreUnavailable`.

    `endpoint` is the store's address, by default that of the environment.
    """
    # Imported here: it takes 0.3 s, and most installations have their store on a disk.
    try:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise StartRefused(
            reason="A store in S3 needs a package that is not installed. Install entrepot[s3], or "
            "name a folder with --store DIR."
        ) from None

    config = Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=MAX_CONNECTIONS,
        tcp_keepalive=True,
        # Most stores beside AWS take no checksums in trailers; each part has its Content-MD5.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        client = cast(
            "S3Client", _session().create_client("s3", config=config, endpoint_url=endpoint)
        )
    except (BotoCoreError, ValueError) as error:
        raise StoreUnavailable(reason=str(error)) from error
    unsigned = config.merge(Config(s3={"payload_signing_enabled": False}))
    for operation in OPERATIONS_WITH_BYTES:
        client.meta.events.register(
            f"before-sign.s3.{operation}",
            lambda request, **_: request.context.update(client_config=unsigned),
        )
    return Bucket(client, name, f"{prefix}/" if prefix else "")


@cache
def _session() -> Any:
    """The session of this process: what a client is made of takes 0.5 s to read."""
    from botocore.session import get_session

    return get_session()


@contextmanager
def store_errors(missing_upload: bool = True) -> Iterator[None]:
    """Turn every failure of a request into one of ours.

    `StorageFull` where the store has no space, `FileExistsError` where a key that must be free is
    taken, `StoreUnavailable` for all else: no answer, an answer that breaks off, a refusal.
    `missing_upload`: whether a multipart upload that is gone is a failure.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in TAKEN_CODES:
            raise FileExistsError("the key is taken") from error
        if code == "NoSuchUpload" and not missing_upload:
            return
        if code in FULL_CODES or status == 507:
            raise StorageFull from error
        raise StoreUnavailable(reason=f"It answered {status} {code}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(reason=f"{type(error).__name__}") from error
    except RecursionError as error:  # botocore follows redirects without a region for ever
        raise StoreUnavailable(reason="It redirects requests to itself") from error


@contextmanager
def missing_errors() -> Iterator[None]:
    """Turn the answer that there is no such object into `FileNotFoundError`.

    A missing bucket answers a HEAD alike: `Bucket.require_store` tells them apart.
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code", "") in MISSING_CODES:
            raise FileNotFoundError from error
        raise


def content_crc32(data: bytes | bytearray) -> str:
    """The header by which the store finds out whether a part arrived as it was sent."""
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode("ascii")


def content_md5(data: bytes | bytearray) -> str:
    """The header by which the store finds out whether a body arrived as it was sent."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")


def whole_seconds(moment: datetime) -> datetime:
    """A time in UTC without its fraction, which a HEAD does not have and a list may."""
    return moment.astimezone(UTC).replace(microsecond=0)


def blob_stat(blob_id: BlobId, head: Any) -> BlobStat:
    """What a HEAD says about a blob."""
    return BlobStat(blob_id, head["ContentLength"], whole_seconds(head["LastModified"]))
