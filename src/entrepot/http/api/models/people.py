"""Users, keys, the account, and the caller."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from entrepot.accounts.actor import Role, Scope
from entrepot.http.api.models.values import Bytes, Count, Id, Timestamp, UserName, answer


@answer
class UserDetails(TypedDict):
    """A user of the caller's account."""

    user_name: UserName
    role: Role
    created_at: Timestamp
    disabled: bool


@answer
class UserList(TypedDict):
    """A page of users, the oldest first."""

    users_list: list[UserDetails]


class KeyDetails(TypedDict):
    """A key without its secret."""

    key_id: Id
    name: str
    prefix: str
    scopes: list[Scope]
    user_name: UserName
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None


@answer
class KeyList(TypedDict):
    """A page of keys, the oldest first."""

    keys_list: list[KeyDetails]


@answer
class CreatedKey(KeyDetails):
    """A new key; `api_key` is its secret, which is shown only here."""

    api_key: Annotated[str, Field(examples=["epk_…"])]


@answer
class CreatedLink(TypedDict):
    """A one-time link; everybody who has it can sign in as the user."""

    user_name: UserName
    link: Annotated[str, Field(examples=["https://files.example.org/sign-in?link=…"])]
    expires_at: Timestamp


class UsedBytes(TypedDict):
    """What the used bytes of an account consist of."""

    current: Bytes
    earlier: Bytes
    undecided: Bytes
    quarantined: Bytes
    canceled: Bytes
    withdrawn: Bytes
    deleted: Bytes
    validations: Bytes


class ReservedBytes(TypedDict):
    """What the reserved bytes of an account consist of."""

    uploads: Bytes
    resumable_uploads: Bytes


@answer
class AccountDetails(TypedDict):
    """An account's quota and what is used of it."""

    account: str
    quota: Bytes
    used: Bytes
    reserved: Bytes
    metadata: Bytes
    free: Bytes
    files: Count
    versions: Count
    quarantined: Count
    derivatives: Bytes
    used_by: UsedBytes
    reserved_by: ReservedBytes


@answer
class CallerDetails(TypedDict):
    """The user and the key that a request was made with."""

    user_name: UserName
    account: str
    role: Role
    key_id: Id
    scopes: list[Scope]
    expires_at: Timestamp | None
