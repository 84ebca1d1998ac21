"""Keys, users, entitlements and offers are listed along an index, whatever else there is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from tests.support.plans import actor_of, plans_of

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import Actor
from entrepot.accounts.keys import list_keys
from entrepot.accounts.users import create_user, list_users
from entrepot.db.engine import Database
from entrepot.db.pages import Position
from entrepot.db.tables import entitlements, files, keys, offers, users
from entrepot.db.types import WriteConnection
from entrepot.files.transfer import list_offers
from entrepot.grants.entitlements import list_entitlements

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
MANY = 4_000
MIDDLE: Position = (NOW + timedelta(seconds=MANY // 2), UUID(int=0))


@dataclass(frozen=True)
class LargeAccount:
    """An account whose admin has a file that is shared with many, and who is offered many."""

    admin: Actor
    member: Actor
    file_id: UUID


def gather(conn: WriteConnection, account: str) -> LargeAccount:
    """An account of many users, with many keys of its admin and of a member, most revoked."""
    create_account(conn, account, 10**9, NOW)
    admin, member = (
        actor_of(create_user(conn, f"{account}:{role}", role, NOW), NOW)
        for role in ("admin", "member")
    )
    times = [NOW + timedelta(seconds=at) for at in range(MANY)]
    people = [
        {
            "id": uuid4(),
            "account_id": admin.account_id,
            "name": f"u{at}",
            "role": "member",
            "created_at": made,
        }
        for at, made in enumerate(times)
    ]
    conn.execute(insert(users), people)
    conn.execute(
        insert(keys),
        [
            {
                "id": uuid4(),
                "user_id": (admin, member)[at % 2].user_id,
                "account_id": admin.account_id,
                "name": "",
                "prefix": "",
                "digest": uuid4().bytes * 2,
                "scopes": "read",
                "created_at": made,
                "revoked_at": None if at % 10 < 2 else NOW,
            }
            for at, made in enumerate(times)
        ],
    )
    made_files = [
        {
            "id": uuid4(),
            "account_id": admin.account_id,
            "owner_id": admin.user_id,
            "name": f"{at}.csv",
            "name_key": f"{at}.csv",
            "description": "",
            "size_limit": 1,
            "enforcement": "none",
            "created_at": made,
            "updated_at": made,
        }
        for at, made in enumerate(times)
    ]
    conn.execute(insert(files), made_files)
    file_id = made_files[0]["id"]
    assert isinstance(file_id, UUID)
    shared: dict[str, Any] = {
        "account_id": admin.account_id,
        "reads": True,
        "writes": False,
        "granted_by": admin.user_id,
        "file_created_at": NOW,
    }
    rows = [
        {**shared, "file_id": file_id, "created_at": made}
        | {"grantee_id": person["id"], "user_id": person["id"]}
        for person, made in zip(people, times, strict=True)
    ]
    conn.execute(insert(entitlements), rows)
    offered = {"user_id": admin.user_id, "offered_by": admin.user_id}
    conn.execute(
        insert(offers),
        [
            {**offered, "file_id": file["id"], "created_at": made}
            for file, made in zip(made_files, times, strict=True)
        ],
    )
    return LargeAccount(admin, member, file_id)


Listed = Callable[[WriteConnection, LargeAccount], list[Any]]
LISTS: dict[str, tuple[str, Listed]] = {
    "an account's keys": (
        "ix_keys_live_by_account",
        lambda conn, of: list_keys(conn, of.admin, 50, MIDDLE),
    ),
    "an account's keys, the newest first": (
        "ix_keys_live_by_account",
        lambda conn, of: list_keys(conn, of.admin, 50, MIDDLE, newest_first=True),
    ),
    "the user's own keys": (
        "ix_keys_live_by_user",
        lambda conn, of: list_keys(conn, of.member, 50, MIDDLE),
    ),
    "users": ("ix_users_by_account", lambda conn, of: list_users(conn, of.admin, 50, MIDDLE)),
    "entitlements": (
        "ix_entitlements_by_file",
        lambda conn, of: list_entitlements(conn, of.admin, of.file_id, 50, MIDDLE),
    ),
    "offers": ("ix_offers_by_user", lambda conn, of: list_offers(conn, of.admin, 50, MIDDLE)),
}


def test_no_list_is_sorted_anew(database: Database, conn: WriteConnection) -> None:
    crowd, _ = gather(conn, "acme"), gather(conn, "beta")
    if not database.embedded:
        for table in ("accounts", "users", "keys", "files", "entitlements", "offers"):
            conn.exec_driver_sql(f"ANALYZE {table}")
    for name, (index, listed) in LISTS.items():
        assert len(listed(conn, crowd)) == 50, name
        ran = plans_of(database, conn, lambda listed=listed: listed(conn, crowd))  # type: ignore[misc]
        (plan,) = [plan for sql, plan in ran if "ORDER BY" in sql]
        assert f"{index} " in plan, (name, plan)
        for whole in ("TEMP B-TREE", "SCAN ", "Sort"):
            assert whole not in plan, (name, plan)


@pytest.mark.parametrize("newest_first", [False, True])
def test_revoked_keys_are_on_no_page(conn: WriteConnection, newest_first: bool) -> None:
    crowd = gather(conn, "acme")
    for actor, live in ((crowd.admin, MANY // 5), (crowd.member, MANY // 10)):
        results: list[UUID] = []
        after: Position | None = None
        while page := list_keys(conn, actor, 300, after, newest_first):
            results += [key.id for key in page]
            assert len(results) <= live
            after = (page[-1].created_at, page[-1].id)
        assert len(set(results)) == live
