"""Links to files: whoever has one reads one file, or delivers to it, without an account.

The secret of a link is shown once; only its keyed hash is stored, like that of a key. A link lasts
as long as its creator may share the file: it ends with the creator's right to manage the file, and
with the key that made it. Nothing has to be updated for that: each use looks it up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from entrepot.accounts.actor import Actor, LinkId
from entrepot.accounts.secrets import LINK_PREFIX, choose_key, keyed_digest
from entrepot.activity.record import record
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import (
    accounts,
    file_links,
    files,
    keys,
    link_downloads,
    users,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import FieldInvalid, NotFound, TooManyLinks, VersionNotPublished
from entrepot.grants.access import access_manageable, lock_manageable
from entrepot.grants.entitlements import end_unentitled_uploads
from entrepot.inspection.results import Form
from entrepot.texts import check_text

LinkKind = Literal["read", "deliver"]
LinkState = Literal["valid", "expired", "used_up", "void"]
"""`void`: who made the link may not share the file any more, or the key that made it is not valid
any more."""

DEFAULT_LIFETIME = timedelta(days=30)
MAX_LIFETIME = timedelta(days=366)
MAX_USES = 1_000_000
"""Downloads or deliveries that a link may be limited to; without a limit there is no count."""
MAX_LINKS_PER_FILE = 100
"""Links to one file that have neither expired nor been revoked."""
MAX_NAME_CHARS = 100
UNCOUNTED_STATUSES = ("rejected", "failed", "canceled")
"""Versions that leave the link its use: whoever delivered one may deliver a correction."""


@dataclass(frozen=True)
class LinkTerms:
    """What a new link is to allow; see `accounts.actor.LinkedAccess`. `expires_at` None: in 30
    days; `max_uses` None: any number."""

    kind: LinkKind
    name: str
    form: Form | None = None
    version: int | None = None
    expires_at: datetime | None = None
    max_uses: int | None = None
    password_hash: str | None = None


@dataclass(frozen=True)
class FileLink:
    """A link without its secret, as those who manage the file see it. `uses` are downloads that
    were begun, or deliveries that were not rejected."""

    id: LinkId
    name: str
    kind: LinkKind
    form: Form | None
    version: int | None
    prefix: str
    user_name: str
    has_password: bool
    max_uses: int | None
    uses: int
    created_at: datetime
    expires_at: datetime
    state: LinkState


@dataclass(frozen=True)
class NewLink:
    """A link that was just created, the name of its file, and its secret, which nobody can read
    again."""

    link: FileLink
    secret: str
    file_name: str


def check_terms(terms: LinkTerms, now: datetime) -> None:
    """Check a link's terms before anything is looked up. Raises FieldInvalid."""
    check_text(terms.name, "name", MAX_NAME_CHARS, one_line=True)
    if terms.kind == "deliver" and (terms.form or terms.version):
        field = "format" if terms.form else "version"
        raise FieldInvalid(field, "must be left out of a link that allows deliveries.")
    if terms.expires_at is not None and terms.expires_at <= now:
        raise FieldInvalid("expires_at", "is in the past.", example="2030-01-31T00:00:00+0000")
    if terms.expires_at is not None and terms.expires_at > now + MAX_LIFETIME:
        raise FieldInvalid("expires_at", f"lies more than {MAX_LIFETIME.days} days ahead.")
    if terms.max_uses is not None and not 1 <= terms.max_uses <= MAX_USES:
        raise FieldInvalid("max_uses", f"must lie between 1 and {MAX_USES:,}.", "10")


def create_file_link(
    conn: WriteConnection,
    actor: Actor,
    secret: bytes,
    file_id: UUID,
    terms: LinkTerms,
    now: datetime,
    random: bytes | None = None,
) -> NewLink:
    """Create a link to a file that the actor manages. A link that reads needs the scope `read`: a
    key that may not read must not make one that does. The link that was made of the same `random`
    bytes before is returned again, unless it was revoked.

    It never outlives the key that creates it. Raises NotFound, NotAllowed, ScopeMissing,
    FieldInvalid, VersionNotPublished, TooManyLinks.
    """
    check_terms(terms, now)
    target = lock_manageable(conn, actor, file_id)
    if terms.kind == "read":
        actor.require("read")
    if terms.version is not None:
        _require_published(conn, file_id, terms.version)
    file_name = str(conn.scalar(select(files.c.name).where(files.c.id == file_id)))

    def find(chosen: str) -> Row[Any] | None:
        digest = keyed_digest(secret, "file-link", chosen)
        return conn.execute(select(file_links).where(file_links.c.digest == digest)).one_or_none()

    link_secret, made = choose_key(random, LINK_PREFIX, find)
    if made is not None:
        return NewLink(_get_link(conn, file_id, LinkId(made.id), now), link_secret, file_name)
    live = file_links.c.revoked_at.is_(None), file_links.c.expires_at > now
    count = select(func.count()).where(file_links.c.file_id == file_id, *live)
    if (conn.scalar(count) or 0) >= MAX_LINKS_PER_FILE:
        raise TooManyLinks(limit=MAX_LINKS_PER_FILE)
    expires_at = terms.expires_at or now + DEFAULT_LIFETIME
    if actor.expires_at is not None:
        expires_at = min(expires_at, actor.expires_at)
    link_id = LinkId(uuid4())
    conn.execute(
        insert(file_links).values(
            id=link_id,
            digest=keyed_digest(secret, "file-link", link_secret),
            prefix=link_secret[:8],
            file_id=file_id,
            kind=terms.kind,
            form=terms.form,
            version=terms.version,
            name=terms.name,
            created_by=actor.user_id,
            key_id=actor.key_id,
            password_hash=terms.password_hash,
            max_uses=terms.max_uses,
            created_at=now,
            expires_at=expires_at,
        )
    )
    detail = {
        "link_id": str(link_id),
        "link_name": terms.name,
        "kind": terms.kind,
        "form": terms.form,
        "max_uses": terms.max_uses,
        "protection": "password" if terms.password_hash is not None else None,
        "expires_at": expires_at.isoformat(),
    }
    record(conn, target.account_id, actor, "link.create", now, file_id, terms.version, detail)
    return NewLink(_get_link(conn, file_id, link_id, now), link_secret, file_name)


def list_file_links(
    conn: ReadConnection, actor: Actor, file_id: UUID, limit: int, after: Position | None = None
) -> list[FileLink]:
    """The links to a file that were not revoked, oldest first. Raises NotFound, NotAllowed.

    `after` is the position of the last one on the previous page: `created_at` and `id`.
    """
    access_manageable(conn, actor, file_id)
    query = links_query().where(file_links.c.file_id == file_id, file_links.c.revoked_at.is_(None))
    page = page_after(query, file_links.c.created_at, file_links.c.id, limit, after)
    return [_link_from_row(row, actor.at) for row in conn.execute(page)]


def get_file_link(conn: ReadConnection, actor: Actor, file_id: UUID, link_id: UUID) -> FileLink:
    """One of them. Raises NotFound, NotAllowed."""
    access_manageable(conn, actor, file_id)
    return _get_link(conn, file_id, link_id, actor.at)


def revoke_file_link(
    conn: WriteConnection, actor: Actor, file_id: UUID, link_id: UUID, now: datetime
) -> None:
    """End a link immediately, and the uploads that are sent with it. Raises NotFound, also for one
    that was revoked, and NotAllowed."""
    target = lock_manageable(conn, actor, file_id)
    link = _get_link(conn, file_id, link_id, now)
    _revoke(conn, file_links.c.id == link_id, now)
    end_unentitled_uploads(conn, file_id)
    detail = {"link_id": str(link_id), "link_name": link.name}
    record(conn, target.account_id, actor, "link.revoke", now, file_id, None, detail)


def revoke_links_of_file(conn: WriteConnection, file_id: UUID, now: datetime) -> None:
    """End all links to a file, which is locked: another owner decides on links again. The caller
    ends the uploads of those who may not deliver any more."""
    live = file_links.c.revoked_at.is_(None)
    _revoke(conn, and_(file_links.c.file_id == file_id, live), now)


def delete_links_of_file(conn: WriteConnection, file_id: UUID) -> None:
    """Remove all links to a file that is gone permanently."""
    conn.execute(delete(file_links).where(file_links.c.file_id == file_id))


def _require_published(conn: ReadConnection, file_id: UUID, number: int) -> None:
    """Raise NotFound, or VersionNotPublished, for a version that nobody reads."""
    this_version = versions.c.file_id == file_id, versions.c.number == number
    status = conn.scalar(select(versions.c.status).where(*this_version))
    if status is None:
        raise NotFound
    if status != "published":
        raise VersionNotPublished(version=number, version_status=status)


def _revoke(conn: WriteConnection, condition: ColumnElement[bool], now: datetime) -> None:
    """Revoke the links of a condition, whose files are locked: links come after them in the order
    of locks (`quotas.reserve.lock_accounts`)."""
    revoked = update(file_links).where(condition).values(revoked_at=now)
    link_ids = list(conn.scalars(revoked.returning(file_links.c.id)))
    conn.execute(delete(link_downloads).where(link_downloads.c.link_id.in_(link_ids)))


def _get_link(conn: ReadConnection, file_id: UUID, link_id: UUID, now: datetime) -> FileLink:
    same_link = file_links.c.file_id == file_id, file_links.c.id == link_id
    live = file_links.c.revoked_at.is_(None)
    row = conn.execute(links_query().where(*same_link, live)).one_or_none()
    if row is None:
        raise NotFound
    return _link_from_row(row, now)


def counted_deliveries() -> ScalarSelect[int]:
    """The deliveries by the link of the outer query that count."""
    counted = versions.c.link_id == file_links.c.id, versions.c.status.not_in(UNCOUNTED_STATUSES)
    query = select(func.count()).select_from(versions).where(*counted)
    return query.correlate(file_links).scalar_subquery()


def links_query() -> Select[Any]:
    """Links with all that says whether they are valid."""
    return (
        select(
            file_links,
            files.c.account_id.label("file_account_id"),
            files.c.owner_id,
            files.c.deleted_at,
            accounts.c.suspended_at,
            users.c.account_id.label("creator_account_id"),
            users.c.name.label("creator"),
            users.c.role,
            users.c.disabled_at,
            accounts.c.name.label("account"),
            keys.c.id.label("valid_key_id"),
            keys.c.expires_at.label("key_expires_at"),
            counted_deliveries().label("deliveries"),
        )
        .join(files, files.c.id == file_links.c.file_id)
        .join(users, users.c.id == file_links.c.created_by)
        .join(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(keys, and_(keys.c.id == file_links.c.key_id, keys.c.revoked_at.is_(None)))
    )


def is_void(row: Row[Any], now: datetime) -> bool:
    """Whether the link's creator may not share the file any more, or its key is not valid."""
    is_admin = row.role == "admin" and row.creator_account_id == row.file_account_id
    if row.disabled_at is not None or not (row.created_by == row.owner_id or is_admin):
        return True
    if row.key_id is None:
        return False
    key_expired = row.key_expires_at is not None and row.key_expires_at <= now
    return row.valid_key_id is None or key_expired


def uses_of_row(row: Row[Any]) -> int:
    """The downloads that were begun with a link, or the deliveries that count."""
    return int(row.deliveries if row.kind == "deliver" else row.downloads)


def _state(row: Row[Any], now: datetime) -> LinkState:
    conditions: tuple[tuple[LinkState, Callable[[], bool]], ...] = (
        ("expired", lambda: row.expires_at <= now),
        ("void", lambda: is_void(row, now)),
        ("used_up", lambda: row.max_uses is not None and uses_of_row(row) >= row.max_uses),
    )
    return next((state for state, holds in conditions if holds()), "valid")


def _link_from_row(row: Row[Any], now: datetime) -> FileLink:
    return FileLink(
        id=LinkId(row.id),
        name=row.name,
        kind=row.kind,
        form=row.form,
        version=row.version,
        prefix=row.prefix,
        user_name=f"{row.account}:{row.creator}",
        has_password=row.password_hash is not None,
        max_uses=row.max_uses,
        uses=uses_of_row(row),
        created_at=row.created_at,
        expires_at=row.expires_at,
        state=_state(row, now),
    )
