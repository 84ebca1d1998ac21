"""Copy bytes into a store so that only the recorded ones ever become a blob."""

from collections.abc import Iterable
from hashlib import sha256

from entrepot.blobs.store import BlobId, BlobStore, StoredBlob
from entrepot.errors import BlobDamaged


def write_checked(
    store: BlobStore, blob_id: BlobId, blocks: Iterable[bytes], recorded: StoredBlob
) -> None:
    """Write a blob durably, unless its bytes are not the recorded ones.

    Raises `BlobDamaged`, and what `BlobStore.create` and its writer raise; nothing is kept then.
    """
    writer = store.create(blob_id)
    content, size = sha256(), 0
    try:
        for block in blocks:
            content.update(block)
            size += len(block)
            writer.write(block)
        if (size, content.hexdigest()) != (recorded.size, recorded.sha256):
            raise BlobDamaged(blob_id=blob_id)
        writer.commit()
    except BaseException:
        writer.abort()
        raise
