"""Which entries may run, by sender: the same as a plain look at all of them."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, update

from entrepot.accounts.accounts import create_account
from entrepot.db.engine import Database
from entrepot.db.tables import accounts, queue_entries
from entrepot.settings import Settings
from entrepot.tasks.claims import find_waiting
from entrepot.tasks.leases import renew_lease
from entrepot.tasks.schedule import BATCH_ENTRIES

NOW = datetime.now(UTC)
LEASE = timedelta(hours=1)
KINDS = ("inspect", "derive")
SIZES = (0, 1, 3, 60, 400)


@pytest.mark.parametrize("seed", range(5))
def test_the_first_entries_of_each_sender_are_found(
    migrated: tuple[Database, Settings], seed: int
) -> None:
    database, _ = migrated
    suspended = database.write(create_account, "suspended", 100, NOW).id
    database.write(renew_lease, "alive", NOW)
    with database.writing() as conn:
        conn.execute(update(accounts).values(suspended_at=NOW))
    random = Random(seed)
    for size in SIZES:
        rows = make_entries(random, size, suspended)
        with database.writing() as conn:
            conn.execute(delete(queue_entries))
            if rows:
                conn.execute(insert(queue_entries), rows)
        waiting = database.read(find_waiting, KINDS, LEASE, NOW)
        assert {entry.id for entry in waiting} == first_of_each_sender(rows, suspended)


def make_entries(random: Random, size: int, suspended: UUID) -> list[dict[str, Any]]:
    account_ids = [uuid4() for _ in range(random.choice((1, 3)))] + [suspended]
    user_ids = [uuid4() for _ in range(random.choice((1, 3)))]
    file_ids = [uuid4() for _ in range(random.choice((1, 300)))]
    rows = []
    for number in range(size):
        in_file, running = random.random() < 0.8, random.random() < 0.1
        rows.append(
            {
                "id": uuid4(),
                "kind": random.choice((*KINDS, "unknown")),
                "account_id": random.choice(account_ids),
                "user_id": random.choice(user_ids),
                "file_id": random.choice(file_ids) if in_file else None,
                "version": number + 1 if in_file else None,
                "size": 5,
                "short": random.random() < 0.7,
                "state": "running" if running else "waiting",
                "owner": random.choice(("alive", "dead")) if running else None,
                "enqueued_at": NOW + timedelta(seconds=random.randrange(20)),
                "not_before": random.choice((None, NOW - LEASE, NOW + LEASE)),
            }
        )
    return rows


def first_of_each_sender(rows: list[dict[str, Any]], suspended: UUID) -> set[UUID]:
    lowest: dict[UUID, int] = {}
    for row in rows:
        if row["file_id"] is not None:
            file_id, version = row["file_id"], row["version"]
            lowest[file_id] = min(lowest.get(file_id, version), version)
    first: dict[tuple[UUID, UUID, bool], list[UUID]] = {}
    for row in sorted(rows, key=lambda row: (row["enqueued_at"], row["id"])):
        may_run = (
            row["kind"] in KINDS
            and row["account_id"] != suspended
            and row["owner"] != "alive"
            and (row["not_before"] is None or row["not_before"] <= NOW)
            and (row["file_id"] is None or lowest[row["file_id"]] == row["version"])
        )
        if may_run:
            sender = row["account_id"], row["user_id"], row["short"]
            first.setdefault(sender, []).append(row["id"])
    return {entry for ids in first.values() for entry in ids[: 2 * BATCH_ENTRIES]}
