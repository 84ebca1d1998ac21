"""The record of activity."""

from typing import Any

from typing_extensions import TypedDict

from entrepot.http.api.models.values import Id, Timestamp, VersionNumber, answer


class ActivityEntry(TypedDict):
    """One act. `hash` chains it to the one before in its account."""

    at: Timestamp
    account_id: Id
    user_id: Id | None
    user_name: str | None
    key_id: Id | None
    address: str | None
    request_id: str | None
    action: str
    result: str
    file_id: Id | None
    version: VersionNumber | None
    detail: dict[str, Any] | None
    hash: str


@answer
class ActivityList(TypedDict):
    """A page of the record, the newest first."""

    activity_list: list[ActivityEntry]
