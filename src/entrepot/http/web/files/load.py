"""What the page of a file is made of, loaded in one transaction."""

from dataclasses import dataclass
from uuid import UUID

from entrepot.accounts.actor import Actor
from entrepot.db.pages import Position
from entrepot.db.types import ReadConnection
from entrepot.files.delivery.under_way import (
    UploadUnderWay,
    list_uploads_to_file,
)
from entrepot.files.queries.activity import (
    ActivityFilter,
    ActivityRow,
    PageRange,
    list_file_activity,
)
from entrepot.files.queries.read import (
    FileRecord,
    Findings,
    find_newest_findings,
    get_file,
)
from entrepot.files.queries.revisions import Revision, list_schema_revisions
from entrepot.files.queries.versions_list import Version, find_accepted_version, list_versions
from entrepot.files.transfer import get_offer_recipient
from entrepot.grants.entitlements import (
    GrantedEntitlement,
    list_entitlements,
)
from entrepot.grants.senders import may_decline

VERSIONS = 20
"""The newest versions, which the page of a file lists."""
UPLOADS = 50
"""The oldest uploads under way, which it lists."""
ACTIVITY_SHOWN = 5
"""The newest activity, which it shows."""
PAGE = 50
"""Rows of a list on one page: of files, and of those whom a file is shared with."""


@dataclass(frozen=True)
class FilePage:
    """What the page of a file is made of; `findings` are None as long as nothing was inspected."""

    file: FileRecord
    findings: Findings | None
    revisions: list[Revision]
    versions: list[Version]
    exception: Version | None
    entitlements: list[GrantedEntitlement]
    activity: list[ActivityRow]
    offer_recipient: str | None
    uploads: list[UploadUnderWay]
    may_decline: bool

    @property
    def inspected_version(self) -> Version | None:
        """The version that the findings are of, if it is among those that are listed."""
        number = self.findings.version if self.findings else None
        return next((each for each in self.versions if each.number == number), None)

    @property
    def rejected(self) -> Version | None:
        """A delivery newer than the current version that was not published, if it is the newest."""
        newest = self.versions[0] if self.versions else None
        if newest is None or not self.file.version or newest.number < self.file.version:
            return None
        return newest if newest.status in ("rejected", "failed") else None

    @property
    def withdrawn(self) -> Version | None:
        """The newest version, if it was withdrawn and no newer one is published: its readers may
        have it still."""
        newest = next((v for v in self.versions if v.status in ("published", "withdrawn")), None)
        return newest if newest is not None and newest.withdrawal is not None else None


def load_file_page(
    conn: ReadConnection, actor: Actor, file_id: UUID, shared_after: Position | None
) -> FilePage:
    """Load it. Raises NotFound."""
    file = get_file(conn, actor, file_id)
    # The page is about what readers get; while nothing is published, about the newest delivery.
    current = file.version if file.rights.reads else None
    findings = find_newest_findings(conn, actor, file_id, current)
    return FilePage(
        file,
        findings,
        list_schema_revisions(conn, actor, file_id),
        list_versions(conn, actor, file_id, VERSIONS),
        find_accepted_version(conn, file_id, file.version),
        list_entitlements(conn, actor, file_id, PAGE + 1, shared_after)
        if file.rights.manages
        else [],
        list_file_activity(conn, actor, file_id, ActivityFilter(), PageRange(ACTIVITY_SHOWN))
        if file.rights.manages
        else [],
        get_offer_recipient(conn, file_id) if file.rights.manages else None,
        list_uploads_to_file(conn, actor, file_id, UPLOADS) if file.rights.manages else [],
        file.is_foreign and may_decline(conn, actor, file_id),
    )
