"""What ends with a user is locked in one order, so that no two transactions wait for each other."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, func, select

from entrepot.accounts.accounts import create_account
from entrepot.accounts.key_networks import note_network
from entrepot.accounts.keys import (
    authenticate,
    create_key,
    issue_key,
    revoke_key,
    revoke_key_as_operator,
)
from entrepot.accounts.links import create_link, use_link
from entrepot.accounts.sign_in import find_password, set_password, sign_in
from entrepot.accounts.users import change_user, create_user, delete_user, set_disabled
from entrepot.activity.record import RequestOrigin
from entrepot.db.engine import Database
from entrepot.db.tables import accounts, reservations
from entrepot.quotas.reserve import Sender
from entrepot.quotas.upload_reservations import reserve_upload

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SECRET = b"of the tests"
ORIGIN = RequestOrigin("203.0.113.5", "of-the-tests")
RANKS = {
    "files": 0,
    "file_links": 1,
    "entitlements": 1,
    "uploads": 2,
    "reservations": 3,
    "users": 4,
    "accounts": 5,
    # What is a user's own is locked after the user, or alone.
    "keys": 6,
    "sessions": 6,
    "sign_in_links": 6,
    "activity_heads": 7,
}
"""The order, as `lock_accounts` says."""
LOCKING = re.compile(
    r"(?:UPDATE|DELETE FROM) (\w+)|.*\bFROM (\w+).* FOR (?:NO KEY )?UPDATE", re.DOTALL
)


@contextmanager
def noted_locks(database: Database) -> Iterator[list[str]]:
    """The tables whose rows are locked, in the order of the first lock on each."""
    locked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        match = LOCKING.match(statement)
        table = (match[1] or match[2]) if match else None
        if table in RANKS and table not in locked and "SKIP LOCKED" not in statement:
            locked.append(table)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield locked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


class Setting:
    """An admin, and a user with a password, a link, a session, a key and an upload to each of two
    accounts."""

    def __init__(self, database: Database) -> None:
        write = database.write
        homes = [f"t{uuid4().hex[:10]}" for _ in range(2)]
        home, other = (write(create_account, name, 10_000, NOW) for name in homes)
        admin = write(create_user, f"{homes[0]}:ann", "admin", NOW)
        made = write(create_key, SECRET, admin, "", ("read", "write", "admin"), NOW)
        self.actor = database.read(authenticate, SECRET, made.api_key, NOW)
        self.user = write(create_user, f"{homes[0]}:bob", "admin", NOW)
        self.name = self.user.user_name
        self.key = write(create_key, SECRET, self.user, "", ("read",), NOW).key
        write(set_password, self.user, "hash", NOW)
        holder = database.read(find_password, self.name)
        assert holder is not None
        self.holder = holder
        write(sign_in, SECRET, holder, ORIGIN, NOW)
        self.token, _ = write(create_link, SECRET, self.user, NOW)
        self.account_ids = [home.id, other.id]
        for account_id in self.account_ids:
            upload_id = uuid4()
            sender = Sender(self.user.id, home.id, self.key.id)
            until = NOW + timedelta(days=1)
            write(reserve_upload, account_id, upload_id, 10, until, NOW, sender)


WORKS: dict[str, Callable[[Setting, Database], Callable[[], object]]] = {
    "disable": lambda s, db: partial(db.write, change_user, s.actor, s.name, NOW, disabled=True),
    "demote": lambda s, db: partial(db.write, change_user, s.actor, s.name, NOW, role="member"),
    "delete": lambda s, db: partial(db.write, delete_user, s.actor, s.name, NOW),
    "disable as operator": lambda s, db: partial(db.write, set_disabled, s.name, True, NOW),
    "revoke": lambda s, db: partial(db.write, revoke_key, s.actor, s.key.id, NOW),
    "revoke as operator": lambda s, db: partial(db.write, revoke_key_as_operator, s.key.id, NOW),
    "use a link": lambda s, db: partial(db.write, use_link, SECRET, s.token, "h", ORIGIN, NOW),
    "make a link": lambda s, db: partial(db.write, create_link, SECRET, s.user, NOW),
    "make a key": lambda s, db: partial(db.write, issue_key, s.actor, SECRET, "", ("read",), NOW),
    "sign in": lambda s, db: partial(db.write, sign_in, SECRET, s.holder, ORIGIN, NOW),
    "note a network": lambda s, db: partial(
        db.write, note_network, s.key.id, "192.0.2.1", ORIGIN, NOW
    ),
}


@pytest.mark.parametrize("work", WORKS)
def test_locks_are_taken_in_one_order(database: Database, work: str) -> None:
    if database.embedded:  # one writer at a time, who locks everything
        return
    setting = Setting(database)
    run = WORKS[work](setting, database)
    with noted_locks(database) as locked:
        run()
    assert locked == sorted(locked, key=RANKS.__getitem__)
    if work.startswith(("disable", "delete", "revoke")):
        assert {"uploads", "reservations", "accounts"} <= set(locked)
    if not work.startswith(("revoke", "note")):
        assert "users" in locked


@pytest.mark.parametrize("work", ["disable", "delete", "disable as operator", "revoke"])
def test_uploads_end_in_all_accounts(database: Database, work: str) -> None:
    setting = Setting(database)
    WORKS[work](setting, database)()
    with database.reading() as conn:
        of_user = reservations.c.user_id == setting.user.id
        assert conn.scalar(select(func.count()).select_from(reservations).where(of_user)) == 0
        reserved = select(accounts.c.reserved).where(accounts.c.id.in_(setting.account_ids))
        assert list(conn.scalars(reserved)) == [0, 0]
