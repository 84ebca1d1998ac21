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

Who may deliver to a file but not read it does not see how large it is, of which kind, or when it
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
from entrepot.files.names import fold_name, trigrams
from entrepot.files.queries.read import FileRecord, file_from_row, file_rows
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
SCAN_FILES = 5_000
"""Files along an order in which a search looks before it turns to the index of grams: what fills
a page of 50 by then is at most a hundredth of them."""
SHARED_YEARS = 4_000
"""Years, a multiple of the calendar's 400, by which a shared file's place lies later in the order
that has the user's own files first."""


@dataclass(frozen=True)
class FileFilter:
    """Which files, and in which order; None leaves a filter out.

    `name` is contained in a file's name, in any case; `entitlement` tells what the actor manages
    from what others share with them; sizes are bytes of the current version. `own_first` puts what
    the actor manages before all that is shared, whose order alone is that of `sort`. `folder` is
    what a path begins with, before a slash.
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
    own_first: bool = False
    path: str | None = None
    folder: str | None = None


ALL_FILES = FileFilter()


def list_files(
    conn: ReadConnection,
    actor: Actor,
    limit: int,
    after: Position | None = None,
    file_filter: FileFilter = ALL_FILES,
) -> list[FileRecord]:
    """Files that the actor may see; `after` is the place of the last one of the page before.

    Keyset paging (a condition on the order's columns, no OFFSET) costs the same on any page, and
    files that come and go move no others. Raises FieldInvalid for a `user_name` that is none.
    """
    if file_filter.own_first:
        return _list_own_first(conn, actor, limit, after, file_filter)
    owner = _owner(conn, file_filter.user_name) if file_filter.user_name is not None else None
    if file_filter.user_name is not None and owner is None:
        return []
    manages = owner is None or owner[0] == actor.user_id
    manages = manages or (actor.is_admin and owner is not None and owner[1] == actor.account_id)
    managed = file_filter.entitlement != "shared" and manages
    shared = file_filter.entitlement != "owned" and has_entitlements(conn, actor)
    if not managed and not shared:
        return []
    shape = _QueryShape(
        is_admin=actor.is_admin,
        embedded=conn.dialect.name == "sqlite",
        sort=file_filter.sort,
        paged=after is not None,
        managed=managed,
        shared=shared,
        of_owner=owner is not None,
        named=file_filter.name is not None,
        typed=file_filter.media_type is not None,
        enforced=file_filter.enforced,
        published=file_filter.published,
        updated=file_filter.updated_since is not None,
        larger=file_filter.min_size is not None,
        smaller=file_filter.max_size is not None,
        at_path=file_filter.path is not None,
        in_folder=file_filter.folder is not None,
    )
    values = {**actor_parameters(actor), **_values(file_filter), "most": limit}
    values["owner"] = owner and owner[0]
    if after is not None:
        values["last_key"], values["last_id"] = after
    if file_filter.name is not None and managed:
        shape = _search_shape(conn, actor, shape, fold_name(file_filter.name), values)
    return [file_from_row(row, actor) for row in conn.execute(_list_query(shape), values)]


def _list_own_first(
    conn: ReadConnection,
    actor: Actor,
    limit: int,
    after: Position | None,
    file_filter: FileFilter,
) -> list[FileRecord]:
    """What the actor manages, then what is shared with them: so that nobody else's files take the
    place of their own in a list that has an end."""
    plain = replace(file_filter, own_first=False)
    moment = after[0] if after is not None else None
    shared_after: Position | None = None
    if after is not None and isinstance(moment, datetime) and moment.year >= SHARED_YEARS:
        shared_after = moment.replace(year=moment.year - SHARED_YEARS), after[1]
    records: list[FileRecord] = []
    if shared_after is None and file_filter.entitlement != "shared":
        records = list_files(conn, actor, limit, after, replace(plain, entitlement="owned"))
    if len(records) < limit and file_filter.entitlement != "owned":
        shared = replace(plain, entitlement="shared")
        records += list_files(conn, actor, limit - len(records), shared_after, shared)
    return records


def position_own_first(file: FileRecord) -> Position:
    """The place of a file in the order by creation with `own_first`."""
    moment = file.created_at
    if not file.rights.manages:
        moment = moment.replace(year=moment.year + SHARED_YEARS)
    return moment, file.id


def position_of(file: FileRecord, sort: Sort) -> Position:
    """The place of a file in an order, as its lists have it for who sees this of it."""
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
    query = select(users.c.id, users.c.account_id).join(accounts)
    row = conn.execute(query.where(accounts.c.name == account, users.c.name == name)).one_or_none()
    return (row.id, row.account_id) if row is not None else None


def _values(file_filter: FileFilter) -> dict[str, Any]:
    values: dict[str, Any] = {
        "since": file_filter.updated_since,
        "media_type": file_filter.media_type,
        "min_size": file_filter.min_size,
        "max_size": file_filter.max_size,
        "stretch": SCAN_FILES,
        "path": file_filter.path,
        "folder": f"{file_filter.folder}/",
    }
    if file_filter.name is not None:
        text = fold_name(file_filter.name)
        for special in "!%_":
            text = text.replace(special, f"!{special}")
        values["pattern"] = f"%{text}%"
    return values


def _search_shape(
    conn: ReadConnection, actor: Actor, shape: "_QueryShape", key: str, values: dict[str, Any]
) -> "_QueryShape":
    """How to look for a part of a name: `values` gets what that needs."""
    if not trigrams(key) or conn.scalar(_near_query(shape), values) >= values["most"]:
        return shape
    values |= trigram_values(actor.account_id, key, shape.embedded)
    return replace(shape, by_trigrams=True)


# Statements are built once for each of their shapes (see `grants.access.visible_files`).


@dataclass(frozen=True)
class _QueryShape:
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
    at_path: bool = False
    in_folder: bool = False
    by_trigrams: bool = False


@dataclass(frozen=True)
class _VisibleColumns:
    """The columns of some files, as they are shown to who looks at them."""

    row: Any
    updated: ColumnElement[Any]
    size: ColumnElement[Any]
    readable: ColumnElement[bool] | None = None


def _all_columns(row: Any) -> _VisibleColumns:
    return _VisibleColumns(row, row.updated_at, row.current_size)


def _partial_columns(shape: _QueryShape) -> _VisibleColumns:
    readable = readable_files(shape.is_admin)
    updated = case((readable, files.c.updated_at), else_=files.c.created_at)
    size = case((readable, files.c.current_size), else_=-1)
    return _VisibleColumns(files.c, updated, size, readable)


@cache
def _list_query(shape: _QueryShape) -> Select[Any]:
    if not shape.shared and not shape.by_trigrams:
        query = file_rows(with_schema=False).where(*_managed_conditions(shape, files.c))
        return _page(query, shape, _all_columns(files.c))
    # A page of each kind by its own index, then of them all: one condition with OR would sort
    # everything for each page.
    pages = []
    if shape.managed:
        source = with_trigrams(shape.embedded).c if shape.by_trigrams else files.c
        pages.append(
            _page(
                select(source.id).where(*_managed_conditions(shape, source)),
                shape,
                _all_columns(source),
            )
        )
    if shape.shared:
        pages += _shared_pages(shape)
    ids = union_all(*(select(page.subquery().c[0]) for page in pages))
    query = file_rows(with_schema=False).where(files.c.id.in_(ids))
    # All of them are after the last page; repeated here, it would mislead PostgreSQL to an index.
    unpaged = replace(shape, paged=False)
    return _page(query, unpaged, _partial_columns(shape) if shape.shared else _all_columns(files.c))


@cache
def _near_query(shape: _QueryShape) -> Select[Any]:
    """How many files of a stretch along the order are found, as many as a page has at most."""
    scan = select(files).where(*_owned_conditions(shape, files.c))
    near = _page(scan, shape, _all_columns(files.c), "stretch").subquery()
    matches = select(near.c.id).where(*_conditions(shape, _all_columns(near.c)))
    return select(func.count()).select_from(matches.limit(bindparam("most")).subquery())


def _managed_conditions(shape: _QueryShape, columns: Any) -> list[ColumnElement[bool]]:
    return [*_owned_conditions(shape, columns), *_conditions(shape, _all_columns(columns))]


def _owned_conditions(shape: _QueryShape, columns: Any) -> list[ColumnElement[bool]]:
    # An owner's files are all in one account, which was looked at before.
    ownership = _owned_by(columns) if shape.of_owner else managed_files(shape.is_admin, columns)
    return [ownership, columns.deleted_at.is_(None)]


def _shared_pages(shape: _QueryShape) -> list[Select[Any]]:
    others = [] if shape.managed else [not_(managed_files(shape.is_admin))]
    if shape.of_owner:
        others.append(_owned_by(files.c))
    columns = _partial_columns(shape)
    conditions = [*others, *_conditions(shape, columns)]
    if shape.sort.endswith("created_at"):
        order = entitlements.c.file_created_at, entitlements.c.file_id
        kinds = (kind.where(*conditions) for kind in shared_file_queries())
        return [_after(kind, shape, *order) for kind in kinds]
    visible = shared_files(), files.c.deleted_at.is_(None)
    return [_page(select(files.c.id).where(*visible, *conditions), shape, columns)]


def _owned_by(columns: Any) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", columns.owner_id == bindparam("owner", type_=Uuid()))


def _conditions(shape: _QueryShape, columns: _VisibleColumns) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    row = columns.row
    if shape.named:
        pattern = bindparam("pattern", type_=files.c.name_key.type)
        conditions.append(row.name_key.like(pattern, escape="!"))
    if shape.enforced is not None:
        conditions.append(
            row.enforcement != "none" if shape.enforced else row.enforcement == "none"
        )
    if shape.published is not None:
        current = row.current_version
        conditions.append(current.is_not(None) if shape.published else current.is_(None))
    if shape.at_path:
        conditions.append(row.path == bindparam("path"))
    if shape.in_folder:
        # Unlike LIKE, the same on both databases: SQLite's ignores the case.
        folder = bindparam("folder", type_=files.c.path.type)
        conditions.append(func.substr(row.path, 1, func.length(folder)) == folder)
    if shape.updated:
        conditions.append(columns.updated >= bindparam("since", type_=files.c.updated_at.type))
    if shape.larger or shape.smaller:
        conditions.append(columns.size >= 0)
    size = files.c.current_size.type
    if shape.larger:
        conditions.append(columns.size >= bindparam("min_size", type_=size))
    if shape.smaller:
        conditions.append(columns.size <= bindparam("max_size", type_=size))
    if shape.typed:
        # An alias, since the rows around it have a version of their own.
        typed = versions.alias("typed")
        kind = select(typed.c.id).where(
            typed.c.file_id == row.id,
            typed.c.number == row.current_version,
            typed.c.media_type == bindparam("media_type"),
        )
        conditions += [kind.exists(), *([columns.readable] if columns.readable is not None else [])]
    return conditions


def _page(
    query: Select[Any], shape: _QueryShape, columns: _VisibleColumns, limit_name: str = "most"
) -> Select[Any]:
    keys = {
        "created_at": columns.row.created_at,
        "updated_at": columns.updated,
        "file_name": columns.row.name_key,
        "file_size": columns.size,
    }
    return _after(query, shape, keys[shape.sort.removeprefix("-")], columns.row.id, limit_name)


def _after(
    query: Select[Any],
    shape: _QueryShape,
    key: ColumnElement[Any],
    file_id: ColumnElement[Any],
    limit_name: str = "most",
) -> Select[Any]:
    page = query.limit(bindparam(limit_name))
    descending = shape.sort.startswith("-")
    if shape.paged:
        last = tuple_(
            bindparam("last_key", type_=key.type), bindparam("last_id", type_=file_id.type)
        )
        position = tuple_(key, file_id)
        page = page.where(position < last if descending else position > last)
    return page.order_by(key.desc(), file_id.desc()) if descending else page.order_by(key, file_id)
