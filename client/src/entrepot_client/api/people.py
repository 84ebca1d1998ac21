"""The requests with which an admin makes users and lets them in, and a person changes their
password."""

from urllib.parse import quote

from entrepot_client.endpoint import API
from entrepot_client.models import Document
from entrepot_client.transport import Transport


class PeopleRequests:
    """The part of `Client` that is about signing in."""

    _transport: Transport

    def create_user(self, user_name: str, role: str = "member") -> Document:
        """Make a user of the caller's account, `ACCOUNT:USER`, with the role `member` or `admin`.
        Raises Forbidden, Invalid, Conflict if there is one of that name."""
        body = {"user_name": user_name, "role": role}
        user: Document = self._transport.send("POST", f"{API}/user/new", body)
        return user

    def change_user(self, user_name: str, **changes: object) -> Document:
        """Change a user's `role` or whether they are `disabled`, which ends their sessions and
        refuses their keys. Raises Forbidden, ResourceNotFound, Conflict."""
        user: Document = self._transport.send("PATCH", _user_path(user_name), changes)
        return user

    def make_link(self, user_name: str) -> Document:
        """A one-time link with which a user of the account sets a password and signs in, within 24
        hours: an invitation, or a reset. Raises Forbidden, ResourceNotFound."""
        link: Document = self._transport.send("POST", f"{_user_path(user_name)}/link")
        return link

    def end_sessions(self, user_name: str) -> None:
        """End a user's browser sessions. Raises Forbidden, ResourceNotFound."""
        self._transport.send("DELETE", f"{_user_path(user_name)}/sessions")

    def change_password(self, current: str, new: str) -> None:
        """Change the caller's password; their sessions end. Raises Invalid, Forbidden."""
        body = {"current_password": current, "new_password": new}
        self._transport.send("POST", f"{API}/password", body)


def _user_path(user_name: str) -> str:
    return f"{API}/user/{quote(user_name, safe=':')}"
