"""Redirect a whole download to an address in the store that is valid for a short time."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from entrepot.blobs import BlobId, BlobStore, PresignedHeaders
from entrepot.errors import BlobMissing
from entrepot.http.downloads.blob_response import CheckAccess
from entrepot.http.downloads.read_log import RecordedRead

MIN_BYTES = 1024 * 1024
"""Bytes from which a download is redirected: one block of ours costs less than another request."""
DESCRIBING_HEADERS = ("ETag", "Last-Modified", "Content-Disposition", "Repr-Digest")
"""What the answer with the address says of the bytes, which the store does not know."""


class PresignedResponse(Response):
    """A redirect whose address is made when it is sent, right after a last look at the right.

    Raises, before any header is out, `BlobMissing`, `StoreUnavailable` and what `check_access`
    raises.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        store: BlobStore,
        blob_id: BlobId,
        size: int,
        seconds: int,
        check_access: CheckAccess,
        recorder: RecordedRead,
    ) -> None:
        """`headers` are those of the download that this stands for."""
        kept = {name: headers[name] for name in DESCRIBING_HEADERS}
        super().__init__(status_code=307, headers=kept | {"Cache-Control": "no-store"})
        self._store, self._blob_id, self._size = store, blob_id, size
        self._seconds = seconds
        self._presigned_headers = PresignedHeaders(
            headers["Content-Type"], headers["Content-Disposition"], "private, no-store"
        )
        self._check_access = check_access
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the address."""
        try:
            await asyncio.to_thread(self._check_blob)
        except BlobMissing:
            await self._check_access()  # says so if the version was purged since the look-up
            raise
        validity = await self._check_access()
        self.headers["Location"] = await asyncio.to_thread(self._make_address, validity)
        self._recorder.record_redirect()
        await super().__call__(scope, receive, send)

    def _check_blob(self) -> None:
        stat = self._store.stat(self._blob_id)
        if stat is None or stat.size != self._size:
            raise BlobMissing(blob_id=self._blob_id)

    def _make_address(self, validity: timedelta | None) -> str:
        """An address that ends with the reader's key or link, a second after it at the most."""
        seconds = self._seconds
        if validity is not None:
            seconds = max(1, min(seconds, int(validity.total_seconds())))
        address = self._store.presign(self._blob_id, seconds, self._presigned_headers)
        if address is None:
            raise BlobMissing(blob_id=self._blob_id)
        return address
