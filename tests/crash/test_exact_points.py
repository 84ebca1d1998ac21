"""Killed between any two lines of the commit protocol, an installation loses and leaks nothing.

Each test runs a real delivery on a real server that is killed by SIGKILL, every process of it,
right before or right after one call; then it is started again and everything must hold.

What meets a state on disk that another point meets too waits for `--long`.
"""

from contextlib import suppress
from uuid import uuid4

import pytest
from tests.crash.installation import GONE, Installation, table
from tests.crash.points import Point, both, everywhere, long, requests
from tests.support.seaweedfs import list_multipart_uploads
from tests.support.server import TestAccount
from tests.support.wait import wait_until

CONTENT = table(8_000, "x" * 170)  # 1.5 MB: two blocks, but few rows to be inspected
NEXT = table(7_000, "y" * 170)
LIMIT = 10_000_000
SCHEMA = '{"fields":[{"name":"id","type":"integer"},{"name":"amount","type":"integer"},'
SCHEMA += '{"name":"note","type":"string","constraints":{"maxLength":3}}]}'

RESERVE = ("INSERT INTO reservations",)
GROW = ("UPDATE reservations SET size",)
ACCEPT = ("INSERT INTO versions", "INSERT INTO tasks")
BEGIN = ("UPDATE tasks SET status='running'",)
PUBLISH = ("INSERT INTO inspections", "status='published'")
REJECT = ("INSERT INTO inspections", "status='rejected'")
RELEASE = ("DELETE FROM reservations",)
CANCELED = ("UPDATE versions SET status='canceled'",)
ASKED = ("UPDATE tasks SET cancel_requested_at",)
REMOVED = ("UPDATE versions SET bytes_removed_at",)
TAKEN = (r"UPDATE queue_entries SET state=.running.",)
HANDED_OVER = ("UPDATE files SET owner_id", "DELETE FROM offers")
OUTCOME = (r"DELETE FROM queue_entries",)


UPLOAD = [
    *both("api", "commit", RESERVE),
    *both("api", "commit", GROW),
    Point("api", "open", ("/incoming/",), "after"),
    Point("api", "write", ("/incoming/",), "after"),
    *both("api", "fsync", ("/incoming/",)),
    Point("api", "mkdir", ("/blobs/",), "after"),
    *both("api", "link", ("/incoming/.* .*/blobs/",)),
    *both("api", "fsync", ("/blobs/../..$",)),
    Point("api", "unlink", ("/incoming/",), "after"),
    *both("api", "commit", ACCEPT),
    *both("worker", "commit", TAKEN),
    *both("worker", "commit", BEGIN),
    *both("worker", "commit", PUBLISH),
    *both("worker", "commit", OUTCOME),
]
SAMPLE = [
    Point("api", "request", ("^PUT .*/blobs/[^ ]*$",), "after"),
    Point("worker", "commit", PUBLISH, "before"),
]
"""What S3 and PostgreSQL are tried with in each run."""
LARGE = table(50_000, "z" * 170)  # 9.5 MB: two parts
IN_PARTS = requests(
    "api",
    r"^POST .*/blobs/.*\?uploads",
    "^PUT .*/blobs/.*partNumber=1(&|$)",
    "^PUT .*/blobs/.*partNumber=2(&|$)",
    r"^POST .*/blobs/.*\?uploadId=",
)
CUT_OFF = requests("api", r"^DELETE .*/blobs/.*\?uploadId=")
MORE_OF_UPLOAD = [
    Point("api", "open", ("/incoming/",), "before"),
    Point("api", "write", ("/incoming/",), "before"),
    Point("api", "mkdir", ("/blobs/",), "before"),
    *both("api", "fsync", ("/blobs/..$",)),
    Point("api", "unlink", ("/incoming/",), "before"),
]
SMALL = [
    *both("api", "commit", ACCEPT),
    *long(both("api", "fsync", ("/blobs/../..$",))),
    *long([Point("api", "unlink", ("/incoming/",), "after")]),
]
"""Of a delivery that needs no reservation."""
FURTHER = [
    Point("api", "commit", ACCEPT, "after"),
    Point("worker", "commit", PUBLISH, "before"),
    *long([Point("api", "commit", ACCEPT, "before"), Point("worker", "commit", PUBLISH, "after")]),
    *long([*both("api", "commit", RESERVE), *both("api", "link", ("/incoming/.* .*/blobs/",))]),
]
REPEATED = [
    Point("api", "commit", ACCEPT, "after"),
    *long([Point("api", "commit", RESERVE, "after"), Point("api", "commit", ACCEPT, "before")]),
]
RESTORED = [
    Point("api", "link", ("/blobs/.* .*/blobs/",), "after"),
    Point("api", "commit", ACCEPT, "after"),
    *long([Point("api", "link", ("/blobs/.* .*/blobs/",), "before")]),
    *long([Point("api", "commit", ACCEPT, "before"), *both("worker", "commit", PUBLISH)]),
]
REJECTION = [*both("worker", "commit", REJECT), *long(both("worker", "commit", OUTCOME))]
DROPPED = [
    Point("api", "unlink", ("/blobs/",), "before"),
    Point("api", "commit", RELEASE, "before"),
    *long(
        [Point("api", "unlink", ("/blobs/",), "after"), Point("api", "commit", RELEASE, "after")]
    ),
]
CANCEL_RUNNING = [
    Point("api", "commit", ASKED, "after"),
    *both("worker", "commit", CANCELED),
    Point("worker", "unlink", ("/blobs/",), "after"),
    *long([Point("worker", "unlink", ("/blobs/",), "before"), *both("worker", "commit", REMOVED)]),
    *long([Point("api", "commit", ASKED, "before")]),
]
CANCEL_WAITING = [
    Point("api", "commit", CANCELED, "after"),
    Point("worker", "unlink", ("/blobs/",), "after"),
    *long([Point("api", "commit", CANCELED, "before")]),
    *long([Point("worker", "unlink", ("/blobs/",), "before")]),
    *long(both("worker", "commit", REMOVED)),
]


def die_and_check(installation: Installation, what: str) -> None:
    try:
        installation.wait_dead()
    finally:
        reached = installation.disarm()
    assert reached, f"the point was not reached: {what}"
    installation.server.start()
    installation.check()


@pytest.mark.parametrize("point", everywhere([*UPLOAD, *long(MORE_OF_UPLOAD)], SAMPLE), ids=str)
def test_a_delivery_is_killed(installation: Installation, point: Point) -> None:
    installation.arm(point)
    sent = installation.send(CONTENT, limit=LIMIT)
    die_and_check(installation, str(point))
    committed = point.role == "worker" or point == Point("api", "commit", ACCEPT, "after")
    names = {item["file_name"] for item in installation.api.json("/files")["files_list"]}
    assert (sent.name in names) == committed


@pytest.mark.parametrize("point", everywhere(SMALL), ids=str)
def test_a_small_delivery_is_killed(installation: Installation, point: Point) -> None:
    installation.arm(point)
    sent = installation.send(table(100, "y"), limit=LIMIT)
    die_and_check(installation, str(point))
    committed = point.role == "worker" or point == Point("api", "commit", ACCEPT, "after")
    names = {item["file_name"] for item in installation.api.json("/files")["files_list"]}
    assert (sent.name in names) == committed


@pytest.mark.parametrize("point", long(IN_PARTS), ids=str)
def test_a_delivery_in_parts_is_killed(installation: Installation, point: Point) -> None:
    installation.arm(point)
    sent = installation.send(LARGE, limit=LIMIT)
    assert sent.task_id is None
    die_and_check(installation, str(point))
    names = {item["file_name"] for item in installation.api.json("/files")["files_list"]}
    assert sent.name not in names


@pytest.mark.parametrize("point", long(CUT_OFF), ids=str)
def test_a_delivery_in_parts_that_breaks_off_is_killed(
    installation: Installation, point: Point
) -> None:
    """The parts of a client that has gone are removed when the server dies."""
    installation.arm(point)
    with installation.slow_upload(LARGE) as upload:
        upload.send(9_000_000)
        installation.wait_reserved()
        wait_until(
            lambda: list_multipart_uploads(str(installation.server.settings.store)) != [],
            "a part is sent",
        )
    die_and_check(installation, str(point))


@pytest.mark.parametrize("point", everywhere(FURTHER), ids=str)
def test_a_further_version_is_killed(installation: Installation, point: Point) -> None:
    first = installation.send(CONTENT, limit=LIMIT)
    file_id = installation.api.wait_task(str(first.task_id))["file_id"]
    installation.wait_derived()
    installation.arm(point)
    task_id = installation.send_version(file_id, NEXT)
    committed = point.role == "worker" or point == Point("api", "commit", ACCEPT, "after")
    if committed:
        first.content = NEXT  # what readers of the file see from now on
    die_and_check(installation, str(point))
    assert installation.api.json(f"/file/{file_id}")["version"] == (2 if committed else 1)
    if task_id is not None:
        assert installation.api.task(task_id)["status"] == "succeeded"


@pytest.mark.parametrize("point", everywhere(REPEATED), ids=str)
def test_a_repeatable_delivery_is_killed(installation: Installation, point: Point) -> None:
    """Whoever got no answer repeats the request, and it has been done once."""
    first = installation.send(CONTENT, limit=LIMIT)
    file_id = installation.api.wait_task(str(first.task_id))["file_id"]
    installation.wait_derived()
    installation.arm(point)
    key = {"Idempotency-Key": uuid4().hex}
    assert installation.send_version(file_id, NEXT, **key) is None or point.role == "worker"
    first.content = NEXT
    installation.wait_dead()
    assert installation.disarm(), f"the point was not reached: {point}"
    installation.server.start()
    if point.stores == "s3":
        installation.sweep_later()  # until then the dead host may still be at work
    task_id = installation.send_version(file_id, NEXT, **key)
    assert task_id is not None
    assert installation.api.wait_task(task_id)["version"] == 2
    installation.check()
    assert len(installation.api.json(f"/file/{file_id}/versions")["versions_list"]) == 2


@pytest.mark.parametrize("point", everywhere(RESTORED), ids=str)
def test_a_restoration_is_killed(installation: Installation, point: Point) -> None:
    first = installation.send(CONTENT, limit=LIMIT)
    file_id = installation.api.wait_task(str(first.task_id))["file_id"]
    installation.api.wait_task(str(installation.send_version(file_id, NEXT)))
    installation.wait_derived()
    installation.arm(point)
    task_id = installation.begin(f"/file/{file_id}/versions/1/restore")
    committed = point.role == "worker" or point == Point("api", "commit", ACCEPT, "after")
    first.content = CONTENT if committed else NEXT
    die_and_check(installation, str(point))
    assert installation.api.json(f"/file/{file_id}")["version"] == (3 if committed else 2)
    assert task_id is None or committed


@pytest.mark.parametrize("point", everywhere(both("api", "commit", HANDED_OVER)), ids=str)
def test_handing_over_to_another_account_is_killed(
    installation: Installation, point: Point
) -> None:
    """The file with all its bytes belongs to one account or to the other."""
    file_id = installation.api.wait_task(str(installation.send(CONTENT, limit=LIMIT).task_id))[
        "file_id"
    ]
    installation.wait_derived()
    server, other = installation.server, installation.server.new_account()
    before = installation.api.account()["used"]
    give(installation.account, file_id, other)
    installation.arm(point)
    with suppress(*GONE):
        other.api.post(f"/file/{file_id}/offer/accept")
    installation.wait_dead()
    assert installation.disarm(), f"the point was not reached: {point}"
    server.start()
    moved = point.when == "after"
    used = [account.api.account()["used"] for account in (installation.account, other)]
    assert used == ([before - len(CONTENT), len(CONTENT)] if moved else [before, 0])
    assert bool(other.api.json("/files")["files_list"]) == moved
    server.assert_sound()
    if moved:
        give(other, file_id, installation.account)
        assert installation.api.post(f"/file/{file_id}/offer/accept").status_code == 200
    installation.check()


def give(account: TestAccount, file_id: str, other: TestAccount) -> None:
    """Offer a file to another account's admin."""
    named = {"user_name": other.admin.user_name}
    answer = account.api.request("PUT", f"/file/{file_id}/offer", json=named)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("point", everywhere(REJECTION), ids=str)
def test_a_rejection_is_killed(installation: Installation, point: Point) -> None:
    installation.arm(point)
    installation.send(CONTENT, "failed", limit=LIMIT, enforce_schema=SCHEMA)
    die_and_check(installation, str(point))


@pytest.mark.parametrize("point", everywhere(DROPPED), ids=str)
def test_the_clean_up_after_a_bad_request_is_killed(
    installation: Installation, point: Point
) -> None:
    """The digest of the part is found wrong once its bytes are durable."""
    installation.arm(point)
    installation.send_wrong_digest(CONTENT)
    die_and_check(installation, str(point))


@pytest.mark.parametrize("point", everywhere(CANCEL_RUNNING), ids=str)
def test_the_cancelation_of_a_running_task_is_killed(
    installation: Installation, point: Point
) -> None:
    installation.freeze_inspectors()
    running = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(running.task_id), {"running"})
    installation.arm(point)
    acknowledged = installation.cancel(running)
    die_and_check(installation, str(point))
    if acknowledged:
        assert installation.api.task(str(running.task_id))["status"] == "canceled"


@pytest.mark.parametrize("point", everywhere(CANCEL_WAITING), ids=str)
def test_the_cancelation_of_a_waiting_task_is_killed(
    installation: Installation, point: Point
) -> None:
    installation.freeze_inspectors()
    first = installation.send(CONTENT, limit=LIMIT)
    installation.api.wait_status(str(first.task_id), {"running"})
    waiting = installation.send(CONTENT, limit=LIMIT)
    installation.arm(point)
    acknowledged = installation.cancel(waiting)
    if point.role == "worker":
        # The canceled task's bytes go when its turn comes.
        for child in installation.inspectors():
            child.resume()
    die_and_check(installation, str(point))
    if acknowledged:
        assert installation.api.task(str(waiting.task_id))["status"] == "canceled"
