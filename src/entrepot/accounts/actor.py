"""The actor: the authenticated identity that every query on a tenant's data takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType, cast
from uuid import UUID

from entrepot.activity.record import RequestOrigin
from entrepot.errors import NotAllowed, ScopeMissing

AccountId = NewType("AccountId", UUID)
UserId = NewType("UserId", UUID)
KeyId = NewType("KeyId", UUID)
LinkId = NewType("LinkId", UUID)

Role = Literal["member", "admin"]
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")


@dataclass(frozen=True)
class LinkedAccess:
    """What a link allows whoever has it: to read one file, in a `form` (None: as it was delivered)
    of a `version` (None: the newest), or to deliver to it.

    `account_id` owns the file, `created_by` made the link and answers for it, with the key `key_id`
    (None: in a browser).
    """

    link_id: LinkId
    account_id: AccountId
    file_id: UUID
    delivers: bool
    form: str | None
    version: int | None
    created_by: UserId
    key_id: KeyId | None


@dataclass(frozen=True)
class Actor:
    """A signed-in user, the holder of a key, or somebody who has a link to a file.

    Only `keys.find_key_holder`, `sign_in.authenticate_session` and `link_use.find_link_holder`
    create one. `at` is the time of the action: entitlements that expire by time alone are compared
    with it. The unit of work sets `request_origin` for the activity record; it is None outside of a
    request.

    Who has a link acts for no user and no account: the link's own id stands for both, so that they
    own nothing, see nothing but what the link allows, and count as a guest.
    """

    user_id: UserId
    user_name: str
    account_id: AccountId
    account: str
    role: Role
    scopes: tuple[Scope, ...]
    key_id: KeyId | None
    expires_at: datetime | None
    at: datetime
    request_origin: RequestOrigin | None = None
    link: LinkedAccess | None = None

    @property
    def answering_user_id(self) -> UserId:
        """The user who answers for what the actor does: the actor, or who made the link."""
        return self.link.created_by if self.link is not None else self.user_id

    @property
    def serving_account_id(self) -> AccountId:
        """The account that the actor is served for: their own, or that of the link's file."""
        return self.link.account_id if self.link is not None else self.account_id

    @property
    def is_admin(self) -> bool:
        """Whether the user administers the account."""
        return self.role == "admin"

    def require(self, scope: Scope) -> None:
        """Raise ScopeMissing, or NotAllowed where the scope needs a role that the user lacks."""
        if scope not in self.scopes:
            raise ScopeMissing(required=scope, scopes=self.scopes)
        if scope == "admin" and not self.is_admin:
            raise NotAllowed(reason="Only admins of the account may do this.")

    def require_any(self, *scopes: Scope) -> None:
        """Raise ScopeMissing, which names the first, if the actor has none of these scopes."""
        if not {*scopes} & {*self.scopes}:
            raise ScopeMissing(required=scopes[0], scopes=self.scopes)


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """Split a comma-separated list of scopes. Raises ValueError with the name of an unknown
    scope."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names:
        if name not in SCOPES:
            raise ValueError(f"{name!r} is not a scope; scopes are {', '.join(SCOPES)}")
    if not names:
        raise ValueError(f"at least one scope is needed: {', '.join(SCOPES)}")
    return cast(tuple[Scope, ...], tuple(scope for scope in SCOPES if scope in names))
