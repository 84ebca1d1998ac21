"""`entrepot doctor --deep` sees each breach: a sound installation, corrupted by hand in one way."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from tests.crash.installation import Installation, open_installation, table
from tests.crash.lost_tables import LOST_WITHOUT_HARM, OF_SEARCHES
from tests.crash.test_exact_points import LIMIT, SCHEMA

from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.db.engine import sqlite_module
from entrepot.db.metadata import metadata
from entrepot.db.tables import (
    accounts,
    activity,
    checks,
    derivatives,
    files,
    inspections,
    queue_entries,
    replies,
    reservations,
    tasks,
    uploads,
    versions,
)
from entrepot.files.delivery.deliver import INSPECT
from entrepot.files.delivery.resumable import begin_upload
from entrepot.files.delivery.upload_state import UploadLimits, UploadRequest
from entrepot.files.derivative_space import EAGER
from entrepot.settings import read_settings
from entrepot_client.cli.main import run


@dataclass
class DamagedCopy:
    """A copy of a sound installation."""

    parts: Parts
    installation: Installation

    def change(self, *statements: object) -> None:
        with self.parts.database.engine.begin() as conn:
            conn.exec_driver_sql("PRAGMA foreign_keys=OFF")
            for statement in statements:
                conn.execute(statement)  # type: ignore[call-overload]

    def blob(self, status: str) -> Path:
        with self.parts.database.reading() as conn:
            row = conn.execute(versions.select().where(versions.c.status == status)).first()
        assert row is not None
        path = self.parts.store.path(row.id)
        assert path is not None
        return path


@pytest.fixture(scope="module")
def sound() -> Iterator[Installation]:
    """Two accounts; of one a published, a rejected and a canceled version. No server runs."""
    installation = open_installation()
    try:
        installation.server.new_account(name="other")
        for content, expected, fields in (
            (table(100), "succeeded", {"enforce_schema": "true"}),
            (table(2000), "failed", {"enforce_schema": SCHEMA}),
        ):
            sent = installation.send(content, expected, limit=LIMIT, **fields)
            assert installation.api.wait_task(str(sent.task_id))["status"] == expected
        change_a_schema_and_validate(installation)
        installation.freeze_inspectors()
        sent = installation.send(table(100), limit=LIMIT)
        installation.api.wait_status(str(sent.task_id), {"running"})
        assert installation.cancel(sent)
        installation.check()
        installation.server.stop()
        yield installation
    finally:
        installation.close()


def change_a_schema_and_validate(installation: Installation) -> None:
    (published,) = [f for f in installation.api.json("/files")["files_list"] if f["version"]]
    path = f"/file/{published['file_id']}/schema"
    schema = installation.api.json(path)["schema"]
    changed = installation.api.request("PUT", path, json={**schema, "title": "A table"})
    judged = installation.api.upload(table(100), limit=LIMIT, path="/file/validate")
    for answer in (changed, judged):
        assert installation.api.wait_task(answer.json()["task_id"])["status"] == "succeeded"


@pytest.fixture
def copy(sound: Installation, tmp_path: Path) -> Iterator[DamagedCopy]:
    data = tmp_path / "data"
    shutil.copytree(sound.server.data, data, ignore=shutil.ignore_patterns("*.sock"))
    parts = build_parts(read_settings(data=data))
    try:
        yield DamagedCopy(parts, sound)
    finally:
        parts.close()


def lose(copy: DamagedCopy) -> None:
    copy.blob("published").unlink()


def lose_quarantined(copy: DamagedCopy) -> None:
    copy.blob("rejected").unlink()


def flip(copy: DamagedCopy) -> None:
    path = copy.blob("published")
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)


def shorten(copy: DamagedCopy) -> None:
    path = copy.blob("published")
    path.write_bytes(path.read_bytes()[:-1])


def lose_rows(name: str) -> Callable[[DamagedCopy], None]:
    """Delete a table's rows as another program does, which does not look at foreign keys."""

    def corrupt(copy: DamagedCopy) -> None:
        with closing(sqlite_module().connect(str(copy.parts.settings.sqlite_file))) as conn:
            conn.execute(f"DELETE FROM {name}")
            conn.commit()

    return corrupt


def use_more(copy: DamagedCopy) -> None:
    copy.change(update(accounts).values(used=accounts.c.used + 1))


def reserve_more(copy: DamagedCopy) -> None:
    copy.change(update(accounts).values(reserved=1))


def exceed(copy: DamagedCopy) -> None:
    copy.change(
        text("PRAGMA ignore_check_constraints=ON"),
        update(accounts).where(accounts.c.used > 0).values(quota=1),
    )


def keep_a_dead_reservation(copy: DamagedCopy) -> None:
    long_ago = copy.parts.clock() - timedelta(days=3)
    with copy.parts.database.reading() as conn:
        account_id = conn.scalar(accounts.select().with_only_columns(accounts.c.id))
    values = {"account_id": account_id, "created_at": long_ago, "expires_at": long_ago}
    copy.change(insert(reservations).values(id=uuid4(), size=0, **values))


def clear_the_current_version(copy: DamagedCopy) -> None:
    copy.change(update(files).values(current_version=None))


def show_the_rejected(copy: DamagedCopy) -> None:
    copy.change(update(files).values(current_version=1))


def rename_by_hand(copy: DamagedCopy) -> None:
    copy.change(update(files).values(name="another.csv"))


def change_a_size_by_hand(copy: DamagedCopy) -> None:
    copy.change(update(files).where(files.c.current_size > 0).values(current_size=5))


def give_a_path_by_hand(copy: DamagedCopy) -> None:
    copy.change(update(files).values(path="orders"))


def give_a_key_by_hand(copy: DamagedCopy) -> None:
    first = select(func.min(files.c.id)).scalar_subquery()
    copy.change(update(files).where(files.c.id == first).values(path="a", path_key="b"))


def publish_by_hand(copy: DamagedCopy) -> None:
    """Make the canceled version visible, whose bytes are gone."""
    canceled = versions.c.status == "canceled"
    copy.change(update(versions).where(canceled).values(status="published", decided_at=None))


def expire_the_published(copy: DamagedCopy) -> None:
    published = versions.c.status == "published"
    copy.change(update(versions).where(published).values(keep_until=copy.parts.clock()))


def fail_by_hand(copy: DamagedCopy) -> None:
    """A rejected version without a record of its inspection."""
    copy.change(update(versions).where(versions.c.status == "rejected").values(status="failed"))


def use_the_older_word(copy: DamagedCopy) -> None:
    """As a process of an older release would, which must not run."""
    copy.change(update(versions).where(versions.c.status == "rejected").values(status="refused"))


def skip_a_number(copy: DamagedCopy) -> None:
    """The rejected version of a file becomes its second one, and there is no first."""
    rejected = versions.c.status == "rejected"
    copy.change(update(versions).where(rejected).values(number=2))


def publish_too_early(copy: DamagedCopy) -> None:
    """A version before the published one still waits."""
    columns = "id, file_id, account_id, size, sha256, media_type, created_by, created_at, task_id"
    copy.change(
        update(versions).where(versions.c.status == "published").values(number=2),
        text(
            f"INSERT INTO versions (number, status, {columns}) SELECT 1, 'received', "
            "replace(id, substr(id, 1, 4), 'ffff'), file_id, account_id, size, sha256, media_type, "
            "created_by, created_at, replace(task_id, substr(task_id, 1, 4), 'ffff') "
            "FROM versions WHERE status = 'published'"
        ),
    )


def restore_from_none(copy: DamagedCopy) -> None:
    copy.change(update(versions).where(versions.c.status == "published").values(restored_from=1))


def delete_by_hand(copy: DamagedCopy) -> None:
    copy.change(
        update(files).values(current_version=None),
        update(versions).where(versions.c.status == "published").values(status="deleted"),
    )


def hide_by_hand(copy: DamagedCopy) -> None:
    long_ago = copy.parts.clock() - timedelta(days=30)
    copy.change(update(files).values(deleted_at=long_ago))


def drop_the_report(copy: DamagedCopy) -> None:
    copy.change(delete(inspections))


def reopen_a_task(copy: DamagedCopy) -> None:
    copy.change(update(tasks).where(tasks.c.status == "succeeded").values(status="running"))


def lose_the_queued_task(copy: DamagedCopy) -> None:
    """A task and its version both wait, but the queue has done with them."""
    copy.change(
        update(tasks).where(tasks.c.status == "failed").values(status="queued"),
        update(versions).where(versions.c.status == "rejected").values(status="received"),
    )


def enqueue_by_hand(*wrong: dict[str, object]) -> Callable[[DamagedCopy], None]:
    """Entries of the published version's task, each with other values than it should have."""

    def enqueue(copy: DamagedCopy) -> None:
        query = select(versions).where(versions.c.status == "published")
        with copy.parts.database.reading() as conn:
            row = conn.execute(query).one()
        work = {"id": row.task_id, "kind": INSPECT, "account_id": row.account_id}
        place = {"user_id": row.created_by, "file_id": row.file_id, "version": row.number}
        entry = {**work, **place, "size": row.size, "short": False, "enqueued_at": row.created_at}
        copy.change(*(insert(queue_entries).values({**entry, **each}) for each in wrong))

    return enqueue


def forget_a_task(copy: DamagedCopy) -> None:
    copy.change(delete(tasks).where(tasks.c.status == "succeeded"))


def forget(action: str) -> Callable[[DamagedCopy], None]:
    def drop(copy: DamagedCopy) -> None:
        copy.change(delete(activity).where(activity.c.action == action))

    return drop


def rewrite_activity(**values: object) -> Callable[[DamagedCopy], None]:
    def change(copy: DamagedCopy) -> None:
        copy.change(update(activity).where(activity.c.action == "file.validate").values(**values))

    return change


def put_activity_in(copy: DamagedCopy) -> None:
    """One that says the same as another, its hash included."""
    with copy.parts.database.reading() as conn:
        row = conn.execute(select(activity).where(activity.c.action == "schema.change")).one()
    copy.change(insert(activity).values({**row._mapping, "id": row.id + 1000}))


def forget_the_newest(copy: DamagedCopy) -> None:
    newest = select(func.max(activity.c.id)).scalar_subquery()
    copy.change(delete(activity).where(activity.c.id == newest))


def give_away(column: object, part: str) -> Callable[[DamagedCopy], None]:
    def move(copy: DamagedCopy) -> None:
        name = "accounts" if column == "account_id" else "users"
        foreign = "(SELECT id FROM accounts WHERE name = 'other')"
        if name == "users":
            foreign = f"(SELECT id FROM users WHERE account_id = {foreign})"
        copy.change(text(f"UPDATE {part} SET {column} = {foreign} WHERE file_id IS NOT NULL"))

    return move


def give_a_file_away(copy: DamagedCopy) -> None:
    other = "(SELECT id FROM accounts WHERE name = 'other')"
    copy.change(
        text(f"UPDATE files SET owner_id = (SELECT id FROM users WHERE account_id = {other})")
    )


def give_a_key_away(copy: DamagedCopy) -> None:
    other = "(SELECT id FROM accounts WHERE name = 'other')"
    copy.change(text(f"UPDATE keys SET account_id = {other} WHERE account_id <> {other}"))


def share_by_hand(copy: DamagedCopy, with_its_owner: bool = False) -> None:
    """An entitlement that nobody granted."""
    one = "SELECT id FROM files WHERE current_version IS NOT NULL"
    user = "SELECT id FROM users WHERE account_id = (SELECT id FROM accounts WHERE name = 'other')"
    if with_its_owner:
        user = "SELECT owner_id FROM files WHERE current_version IS NOT NULL"
    values = f"({one}), ({user}), (SELECT account_id FROM users WHERE id = ({user})), ({user})"
    columns = "file_id, grantee_id, account_id, user_id, granted_by, reads, writes"
    columns += ", created_at, file_created_at"
    moment = "'2026-01-01 00:00:00'"
    copy.change(
        text(
            f"INSERT INTO entitlements ({columns}) "
            f"VALUES ({values}, ({user}), 1, 1, {moment}, {moment})"
        )
    )


def offer_at_home(copy: DamagedCopy) -> None:
    """An offer to the owner's own account, of which the record says nothing."""
    columns = "file_id, user_id, offered_by, created_at"
    result = (
        "SELECT id, owner_id, owner_id, created_at FROM files WHERE current_version IS NOT NULL"
    )
    copy.change(text(f"INSERT INTO offers ({columns}) {result}"))


def link_by_hand(copy: DamagedCopy, to_another_file: bool = False) -> None:
    """A link that nobody made; with it versions were delivered."""
    file_id = "(SELECT max(id) FROM files)" if to_another_file else "id"
    columns = "id, digest, prefix, file_id, kind, name, created_by, created_at, expires_at"
    values = f"id, id, 'epl_', {file_id}, 'deliver', '', owner_id, created_at, created_at"
    one = "FROM files WHERE id = (SELECT min(id) FROM files)"
    copy.change(
        text(f"INSERT INTO file_links ({columns}) SELECT {values} {one}"),
        text("UPDATE versions SET link_id = (SELECT id FROM file_links)"),
    )


def reopen_a_check(copy: DamagedCopy) -> None:
    copy.change(update(checks).values(decided_at=None))


def keep_a_checks_bytes(copy: DamagedCopy) -> None:
    copy.change(update(checks).where(checks.c.size > 0).values(bytes_removed_at=None))


def reply(copy: DamagedCopy, answered: bool) -> None:
    """An Idempotency-Key, answered with no task of its user's, or held for too long."""
    long_ago = copy.parts.clock() - timedelta(days=3)
    values: dict[str, object] = {"user_id": uuid4(), "key": "k", "reservation_id": uuid4()}
    if answered:
        values |= {"task_id": uuid4(), "fingerprint": "f"}
    copy.change(insert(replies).values(**values, created_at=long_ago, expires_at=long_ago))


def leave_bytes(copy: DamagedCopy) -> None:
    writer = copy.parts.store.create(lost := uuid4())  # type: ignore[arg-type]
    writer.write(b"nobody's")
    writer.commit()
    path = copy.parts.store.path(lost)  # type: ignore[arg-type]
    assert path is not None
    os.utime(path, (1, 1))


def derived_blob(copy: DamagedCopy) -> Path:
    with copy.parts.database.reading() as conn:
        blob_id = conn.scalars(
            select(derivatives.c.blob_id).where(derivatives.c.form == EAGER)
        ).one()
    path = copy.parts.store.path(blob_id)
    assert path is not None
    return path


def lose_derived(copy: DamagedCopy) -> None:
    derived_blob(copy).unlink()


def lengthen_derived(copy: DamagedCopy) -> None:
    with derived_blob(copy).open("ab") as file:
        file.write(b"more")


def lose_the_queued_derivative(copy: DamagedCopy) -> None:
    lost = {"status": "pending", "blob_id": None, "run_id": uuid4()}
    copy.change(update(derivatives).where(derivatives.c.form == EAGER).values(**lost))


def give_derived_away(copy: DamagedCopy) -> None:
    other = "(SELECT id FROM accounts WHERE name = 'other')"
    copy.change(text(f"UPDATE derivatives SET account_id = {other}"))


def derive_of_the_rejected(copy: DamagedCopy) -> None:
    rejected = "(SELECT id FROM versions WHERE status = 'rejected')"
    copy.change(text(f"UPDATE derivatives SET version_id = {rejected}"))


def unfinished(copy: DamagedCopy, **wrong: object) -> UUID:
    """A resumable upload of 10 bytes, of which its sender knows that 5 are there."""
    parts, actor = copy.parts, copy.installation.server.actor(copy.installation.account.api_key)
    limits = UploadLimits(max_file_bytes=100, max_unfinished=9, lifetime=timedelta(days=1))
    announced, now = UploadRequest(size=10, metadata=""), parts.clock()
    upload = parts.database.write(begin_upload, actor, announced, None, limits, now)
    upload_id = upload.upload_id
    writer = parts.store.drafts.append(upload_id)
    writer.write(b"12345")
    writer.close()
    copy.change(update(uploads).values(**{"received": 5, **wrong}))
    return upload_id


def lose_a_draft(copy: DamagedCopy) -> None:
    copy.parts.store.drafts.drop(unfinished(copy))


def write_too_much_to_a_draft(copy: DamagedCopy) -> None:
    writer = copy.parts.store.drafts.append(unfinished(copy))
    writer.write(b"67890 and more")
    writer.close()


def remove_reservations(copy: DamagedCopy) -> None:
    unfinished(copy)
    copy.change(delete(reservations), update(accounts).values(reserved=0))


def leave_a_draft(copy: DamagedCopy) -> None:
    draft = unfinished(copy)
    os.utime(copy.parts.settings.blobs / "drafts" / str(draft), (1, 1))
    copy.change(delete(uploads), delete(reservations), update(accounts).values(reserved=0))


def let_an_upload_expire(copy: DamagedCopy) -> None:
    unfinished(copy, expires_at=copy.parts.clock() - timedelta(days=3))


RUNNING: dict[str, object] = {"state": "running", "owner": "a worker"}

BREACHES: list[tuple[Callable[[DamagedCopy], object], str, str]] = [
    (lose, "bytes", "its bytes are missing"),
    (lose_quarantined, "bytes", "its bytes are missing"),
    (flip, "bytes", "lie in the store"),
    (shorten, "bytes", "lie in the store"),
    (use_more, "quotas", "used is"),
    (keep_a_checks_bytes, "quotas", "used is"),
    (reserve_more, "quotas", "reserved is 1, the sum is 0"),
    (exceed, "quotas", "exceed the quota 1"),
    (keep_a_dead_reservation, "quotas", "is dead and was not released"),
    (clear_the_current_version, "current versions", "current version None, newest 1"),
    (show_the_rejected, "current versions", "current version 1, newest None"),
    (rename_by_hand, "lists", "its name is 'another.csv'"),
    (change_a_size_by_hand, "lists", "it is sorted by 5 bytes"),
    (give_a_path_by_hand, "paths", "has the path orders, and is not found by it"),
    (give_a_key_by_hand, "paths", "has the path a, and is found by b"),
    (publish_by_hand, "published versions", "its bytes were removed"),
    (expire_the_published, "published versions", "its bytes are to be removed"),
    (drop_the_report, "published versions", "has no report"),
    (skip_a_number, "numbers", "1 version, the last one is 2"),
    (restore_from_none, "numbers", "was restored or accepted from none that has its bytes"),
    (delete_by_hand, "deletions", "is deleted by half"),
    (delete_by_hand, "activity", "version.delete of"),
    (hide_by_hand, "deletions", "was deleted long ago"),
    (hide_by_hand, "activity", "file.delete of"),
    (skip_a_number, "activity", "version.deliver of"),
    (publish_too_early, "numbers", "before an earlier one was decided"),
    (reopen_a_task, "tasks", "is running, its version published"),
    (lose_the_queued_task, "queue", "no worker will ever take it"),
    (lose_the_queued_derivative, "queue", "no worker will ever take it"),
    (enqueue_by_hand({"id": uuid4()}), "queue", "belongs to no task and no derivation"),
    (enqueue_by_hand({"account_id": uuid4()}), "queue", "is work of another account"),
    (enqueue_by_hand({"version": 7}), "queue", "does not wait in the order of its file"),
    (enqueue_by_hand(RUNNING, {**RUNNING, "id": uuid4()}), "queue", "are inspected at once"),
    (forget_a_task, "tasks", "has no task"),
    (reopen_a_check, "tasks", "do not agree on whether it has ended"),
    (forget("file.define"), "activity", "file.define of"),
    (forget("version.publish"), "activity", "version.publish of"),
    (forget("version.reject"), "activity", "version.reject of"),
    (fail_by_hand, "activity", "version.fail of"),
    (use_the_older_word, "tasks", "is failed, its version refused"),
    (forget("version.cancel"), "activity", "version.cancel of"),
    (forget("schema.change"), "activity", "a schema.change has no activity row"),
    (forget("user.create"), "activity", "user.create of"),
    (forget("version.publish"), "activity chains", "was changed or added"),
    (rewrite_activity(action="version.fail"), "activity chains", "was changed or added"),
    (rewrite_activity(at=datetime(2020, 1, 1, tzinfo=UTC)), "activity chains", "was changed"),
    (put_activity_in, "activity chains", "was changed or added"),
    (forget_the_newest, "activity chains", "the newest activity"),
    (lambda copy: copy.change(delete(activity)), "activity chains", "all activity of account"),
    (give_a_file_away, "accounts", "is owned by a user of another account"),
    (give_a_key_away, "accounts", "belongs to another account than its user"),
    (give_away("account_id", "versions"), "accounts", "belongs to another account"),
    (give_away("account_id", "checks"), "accounts", "belongs to another account"),
    (give_away("account_id", "tasks"), "accounts", "belongs to another account"),
    (give_away("account_id", "activity"), "accounts", "belongs to another account"),
    (give_away("created_by", "versions"), "accounts", "made by a user of another account"),
    (give_away("created_by", "schema_revisions"), "accounts", "made by a user of another"),
    (share_by_hand, "sharing", "an entitlement of file"),
    (lambda copy: share_by_hand(copy, True), "sharing", "is shared with its owner"),
    (offer_at_home, "sharing", "an offer of file"),
    (link_by_hand, "sharing", "a link of file"),
    (lambda copy: link_by_hand(copy, True), "sharing", "with a link to another file"),
    (offer_at_home, "sharing", "is offered to a user of its own account"),
    (lose_derived, "derivatives", "its bytes are missing"),
    (lengthen_derived, "derivatives", "lie in the store"),
    (give_derived_away, "derivatives", "belongs to another account than its version"),
    (derive_of_the_rejected, "derivatives", "the version is rejected"),
    (lambda copy: reply(copy, True), "replies", "which is not its user's"),
    (lambda copy: reply(copy, False), "replies", "still holds an Idempotency-Key"),
    (leave_bytes, "orphans", "belong to no version"),
    (leave_a_draft, "orphans", "belongs to no upload"),
    (lose_a_draft, "uploads", "0 bytes, 5 were acknowledged"),
    (write_too_much_to_a_draft, "uploads", "of 10 bytes has 19"),
    (remove_reservations, "uploads", "of 10 bytes holds None of its account"),
    (let_an_upload_expire, "uploads", "has expired and was not removed"),
    (lambda copy: unfinished(copy, task_id=uuid4()), "uploads", "a task that is not there"),
    (lambda copy: unfinished(copy, task_id=uuid4()), "uploads", "still holds 10 bytes"),
    (lambda copy: unfinished(copy, joined_into=uuid4()), "uploads", "joined into none"),
]


def lose_index(copy: DamagedCopy) -> None:
    copy.change(text("INSERT INTO file_search (file_search) VALUES ('delete-all')"))


@pytest.mark.parametrize("name", sorted({*metadata.tables, *OF_SEARCHES} - {*LOST_WITHOUT_HARM}))
def test_lost_rows_of_a_table_are_seen(
    copy: DamagedCopy, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    lose = lose_index if name == "file_search" else lose_rows(name)
    lose(copy)
    status, wrong = doctor(copy, capsys)
    assert status == 1
    sentence = OF_SEARCHES.get(name, "")
    assert any(sentence in line["detail"] for line in wrong), wrong


def test_a_sound_installation_passes(copy: DamagedCopy, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(copy, capsys) == (0, [])


@pytest.mark.parametrize(
    ("corrupt", "invariant", "sentence"), BREACHES, ids=[f"{b[1]}-{b[2]}" for b in BREACHES]
)
def test_a_breach_is_seen(
    copy: DamagedCopy,
    capsys: pytest.CaptureFixture[str],
    corrupt: Callable[[DamagedCopy], object],
    invariant: str,
    sentence: str,
) -> None:
    corrupt(copy)
    status, wrong = doctor(copy, capsys)
    assert status == 1
    assert any(line["name"] == f"invariant: {invariant}" for line in wrong), wrong
    assert any(sentence in line["detail"] for line in wrong), wrong


def doctor(
    copy: DamagedCopy, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, str]]]:
    """The command's exit status, and the checks that it found wrong."""
    capsys.readouterr()
    status = run(["doctor", "--deep", "--data", str(copy.parts.settings.data), "--format", "json"])
    results = json.loads(capsys.readouterr().out)
    return status, [line for line in results if not line["ok"]]
