"""`entrepot doctor --deep` sees each breach: a sound installation, corrupted by hand in one way."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from tests.crash.installation import Installation, open_installation, table
from tests.crash.test_exact_points import LIMIT, SCHEMA

from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.db.tables import (
    accounts,
    activity,
    checks,
    derivatives,
    files,
    inspections,
    replies,
    reservations,
    tasks,
    uploads,
    versions,
)
from entrepot.files.delivery.resumable import UploadLimits, UploadRequest, begin_upload
from entrepot.settings import read_settings
from entrepot_client.cli.main import run


@dataclass
class Ward:
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
            found = conn.execute(versions.select().where(versions.c.status == status)).first()
        assert found is not None
        path = self.parts.store.path(found.id)
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
def ward(sound: Installation, tmp_path: Path) -> Iterator[Ward]:
    data = tmp_path / "data"
    shutil.copytree(sound.server.data, data, ignore=shutil.ignore_patterns("*.sock"))
    parts = build_parts(read_settings(data=data))
    try:
        yield Ward(parts, sound)
    finally:
        parts.close()


def lose(ward: Ward) -> None:
    ward.blob("published").unlink()


def lose_quarantined(ward: Ward) -> None:
    ward.blob("rejected").unlink()


def flip(ward: Ward) -> None:
    path = ward.blob("published")
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)


def shorten(ward: Ward) -> None:
    path = ward.blob("published")
    path.write_bytes(path.read_bytes()[:-1])


def use_more(ward: Ward) -> None:
    ward.change(update(accounts).values(used=accounts.c.used + 1))


def reserve_more(ward: Ward) -> None:
    ward.change(update(accounts).values(reserved=1))


def exceed(ward: Ward) -> None:
    ward.change(
        text("PRAGMA ignore_check_constraints=ON"),
        update(accounts).where(accounts.c.used > 0).values(quota=1),
    )


def keep_a_dead_reservation(ward: Ward) -> None:
    long_ago = ward.parts.clock() - timedelta(days=3)
    with ward.parts.database.reading() as conn:
        account_id = conn.scalar(accounts.select().with_only_columns(accounts.c.id))
    values = {"account_id": account_id, "created_at": long_ago, "expires_at": long_ago}
    ward.change(insert(reservations).values(id=uuid4(), size=0, **values))


def point_nowhere(ward: Ward) -> None:
    ward.change(update(files).values(current_version=None))


def show_the_rejected(ward: Ward) -> None:
    ward.change(update(files).values(current_version=1))


def rename_by_hand(ward: Ward) -> None:
    ward.change(update(files).values(name="another.csv"))


def weigh_by_hand(ward: Ward) -> None:
    ward.change(update(files).where(files.c.current_size > 0).values(current_size=5))


def publish_by_hand(ward: Ward) -> None:
    """Make the canceled version visible, whose bytes are gone."""
    canceled = versions.c.status == "canceled"
    ward.change(update(versions).where(canceled).values(status="published", decided_at=None))


def doom_the_published(ward: Ward) -> None:
    published = versions.c.status == "published"
    ward.change(update(versions).where(published).values(keep_until=ward.parts.clock()))


def fail_by_hand(ward: Ward) -> None:
    """A rejected version is said to have had no inspection."""
    ward.change(update(versions).where(versions.c.status == "rejected").values(status="failed"))


def use_the_older_word(ward: Ward) -> None:
    """As a process of an older release would, which must not run."""
    ward.change(update(versions).where(versions.c.status == "rejected").values(status="refused"))


def skip_a_number(ward: Ward) -> None:
    """The rejected version of a file becomes its second one, and there is no first."""
    rejected = versions.c.status == "rejected"
    ward.change(update(versions).where(rejected).values(number=2))


def publish_too_early(ward: Ward) -> None:
    """A version before the published one still waits."""
    columns = "id, file_id, account_id, size, sha256, media_type, created_by, created_at, task_id"
    ward.change(
        update(versions).where(versions.c.status == "published").values(number=2),
        text(
            f"INSERT INTO versions (number, status, {columns}) SELECT 1, 'received', "
            "replace(id, substr(id, 1, 4), 'ffff'), file_id, account_id, size, sha256, media_type, "
            "created_by, created_at, replace(task_id, substr(task_id, 1, 4), 'ffff') "
            "FROM versions WHERE status = 'published'"
        ),
    )


def restore_from_none(ward: Ward) -> None:
    ward.change(update(versions).where(versions.c.status == "published").values(restored_from=1))


def delete_by_hand(ward: Ward) -> None:
    ward.change(
        update(files).values(current_version=None),
        update(versions).where(versions.c.status == "published").values(status="deleted"),
    )


def hide_by_hand(ward: Ward) -> None:
    long_ago = ward.parts.clock() - timedelta(days=30)
    ward.change(update(files).values(deleted_at=long_ago))


def drop_the_report(ward: Ward) -> None:
    ward.change(delete(inspections))


def reopen_a_task(ward: Ward) -> None:
    ward.change(update(tasks).where(tasks.c.status == "succeeded").values(status="running"))


def strand(ward: Ward) -> None:
    """A task and its version both wait, but the queue has done with them."""
    ward.change(
        update(tasks).where(tasks.c.status == "failed").values(status="queued"),
        update(versions).where(versions.c.status == "rejected").values(status="received"),
    )


def forget_a_task(ward: Ward) -> None:
    ward.change(delete(tasks).where(tasks.c.status == "succeeded"))


def forget(action: str) -> Callable[[Ward], None]:
    def drop(ward: Ward) -> None:
        ward.change(delete(activity).where(activity.c.action == action))

    return drop


def rewrite_activity(**values: object) -> Callable[[Ward], None]:
    def change(ward: Ward) -> None:
        ward.change(update(activity).where(activity.c.action == "file.validate").values(**values))

    return change


def put_activity_in(ward: Ward) -> None:
    """One that says the same as another, its hash included."""
    with ward.parts.database.reading() as conn:
        row = conn.execute(select(activity).where(activity.c.action == "schema.change")).one()
    ward.change(insert(activity).values({**row._mapping, "id": row.id + 1000}))


def forget_the_newest(ward: Ward) -> None:
    newest = select(func.max(activity.c.id)).scalar_subquery()
    ward.change(delete(activity).where(activity.c.id == newest))


def give_away(column: object, part: str) -> Callable[[Ward], None]:
    def move(ward: Ward) -> None:
        name = "accounts" if column == "account_id" else "users"
        foreign = "(SELECT id FROM accounts WHERE name = 'other')"
        if name == "users":
            foreign = f"(SELECT id FROM users WHERE account_id = {foreign})"
        ward.change(text(f"UPDATE {part} SET {column} = {foreign} WHERE file_id IS NOT NULL"))

    return move


def give_a_file_away(ward: Ward) -> None:
    other = "(SELECT id FROM accounts WHERE name = 'other')"
    ward.change(
        text(f"UPDATE files SET owner_id = (SELECT id FROM users WHERE account_id = {other})")
    )


def give_a_key_away(ward: Ward) -> None:
    other = "(SELECT id FROM accounts WHERE name = 'other')"
    ward.change(text(f"UPDATE keys SET account_id = {other} WHERE account_id <> {other}"))


def share_by_hand(ward: Ward, with_its_owner: bool = False) -> None:
    """An entitlement that nobody granted."""
    one = "SELECT id FROM files WHERE current_version IS NOT NULL"
    user = "SELECT id FROM users WHERE account_id = (SELECT id FROM accounts WHERE name = 'other')"
    if with_its_owner:
        user = "SELECT owner_id FROM files WHERE current_version IS NOT NULL"
    values = f"({one}), ({user}), (SELECT account_id FROM users WHERE id = ({user})), ({user})"
    columns = "file_id, grantee_id, account_id, user_id, granted_by, reads, writes"
    columns += ", created_at, file_created_at"
    moment = "'2026-01-01 00:00:00'"
    ward.change(
        text(
            f"INSERT INTO entitlements ({columns}) "
            f"VALUES ({values}, ({user}), 1, 1, {moment}, {moment})"
        )
    )


def offer_at_home(ward: Ward) -> None:
    """An offer to the owner's own account, of which the record says nothing."""
    columns = "file_id, user_id, offered_by, created_at"
    found = "SELECT id, owner_id, owner_id, created_at FROM files WHERE current_version IS NOT NULL"
    ward.change(text(f"INSERT INTO offers ({columns}) {found}"))


def reopen_a_check(ward: Ward) -> None:
    ward.change(update(checks).values(decided_at=None))


def keep_a_checks_bytes(ward: Ward) -> None:
    ward.change(update(checks).where(checks.c.size > 0).values(bytes_removed_at=None))


def reply(ward: Ward, answered: bool) -> None:
    """An Idempotency-Key, answered with no task of its user's, or held for too long."""
    long_ago = ward.parts.clock() - timedelta(days=3)
    values: dict[str, object] = {"user_id": uuid4(), "key": "k", "reservation_id": uuid4()}
    if answered:
        values |= {"task_id": uuid4(), "fingerprint": "f"}
    ward.change(insert(replies).values(**values, created_at=long_ago, expires_at=long_ago))


def leave_bytes(ward: Ward) -> None:
    writer = ward.parts.store.create(lost := uuid4())  # type: ignore[arg-type]
    writer.write(b"nobody's")
    writer.commit()
    path = ward.parts.store.path(lost)  # type: ignore[arg-type]
    assert path is not None
    os.utime(path, (1, 1))


def derived_blob(ward: Ward) -> Path:
    with ward.parts.database.reading() as conn:
        blob_id = conn.scalars(select(derivatives.c.blob_id)).one()
    path = ward.parts.store.path(blob_id)
    assert path is not None
    return path


def lose_derived(ward: Ward) -> None:
    derived_blob(ward).unlink()


def lengthen_derived(ward: Ward) -> None:
    with derived_blob(ward).open("ab") as file:
        file.write(b"more")


def strand_derived(ward: Ward) -> None:
    ward.change(update(derivatives).values(status="pending", blob_id=None, run_id=uuid4()))


def give_derived_away(ward: Ward) -> None:
    other = "(SELECT id FROM accounts WHERE name = 'other')"
    ward.change(text(f"UPDATE derivatives SET account_id = {other}"))


def derive_of_the_rejected(ward: Ward) -> None:
    rejected = "(SELECT id FROM versions WHERE status = 'rejected')"
    ward.change(text(f"UPDATE derivatives SET version_id = {rejected}"))


def unfinished(ward: Ward, **wrong: object) -> UUID:
    """A resumable upload of 10 bytes, of which its sender knows that 5 are there."""
    parts, actor = ward.parts, ward.installation.server.actor(ward.installation.account.api_key)
    limits = UploadLimits(max_file_bytes=100, max_unfinished=9, lifetime=timedelta(days=1))
    announced, now = UploadRequest(size=10, metadata=""), parts.clock()
    upload = parts.database.write(begin_upload, actor, announced, None, limits, now)
    upload_id = upload.upload_id
    writer = parts.store.drafts.append(upload_id)
    writer.write(b"12345")
    writer.close()
    ward.change(update(uploads).values(**{"received": 5, **wrong}))
    return upload_id


def lose_a_draft(ward: Ward) -> None:
    ward.parts.store.drafts.drop(unfinished(ward))


def overfill_a_draft(ward: Ward) -> None:
    writer = ward.parts.store.drafts.append(unfinished(ward))
    writer.write(b"67890 and more")
    writer.close()


def hold_nothing(ward: Ward) -> None:
    unfinished(ward)
    ward.change(delete(reservations), update(accounts).values(reserved=0))


def leave_a_draft(ward: Ward) -> None:
    draft = unfinished(ward)
    os.utime(ward.parts.settings.blobs / "drafts" / str(draft), (1, 1))
    ward.change(delete(uploads), delete(reservations), update(accounts).values(reserved=0))


def let_an_upload_expire(ward: Ward) -> None:
    unfinished(ward, expires_at=ward.parts.clock() - timedelta(days=3))


BREACHES: list[tuple[Callable[[Ward], object], str, str]] = [
    (lose, "bytes", "its bytes are missing"),
    (lose_quarantined, "bytes", "its bytes are missing"),
    (flip, "bytes", "lie in the store"),
    (shorten, "bytes", "lie in the store"),
    (use_more, "quotas", "used is"),
    (keep_a_checks_bytes, "quotas", "used is"),
    (reserve_more, "quotas", "reserved is 1, the sum is 0"),
    (exceed, "quotas", "exceed the quota 1"),
    (keep_a_dead_reservation, "quotas", "is dead and was not released"),
    (point_nowhere, "current versions", "current version None, newest 1"),
    (show_the_rejected, "current versions", "current version 1, newest None"),
    (rename_by_hand, "lists", "its name is 'another.csv'"),
    (weigh_by_hand, "lists", "it is sorted by 5 bytes"),
    (publish_by_hand, "published versions", "its bytes were removed"),
    (doom_the_published, "published versions", "its bytes are to be removed"),
    (drop_the_report, "published versions", "has no report"),
    (skip_a_number, "numbers", "1 versions, the last one is 2"),
    (restore_from_none, "numbers", "was restored or accepted from none that has its bytes"),
    (delete_by_hand, "deletions", "is deleted by half"),
    (delete_by_hand, "activity", "version.delete of"),
    (hide_by_hand, "deletions", "was deleted long ago"),
    (hide_by_hand, "activity", "file.delete of"),
    (skip_a_number, "activity", "version.deliver of"),
    (publish_too_early, "numbers", "before an earlier one was decided"),
    (reopen_a_task, "tasks", "is running, its version published"),
    (strand, "tasks", "no worker will ever take it"),
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
    (forget("version.publish"), "activity chains", "was changed or put in"),
    (rewrite_activity(action="version.fail"), "activity chains", "was changed or put in"),
    (rewrite_activity(at=datetime(2020, 1, 1, tzinfo=UTC)), "activity chains", "was changed"),
    (put_activity_in, "activity chains", "was changed or put in"),
    (forget_the_newest, "activity chains", "the newest activity"),
    (lambda ward: ward.change(delete(activity)), "activity chains", "all activity of account"),
    (give_a_file_away, "accounts", "is owned by a user of another account"),
    (give_a_key_away, "accounts", "belongs to another account than its user"),
    (give_away("account_id", "versions"), "accounts", "belongs to another account"),
    (give_away("account_id", "checks"), "accounts", "belongs to another account"),
    (give_away("account_id", "tasks"), "accounts", "belongs to another account"),
    (give_away("account_id", "activity"), "accounts", "belongs to another account"),
    (give_away("created_by", "versions"), "accounts", "made by a user of another account"),
    (give_away("created_by", "schema_revisions"), "accounts", "made by a user of another"),
    (share_by_hand, "sharing", "an entitlement of file"),
    (lambda ward: share_by_hand(ward, True), "sharing", "is shared with its owner"),
    (offer_at_home, "sharing", "an offer of file"),
    (offer_at_home, "sharing", "is offered to a user of its own account"),
    (lose_derived, "derivatives", "its bytes are missing"),
    (lengthen_derived, "derivatives", "lie in the store"),
    (strand_derived, "derivatives", "no worker will ever take it"),
    (give_derived_away, "derivatives", "belongs to another account than its version"),
    (derive_of_the_rejected, "derivatives", "the version is rejected"),
    (lambda ward: reply(ward, True), "replies", "which is not its user's"),
    (lambda ward: reply(ward, False), "replies", "still holds an Idempotency-Key"),
    (leave_bytes, "orphans", "belong to no version"),
    (leave_a_draft, "orphans", "belongs to no upload"),
    (lose_a_draft, "uploads", "0 bytes are there, its sender was told of 5"),
    (overfill_a_draft, "uploads", "of 10 bytes has 19"),
    (hold_nothing, "uploads", "of 10 bytes holds None of its account"),
    (let_an_upload_expire, "uploads", "has expired and was not removed"),
    (lambda ward: unfinished(ward, task_id=uuid4()), "uploads", "a task that is not there"),
    (lambda ward: unfinished(ward, task_id=uuid4()), "uploads", "still holds 10 bytes"),
    (lambda ward: unfinished(ward, joined_into=uuid4()), "uploads", "joined into none"),
]


def test_a_sound_installation_passes(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(ward, capsys) == (0, [])


@pytest.mark.parametrize(
    ("corrupt", "invariant", "sentence"), BREACHES, ids=[f"{b[1]}-{b[2]}" for b in BREACHES]
)
def test_a_breach_is_seen(
    ward: Ward,
    capsys: pytest.CaptureFixture[str],
    corrupt: Callable[[Ward], object],
    invariant: str,
    sentence: str,
) -> None:
    corrupt(ward)
    status, wrong = doctor(ward, capsys)
    assert status == 1
    assert any(line["name"] == f"invariant: {invariant}" for line in wrong), wrong
    assert any(sentence in line["detail"] for line in wrong), wrong


def doctor(ward: Ward, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    """The command's exit status, and the checks that it found wrong."""
    capsys.readouterr()
    status = run(["doctor", "--deep", "--data", str(ward.parts.settings.data), "--format", "json"])
    results = json.loads(capsys.readouterr().out)
    return status, [line for line in results if not line["ok"]]
