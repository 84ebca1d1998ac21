"""The requests about uploads under way."""

from collections.abc import Iterator
from urllib.parse import quote

from entrepot_client.endpoint import API
from entrepot_client.models import Document
from entrepot_client.transport import Transport


class UploadRequests:
    """The part of `Client` that says which uploads are under way, and ends them."""

    _transport: Transport

    def uploads(self) -> Iterator[Document]:
        """Uploads under way: the caller's own, and those to files that they manage."""
        return self._transport.pages(f"{API}/uploads", "uploads_list")

    def end_upload(self, upload_id: str) -> None:
        """End an upload, the caller's own or one to a file that they manage. Raises
        ResourceNotFound."""
        self._transport.send("DELETE", f"{API}/uploads/{quote(upload_id, safe='')}")
