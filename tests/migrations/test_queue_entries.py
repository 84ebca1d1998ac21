"""Revision 0017: what the release before had queued or running is in the new queue."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import inspect, select, text
from tests.migrations.test_rejected_versions import migrate_to, put

from entrepot.db.engine import Database
from entrepot.db.tables import queue_entries
from entrepot.db.types import WriteConnection
from entrepot.files.derivatives import pending_runs
from entrepot.migrations.run import migrate
from entrepot.tasks.queue import find_unqueued, find_unqueued_tasks

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
BEFORE = "0016"


def fill(conn: WriteConnection) -> dict[UUID, tuple[str, int | None, bool]]:
    """Work of each kind that waits, runs or has ended; kind, version and shortness of the entries
    to come."""
    account_id, user_id, file_id = uuid4(), uuid4(), uuid4()
    key = {"created_at": NOW}
    put(conn, "accounts", id=account_id, name="acme", quota=10**9, **key)
    put(conn, "users", id=user_id, account_id=account_id, name="anna", role="admin", **key)
    put(
        conn,
        "files",
        id=file_id,
        account_id=account_id,
        owner_id=user_id,
        name="a.csv",
        description="",
        size_limit=10**9,
        enforcement="none",
        updated_at=NOW,
        **key,
    )
    owned = {"account_id": account_id, "created_at": NOW}

    def put_task(kind: str, status: str, total: int) -> UUID:
        task_id = uuid4()
        values = {"user_id": user_id, "kind": kind, "status": status, "stage": status}
        put(conn, "tasks", id=task_id, total=total, **values, **owned)
        return task_id

    expected: dict[UUID, tuple[str, int | None, bool]] = {}
    version_ids = []
    for number, (state, status, size) in enumerate(
        [
            ("published", "succeeded", 8),
            ("inspecting", "running", 8),
            ("received", "queued", 10**8),
            ("canceled", "canceled", 8),
        ],
        1,
    ):
        task_id, version_id = put_task("version.new", status, size), uuid4()
        version_ids.append(version_id)
        values = {"sha256": "0" * 64, "media_type": "text/csv", "created_by": user_id}
        put(
            conn,
            "versions",
            id=version_id,
            file_id=file_id,
            number=number,
            status=state,
            size=size,
            task_id=task_id,
            **values,
            **owned,
        )
        if status in ("queued", "running"):
            expected[task_id] = ("inspect.version", number, size == 8)
    for status, decided in (("queued", None), ("succeeded", NOW)):
        task_id = put_task("file.validate", status, 8)
        values = {"name": "a.csv", "mode": "none", "size": 8, "changes": []}
        checked = {"created_by": user_id, "decided_at": decided, **values}
        put(conn, "checks", id=uuid4(), task_id=task_id, **checked, **owned)
        if decided is None:
            expected[task_id] = ("check.bytes", None, True)
    task_id = put_task("version.compare", "running", 10**8)
    pair = {"before_id": version_ids[0], "after_id": version_ids[0], "key": [], "examples": 3}
    put(conn, "comparisons", task_id=task_id, file_id=file_id, created_by=user_id, **pair)
    expected[task_id] = ("compare.versions", None, False)
    for form, status in (("parquet", "pending"), ("csv", "failed")):
        run_id = uuid4()
        times = {"requested_at": NOW, "used_at": NOW, "account_id": account_id}
        derivative = {"version_id": version_ids[0], "form": form, "status": status}
        put(conn, "derivatives", run_id=run_id, starts=1, **derivative, **times)
        if status == "pending":
            expected[run_id] = ("derive.version", None, True)
    return expected


def test_unended_work_is_carried_over(empty: tuple[Database, Path]) -> None:
    database, file = empty
    migrate_to(database, BEFORE)
    with database.writing() as conn:
        expected = fill(conn)
        # As DBOS made them, which is not here any more.
        if database.embedded:
            conn.execute(text("CREATE TABLE workflow_status (workflow_uuid TEXT PRIMARY KEY)"))
        else:
            conn.execute(text("CREATE SCHEMA dbos"))
            conn.execute(text("CREATE TABLE dbos.workflow_status (workflow_uuid TEXT)"))
    migrate(database, file, NOW)
    with database.reading() as conn:
        entries = {
            row.id: (row.kind, row.version, row.short)
            for row in conn.execute(select(queue_entries))
        }
        assert entries == expected
        states = set(conn.execute(select(queue_entries.c.state, queue_entries.c.lease)))
        assert states == {("waiting", 0)}
        assert find_unqueued_tasks(conn) == find_unqueued(conn, pending_runs(conn)) == []
        tables = inspect(conn)
        assert not tables.has_table("workflow_status")
        assert "dbos" not in tables.get_schema_names()
