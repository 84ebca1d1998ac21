"""Lists of files: searched, filtered, sorted, and paged by the keys of their order.

What each costs, of `n` files in an account or, for members, of an owner:

- a page in any order costs the same wherever it is, by the index of that order;
- a search for a part of a name goes along the order for a stretch, which fills the page if what is
  sought is common; else it reads the trigram index (`files.queries.search`) and sorts the result.
  A single character has no gram: it is looked for along the order until the page is full;
- filters are looked for along the order too: up to all `n` for what is rare. `user_name` follows an
  index of the owner's;
- files that others share with an actor come by an index of their own in the order of creation; in
  other orders, and for filters on what a drop-box does not tell, all of those are looked at.

Who may deliver to a file but not read it is not told how large it is, of which kind, or when it
was last updated: in their lists it has its place as if it had no size, and as if it had been
updated when it was made.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    case,
    func,
    not_,
    select,
    tuple_,
    union_all,
)

from entrepot.accounts.actor import Actor
from entrepot.accounts.users import split_user_name
from entrepot.db.pages import Position
from entrepot.db.tables import accounts, entitlements, files, users, versions
from entrepot.db.types import ReadConnection
from entrepot.files.names import folded, trigrams
from entrepot.files.queries.read import FileRecord, file_of, file_rows
from entrepot.files.queries.search import trigram_values, with_trigrams
from entrepot.grants.access import (
    actor_parameters,
    has_entitlements,
    managed_files,
    readable_files,
    shared_file_queries,
    shared_files,
)

Sort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at",
    "file_name", "-file_name", "file_size", "-file_size",
]  # fmt: skip
STRETCH = 5_000
"""Files along an order in which a search looks before it turns to the index of grams: what fills
a page of 50 by then is at most a hundredth of them."""


@dataclass(frozen=True)
class FileFilter:
    """Which files, and in which order; None leaves a filter out.

    `name` is contained in a file's name, in any case; `entitlement` tells what the actor manages
    from what others share with them; sizes are bytes of the current version.
    """

    sort: Sort = "created_at"
    name: str | None = None
    user_name: str | None = None
    entitlement: Literal["owned", "shared"] | None = None
    media_type: str | None = None
    enforced: bool | None = None
    published: bool | None = None
    updated_since: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None


EVERY_FILE = FileFilter()


def list_files(
    conn: ReadConnection,
    actor: Actor,
    limit: int,
    after: Position | None = None,
    wanted: FileFilter = EVERY_FILE,
) -> list[FileRecord]:
    """Files that the actor may know of; `after` is the place of the last one of the page before.

    Keyset paging (a condition on the order's columns, no OFFSET) costs the same on any page, and
    files that come and go move no others. Raises FieldInvalid for a `user_name` that is none.
    """
    owner = _owner(conn, wanted.user_name) if wanted.user_name is not None else None
    if wanted.user_name is not None and owner is None:
        return []
    manages = owner is None or owner[0] == actor.user_id
    manages = manages or (actor.is_admin and owner is not None and owner[1] == actor.account_id)
    managed = wanted.entitlement != "shared" and manages
    shared = wanted.entitlement != "owned" and has_entitlements(conn, actor)
    if not managed and not shared:
        return []
    shape = _Shape(
        is_admin=actor.is_admin,
        embedded=conn.dialect.name == "sqlite",
        sort=wanted.sort,
        paged=after is not None,
        managed=managed,
        shared=shared,
        of_owner=owner is not None,
        named=wanted.name is not None,
        typed=wanted.media_type is not None,
        enforced=wanted.enforced,
        published=wanted.published,
        updated=wanted.updated_since is not None,
        larger=wanted.min_size is not None,
        smaller=wanted.max_size is not None,
    )
    values = {
        **actor_parameters(actor),
        **_values(wanted),
        "most": limit,
        "owner": owner and owner[0],
    }
    if after is not None:
        values["last_key"], values["last_id"] = after
    if wanted.name is not None and managed:
        shape = _searched(conn, actor, shape, folded(wanted.name), values)
    return [file_of(row, actor) for row in conn.execute(_list_of(shape), values)]


def position_of(file: FileRecord, sort: Sort) -> Position:
    """The place of a file in an order, as its lists have it for who is told this of it."""
    keys: dict[str, datetime | str | int] = {
        "created_at": file.created_at,
        "updated_at": file.updated_at or file.created_at,
        "file_name": file.name_key,
        "file_size": file.size if file.size is not None else -1,
    }
    return keys[sort.removeprefix("-")], file.id


def _owner(conn: ReadConnection, user_name: str) -> tuple[UUID, UUID] | None:
    """The ids of a user and of their account; None where there is no such user."""
    account, name = split_user_name(user_name)
    found = select(users.c.id, users.c.account_id).join(accounts)
    row = conn.execute(found.where(accounts.c.name == account, users.c.name == name)).one_or_none()
    return (row.id, row.account_id) if row is not None else None


def _values(wanted: FileFilter) -> dict[str, Any]:
    values: dict[str, Any] = {
        "since": wanted.updated_since,
        "media_type": wanted.media_type,
        "min_size": wanted.min_size,
        "max_size": wanted.max_size,
        "stretch": STRETCH,
    }
    if wanted.name is not None:
        text = folded(wanted.name)
        for special in "!%_":
            text = text.replace(special, f"!{special}")
        values["pattern"] = f"%{text}%"
    return values


def _searched(
    conn: ReadConnection, actor: Actor, shape: "_Shape", key: str, values: dict[str, Any]
) -> "_Shape":
    """How to look for a part of a name: `values` gets what that needs."""
    if not trigrams(key) or conn.scalar(_near(shape), values) >= values["most"]:
        return shape
    values |= trigram_values(actor.account_id, key, shape.embedded)
    return replace(shape, by_trigrams=True)


# Statements are built once for each of their shapes (see `grants.access.visible_files`).


@dataclass(frozen=True)
class _Shape:
    is_admin: bool
    embedded: bool
    sort: Sort
    paged: bool
    managed: bool
    shared: bool
    of_owner: bool
    named: bool
    typed: bool
    enforced: bool | None
    published: bool | None
    updated: bool
    larger: bool
    smaller: bool
    by_trigrams: bool = False


@dataclass(frozen=True)
class _Seen:
    """The columns of some files, as they are told to who looks at them."""

    row: Any
    updated: ColumnElement[Any]
    size: ColumnElement[Any]
    told: ColumnElement[bool] | None = None


def _all_seen(row: Any) -> _Seen:
    return _Seen(row, row.updated_at, row.current_size)


def _partly_seen(shape: _Shape) -> _Seen:
    reads = readable_files(shape.is_admin)
    updated = case((reads, files.c.updated_at), else_=files.c.created_at)
    size = case((reads, files.c.current_size), else_=-1)
    return _Seen(files.c, updated, size, reads)


@cache
def _list_of(shape: _Shape) -> Select[Any]:
    if not shape.shared and not shape.by_trigrams:
        listed = file_rows(with_schema=False).where(*_mine(shape, files.c))
        return _page(listed, shape, _all_seen(files.c))
    # A page of each kind by its own index, then of them all: one condition with OR would sort
    # everything for each page.
    pages = []
    if shape.managed:
        of = with_trigrams(shape.embedded).c if shape.by_trigrams else files.c
        pages.append(_page(select(of.id).where(*_mine(shape, of)), shape, _all_seen(of)))
    if shape.shared:
        pages += _shared_pages(shape)
    either = union_all(*(select(page.subquery().c[0]) for page in pages))
    listed = file_rows(with_schema=False).where(files.c.id.in_(either))
    # All of them are after the last page; said again, it would mislead PostgreSQL to an index.
    rest = replace(shape, paged=False)
    return _page(listed, rest, _partly_seen(shape) if shape.shared else _all_seen(files.c))


@cache
def _near(shape: _Shape) -> Select[Any]:
    """How many files of a stretch along the order are found, as many as a page has at most."""
    along = select(files).where(*_managed(shape, files.c))
    near = _page(along, shape, _all_seen(files.c), "stretch").subquery()
    found = select(near.c.id).where(*_conditions(shape, _all_seen(near.c)))
    return select(func.count()).select_from(found.limit(bindparam("most")).subquery())


def _mine(shape: _Shape, of: Any) -> list[ColumnElement[bool]]:
    return [*_managed(shape, of), *_conditions(shape, _all_seen(of))]


def _managed(shape: _Shape, of: Any) -> list[ColumnElement[bool]]:
    # An owner's files are all in one account, which was looked at before.
    whose = _of_owner(of) if shape.of_owner else managed_files(shape.is_admin, of)
    return [whose, of.deleted_at.is_(None)]


def _shared_pages(shape: _Shape) -> list[Select[Any]]:
    others = [] if shape.managed else [not_(managed_files(shape.is_admin))]
    if shape.of_owner:
        others.append(_of_owner(files.c))
    seen = _partly_seen(shape)
    conditions = [*others, *_conditions(shape, seen)]
    if shape.sort.endswith("created_at"):
        order = entitlements.c.file_created_at, entitlements.c.file_id
        kinds = (kind.where(*conditions) for kind in shared_file_queries())
        return [_after(kind, shape, *order) for kind in kinds]
    there = shared_files(), files.c.deleted_at.is_(None)
    return [_page(select(files.c.id).where(*there, *conditions), shape, seen)]


def _of_owner(of: Any) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", of.owner_id == bindparam("owner", type_=Uuid()))


def _conditions(shape: _Shape, seen: _Seen) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    of = seen.row
    if shape.named:
        pattern = bindparam("pattern", type_=files.c.name_key.type)
        found.append(of.name_key.like(pattern, escape="!"))
    if shape.enforced is not None:
        found.append(of.enforcement != "none" if shape.enforced else of.enforcement == "none")
    if shape.published is not None:
        current = of.current_version
        found.append(current.is_not(None) if shape.published else current.is_(None))
    if shape.updated:
        found.append(seen.updated >= bindparam("since", type_=files.c.updated_at.type))
    if shape.larger or shape.smaller:
        found.append(seen.size >= 0)
    size = files.c.current_size.type
    if shape.larger:
        found.append(seen.size >= bindparam("min_size", type_=size))
    if shape.smaller:
        found.append(seen.size <= bindparam("max_size", type_=size))
    if shape.typed:
        # An alias, since the rows around it have a version of their own.
        typed = versions.alias("typed")
        kind = select(typed.c.id).where(
            typed.c.file_id == of.id,
            typed.c.number == of.current_version,
            typed.c.media_type == bindparam("media_type"),
        )
        found += [kind.exists(), *([seen.told] if seen.told is not None else [])]
    return found


def _page(found: Select[Any], shape: _Shape, seen: _Seen, most: str = "most") -> Select[Any]:
    keys = {
        "created_at": seen.row.created_at,
        "updated_at": seen.updated,
        "file_name": seen.row.name_key,
        "file_size": seen.size,
    }
    return _after(found, shape, keys[shape.sort.removeprefix("-")], seen.row.id, most)


def _after(
    found: Select[Any],
    shape: _Shape,
    key: ColumnElement[Any],
    file_id: ColumnElement[Any],
    most: str = "most",
) -> Select[Any]:
    page = found.limit(bindparam(most))
    turned = shape.sort.startswith("-")
    if shape.paged:
        last = tuple_(
            bindparam("last_key", type_=key.type), bindparam("last_id", type_=file_id.type)
        )
        place = tuple_(key, file_id)
        page = page.where(place < last if turned else place > last)
    return page.order_by(key.desc(), file_id.desc()) if turned else page.order_by(key, file_id)
