"""Versions of one sender that are inspected together, on a real database with the real sandbox."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event
from tests.support.api import CSV, Api
from tests.support.postgres import Postgres
from tests.support.server import Server

from entrepot.bootstrap.workers import build_inspector, build_pool
from entrepot.tasks.claims import claim_entries
from entrepot.tasks.places import Places
from entrepot.tasks.runs import BegunRun, Run
from entrepot.tasks.schedule import FreePlaces

SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"}]}'
WRONG = b"id,amount\n1,x\n"
Inspect = Callable[..., list[Run]]


@pytest.fixture
def idle(serve: Callable[..., Server], postgres: Postgres) -> Server:
    """A server that takes deliveries and inspects none."""
    return serve(role="api", database=postgres.new_database())


@pytest.fixture
def inspect(idle: Server) -> Iterator[Inspect]:
    """inspect(*task_ids) claims tasks as a worker does and inspects them together; their runs."""
    parts = idle.parts
    inspector = build_inspector(parts, build_pool(parts.settings, "batches"))
    inspector.pool.start()

    def run(*task_ids: str) -> list[Run]:
        now, lease = parts.clock(), timedelta(seconds=60)
        with parts.database.writing() as conn:
            ids = [UUID(each) for each in task_ids]
            claimed = claim_entries(conn, ids, "batches", lease, now)
            place = Places(FreePlaces(general=1, short=1)).take("general")
            runs = [Run(claimed[each], parts.database, place) for each in ids]
            begun = [BegunRun(run, inspector.begin(conn, run.id, now)) for run in runs]
        inspector.run_batch(begun)
        return runs

    yield run
    inspector.pool.close()


def upload(api: Api, content: bytes, **fields: str) -> str:
    return str(api.upload(content, "orders.csv", **fields).json()["task_id"])


@pytest.mark.slow
def test_each_version_ends_as_alone(idle: Server, inspect: Inspect) -> None:
    account, stranger = idle.new_account(), idle.new_account()
    api = account.api
    tasks = {
        "clean": upload(api, CSV, enforce_schema=SCHEMA),
        "rejected": upload(api, WRONG, enforce_schema=SCHEMA),
        "no table": upload(api, b"%PDF-1.7 nothing"),
        "inferred": upload(api, CSV, enforce_schema="true"),
        "large": upload(api, b"id,amount\n" + b"1,2\n" * 300_000, limit="2000000"),
    }
    runs = inspect(*tasks.values())
    ended = dict(zip(tasks, (run.ended for run in runs), strict=True))
    assert ended == dict.fromkeys(tasks, True) | {"large": False}
    status = {name: api.task(task_id)["status"] for name, task_id in tasks.items()}
    assert status == {
        "clean": "succeeded",
        "rejected": "failed",
        "no table": "succeeded",
        "inferred": "succeeded",
        "large": "running",
    }
    for name in ("clean", "inferred"):
        path = f"/file/download/{api.task(tasks[name])['file_id']}?format=parquet"
        answer = api.get(path)
        assert (answer.status_code, answer.headers["entrepot-version"]) == (200, "1")
    report = api.get(f"/file/{api.task(tasks['rejected'])['file_id']}/report.csv")
    assert report.content.endswith(b",1,x\r\n")
    # Of two accounts, or of two users of one, none is inspected.
    mine, theirs = upload(api, CSV), upload(stranger.api, CSV)
    colleague = upload(account.new_user().api, CSV)
    with pytest.raises(ValueError, match="one sender in one account, not of 3"):
        inspect(mine, theirs, colleague)
    assert api.task(mine)["status"] == "running"
    idle.assert_sound()


@pytest.mark.both_databases
def test_many_small_deliveries_are_published_with_their_parquet(server: Server) -> None:
    api = server.new_account().api
    task_ids = [upload(api, CSV, enforce_schema="true") for _ in range(12)]
    for task_id in task_ids:
        task = api.wait_task(task_id)
        assert task["status"] == "succeeded"
        answer = api.get(f"/file/download/{task['file_id']}?format=parquet")
        assert (answer.status_code, answer.content[:4]) == (200, b"PAR1")
    server.assert_sound()


def test_a_delivery_takes_a_worker_so_many_statements(idle: Server, inspect: Inspect) -> None:
    """Counted for each of four in a batch, beside what the batch takes once."""
    api, seen = idle.new_account().api, Counter[str]()
    inspect(upload(api, CSV, enforce_schema=SCHEMA))
    tasks = [upload(api, CSV, enforce_schema=SCHEMA) for _ in range(4)]

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "cancel_requested_at" not in statement:  # asked five times a second
            seen[statement] += 1

    engine = idle.parts.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        inspect(*tasks)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert [api.task(each)["status"] for each in tasks] == ["succeeded"] * 4
    of_each = {statement: count for statement, count in seen.items() if count >= len(tasks)}
    assert sum(of_each.values()) <= 17 * len(tasks), "\n".join(of_each)
