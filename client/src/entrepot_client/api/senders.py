"""The requests about the other accounts that share files with the caller."""

from collections.abc import Iterator
from urllib.parse import quote

from entrepot_client.endpoint import API
from entrepot_client.models import Document
from entrepot_client.paths import file_path
from entrepot_client.transport import Transport


class SenderRequests:
    """The part of `Client` that says from whom the caller takes shared files."""

    _transport: Transport

    def senders(self) -> Iterator[Document]:
        """The other accounts that share files with the caller, and your decisions about them."""
        return self._transport.pages(f"{API}/senders", "senders_list")

    def decide_on_sender(
        self, account: str, decision: str | None, *, for_account: bool = False
    ) -> Document:
        """Accept another account (`accepted`), block it (`blocked`) or take that back (None).

        With `for_account` an admin decides for the whole account. Raises ResourceNotFound for an
        account that shares nothing with the caller, and Forbidden.
        """
        body = {"decision": decision, "for_account": for_account}
        path = f"{API}/sender/{quote(account, safe='')}"
        sender: Document = self._transport.send("PUT", path, body)
        return sender

    def decline_share(self, file_id: str) -> None:
        """End what another account shares with the caller of a file; by an admin, also what it
        shares with the whole account. Raises ResourceNotFound."""
        self._transport.send("DELETE", f"{file_path(file_id)}/share")
