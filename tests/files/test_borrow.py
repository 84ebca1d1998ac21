"""What a borrowed blob is checked with: what the rows record of it."""

import hashlib
from uuid import uuid4

import pytest
from tests.support.server import Server, TestAccount

from entrepot.blobs.store import BlobId, StoredBlob
from entrepot.errors import BlobMissing
from entrepot.files.borrow import borrow_blob, find_recorded
from entrepot.files.named_blobs import list_named_blobs


@pytest.mark.both_databases
def test_rows_record_what_every_named_blob_has(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(b"id,name\n1,one\n2,two\n")["file_id"]
    account.server.wait_derived()
    assert account.api.get(f"/file/download/{file_id}?format=parquet").status_code == 200
    database, store = server.parts.database, server.parts.store
    with database.reading() as conn:
        blob_ids = [blob.blob_id for blob in list_named_blobs(conn)]
    assert len(blob_ids) >= 2, "a version and its Parquet"
    for blob_id in blob_ids:
        with borrow_blob(database, store, blob_id) as path:
            data = path.read_bytes()
        recorded = database.read(find_recorded, blob_id)
        assert recorded == StoredBlob(len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.both_databases
def test_of_what_no_row_names_nothing_is_recorded(server: Server) -> None:
    with pytest.raises(BlobMissing):
        server.parts.database.read(find_recorded, BlobId(uuid4()))
