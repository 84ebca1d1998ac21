"""A problem document (RFC 9457), as an answer to a request and as the end of a task."""

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict


class Problem(TypedDict):
    """Why a request or a task failed (RFC 9457). The figures of each code are further members."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    type: Annotated[
        str,
        Field(description="The address of a page about it.", examples=["/problems/file-too-large"]),
    ]
    title: str
    status: int
    detail: Annotated[str, Field(description="One sentence about this occurrence.")]
    code: str
    request_id: NotRequired[str]
