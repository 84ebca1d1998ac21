"""Defining a file: what names, limits and descriptions are, and what the commit point writes."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select
from tests.support.server import Server, TestAccount

from entrepot.blobs.store import BlobId
from entrepot.db.tables import activity, files, tasks, versions
from entrepot.errors import FieldInvalid, FileTooLarge, UploadInterrupted
from entrepot.files.delivery.define import (
    MAX_SIZE_LIMIT_BYTES,
    AcceptedDelivery,
    Definition,
    check_description,
    check_file_name,
    define_file,
    parse_size_limit,
)
from entrepot.files.delivery.uploads import StoredUpload
from entrepot.quotas.reserve import (
    ReservationId,
    get_usage,
    grow_reservation,
    open_reservation,
    release_reservation,
)
from entrepot.schemas.enforcement import Enforcement, parse_enforcement

CONTENT = b"a,b\n1,2\n"


@given(st.text(max_size=300))
def test_a_name_is_refused_or_safe(text: str) -> None:
    try:
        name = check_file_name(text)
    except FieldInvalid:
        return
    assert 1 <= len(name) <= 255
    assert name not in (".", "..")
    assert not set(name) & set("/\\\0\r\n\t\u202e\u2066")
    assert check_file_name(name) == name


@given(st.one_of(st.text(max_size=30), st.integers().map(str)))
def test_a_limit_is_refused_or_positive_bytes(text: str) -> None:
    try:
        limit = parse_size_limit(text)
    except FieldInvalid:
        return
    assert 1 <= limit <= MAX_SIZE_LIMIT_BYTES
    assert int(text) == limit


def test_a_limit_may_not_exceed_the_servers() -> None:
    assert parse_size_limit("100", max_bytes=100) == 100
    with pytest.raises(FieldInvalid, match="between 1 and 100"):
        parse_size_limit("101", max_bytes=100)


def test_descriptions() -> None:
    assert check_description("two\nlines") == "two\nlines"
    assert len(check_description("x" * 10_000)) == 10_000
    for text in ("x" * 10_001, "a\0b", "right to left: \u202e"):
        with pytest.raises(FieldInvalid):
            check_description(text)


class StoredDelivery:
    """Bytes in the store and a reservation for them, ready for the commit point."""

    def __init__(self, server: Server, account: TestAccount) -> None:
        self.server = server
        self.parts = server.parts
        self.actor = server.actor(account.api_key)
        self.blob_id = BlobId(uuid4())
        now = self.parts.clock()
        write = self.parts.database.write
        self.reservation: ReservationId = write(open_reservation, self.actor.account_id, 100, now)
        size = len(CONTENT)
        write(grow_reservation, self.actor.account_id, self.reservation, size, size, now)
        writer = self.parts.store.create(self.blob_id)
        writer.write(CONTENT)
        self.upload = StoredUpload(self.blob_id, writer.commit(), self.reservation)

    def define(self, limit: int = 1000, enforcement: Enforcement | None = None) -> AcceptedDelivery:
        definition = Definition("a.csv", "", limit, enforcement or Enforcement("none"))
        return self.parts.database.write(
            define_file,
            self.actor,
            definition,
            self.upload,
            self.parts.queue,
            self.parts.clock(),
        )

    def abort(self) -> None:
        self.parts.store.delete(self.blob_id)
        self.parts.database.write(release_reservation, self.actor.account_id, self.reservation)


def test_one_transaction_writes_everything(server: Server, account: TestAccount) -> None:
    delivery = StoredDelivery(server, account)
    accepted = delivery.define()
    with server.parts.database.reading() as conn:
        file = conn.execute(select(files).where(files.c.id == accepted.file_id)).one()
        version = conn.execute(select(versions).where(versions.c.id == delivery.blob_id)).one()
        task = conn.execute(select(tasks).where(tasks.c.id == accepted.task_id)).one()
        noted = conn.execute(select(activity).where(activity.c.file_id == accepted.file_id)).first()
    assert (file.name, file.size_limit) == ("a.csv", 1000)
    assert (version.file_id, version.number, version.size) == (accepted.file_id, 1, len(CONTENT))
    assert task.file_id == accepted.file_id
    assert noted is not None
    assert (noted.action, noted.user_id) == ("file.define", delivery.actor.user_id)
    usage = server.parts.database.read(get_usage, delivery.actor.account_id)
    assert (usage.used, usage.reserved) == (len(CONTENT), 0)
    server.parts.queue.wake()
    assert account.api.wait_task(str(accepted.task_id))["status"] == "succeeded"


def test_what_fails_leaves_no_row(server: Server, account: TestAccount) -> None:
    too_large, gone = StoredDelivery(server, account), StoredDelivery(server, account)
    with pytest.raises(FileTooLarge):
        too_large.define(limit=len(CONTENT) - 1)
    too_large.abort()
    gone.abort()
    with pytest.raises(UploadInterrupted):
        gone.define()
    assert account.api.json("/files") == {"files_list": []}
    assert account.api.json("/tasks") == {"tasks_list": []}
    result = account.api.account()
    assert (result["used"], result["reserved"]) == (0, 0)


def test_the_commit_point_takes_so_many_statements(server: Server, account: TestAccount) -> None:
    schema = '{"fields":[{"name":"a","type":"integer"},{"name":"b","type":"integer"}]}'
    StoredDelivery(server, account).define()
    for enforcement, most in ((None, 10), (parse_enforcement(schema), 11)):
        delivery = StoredDelivery(server, account)
        seen: list[str] = []

        def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)  # noqa: B023 - removed before the next round

        event.listen(server.parts.database.engine, "before_cursor_execute", note)
        try:
            delivery.define(enforcement=enforcement)
        finally:
            event.remove(server.parts.database.engine, "before_cursor_execute", note)
        assert len(seen) <= most, "\n".join(seen)
    server.parts.queue.wake()
