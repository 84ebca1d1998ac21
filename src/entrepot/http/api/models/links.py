"""Links to files: as those who manage a file see them, and what they answer whoever has one."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from entrepot.grants.file_links import LinkKind, LinkState
from entrepot.http.api.models.problems import Problem
from entrepot.http.api.models.values import (
    Bytes,
    Count,
    Id,
    TableSchema,
    Timestamp,
    UserName,
    VersionNumber,
    answer,
)
from entrepot.inspection.results import Form
from entrepot.tasks.records import Status


class LinkDetails(TypedDict):
    """A link without its secret. `format` null: the bytes as they were delivered; `version` null:
    the newest; `max_uses` null: any number.

    `uses` are downloads that were begun, or deliveries that were not rejected. `state` is `void`
    once who made it may not share the file any more, or the key that made it is not valid any more.
    """

    link_id: Id
    name: str
    kind: LinkKind
    format: Form | None
    version: VersionNumber | None
    prefix: str
    user_name: UserName
    has_password: bool
    max_uses: Count | None
    uses: Count
    created_at: Timestamp
    expires_at: Timestamp
    state: LinkState


@answer
class LinkList(TypedDict):
    """A page of links, the oldest first."""

    links_list: list[LinkDetails]


@answer
class CreatedFileLink(LinkDetails):
    """A new link; `url` has its secret, which is shown only here."""

    url: Annotated[str, Field(examples=["https://files.example.org/l/epl_…/orders.csv"])]


@answer
class LinkedFile(TypedDict):
    """What a link for deliveries is for. `schema` is null where no schema is enforced; `uses_left`
    null: any number."""

    kind: Literal["deliver"]
    file_name: str
    file_description: str
    file_size_limit: Bytes
    enforce_schema: bool
    schema: TableSchema | None
    expires_at: Timestamp
    uses_left: Count | None


@answer
class LinkedDelivery(TypedDict):
    """A delivery by a link. `error` is set once it was rejected or could not be inspected; `report`
    is the address of the report, once there is one."""

    task_id: Id
    version: VersionNumber
    status: Status
    file_size: Bytes
    created_at: Timestamp
    finished_at: Timestamp | None
    error: Problem | None
    report: str | None


@answer
class PublishedLinkedDelivery(TypedDict):
    """The verdict on a delivery by a link: the version is published."""

    task_id: Id
    version: VersionNumber
    status: Literal["published"]
