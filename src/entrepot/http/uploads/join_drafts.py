"""Make one blob of the drafts of partial uploads."""

from collections.abc import Iterable
from uuid import uuid4

from entrepot.blobs.store import BlobId, Drafts, StoredBlob
from entrepot.errors import UploadIncomplete
from entrepot.files.delivery.upload_state import Upload


def join_drafts(drafts: Drafts, parts: Iterable[Upload], blob_id: BlobId) -> StoredBlob:
    """Copy the parts' bytes into one draft, in order, and make a blob of it.

    Copied, not moved: until the transaction each part stays as its sender knows it. Raises
    UploadIncomplete, StorageFull, BlobMissing.
    """
    draft_id = uuid4()
    writer = drafts.append(draft_id)
    try:
        for part in filter(lambda part: part.size, parts):
            start_offset = writer.size
            for block in drafts.read(part.upload_id):
                writer.write(block)
            if writer.size - start_offset != part.size:
                raise UploadIncomplete(upload=str(part.upload_id))
        return writer.commit(blob_id)
    finally:
        drafts.drop(draft_id)
        writer.close()
