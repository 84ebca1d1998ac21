"""Read an object in blocks, and continue where a body breaks off."""

from collections.abc import Iterator
from typing import Any

from entrepot.blobs.s3_client import ATTEMPTS, Bucket, missing_errors, store_errors
from entrepot.blobs.store import BLOCK_BYTES
from entrepot.errors import StoreUnavailable


def open_object(
    bucket: Bucket,
    key: str,
    start: int,
    stop: int | None,
    block_bytes: int = BLOCK_BYTES,
    size: int | None = None,
) -> Iterator[bytes]:
    """The bytes from `start` up to `stop`, in blocks. The object is opened by this call.

    Raises `FileNotFoundError`, also where it does not have `size` bytes; while reading
    `StoreUnavailable`, also where the object is replaced or removed before the end.
    """
    if stop is not None and stop <= start:
        head = bucket.head(key)
        if head is None or size not in (None, head["ContentLength"]):
            raise FileNotFoundError(key)
        return iter(())
    answer = _get(bucket, key, start, stop)
    if size is not None and (answer is None or _whole_size(answer) != size):
        if answer is not None:
            answer["Body"].close()
        raise FileNotFoundError(key)
    return _blocks(bucket, key, answer, start, stop, block_bytes) if answer else iter(())


def _whole_size(answer: Any) -> int:
    """The size of the object that an answer has bytes of."""
    content_range: str = answer.get("ContentRange") or f"/{answer['ContentLength']}"
    return int(content_range.rpartition("/")[2])


def _get(
    bucket: Bucket, key: str, start: int, stop: int | None, etag: str | None = None
) -> Any | None:
    """The answer to a request for a range; None if the object ends before its beginning."""
    from botocore.exceptions import ClientError

    options: dict[str, Any] = {"IfMatch": etag} if etag is not None else {}
    if start or stop is not None:
        options["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    with store_errors(), missing_errors():
        try:
            return bucket.client.get_object(Bucket=bucket.name, Key=key, **options)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "InvalidRange":
                raise
            return None


def _blocks(
    bucket: Bucket, key: str, answer: Any, start: int, stop: int | None, block_bytes: int
) -> Iterator[bytes]:
    end = start + answer["ContentLength"]
    failures = 0
    while True:
        try:
            with store_errors(), answer["Body"] as body:
                while start < end:
                    block = _read_exactly(body, min(block_bytes, end - start))
                    start += len(block)
                    failures = 0
                    yield block
                return
        except StoreUnavailable:
            failures += 1
            if failures == ATTEMPTS:
                raise
        try:
            answer = _get(bucket, key, start, end, answer["ETag"])
        except (FileNotFoundError, FileExistsError) as error:
            raise StoreUnavailable(reason="A blob was removed while it was read") from error
        if answer is None:
            raise StoreUnavailable(reason="A blob is shorter than the store said")


def _read_exactly(body: Any, size: int) -> bytes:
    """The next `size` bytes. Raises `StoreUnavailable` where the body ends before them."""
    pieces: list[bytes] = []
    missing = size
    while missing:
        piece = body.read(missing)
        if not piece:
            raise StoreUnavailable(reason="An answer broke off")
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
