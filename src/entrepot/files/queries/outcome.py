"""The state of a version since it was published, for the page of its task."""

from dataclasses import dataclass
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound, VersionDeleted
from entrepot.files.queries.read import get_file
from entrepot.files.queries.versions_list import Withdrawal, get_version
from entrepot.files.versions import GONE_STATUSES, VersionStatus


@dataclass(frozen=True)
class PublishedOutcome:
    """A version that was published, as it is now: its status, and the version that readers get.

    `current_version` and `withdrawal` are None for those who may only deliver.
    """

    number: int
    status: VersionStatus
    current_version: int | None
    withdrawal: Withdrawal | None = None

    @property
    def is_current(self) -> bool:
        """Whether readers get this version."""
        return self.number == self.current_version

    @property
    def is_gone(self) -> bool:
        """Whether nobody reads it any more."""
        return self.status in GONE_STATUSES


def find_published_outcome(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int
) -> PublishedOutcome | None:
    """None for a version of which the actor may not know."""
    try:
        current = get_file(conn, actor, file_id).version
        version = get_version(conn, actor, file_id, number)
    except VersionDeleted:
        return PublishedOutcome(number, "deleted", current)
    except NotFound:
        return None
    return PublishedOutcome(number, version.status, current, version.withdrawal)
