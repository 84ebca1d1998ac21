"""What a link to a file shows of it, and nothing else of its account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import files, versions
from entrepot.db.types import ReadConnection
from entrepot.files.contract import load_visible_contract
from entrepot.grants.link_use import require_link, uses_left
from entrepot.texts.json_text import JsonText


@dataclass(frozen=True)
class LinkedFileView:
    """A file as a link shows it; `size_limit` is bytes, `uses_left` None: any number. `schema` is
    what deliveries are checked with, None where none is enforced."""

    name: str
    description: str
    size_limit: int
    mode: Literal["none", "infer", "given"]
    schema: JsonText | None
    uses_left: int | None
    expires_at: datetime


def get_linked_file(conn: ReadConnection, actor: Actor) -> LinkedFileView:
    """The file to which the actor has a link. Raises NotFound."""
    link = require_link(actor)
    contract = load_visible_contract(conn, actor, link.file_id)
    description = conn.scalar(select(files.c.description).where(files.c.id == link.file_id))
    assert actor.expires_at is not None, "every link expires"
    return LinkedFileView(
        name=contract.file_name,
        description=str(description),
        size_limit=contract.size_limit,
        mode=contract.mode,
        schema=contract.schema if contract.mode != "none" else None,
        uses_left=uses_left(conn, actor),
        expires_at=actor.expires_at,
    )


def is_followed(conn: ReadConnection, actor: Actor, number: int) -> bool:
    """Whether a delivery by the actor's link after version `number` is published. Raises
    NotFound."""
    link = require_link(actor)
    later = (
        select(versions.c.number)
        .where(versions.c.file_id == link.file_id, versions.c.link_id == link.link_id)
        .where(versions.c.number > number, versions.c.status == "published")
    )
    return conn.execute(later.limit(1)).one_or_none() is not None
