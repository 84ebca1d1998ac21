"""Take a file that a sandbox process wrote into the blob store. The file is untrusted."""

import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from entrepot.blobs.store import BLOCK_BYTES, BlobId, BlobStore, StoredBlob


def new_blob_id() -> BlobId:
    """An id for the blob of a form."""
    return BlobId(uuid4())


def store_output(store: BlobStore, output: Path) -> tuple[BlobId, StoredBlob]:
    """The id and the size of a new blob with the file's bytes, which is durable and which no row
    names yet: if none comes to, the sweep removes it. Raises StorageFull, OSError."""
    blob_id = new_blob_id()
    writer = store.create(blob_id)
    try:
        for block in _blocks(output):
            writer.write(block)
        return blob_id, writer.commit()
    except BaseException:
        writer.abort()
        raise


def has_content(output: Path, size: int, digest: str) -> bool:
    """Whether the file has these bytes: `size` of them, with the SHA-256 `digest` in hex."""
    if output.lstat().st_size != size:
        return False
    content = sha256()
    for block in _blocks(output):
        content.update(block)
    return content.hexdigest() == digest


def _blocks(output: Path) -> Iterator[bytes]:
    """The bytes of a file that a sandbox process wrote. Raises OSError if it is not a plain file:
    a process under attack might put a link there, so that we read what it may not."""
    descriptor = os.open(output, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise OSError("what the sandbox process wrote is not a plain file")
        while block := file.read(BLOCK_BYTES):
            yield block
