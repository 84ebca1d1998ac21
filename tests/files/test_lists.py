"""Lists of files against a plain model: who sees what, in which order, found along which index.

Each test works in a transaction that is never committed.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from tests.support.plans import actor_of, plans_of

from entrepot.accounts.accounts import create_account
from entrepot.accounts.actor import Actor
from entrepot.accounts.users import create_user
from entrepot.db.engine import Database
from entrepot.db.tables import entitlements, files, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.names import fold_name
from entrepot.files.queries.lists import SCAN_FILES, FileFilter, Sort, list_files, position_of

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SORTS: tuple[Sort, ...] = (
    "created_at", "-created_at", "updated_at", "-updated_at",
    "file_name", "-file_name", "file_size", "-file_size",
)  # fmt: skip


@dataclass(frozen=True)
class ListedModelFile:
    """A file as the model knows it."""

    id: UUID
    account_id: UUID
    owner_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    size: int = -1
    media_type: str = ""
    published: bool = False
    enforced: bool = False
    deleted: bool = False


@dataclass
class ModelFiles:
    """Accounts with an admin and two members each, files of all of them, and entitlements."""

    conn: WriteConnection
    actors: list[Actor] = field(default_factory=list)
    files: list[ListedModelFile] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)

    def people(self, account: str) -> list[Actor]:
        """Make an account with its admin and two members."""
        create_account(self.conn, account, 10**9, NOW)
        made = []
        for name, role in (("admin", "admin"), ("anna", "member"), ("ben", "member")):
            user = create_user(self.conn, f"{account}:{name}", role, NOW)
            made.append(actor_of(user, NOW))
        self.actors += made
        return made

    def add(self, *made: ListedModelFile) -> None:
        """Insert files, with a version if they are published."""
        self.conn.execute(insert(files), [row_of(each) for each in made])
        if published := [each for each in made if each.published]:
            self.conn.execute(insert(versions), [version_of(each) for each in published])
        self.files += made

    def grant(
        self, one: ListedModelFile, grantee: Actor, whole: bool, what: str, until: Any
    ) -> None:
        """Entitle a user, or their whole account."""
        row = {
            "file_id": one.id,
            "grantee_id": grantee.account_id if whole else grantee.user_id,
            "account_id": grantee.account_id,
            "user_id": None if whole else grantee.user_id,
            "reads": "r" in what,
            "writes": "w" in what,
            "granted_by": one.owner_id,
            "created_at": NOW,
            "expires_at": until,
            "file_created_at": one.created_at,
        }
        if not any(
            (each["file_id"], each["grantee_id"]) == (one.id, row["grantee_id"])
            for each in self.grants
        ):
            self.conn.execute(insert(entitlements).values(**row))
            self.grants.append(row)

    def expected(self, actor: Actor, file_filter: FileFilter) -> list[UUID]:
        """The ids that a list should have, in its order."""
        visible = [seen for one in self.files if (seen := self._seen(actor, one))]
        result = [one for one, manages in visible if fits(one, manages, file_filter)]
        key = file_filter.sort.removeprefix("-")
        keys: dict[str, Any] = {
            "created_at": lambda one: one.created_at,
            "updated_at": lambda one: one.updated_at,
            "file_name": lambda one: fold_name(one.name),
            "file_size": lambda one: one.size,
        }
        result.sort(
            key=lambda one: (keys[key](one), one.id.hex), reverse=file_filter.sort[0] == "-"
        )
        return [one.id for one in result]

    def _seen(self, actor: Actor, one: ListedModelFile) -> tuple[ListedModelFile, bool] | None:
        """A file as the actor sees it, and whether they manage it; None if they are not."""
        if one.deleted:
            return None
        own = one.owner_id == actor.user_id
        if own or (actor.is_admin and one.account_id == actor.account_id):
            return one, True
        live = [
            each
            for each in self.grants
            if each["file_id"] == one.id
            and each["grantee_id"] in (actor.user_id, actor.account_id)
            and (each["expires_at"] is None or each["expires_at"] > actor.at)
        ]
        if not live or not one.published:
            return None
        if any(each["reads"] for each in live):
            return one, False
        return replace(one, updated_at=one.created_at, size=-1, media_type=""), False


def fits(one: ListedModelFile, manages: bool, file_filter: FileFilter) -> bool:
    """Whether a file, as it is shown, is one of those that are asked for."""
    return all(
        (
            file_filter.name is None or fold_name(file_filter.name) in fold_name(one.name),
            file_filter.entitlement in (None, "owned" if manages else "shared"),
            file_filter.media_type in (None, one.media_type),
            file_filter.enforced in (None, one.enforced),
            file_filter.published in (None, one.published),
            file_filter.updated_since is None or one.updated_at >= file_filter.updated_since,
            file_filter.min_size is None or one.size >= max(file_filter.min_size, 0),
            file_filter.max_size is None or 0 <= one.size <= file_filter.max_size,
        )
    )


def row_of(one: ListedModelFile) -> dict[str, Any]:
    return {
        "id": one.id,
        "account_id": one.account_id,
        "owner_id": one.owner_id,
        "name": one.name,
        "name_key": fold_name(one.name),
        "description": "",
        "size_limit": 10**6,
        "enforcement": "given" if one.enforced else "none",
        "current_version": 1 if one.published else None,
        "current_size": one.size,
        "deleted_at": NOW if one.deleted else None,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def version_of(one: ListedModelFile) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "file_id": one.id,
        "account_id": one.account_id,
        "number": 1,
        "status": "published",
        "size": one.size,
        "sha256": "0" * 64,
        "media_type": one.media_type,
        "created_by": one.owner_id,
        "created_at": one.created_at,
        "decided_at": one.created_at,
        "task_id": uuid4(),
    }


def some_file(owner: Actor, chance: random.Random, **values: Any) -> ListedModelFile:
    """A file of an owner; times, sizes and names are drawn from few, so that many are equal."""
    made = NOW - timedelta(hours=chance.randrange(5))
    published = values.pop("published", chance.random() < 0.8)
    usual: dict[str, Any] = {
        "name": chance.choice(("Orders", "ORDERS", "straße", "STRASSE", "数据表", "数据", "x"))
        + chance.choice((".csv", "_2024.csv", "%")),
        "updated_at": made + timedelta(minutes=chance.randrange(3)),
        "size": chance.randrange(4) if published else -1,
        "media_type": chance.choice(("text/csv", "application/json")) if published else "",
        "enforced": chance.random() < 0.5,
        "deleted": chance.random() < 0.1,
    }
    return ListedModelFile(
        uuid4(), owner.account_id, owner.user_id, created_at=made, published=published,
        **(usual | values),
    )  # fmt: skip


def walked(conn: ReadConnection, actor: Actor, file_filter: FileFilter, size: int) -> list[UUID]:
    """The ids that a list has, page after page."""
    results: list[UUID] = []
    after = None
    while page := list_files(conn, actor, size, after, file_filter):
        results += [file.id for file in page]
        assert len(results) <= MANY
        after = position_of(page[-1], file_filter.sort)
    return results


ASKED = (
    FileFilter(),
    FileFilter(name="ORDERS"),
    FileFilter(name="strasse_"),
    FileFilter(name="数据"),
    FileFilter(name="x"),
    FileFilter(name="%"),
    FileFilter(name="nowhere"),
    FileFilter(name="csv", published=True, enforced=False),
    FileFilter(entitlement="owned"),
    FileFilter(entitlement="shared"),
    FileFilter(entitlement="shared", name="orders"),
    FileFilter(media_type="text/csv"),
    FileFilter(enforced=True),
    FileFilter(published=False),
    FileFilter(min_size=0),
    FileFilter(min_size=1, max_size=2),
    FileFilter(max_size=0, name="2024"),
    FileFilter(updated_since=NOW - timedelta(hours=2)),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_everybody_is_listed_what_a_plain_model_says(conn: WriteConnection, seed: int) -> None:
    chance = random.Random(seed)
    model = ModelFiles(conn)
    for account in ("acme", "beta", "gamma"):
        model.people(account)
    model.add(*(some_file(chance.choice(model.actors), chance) for _ in range(60)))
    until = (None, None, NOW, NOW + timedelta(hours=1))
    for one in model.files:
        for _ in range(chance.randrange(4)):
            whole, what = chance.random() < 0.4, chance.choice(("r", "w", "rw"))
            model.grant(one, chance.choice(model.actors), whole, what, chance.choice(until))
    owners = {each.user_id: each.user_name for each in model.actors}
    for actor in model.actors:
        for requested_filter in ASKED:
            for sort in chance.sample(SORTS, 2):
                file_filter = replace(requested_filter, sort=sort)
                expected = model.expected(actor, file_filter)
                assert walked(conn, actor, file_filter, 7) == expected, (
                    actor.user_name,
                    file_filter,
                )
        for owner in model.actors:
            file_filter = FileFilter(sort="-file_name", user_name=owner.user_name)
            whose = {one.id: owners[one.owner_id] for one in model.files}
            expected = [
                each
                for each in model.expected(actor, file_filter)
                if whose[each] == owner.user_name
            ]
            assert walked(conn, actor, file_filter, 7) == expected, (actor.user_name, file_filter)


@pytest.mark.parametrize("name", [None, "kept"])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_are_stable_while_files_come_and_go(
    conn: WriteConnection, sort: Sort, name: str | None
) -> None:
    """Between any two pages some are added, one is deleted, one is renamed, updated and grows."""
    chance = random.Random(3)
    model = ModelFiles(conn)
    admin, member, _ = model.people("acme")
    common: dict[str, Any] = {"published": True, "deleted": False}
    for kind in ("kept", "gone-kept", "moved-kept"):
        model.add(
            *(
                some_file(member, chance, name=f"{at:02}-{kind}.csv", **common)
                for at in chance.sample(range(50), 20)
            )
        )
    kept, gone, moved = (model.files[at : at + 20] for at in (0, 20, 40))
    results: list[UUID] = []
    after, file_filter = None, FileFilter(sort=sort, name=name)
    for turn in range(100):
        page = list_files(conn, admin, 5, after, file_filter)
        if not page:
            break
        results += [file.id for file in page]
        after = position_of(page[-1], sort)
        new = f"{chance.randrange(50):02}-new-kept.csv"
        model.add(*(some_file(member, chance, name=new, **common) for _ in range(2)))
        removed, changed = gone[turn % 20], moved[turn % 20]
        conn.execute(update(files).where(files.c.id == removed.id).values(deleted_at=NOW))
        again = f"{chance.randrange(50):02}-again-kept.csv"
        values = {"name": again, "name_key": again, "updated_at": NOW, "current_size": turn % 9}
        conn.execute(update(files).where(files.c.id == changed.id).values(**values))
        conn.execute(update(versions).where(versions.c.file_id == changed.id).values(size=turn % 9))
    assert not page
    kept_ids = {one.id for one in kept}
    assert sorted(each for each in results if each in kept_ids) == sorted(kept_ids)
    if sort.endswith("created_at"):  # nothing changes its place
        assert len(results) == len(set(results))
        assert {one.id for one in moved} <= set(results)


MANY = 6_000


def create_model_files(conn: WriteConnection, database: Database) -> ModelFiles:
    """An account of many files, half of each member's, of which few are called `rare`."""
    chance = random.Random(4)
    model = ModelFiles(conn)
    _, anna, ben = model.people("acme")
    for at in range(MANY):
        moment = NOW - timedelta(seconds=at)
        rare = "rare" if at % 2_000 == 1_999 else "common"
        model.files.append(
            ListedModelFile(
                uuid4(), anna.account_id, (anna, ben)[at % 2].user_id, f"{rare}_{at}.csv",
                moment, moment, chance.randrange(10**6), "text/csv", published=True,
            )
        )  # fmt: skip
    conn.execute(insert(files), [row_of(one) for one in model.files])
    conn.execute(insert(versions), [version_of(one) for one in model.files])
    if not database.embedded:
        conn.exec_driver_sql("ANALYZE files")
    return model


def plans(
    database: Database, conn: WriteConnection, actor: Actor, file_filter: FileFilter
) -> list[str]:
    """How the database goes about each statement of a list's second page."""
    (first, *_) = list_files(conn, actor, 1, None, file_filter)
    after = position_of(first, file_filter.sort)
    ran = plans_of(database, conn, lambda: list_files(conn, actor, 50, after, file_filter))
    return [plan for sql, plan in ran if "name_key" in sql]


def test_no_order_is_sorted_anew_and_no_account_read_through(
    database: Database, conn: WriteConnection
) -> None:
    model = create_model_files(conn, database)
    indexes = {
        "created_at": "",
        "updated_at": "_update",
        "file_name": "_name",
        "file_size": "_size",
    }
    for actor, whose in ((model.actors[0], "account"), (model.actors[1], "owner")):
        for sort in SORTS:
            (plan,) = plans(database, conn, actor, FileFilter(sort=sort))
            assert f"ix_files_by_{whose}{indexes[sort.removeprefix('-')]} " in plan, (sort, plan)
            for whole in ("TEMP B-TREE", "SCAN files", "Sort", "Seq Scan on files"):
                assert whole not in plan, (sort, plan)


def test_what_is_common_is_found_along_the_order_and_what_is_rare_by_its_grams(
    database: Database, conn: WriteConnection
) -> None:
    model = create_model_files(conn, database)
    admin = model.actors[0]
    assert MANY > SCAN_FILES
    for sort in SORTS:
        _, listed = plans(database, conn, admin, FileFilter(sort=sort, name="common"))
        assert "ix_files_by_account" in listed, (sort, listed)
        for sorted_anew in ("TEMP B-TREE", "Sort"):
            assert sorted_anew not in listed, (sort, listed)
        _, listed = plans(database, conn, admin, FileFilter(sort=sort, name="RARE"))
        used = "VIRTUAL TABLE INDEX" if database.embedded else "ix_files_by_grams"
        assert used in listed, (sort, listed)
        assert "ix_files_by_account" not in listed, (sort, listed)
        for whole in ("SCAN files", "Seq Scan on files"):
            assert whole not in listed, (sort, listed)
        rare = [one.id for one in model.files if "rare" in one.name]
        assert sorted(walked(conn, admin, FileFilter(sort=sort, name="RARE"), 2)) == sorted(rare)


def test_a_search_follows_a_file_to_its_new_account(conn: WriteConnection) -> None:
    model = ModelFiles(conn)
    _, anna, _ = model.people("acme")
    _, maria, _ = model.people("beta")
    one = some_file(anna, random.Random(5), name="moving.csv", published=True, deleted=False)
    model.add(one)
    file_filter = FileFilter(name="moving")
    assert walked(conn, anna, file_filter, 5) == [one.id]
    theirs = {"account_id": maria.account_id, "owner_id": maria.user_id}
    conn.execute(update(files).where(files.c.id == one.id).values(**theirs))
    assert walked(conn, anna, file_filter, 5) == []
    assert walked(conn, maria, file_filter, 5) == [one.id]
