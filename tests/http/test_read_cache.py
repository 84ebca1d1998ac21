"""A download asked again is answered from memory, and never when anything has changed since."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert
from tests.support.api import CSV, assert_problem
from tests.support.loops import run_apart
from tests.support.migrated import open_migrated
from tests.support.server import Server, TestAccount
from tests.support.wait import PATIENCE, wait_until

from entrepot.accounts.accounts import create_account
from entrepot.accounts.keys import revoke_key_as_operator
from entrepot.db.change_counter import ChangeCounter
from entrepot.db.tables import failed_sign_ins
from entrepot.db.types import WriteConnection
from entrepot.http.places import DOWNLOADS
from entrepot.http.read_cache import MAX_BYTES, ReadCache

pytestmark = pytest.mark.both_databases


def test_the_state_moves_with_each_commit_of_anybody_else(server: Server) -> None:
    database = server.parts.database
    changes = ChangeCounter(database)
    before = changes.state()
    if not database.embedded:
        assert before is None
        return

    assert isinstance(before, int)
    database.write(create_account, "somebody", 1, datetime.now(UTC))
    assert changes.state() != before
    changes.close()
    assert changes.state() is None


def test_what_is_written_aside_moves_no_state(tmp_path: Path) -> None:
    """Whatever it is; but all else does, also right before it, after it, or in its midst."""
    now = datetime.now(UTC)
    database, _ = open_migrated(tmp_path)
    changes = ChangeCounter(database)

    def aside(conn: WriteConnection) -> None:
        conn.execute(insert(failed_sign_ins).values(name=f"{uuid4()}", failures=1, since=now))

    def write_uncounted() -> None:
        changes.lend_connection()
        changes.write_uncounted(aside)
        assert changes.state() is None  # it may have been anybody's
        changes.return_connection()

    def write() -> None:
        database.write(create_account, f"t{uuid4().hex[:10]}", 1, now)

    before = changes.state()
    for acts, moves in (
        ([write_uncounted], False),
        ([write_uncounted, write_uncounted], False),
        ([write], True),
        ([write, write_uncounted], True),
        ([write_uncounted, write], True),
        ([write_uncounted, write, write_uncounted], True),
    ):
        for act in acts:
            act()
        after = changes.state()
        assert (after != before) == moves, acts
        assert changes.state() == after
        before = after
    changes.close()
    database.close()


def test_a_revoked_key_is_known_at_the_very_next_download(account: TestAccount) -> None:
    task = account.api.deliver(CSV)
    path = f"/file/download/{task['file_id']}"
    holder = account.new_key()
    for _ in range(5):
        assert holder.api.get(path).content == CSV
    account.api.request("DELETE", f"/key/{holder.key.key.id}")
    assert_problem(holder.api.get(path), 401, "not-authenticated")
    assert account.api.get(path).content == CSV


def test_what_another_process_commits_is_known_at_the_very_next_download(
    account: TestAccount,
) -> None:
    """A key that an operator revokes; of a small file whose bytes are in memory by then."""
    path = f"/file/download/{account.api.deliver(CSV)['file_id']}"
    parts = account.server.parts  # opened in this process
    for _ in range(3):
        holder = account.new_key()
        assert [holder.api.get(path).content for _ in range(4)] == [CSV] * 4
        parts.database.write(revoke_key_as_operator, holder.key.key.id, parts.clock())
        assert_problem(holder.api.get(path), 401, "not-authenticated")


def test_a_key_expires_although_nothing_is_committed(account: TestAccount) -> None:
    task = account.api.deliver(CSV)
    path = f"/file/download/{task['file_id']}"
    clock = account.server.parts.clock
    for seconds in (1, 5, 60):  # the longer ones where the machine stood still meanwhile
        until = clock() + timedelta(seconds=seconds)
        holder = account.new_key(expires_in=timedelta(seconds=seconds))
        answers = [holder.api.get(path) for _ in range(2)]
        if clock() < until:
            break
    assert [answer.content for answer in answers] == [CSV, CSV]
    wait_until(lambda: clock() > until + timedelta(seconds=1), "the key has expired", 2 * PATIENCE)
    assert_problem(holder.api.get(path), 401, "not-authenticated")


def test_what_one_may_read_is_not_remembered_for_another(account: TestAccount) -> None:
    task = account.api.deliver(CSV)
    path = f"/file/download/{task['file_id']}"
    stranger = account.new_user()
    deliverer = account.new_key(scopes=("write",))
    for _ in range(3):
        assert account.api.get(path).content == CSV
        assert_problem(stranger.api.get(path), 404, "not-found")
        assert_problem(deliverer.api.get(path), 403, "scope-missing")


def test_the_short_way_and_the_common_way_answer_alike(account: TestAccount) -> None:
    fields = {"file_size_limit": "1000000", "path": "sales/orders"}
    sent = account.api.post("/file/new", data=fields, files={"file": ("orders.csv", CSV)})
    task = account.api.wait_task(sent.json()["task_id"])
    base = f"/d/{account.name}"
    volatile = {"date", "x-request-id", "ratelimit"}
    requests = [
        (method, path, headers)
        for path in (f"{DOWNLOADS}{task['file_id']}", f"{base}/sales/orders")
        for method in ("GET", "HEAD")
        for headers in ({}, {"Range": "bytes=1-3"}, {"If-None-Match": "*"}, {"If-Match": '"x"'})
    ]
    requests += [
        ("GET", f"{DOWNLOADS}1dd1ce46-62cc-486e-9f47-1f96c1895b25", {}),
        *(("GET", f"{base}{path}", {}) for path in ("", "/", "/nothing", "/datapackage.json")),
        ("GET", "/d//x", {}),
    ]
    for method, path, headers in requests:
        short = account.api.request(method, path, headers=headers)
        common = account.api.request(method, f"{path}?&", headers=headers)
        assert short.status_code == common.status_code, path
        assert _lasting(short.content) == _lasting(common.content), path
        assert {k: v for k, v in short.headers.items() if k not in volatile} == {
            k: v for k, v in common.headers.items() if k not in volatile
        }, path


def _lasting(content: bytes) -> bytes:
    """An answer without the id of its request."""
    return re.sub(rb'"request_id":"[0-9a-f]{32}"', b"", content)


def test_what_is_committed_in_a_turn_counts_for_whoever_comes_after_it(tmp_path: Path) -> None:
    """The database is asked once in a turn of the event loop. A client that learns in it of a
    commit sends its next request later."""
    database, _ = open_migrated(tmp_path)
    cache = ReadCache(ChangeCounter(database))

    async def ask() -> list[int | None]:
        loop, states = asyncio.get_running_loop(), [cache.state()]
        database.write(create_account, "somebody", 1, datetime.now(UTC))
        loop.call_soon(lambda: states.append(cache.state()))
        states.append(cache.state())
        await asyncio.sleep(0)
        return states

    first, of_the_same_turn, after_it = run_apart(ask())
    assert first == of_the_same_turn != after_it
    cache.close()
    database.close()


def test_bytes_are_kept_within_a_bound_until_something_is_committed(tmp_path: Path) -> None:
    database, _ = open_migrated(tmp_path)
    cache = ReadCache(ChangeCounter(database))
    answer = object()

    async def keep_and_commit() -> None:
        cache.put_made(answer, "before any state is known")
        assert cache.get_made(answer) is None
        cache.state()
        assert cache.put_made(answer, "made") == cache.get_made(answer) == "made"
        assert cache.get_made(object()) is None
        assert cache.take_bytes(MAX_BYTES)
        assert not cache.take_bytes(1)
        database.write(create_account, "somebody", 1, datetime.now(UTC))
        await asyncio.sleep(0)
        cache.state()
        assert cache.get_made(answer) is None
        assert cache.take_bytes(1)

    run_apart(keep_and_commit())
    cache.close()
    database.close()
