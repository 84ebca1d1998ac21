"""The requests about keys, users, the account and its activity."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import quote

from entrepot_client.api.sharing import format_time
from entrepot_client.endpoint import API
from entrepot_client.models import Document
from entrepot_client.paths import activity_path, with_query
from entrepot_client.transport import Transport


class AccountRequests:
    """The part of `Client` that is about the caller and their account."""

    _transport: Transport

    def keys(self) -> Iterator[Document]:
        """The caller's keys, without their secrets."""
        return self._transport.pages(f"{API}/keys", "keys_list")

    def create_key(
        self, name: str, scopes: Sequence[str], expires_at: datetime | None = None
    ) -> Document:
        """Create a key; `api_key` in the result is its secret, which nobody can read again."""
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if expires_at is not None:
            body["expires_at"] = format_time(expires_at)
        key: Document = self._transport.send("POST", f"{API}/key/new", body)
        return key

    def revoke_key(self, key_id: str) -> None:
        """Revoke a key immediately. Raises ResourceNotFound."""
        self._transport.send("DELETE", f"{API}/key/{quote(key_id, safe='')}")

    def users(self) -> Iterator[Document]:
        """The users of the caller's account."""
        return self._transport.pages(f"{API}/users", "users_list")

    def account(self) -> Document:
        """The caller's account: its quota and its used and reserved bytes."""
        return self._transport.get(f"{API}/account")

    def whoami(self) -> Document:
        """The user and the scopes of this key."""
        return self._transport.get(f"{API}/whoami")

    def activity(
        self, file_id: str | None = None, *, limit: int | None = None, **filters: str
    ) -> Iterator[Document]:
        """Activity, the newest first: of a file, or of the account for its admins, or else of the
        caller.

        `filters` are `action`, `user_name`, `since`, `until`. Raises ResourceNotFound, Forbidden,
        Invalid.
        """
        return self._transport.pages(activity_path(file_id), "activity_list", limit, filters)

    def export_activity(
        self, stream: BinaryIO, form: str, file_id: str | None = None, **filters: str
    ) -> None:
        """Write the same to a stream as `jsonl` or `csv`, the oldest first.

        Raises as `activity` does, and Unreachable if the connection breaks: the stream has a part
        then.
        """
        path = with_query(activity_path(file_id), {"format": form, **filters})
        self._transport.copy(path, stream)
