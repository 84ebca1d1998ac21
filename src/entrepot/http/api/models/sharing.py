"""Entitlements to a file, and offers of one to another account."""

from typing_extensions import TypedDict

from entrepot.grants.access import Entitlement
from entrepot.grants.senders import Decision
from entrepot.http.api.models.values import Bytes, Count, Id, Timestamp, UserName, answer


@answer
class EntitlementDetails(TypedDict):
    """What a user, or an account as a whole (`acme:*`), may do with a file."""

    user_name: UserName
    entitlement: Entitlement
    expires_at: Timestamp | None
    granted_by: UserName
    created_at: Timestamp


@answer
class EntitlementList(TypedDict):
    """A page of a file's entitlements, the oldest first."""

    entitlements_list: list[EntitlementDetails]


class OfferDetails(TypedDict):
    """A file that the caller is offered; `user_name` is its present owner."""

    file_id: Id
    file_name: str
    file_description: str
    user_name: UserName
    bytes: Bytes
    entitlements: Count
    offered_at: Timestamp


@answer
class OfferList(TypedDict):
    """A page of offers, the oldest first."""

    offers_list: list[OfferDetails]


@answer
class OfferConfirmation(TypedDict):
    """To whom a file is offered, since when."""

    file_id: Id
    user_name: UserName
    offered_at: Timestamp


@answer
class SenderDetails(TypedDict):
    """Another account that shares `files` with the caller or offers them, with the decisions of the
    caller and of the caller's account."""

    account: str
    files: Count
    decision: Decision | None
    account_decision: Decision | None


@answer
class SenderList(TypedDict):
    """Other accounts, by name."""

    senders_list: list[SenderDetails]
