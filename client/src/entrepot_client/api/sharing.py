"""The requests that share a file, and hand it over."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from entrepot_client.endpoint import API
from entrepot_client.models import Document, File
from entrepot_client.paths import file_path
from entrepot_client.transport import Transport


class SharingRequests:
    """The part of `Client` that says who else may have a file."""

    _transport: Transport

    def entitlements(self, file_id: str) -> Iterator[Document]:
        """The entitlements to a file. Raises ResourceNotFound, and Forbidden if the caller may not
        share it."""
        return self._transport.pages(f"{file_path(file_id)}/entitlements", "entitlements_list")

    def share(
        self,
        file_id: str,
        user_name: str,
        entitlement: str,
        expires_at: datetime | None = None,
    ) -> Document:
        """Let a user of any account (`acme:anna`), or a whole account (`partner:*`), read a file
        (`r`), deliver to it (`w`) or both (`rw`). Raises ResourceNotFound, Forbidden, Invalid."""
        body: dict[str, Any] = {"entitlement": entitlement, "expires_at": format_time(expires_at)}
        path = f"{file_path(file_id)}/entitlements/{quote(user_name, safe='')}"
        entitlement_document: Document = self._transport.send("PUT", path, body)
        return entitlement_document

    def unshare(self, file_id: str, user_name: str) -> None:
        """End an entitlement immediately. Raises ResourceNotFound, also if there is none."""
        path = f"{file_path(file_id)}/entitlements/{quote(user_name, safe='')}"
        self._transport.send("DELETE", path)

    def links(self, file_id: str) -> Iterator[Document]:
        """The links to a file that were not revoked. Raises ResourceNotFound, and Forbidden if the
        caller may not share it."""
        return self._transport.pages(f"{file_path(file_id)}/links", "links_list")

    def create_link(
        self,
        file_id: str,
        kind: str,
        *,
        name: str = "",
        format: str | None = None,
        version: int | None = None,
        expires_at: datetime | None = None,
        max_uses: int | None = None,
        password: str | None = None,
    ) -> Document:
        """A link with which anybody who has it reads a file (`read`: in one `format`, one
        `version`, by default the newest as it was delivered) or delivers to it (`deliver`). Its
        `url` is shown this once. Raises ResourceNotFound, Forbidden, Invalid, Conflict."""
        body: dict[str, Any] = {
            "kind": kind,
            "name": name,
            "format": format,
            "version": version,
            "expires_at": format_time(expires_at),
            "max_uses": max_uses,
            "password": password,
        }
        link: Document = self._transport.send("POST", f"{file_path(file_id)}/links", body)
        return link

    def revoke_link(self, file_id: str, link_id: str) -> None:
        """End a link immediately. Raises ResourceNotFound, also if it was revoked."""
        self._transport.send("DELETE", f"{file_path(file_id)}/links/{quote(link_id, safe='')}")

    def transfer_file(self, file_id: str, user_name: str) -> None:
        """Make another user of the same account the owner of a file. Raises Invalid."""
        self._transport.send("PATCH", file_path(file_id), {"user_name": user_name})

    def offer(self, file_id: str, user_name: str) -> Document:
        """Offer a file to a user of another account, who owns it once they accept."""
        path, body = f"{file_path(file_id)}/offer", {"user_name": user_name}
        offer_document: Document = self._transport.send("PUT", path, body)
        return offer_document

    def offers(self) -> Iterator[Document]:
        """The files that are offered to the caller."""
        return self._transport.pages(f"{API}/offers", "offers_list")

    def accept_offer(self, file_id: str) -> File:
        """Accept an offer and become the file's owner. Raises ResourceNotFound, OverLimit,
        Conflict."""
        return File.from_document(
            self._transport.send("POST", f"{file_path(file_id)}/offer/accept")
        )

    def end_offer(self, file_id: str) -> None:
        """Decline an offer, or withdraw an offer of yours. Raises ResourceNotFound if there is
        none."""
        self._transport.send("DELETE", f"{file_path(file_id)}/offer")


def format_time(moment: datetime | None) -> str | None:
    """A time as the API takes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000") if moment else None
