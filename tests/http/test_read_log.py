"""Who reads what is recorded: at most once a second, several requests of one read as one row."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import share
from tests.support.wait import wait_until

from entrepot.activity.reads import MAX_READ_DURATION, READ_MERGE_INTERVAL, end_reads
from entrepot.db.tables import activity, open_reads

pytestmark = pytest.mark.both_databases


def recorded(server: Server, file_id: str) -> list[Any]:
    """The rows of reads of a file, the oldest first."""
    query = select(activity).where(activity.c.file_id == UUID(file_id))
    with server.parts.database.reading() as conn:
        rows = conn.execute(query.where(activity.c.action == "version.read"))
        return sorted(rows, key=lambda row: row.id)


def going_on(server: Server, file_id: str) -> list[Any]:
    """The reads of a file that continue."""
    query = select(open_reads).where(open_reads.c.file_id == UUID(file_id))
    with server.parts.database.reading() as conn:
        return list(conn.execute(query))


def wait_for(server: Server, file_id: str, **figures: int) -> Any:
    """The one read that continues, once it has these figures."""
    wait_until(
        lambda: (
            [{name: getattr(row, name) for name in figures} for row in going_on(server, file_id)]
            == [figures]
        ),
        lambda: f"{figures}: {going_on(server, file_id)}",
    )
    return going_on(server, file_id)[0]


def end_idle_reads(server: Server, file_id: str) -> None:
    """As if it had been for long enough."""
    with server.parts.database.writing() as conn:
        aged = {
            "last_at": open_reads.c.last_at,
            "began_at": server.parts.clock() - MAX_READ_DURATION,
        }
        conn.execute(update(open_reads).where(open_reads.c.file_id == UUID(file_id)).values(**aged))
        end_reads(conn, server.parts.clock())


def test_a_download_is_recorded(server: Server, account: TestAccount) -> None:
    guest = server.new_account().new_user()
    file_id = account.api.deliver(CSV)["file_id"]
    share(account.api, file_id, guest.user_name, "r")
    answer = guest.api.get(f"/file/download/{file_id}")
    assert answer.content == CSV
    wait_until(lambda: len(recorded(server, file_id)) == 1, "it is recorded")
    (row,) = recorded(server, file_id)
    assert row.account_id == server.actor(account.api_key).account_id
    assert row.user_name == guest.user_name
    assert row.user_id == server.actor(guest.api_key).user_id
    assert row.key_id == guest.key.key.id
    assert row.address == "127.0.0.1"
    assert row.request_id == answer.headers["x-request-id"]
    assert row.version == 1
    assert row.result == "sent"
    assert row.detail == {"form": "original", "requests": 1, "bytes": len(CSV)}


def test_what_sends_nothing_is_not_recorded(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    path = f"/file/download/{file_id}"
    etag = account.api.request("HEAD", path).headers["etag"]
    assert account.api.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert account.api.get(path, headers={"If-Match": '"x"'}).status_code == 412
    assert account.api.get(path, headers={"Range": "bytes=999-"}).status_code == 416
    assert account.api.get(path).status_code == 200  # what is noted before it is written with it
    wait_until(lambda: recorded(server, file_id), "it is recorded")
    (row,) = recorded(server, file_id)
    assert row.detail["requests"] == 1
    assert going_on(server, file_id) == []


def test_ranges_of_one_read_are_one_row(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    path = f"/file/download/{file_id}"
    first = account.api.get(path, headers={"Range": "bytes=0-3"})
    wait_for(server, file_id, requests=1, bytes=4)
    for range_header in ("bytes=4-5", "bytes=0-0,2-3"):
        assert account.api.get(path, headers={"Range": range_header}).status_code == 206
    read = wait_for(server, file_id, requests=3, bytes=9)
    assert recorded(server, file_id) == []
    end_idle_reads(server, file_id)
    (row,) = recorded(server, file_id)
    assert (row.detail["requests"], row.detail["bytes"]) == (3, 9)
    assert row.detail["until"] == read.last_at.isoformat(timespec="microseconds")
    assert row.request_id == first.headers["x-request-id"]
    assert going_on(server, file_id) == []
    other = account.new_key()
    for api in (account.api, other.api):
        assert api.get(path, headers={"Range": "bytes=0-"}).status_code == 206
    wait_until(lambda: len(going_on(server, file_id)) == 2, "each key's is a read of its own")


def test_what_was_made_of_a_version_is_named(server: Server, account: TestAccount) -> None:
    broken = account.api.deliver(
        b"id\nx\n", enforce_schema='{"fields": [{"name": "id", "type": "integer"}]}'
    )
    file_id = broken["file_id"]
    account.api.get(f"/file/{file_id}/report.csv")
    wait_until(lambda: account.api.get(f"/file/{file_id}/report.csv").status_code == 200, "made")
    assert account.api.get(f"/file/download/{file_id}?version=1").status_code == 200

    def forms() -> set[str]:
        return {row.detail["form"] for row in recorded(server, file_id)}

    # Reads of one form are one record or more: the number of writings between them decides.
    wait_until(lambda: len(forms()) == 2, "both are recorded")
    assert forms() == {"report.csv", "original"}


def test_what_is_sent_in_blocks_is_noted_as_it_goes(server: Server, account: TestAccount) -> None:
    content = bytes(20 * 1024 * 1024)
    file_id = account.api.deliver(content, limit=len(content))["file_id"]
    assert account.api.get(f"/file/download/{file_id}").content == content
    wait_for(server, file_id, requests=1, bytes=len(content))


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_the_end_of_the_server_writes_what_was_noted(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    account.api.get(f"/file/download/{file_id}")
    account.api.get(f"/file/download/{file_id}", headers={"Range": "bytes=0-1"})
    server.restart()
    assert len(recorded(server, file_id)) == 1
    assert len(going_on(server, file_id)) == 1


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_a_crash_forgets_nothing_that_was_written(server: Server, account: TestAccount) -> None:
    """What was noted since the last writing, less than a second ago, is lost, and nothing else."""
    file_id = account.api.deliver(CSV)["file_id"]
    path = f"/file/download/{file_id}"
    for number in range(1, 4):
        account.api.get(path)
        wait_until(lambda n=number: len(recorded(server, file_id)) == n, "it is recorded")
    account.api.get(path, headers={"Range": "bytes=0-1"})
    wait_for(server, file_id, requests=1, bytes=2)
    account.api.get(path)
    server.kill()
    server.start()
    assert len(recorded(server, file_id)) in (3, 4)
    # What was under way continues.
    account.api.get(path, headers={"Range": "bytes=2-3"})
    wait_for(server, file_id, requests=2, bytes=4)
    assert READ_MERGE_INTERVAL <= MAX_READ_DURATION
    server.assert_sound()


def test_pages_of_a_preview_are_one_read(server: Server, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, enforce_schema="true")["file_id"]
    server.wait_derived()
    first = account.api.get(f"/file/{file_id}/preview?limit=1")
    assert first.status_code == 200, first.text
    assert account.api.get(first.links["next"]["url"]).status_code == 200
    row = wait_for(server, file_id, requests=2)
    assert (row.form, row.version, row.user_name) == ("preview", 1, account.admin.user_name)
    pages = ('[{"_row":2,"values":[1,2]}]', '[{"_row":3,"values":[3,4]}]')
    assert row.bytes == sum(map(len, pages))
    refused = account.api.get(f"/file/{file_id}/preview?where=nothing=1")
    assert refused.status_code == 422
    assert going_on(server, file_id)[0].requests == 2
