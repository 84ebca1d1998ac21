"""The schemas that a file has had, as an actor may see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import accounts, checks, schema_revisions, users
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound
from entrepot.grants.access import access_manageable, access_visible
from entrepot.schemas.changes import Effect
from entrepot.schemas.reading.stated import StatedReading
from entrepot.texts.json_text import JsonText

RevisionSource = Literal["given", "inferred", "migrated"]
"""Who made a revision: the owner, the first version, or the migration of an older release."""


MAX_LISTED = 100
"""Revisions in a list, the newest; each may have changed 1,000 things. An older one is found by its
number."""


@dataclass(frozen=True)
class Revision:
    """One schema that the file has had, without the schema, and how deliveries were read. `version`
    is the one that it was inferred from, or that was checked against it; `changes` is None for a
    first schema."""

    number: int
    source: RevisionSource
    reading: StatedReading
    version: int | None
    changes: JsonText | None
    user_name: str
    created_at: datetime

    @property
    def effect(self) -> Effect | None:
        """Whether it was compatible with the one before, or breaking; None for a first."""
        if self.changes is None:
            return None
        # A quotation mark within a text is written with a backslash before it.
        return "breaking" if '"effect": "breaking"' in self.changes else "compatible"


def list_schema_revisions(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None = None
) -> list[Revision]:
    """The newest revisions for a file that the actor may see, the newest first; or the one with
    that number. Raises NotFound."""
    target = access_visible(conn, actor, file_id)
    revisions = schema_revisions.c
    query = (
        select(
            *(column for column in revisions if column.name != "schema"),
            users.c.name.label("user_name"),
            accounts.c.name.label("account_name"),
        )
        .join(users, users.c.id == revisions.created_by)
        .join(accounts, accounts.c.id == users.c.account_id)
        .where(revisions.file_id == file_id)
        .order_by(revisions.revision.desc())
        .limit(MAX_LISTED)
    )
    if number is not None:
        query = query.where(revisions.revision == number)
    return [
        Revision(
            number=row.revision,
            source=row.source,
            reading=StatedReading(row.dialect, row.encoding),
            version=row.version if target.rights.reads else None,
            changes=row.changes,
            user_name=f"{row.account_name}:{row.user_name}",
            created_at=row.created_at,
        )
        for row in conn.execute(query)
    ]


def load_schema(
    conn: ReadConnection, actor: Actor, file_id: UUID, number: int | None
) -> tuple[int, JsonText]:
    """A revision's number and schema, the newest by default. Raises NotFound."""
    access_visible(conn, actor, file_id)
    return load_revision_schema(conn, file_id, number)


def load_revision_schema(
    conn: ReadConnection, file_id: UUID, number: int | None
) -> tuple[int, JsonText]:
    """As `load_schema`, of a file that the caller has access to."""
    revisions = schema_revisions.c
    query = (
        select(revisions.revision, revisions.schema)
        .where(revisions.file_id == file_id)
        .order_by(revisions.revision.desc())
        .limit(1)
    )
    if number is not None:
        query = query.where(revisions.revision == number)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound
    return row.revision, row.schema


def find_proposal(
    conn: ReadConnection, actor: Actor, file_id: UUID, task_id: UUID
) -> tuple[JsonText | None, StatedReading] | None:
    """The schema that a task checked for the file, and how it reads deliveries; None if there is no
    such task. Raises NotFound, NotAllowed for who may not change the contract."""
    access_manageable(conn, actor, file_id)
    query = select(checks.c.schema, checks.c.dialect, checks.c.encoding).where(
        checks.c.file_id == file_id, checks.c.task_id == task_id, checks.c.revision.is_not(None)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else (row.schema, StatedReading(row.dialect, row.encoding))
