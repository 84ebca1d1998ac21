"""Revision 0014: contracts of the release before say how deliveries are read.

Each database is made with the tables of revision 0013, filled as that release did: by the profile
of an inspection, whose reading found out where the header is.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from tests.migrations.test_rejected_versions import migrate_to, put

from entrepot.activity.chain import chain_all_rows, check_chains
from entrepot.blobs.disk import DiskStore
from entrepot.db.engine import Database
from entrepot.db.tables import files, inspections, schema_revisions, versions
from entrepot.db.types import WriteConnection
from entrepot.files.contract import load_contract
from entrepot.files.invariants.activity import changes_are_recorded
from entrepot.migrations.revisions import current_revision, head_revision
from entrepot.migrations.run import migrate

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
BEFORE = "0013"
SCHEMA = {"fields": [{"name": "id", "type": "integer"}]}


def csv(header_rows: list[int], comment: str = "") -> dict[str, Any]:
    """The part of a profile that says how a text was read."""
    dialect = {"delimiter": ",", "quote": '"', "comment": comment, "header": bool(header_rows)}
    return {"file": {"format": "csv", "headerRows": header_rows, "dialect": dialect}}


def xlsx(header_rows: list[int], hidden: bool) -> dict[str, Any]:
    others = [{"name": "Notes", "number": 2, "hidden": hidden}]
    return {
        "file": {
            "format": "xlsx", "headerRows": header_rows, "sheet": "Data", "otherSheets": others,
        }
    }  # fmt: skip


JSON_LINES = {"file": {"format": "jsonl", "encoding": "utf-8"}}
# By name: how it binds, its dialect, the profiles of its versions, what the dialect becomes (None:
# it stays as it is).
FILES: dict[str, tuple[str, Any, list[Any], Any]] = {
    "plain": ("given", None, [csv([1])], None),
    "titled": ("given", None, [csv([1]), csv([4])], {"headerRows": [4]}),
    "two header rows": ("given", None, [csv([1, 2])], {"headerRows": [1, 2]}),
    "commented": ("given", None, [csv([1], "#")], {"commentChar": "#"}),
    "both": ("given", None, [csv([3], "//")], {"headerRows": [3], "commentChar": "//"}),
    "headless": ("given", None, [csv([])], {"header": False}),
    "stated": ("given", {"headerRows": [2]}, [csv([2])], None),
    "stated in part": (
        "given", {"delimiter": ";"}, [csv([2])], {"delimiter": ";", "headerRows": [2]},
    ),
    "stated headless": ("given", {"header": False}, [csv([])], None),
    "one sheet": ("given", None, [xlsx([5], hidden=True)], {"headerRows": [5]}),
    "two sheets": ("given", None, [xlsx([1], hidden=False)], {"sheetName": "Data"}),
    "lines": ("given", None, [JSON_LINES], None),
    "unpublished": ("given", None, [], None),
    "free": ("none", None, [csv([4], "#")], None),
}  # fmt: skip


def fill(conn: WriteConnection) -> dict[str, UUID]:
    """An account with those files; their ids by their names."""
    account_id, user_id, key = uuid4(), uuid4(), {"created_at": NOW}
    put(conn, "accounts", id=account_id, name="acme", quota=10**9, **key)
    put(conn, "users", id=user_id, account_id=account_id, name="anna", role="admin", **key)
    noted = {"account_id": account_id, "at": NOW, "detail": {}, "result": "done"}
    put(conn, "activity", action="user.create", **noted)
    made = {}
    for name, (mode, dialect, profiles, _) in FILES.items():
        file_id = made[name] = uuid4()
        put(
            conn, "files", id=file_id, account_id=account_id, owner_id=user_id, name=name,
            description="", size_limit=1000, enforcement=mode, dialect=dialect,
            current_version=len(profiles) or None, current_size=5, updated_at=NOW, **key,
        )  # fmt: skip
        put(conn, "activity", action="file.define", file_id=file_id, version=1, **noted)
        if mode == "given":
            put(
                conn, "schema_revisions", file_id=file_id, revision=1, source="inferred",
                schema=SCHEMA, version=1, created_by=user_id, **key,
            )  # fmt: skip
        for number, profile in enumerate(profiles, start=1):
            version_id = uuid4()
            put(
                conn, "versions", id=version_id, file_id=file_id, account_id=account_id,
                number=number, status="published", size=5, sha256="0" * 64,
                media_type="text/csv", created_by=user_id, decided_at=NOW, task_id=uuid4(), **key,
            )  # fmt: skip
            put(
                conn, "inspections", version_id=version_id, report={"valid": True},
                profile=profile, schema=SCHEMA, revision=1 if mode == "given" else 0,
            )  # fmt: skip
            if number > 1:
                of = {"file_id": file_id, "version": number}
                put(conn, "activity", action="version.deliver", **of, **noted)
            of = {"file_id": file_id, "version": number}
            put(conn, "activity", action="version.publish", **of, **noted)
    chain_all_rows(conn)
    return made


def test_contracts_say_what_was_found_out(empty: tuple[Database, Path]) -> None:
    database, file = empty
    migrate_to(database, BEFORE)
    made = database.write(fill)
    assert migrate(database, file, NOW) == BEFORE
    assert current_revision(database) == head_revision()
    for name, (mode, stated, profiles, becomes) in FILES.items():
        with database.reading() as conn:
            contract = load_contract(conn, made[name])
            of_file = schema_revisions.c.file_id == made[name]
            rows = conn.execute(
                select(schema_revisions).where(of_file).order_by(schema_revisions.c.revision)
            ).all()
        assert contract.reading.dialect == (stated if becomes is None else becomes), name
        assert (contract.reading.encoding, contract.mode) == (None, mode)
        assert [row.source for row in rows[1:]] == ([] if becomes is None else ["migrated"]), name
        for row in rows:
            assert json.loads(row.schema) == SCHEMA
        if mode == "given":
            assert rows[0].dialect == stated
        if becomes is not None:
            assert (rows[1].dialect, rows[1].version) == (becomes, len(profiles))
            changes = json.loads(rows[1].changes)
            added = becomes.keys() - (stated or {}).keys()
            assert {each["pointer"] for each in changes} == {f"/dialect/{n}" for n in added}
            assert {each["effect"] for each in changes} == {"compatible"}


def test_each_version_keeps_what_it_was_read_by(empty: tuple[Database, Path]) -> None:
    database, file = empty
    migrate_to(database, BEFORE)
    made = database.write(fill)
    migrate(database, file, NOW)
    result: dict[UUID, list[Any]] = {}
    with database.reading() as conn:
        query = select(versions.c.file_id, inspections.c.dialect, inspections.c.encoding).join(
            inspections, inspections.c.version_id == versions.c.id
        )
        for row in conn.execute(query.order_by(versions.c.number)):
            assert row.encoding is None
            result.setdefault(row.file_id, []).append(row.dialect)
        unchanged = conn.execute(select(files.c.updated_at)).scalars().all()
    assert result[made["titled"]] == [None, {"headerRows": [4]}]
    assert result[made["stated in part"]] == [{"delimiter": ";", "headerRows": [2]}]
    assert result[made["stated"]] == [{"headerRows": [2]}]
    assert result[made["free"]] == [None]
    assert set(unchanged) == {NOW}


def test_the_record_stays_whole(empty: tuple[Database, Path]) -> None:
    database, file = empty
    migrate_to(database, BEFORE)
    database.write(fill)
    migrate(database, file, NOW)
    store = DiskStore(file.parent / "store", 0)
    for check in (check_chains, changes_are_recorded):
        with database.reading() as conn:
            assert list(check(conn, store, NOW)) == []
