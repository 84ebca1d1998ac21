"""The path of a file: the part of its address that its owner chooses, unique in its account.

An address is read in one way only, so the rules leave nothing to interpretation: ASCII alone, no
empty, hidden or relative segment, nothing that a file system or a browser would strip. Paths that
differ in case alone are one. A path that is the address of a form of another file
(`sales/orders.parquet` beside `sales/orders`) is refused, and so is the reverse: an address never
changes its meaning when another file comes, goes or is shared.
"""

from typing import get_args
from uuid import UUID

from sqlalchemy import select

from entrepot.db.tables import files
from entrepot.db.types import WriteConnection
from entrepot.errors import FieldInvalid, PathTaken
from entrepot.inspection.results import Form
from entrepot.quotas.reserve import lock_accounts
from entrepot_client.paths import (
    MAX_PATH_CHARS,
    PACKAGE_NAME,
    ends_with_package,
    has_form_of_path,
)

FORM_SUFFIXES = tuple(f".{form}" for form in get_args(Form))


def check_path(text: str, field: str = "path") -> str:
    """The path, if it follows the rules. Raises FieldInvalid."""
    example = "sales/2026/orders"
    if len(text) > MAX_PATH_CHARS:
        reason = f"may have at most {MAX_PATH_CHARS} characters; it has {len(text):,}."
        raise FieldInvalid(field, reason, example)
    if not has_form_of_path(text):
        reason = (
            "has the characters A-Z, a-z, 0-9, `.`, `_` and `-` between slashes; each part begins "
            "with a letter, a digit or `_`, and does not end with a dot."
        )
        raise FieldInvalid(field, reason, example)
    if ends_with_package(text):
        raise FieldInvalid(field, f"must not end with {PACKAGE_NAME}, which is made.", example)
    return text


def claim_path(
    conn: WriteConnection, account_id: UUID, path: str, file_id: UUID | None = None
) -> str:
    """Check that no other file of the account has the path or an address that collides with it.

    Returns the key under which it is unique. The account is locked until the end of the
    transaction, so of two who claim colliding paths at the same time one is refused. Raises
    PathTaken.
    """
    lock_accounts(conn, account_id)
    key = path.lower()
    taken = [key, *(key + suffix for suffix in FORM_SUFFIXES)]
    taken += [key.removesuffix(suffix) for suffix in FORM_SUFFIXES if key.endswith(suffix)]
    query = select(files.c.path).where(
        files.c.account_id == account_id, files.c.path_key.in_(taken)
    )
    if file_id is not None:
        query = query.where(files.c.id != file_id)
    other = conn.scalar(query.order_by(files.c.path_key).limit(1))
    if other is not None:
        raise PathTaken(path=path, taken_by=other)
    return key
