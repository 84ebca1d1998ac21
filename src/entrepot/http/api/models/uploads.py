"""Uploads under way."""

from typing_extensions import TypedDict

from entrepot.http.api.models.values import Bytes, Id, Timestamp, UserName, answer


class UploadDetails(TypedDict):
    """One upload: who sends it, to which file (null: a new one), how much, since when."""

    upload_id: Id
    user_name: UserName | None
    file_id: Id | None
    file_name: str | None
    resumable: bool
    size: Bytes | None
    received: Bytes | None
    reserved: Bytes
    created_at: Timestamp
    expires_at: Timestamp


@answer
class UploadList(TypedDict):
    """A page of uploads under way, the oldest first."""

    uploads_list: list[UploadDetails]
