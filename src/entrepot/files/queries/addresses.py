"""Which file, form and version an address names: `account/path[.form][@version]`.

The last part of a path that is the name of a form is read as that form only if no file has the
whole path; `files.paths` sees to it that never both are there.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from entrepot.accounts.actor import Actor
from entrepot.db.tables import accounts, files
from entrepot.db.types import ReadConnection
from entrepot.errors import NotFound
from entrepot.files.paths import FORM_SUFFIXES
from entrepot.grants.access import actor_parameters, visible_files
from entrepot.inspection.results import Form
from entrepot_client.paths import is_path

_VERSION = re.compile(r"[1-9][0-9]{0,9}")
_MAX_NUMBER = 2**31 - 1
"""What the column of a version's number holds."""


@dataclass(frozen=True)
class Addressed:
    """What an address names: a file, a form of it (None: the bytes as they were uploaded) and the
    number of a version (None: the newest).

    `until`: it holds until something is changed. Whether it may be read is checked by who reads.
    """

    file_id: UUID
    form: Form | None
    version: int | None
    until: datetime | None = None


def find_addressed(conn: ReadConnection, actor: Actor, account: str, address: str) -> Addressed:
    """What an address names, if the actor may see the file. Raises NotFound."""
    path, at_sign, number = address.partition("@")
    if at_sign and (_VERSION.fullmatch(number) is None or int(number) > _MAX_NUMBER):
        raise NotFound
    version = int(number) if at_sign else None
    file_id = find_path(conn, actor, account, path)
    if file_id is not None:
        return Addressed(file_id, None, version)
    base, _, suffix = path.rpartition(".")
    if f".{suffix}" in FORM_SUFFIXES:
        file_id = find_path(conn, actor, account, base)
        if file_id is not None:
            return Addressed(file_id, cast(Form, suffix), version)
    raise NotFound


def find_path(conn: ReadConnection, actor: Actor, account: str, path: str) -> UUID | None:
    """The file with exactly this path that the actor may see; None if there is none."""
    if not is_path(path):
        return None
    values = {**actor_parameters(actor), "account": account, "key": path.lower(), "path": path}
    file_id: UUID | None = conn.scalar(_path_query(actor.is_admin), values)
    return file_id


@cache
def _path_query(is_admin: bool) -> Select[Any]:
    return (
        select(files.c.id)
        .join(accounts, accounts.c.id == files.c.account_id)
        .where(
            accounts.c.name == bindparam("account"),
            files.c.path_key == bindparam("key"),
            files.c.path == bindparam("path"),
            visible_files(is_admin),
        )
    )
