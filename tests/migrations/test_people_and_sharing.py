"""Revisions 0018 to 0021: what the release before had is read, shared and signed in with as before,
and that release may still write."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from tests.migrations.test_rejected_versions import migrate_to, put

from entrepot.accounts.key_networks import note_network
from entrepot.accounts.keys import find_key_holder
from entrepot.accounts.links import find_link, use_link
from entrepot.accounts.secrets import keyed_digest
from entrepot.accounts.sessions import authenticate_session
from entrepot.activity.chain import chain_all_rows, check_chains
from entrepot.activity.record import RequestOrigin
from entrepot.blobs.disk import DiskStore
from entrepot.db.engine import Database
from entrepot.db.tables import activity, files, versions
from entrepot.db.types import WriteConnection
from entrepot.files.invariants.checks import CHECKS
from entrepot.grants.senders import list_senders
from entrepot.migrations.revisions import head_revision
from entrepot.migrations.run import migrate

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
BEFORE = "0017"
SECRET = b"of the tests"
ORIGIN = RequestOrigin("203.0.113.5", "of-the-tests")
JUDGED = (
    "metadata",
    "lists",
    "activity",
    "activity chains",
    "accounts",
    "sharing",
    "withdrawals",
)
"""The checks that need no bytes."""


class ReleaseBefore:
    """What it writes: an account that shares a published file with a user of another one, who has
    a key, a session and a link."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.account_id, self.receiver_id, self.user_id = uuid4(), uuid4(), uuid4()
        self.file_id, self.version_id, self.key_id = uuid4(), uuid4(), uuid4()

    def digest(self, purpose: str) -> bytes:
        return keyed_digest(SECRET, purpose, self.name)

    def write(self, conn: WriteConnection) -> None:
        made: dict[str, Any] = {"created_at": NOW}
        owner_id = uuid4()
        for account_id, user_id, name in (
            (self.account_id, owner_id, f"{self.name}-owner"),
            (self.receiver_id, self.user_id, self.name),
        ):
            put(conn, "accounts", id=account_id, name=name, quota=10**9, **made)
            put(conn, "users", id=user_id, account_id=account_id, name="ann", role="admin", **made)
        self._write_sign_ins(conn, made)
        owned: dict[str, Any] = {"account_id": self.account_id, **made}
        put(
            conn,
            "files",
            id=self.file_id,
            owner_id=owner_id,
            name="a.csv",
            name_key="a.csv",
            description="Ünïcode",
            size_limit=10**9,
            enforcement="none",
            current_version=1,
            current_size=8,
            updated_at=NOW,
            **owned,
        )
        put(
            conn,
            "versions",
            id=self.version_id,
            file_id=self.file_id,
            number=1,
            status="published",
            size=8,
            sha256="0" * 64,
            media_type="text/csv",
            created_by=owner_id,
            task_id=uuid4(),
            decided_at=NOW,
            **owned,
        )
        put(
            conn,
            "entitlements",
            file_id=self.file_id,
            grantee_id=self.user_id,
            account_id=self.receiver_id,
            user_id=self.user_id,
            reads=True,
            writes=False,
            granted_by=owner_id,
            file_created_at=NOW,
            **made,
        )
        of_file = {"file_id": self.file_id, "version": 1}
        for action, account_id, of in (
            ("user.create", self.account_id, {}),
            ("user.create", self.receiver_id, {}),
            ("file.define", self.account_id, of_file),
            ("version.publish", self.account_id, of_file),
            ("entitlement.grant", self.account_id, of_file),
        ):
            noted = {"result": "done", "at": NOW, "detail": {"name": "a.csv"}}
            put(conn, "activity", action=action, account_id=account_id, **noted, **of)
        chain_all_rows(conn)

    def _write_sign_ins(self, conn: WriteConnection, made: dict[str, Any]) -> None:
        put(
            conn,
            "keys",
            id=self.key_id,
            user_id=self.user_id,
            account_id=self.receiver_id,
            name="",
            prefix="epk_aaaa",
            digest=self.digest("key"),
            scopes="read",
            **made,
        )
        of_user = {"user_id": self.user_id}
        put(conn, "sessions", digest=self.digest("session"), seen_at=NOW, **of_user, **made)
        expires_at = NOW + timedelta(minutes=10)
        put(conn, "sign_in_links", digest=self.digest("link"), expires_at=expires_at, **of_user)


def check_release(database: Database, release: ReleaseBefore) -> None:
    """What it wrote is valid and means what it meant."""
    with database.reading() as conn:
        actor = authenticate_session(conn, SECRET, release.name, NOW)
        assert actor.user_id == release.user_id  # and the account is not suspended
        holder = find_key_holder(conn, release.digest("key"), NOW)
        assert (holder.user_id, holder.scopes) == (release.user_id, ("read",))
        link = find_link(conn, SECRET, release.name, NOW)
        assert link is not None
        assert not link.sets_password
        version = conn.execute(select(versions).where(versions.c.id == release.version_id)).one()
        assert (version.status, version.withdrawn_at, version.purged) == ("published", None, False)
        file = conn.execute(select(files).where(files.c.id == release.file_id)).one()
        assert (file.current_version, file.withdrawn_at) == (1, None)
        (sender,) = list_senders(conn, actor)
        assert (sender.files, sender.decision, sender.account_decision) == (1, None, None)
    database.write(note_network, release.key_id, "203.0.113.5", ORIGIN, NOW)
    assert first_uses(database, release.key_id) == 1
    _, token = database.write(use_link, SECRET, release.name, None, ORIGIN, NOW)
    with database.reading() as conn:
        assert authenticate_session(conn, SECRET, token, NOW).user_id == release.user_id


def first_uses(database: Database, key_id: UUID) -> int:
    with database.reading() as conn:
        of_key = activity.c.key_id == key_id, activity.c.action == "key.first-use"
        return conn.scalar(select(func.count()).select_from(activity).where(*of_key)) or 0


def test_what_the_release_before_wrote_holds(empty: tuple[Database, Path]) -> None:
    database, file = empty
    before, beside = ReleaseBefore("before"), ReleaseBefore("beside")
    migrate_to(database, BEFORE)
    database.write(before.write)
    assert migrate(database, file, NOW) == BEFORE
    assert migrate(database, file, NOW) == head_revision()
    database.write(beside.write)  # a server of the release before, which still runs
    store = DiskStore(file.parent / "store", 0)
    for name in JUDGED:
        with database.reading() as conn:
            assert list(CHECKS[name](conn, store, NOW)) == [], name
    for release in (before, beside):
        check_release(database, release)
    with database.reading() as conn:
        assert list(check_chains(conn, store, NOW)) == []
