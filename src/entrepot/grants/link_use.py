"""Use links to files: who has one, and how often it was used."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, or_, select, update

from entrepot.accounts.actor import AccountId, Actor, KeyId, LinkedAccess, LinkId, UserId
from entrepot.accounts.secrets import LINK_PREFIX, is_well_formed, keyed_digest
from entrepot.db.inserts import upsert_into
from entrepot.db.tables import file_links, link_downloads
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import LinkEnded, NotFound
from entrepot.grants.access import Deliverable
from entrepot.grants.file_links import counted_deliveries, is_void, links_query, uses_of_row

DOWNLOAD_INTERVAL = timedelta(hours=1)
"""How long parts of a version may be read from the same network after a download was counted."""


def link_digest(secret: bytes, link_secret: str) -> bytes:
    """The keyed hash of a link's secret, as the database stores it. Raises NotFound for a malformed
    secret, as for one that never existed."""
    if not is_well_formed(link_secret, LINK_PREFIX):
        raise NotFound
    return keyed_digest(secret, "file-link", link_secret)


def find_link_holder(conn: ReadConnection, digest: bytes, now: datetime) -> Actor:
    """Who has the link with this keyed hash: an actor who may do what the link allows.

    Raises NotFound for a link that never existed, and LinkEnded, which does not say why. Whether a
    password is needed, and whether its uses are used up, the caller looks at.
    """
    row = conn.execute(_link_holder_query(), {"digest": digest}).one_or_none()
    if row is None:
        raise NotFound
    if row.revoked_at is not None or row.expires_at <= now or is_void(row, now):
        raise LinkEnded
    if row.deleted_at is not None or row.suspended_at is not None:
        raise LinkEnded
    link_id = LinkId(row.id)
    return Actor(
        user_id=UserId(link_id),
        user_name=link_label(row.name, link_id),
        account_id=AccountId(link_id),
        account="",
        role="member",
        scopes=("write",) if row.kind == "deliver" else ("read",),
        key_id=None,
        expires_at=row.expires_at,
        at=now,
        link=LinkedAccess(
            link_id=link_id,
            account_id=AccountId(row.file_account_id),
            file_id=row.file_id,
            delivers=row.kind == "deliver",
            form=row.form,
            version=row.version,
            created_by=UserId(row.created_by),
            key_id=KeyId(row.key_id) if row.key_id is not None else None,
        ),
    )


def link_label(name: str, link_id: UUID) -> str:
    """What the activity calls whoever uses a link. No user's name has a blank."""
    named = f"link “{name}”" if name else "link"
    return f"{named} ({str(link_id)[:8]})"


@dataclass(frozen=True)
class UsableLink:
    """A link that somebody uses, and the hash of the password that it needs, if any. `until` None:
    the actor says when it expires."""

    actor: Actor
    password_hash: str | None
    until: datetime | None = None


def get_usable_link(conn: ReadConnection, actor: Actor) -> UsableLink:
    """The link that the actor has."""
    link = require_link(actor)
    query = select(file_links.c.password_hash).where(file_links.c.id == link.link_id)
    return UsableLink(actor, conn.scalar(query))


def count_download(
    conn: WriteConnection, actor: Actor, version: int, network: str, is_part: bool, now: datetime
) -> None:
    """Count a download by the actor's link that begins now. A part of a version (`is_part`) that
    `network` reads within an hour after a download of the same version began is not counted again:
    programs resume, and read some formats in many parts. Raises LinkEnded if all are used up.
    """
    link = require_link(actor)
    same = link_downloads.c.link_id == link.link_id, link_downloads.c.network == network
    begun = *same, link_downloads.c.version == version, link_downloads.c.until > now
    if is_part and conn.execute(select(link_downloads.c.link_id).where(*begun)).first():
        return
    left = or_(file_links.c.max_uses.is_(None), file_links.c.downloads < file_links.c.max_uses)
    live = file_links.c.id == link.link_id, file_links.c.revoked_at.is_(None)
    counted = update(file_links).where(*live, left).values(downloads=file_links.c.downloads + 1)
    if not conn.execute(counted).rowcount:
        raise LinkEnded
    over = link_downloads.c.link_id == link.link_id, link_downloads.c.until <= now
    conn.execute(delete(link_downloads).where(*over))
    statement = upsert_into(conn.dialect.name, link_downloads).values(
        link_id=link.link_id, network=network, version=version, until=now + DOWNLOAD_INTERVAL
    )
    primary_key = list(link_downloads.primary_key.columns)
    until = {"until": statement.excluded.until}
    conn.execute(statement.on_conflict_do_update(index_elements=primary_key, set_=until))


def require_delivery_left(conn: ReadConnection, target: Deliverable) -> None:
    """Check that the link with which the file is delivered to, which is locked, has a delivery
    left. Deliveries that wait for their verdict count. Raises LinkEnded."""
    link = require_link(target.actor)
    columns = file_links.c.max_uses, counted_deliveries().label("deliveries")
    row = conn.execute(select(*columns).where(file_links.c.id == link.link_id)).one()
    if row.max_uses is not None and row.deliveries >= row.max_uses:
        raise LinkEnded


def uses_left(conn: ReadConnection, actor: Actor) -> int | None:
    """How many downloads or deliveries the actor's link has left; None: any number."""
    link = require_link(actor)
    row = conn.execute(links_query().where(file_links.c.id == link.link_id)).one()
    return None if row.max_uses is None else max(0, row.max_uses - uses_of_row(row))


def require_link(actor: Actor) -> LinkedAccess:
    """What the actor's link allows."""
    assert actor.link is not None, "only who has a link gets here"
    return actor.link


@cache
def _link_holder_query() -> Select[Any]:
    return links_query().where(file_links.c.digest == bindparam("digest"))
