"""Resumable uploads over a server that is killed: nothing acknowledged is lost, nothing leaks."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.crash.installation import GONE, Installation, table
from tests.crash.points import Point, both, everywhere, long, requests
from tests.crash.test_exact_points import ACCEPT, CONTENT, LARGE
from tests.support.tus import HEADERS, Tus, checksum, metadata
from tests.support.wait import wait_until

from entrepot.db.tables import uploads
from entrepot.files.sweep import sweep

TOLD = ("UPDATE uploads SET received",)
CREATED = ("INSERT INTO uploads", "INSERT INTO reservations")
JOINED = ("INSERT INTO versions", "INSERT INTO uploads")
COMPLETION = [
    Point("api", "commit", ACCEPT, "after"),
    *long(
        [
            Point("api", "commit", ACCEPT, "before"),
            Point("api", "link", ("/drafts/.* .*/blobs/",), "after"),
            *both("api", "fsync", ("/blobs/../..$",)),
            Point("api", "link", ("/drafts/.* .*/blobs/",), "before"),
            *both("api", "unlink", ("/drafts/",)),
        ]
    ),
]
PART_WAY = [
    pytest.param(Point("api", "commit", TOLD, "before"), True),
    pytest.param(Point("api", "commit", TOLD, "before"), False, marks=pytest.mark.long),
    pytest.param(Point("api", "commit", TOLD, "after"), True, marks=pytest.mark.long),
]
JOIN = long(both("api", "commit", JOINED))
ENDED = long([*both("api", "commit", ("DELETE FROM uploads",)), *both("api", "commit", CREATED)])
IN_PIECES = requests(
    "api",
    "^PUT .*/drafts/",
    r"^POST .*/blobs/.*\?uploads",
    r"^PUT .*/blobs/.*partNumber=1\b.* from .*/drafts/",
    "^PUT .*/blobs/.*partNumber=2(&|$)",
    r"^POST .*/blobs/.*\?uploadId=",
    "^DELETE .*/drafts/",
)


def killed(installation: Installation, act: Callable[[], object]) -> None:
    """Do something that the server dies of, and start it again."""
    with suppress(*GONE):
        act()
    try:
        installation.wait_dead()
    finally:
        reached = installation.disarm()
    assert reached, "the point was not reached"
    installation.server.start()


def assert_published(installation: Installation, task_id: str, content: bytes) -> None:
    """The upload is a file with these bytes, and nothing else of it is left."""
    task = installation.api.wait_task(task_id)
    assert task["status"] == "succeeded", task
    assert installation.api.get(f"/file/download/{task['file_id']}").content == content


def test_a_server_that_is_stopped_keeps_what_came(installation: Installation) -> None:
    """It waits for no upload that can be resumed, and loses nothing of it."""
    upload = Tus.begin(installation.api, len(CONTENT))
    with upload.stalled(CONTENT, 0, 1_200_000):
        drafts = installation.server.parts.store.drafts
        wait_until(lambda: any(draft.size for draft in drafts.list()), "something is written")
        assert installation.server.stop() == 0
    installation.server.start()
    assert 0 < upload.offset <= 1_200_000
    assert_published(installation, upload.end(CONTENT), CONTENT)
    assert_no_drafts(installation)


def assert_no_drafts(installation: Installation) -> None:
    drafts = installation.server.parts.store.drafts
    wait_until(lambda: not [*drafts.list()], lambda: f"no drafts: {[*drafts.list()]}")
    installation.check()


@pytest.mark.parametrize("point", everywhere(COMPLETION), ids=str)
def test_killed_at_the_end_of_an_upload(installation: Installation, point: Point) -> None:
    upload = Tus.begin(installation.api, len(CONTENT))
    assert upload.patch(CONTENT[:500_000], 0).status_code == 204
    installation.arm(point)
    killed(installation, lambda: upload.patch(CONTENT[500_000:], 500_000))
    assert installation.api.account()["reserved"] in (0, len(CONTENT))
    # All bytes are there: whoever asks gets the task, not only that nothing is missing.
    answer = upload.head()
    assert answer.headers["upload-offset"] == str(len(CONTENT))
    assert_published(installation, answer.headers["entrepot-task-id"], CONTENT)
    upload.delete()
    remove_what_is_left(installation)


@pytest.mark.parametrize("point", long(IN_PIECES), ids=str)
def test_killed_while_pieces_become_a_blob(installation: Installation, point: Point) -> None:
    """In S3 a draft has one object for each 8 MiB, of which the store makes a blob."""
    upload = Tus.begin(installation.api, len(LARGE))
    installation.arm(point)
    killed(installation, lambda: upload.patch(LARGE, 0))
    assert_published(installation, upload.end(LARGE), LARGE)
    upload.delete()
    remove_what_is_left(installation)


@pytest.mark.parametrize(("point", "proven"), everywhere(PART_WAY), ids=str)
def test_killed_in_the_middle(installation: Installation, point: Point, proven: bool) -> None:
    """Bytes that came stay, told or not; those that were to be proven by a checksum go."""
    upload = Tus.begin(installation.api, len(CONTENT))
    installation.arm(point)
    headers = checksum(CONTENT[:700_000]) if proven else {}
    killed(installation, lambda: upload.patch(CONTENT[:700_000], 0, **headers))
    kept = 0 if proven and point.when == "before" else 700_000
    assert upload.offset == kept
    assert_published(installation, upload.end(CONTENT), CONTENT)
    assert_no_drafts(installation)


@pytest.mark.parametrize("point", everywhere(JOIN), ids=str)
def test_killed_while_parts_are_joined(installation: Installation, point: Point) -> None:
    parts = [
        Tus.part(installation.api, CONTENT[:900_000]),
        Tus.part(installation.api, CONTENT[900_000:]),
    ]
    headers = HEADERS | {
        "Upload-Concat": "final;" + " ".join(part.address for part in parts),
        "Upload-Metadata": metadata(filename="whole.csv", file_size_limit="10000000"),
    }
    installation.arm(point)
    killed(installation, lambda: installation.api.post("/uploads", headers=headers))
    again = installation.api.post("/uploads", headers=headers)
    assert again.status_code == 201, again.text
    assert_published(installation, again.headers["entrepot-task-id"], CONTENT)
    remove_what_is_left(installation)


@pytest.mark.parametrize("point", everywhere(ENDED), ids=str)
def test_killed_as_one_begins_or_is_given_up(installation: Installation, point: Point) -> None:
    upload = Tus.begin(installation.api, len(CONTENT))
    assert upload.patch(CONTENT[:500_000], 0).status_code == 204
    installation.arm(point)
    if point.about == CREATED:
        killed(installation, lambda: Tus.begin(installation.api, 5))
        made = 5 if point.when == "after" else 0
        assert installation.api.account()["reserved"] == len(CONTENT) + made
        end_all_uploads(installation)
    else:
        killed(installation, upload.delete)
        assert upload.delete().status_code == (404 if point.when == "after" else 204)
    remove_what_is_left(installation)


def end_all_uploads(installation: Installation) -> None:
    """Give up every upload that has not ended."""
    with installation.server.parts.database.reading() as conn:
        left = list(conn.scalars(select(uploads.c.id).where(uploads.c.task_id.is_(None))))
    for upload_id in left:
        Tus(installation.api, f"/api/v1/uploads/{upload_id}").delete()


def remove_what_is_left(installation: Installation) -> None:
    """What a crash left in the drafts' folder goes with the sweep, and all is well then."""
    parts = installation.server.parts
    sweep(parts.database, parts.store, parts.clock, grace=timedelta(0))
    assert_no_drafts(installation)


def test_uploads_that_are_cut_at_random_places(installation: Installation) -> None:
    cut_at_random(installation, random.Random(5), count=4, kills=1)


@pytest.mark.long
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("stores", ["disk", "s3"])
@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_uploads_that_are_cut_at_random_places(
    installation: Installation, seed: int
) -> None:
    cut_at_random(installation, random.Random(seed), count=50, kills=10)


def cut_at_random(
    installation: Installation, chance: random.Random, count: int, kills: int
) -> None:
    """Each upload is cut at five places or more; in some the server is killed in between."""
    killing = set(chance.sample(range(count), kills))
    for number in range(count):
        content = table(chance.randrange(20_000, 120_000), f"{number}-{chance.random()}")
        upload = Tus.begin(installation.api, len(content))
        reported = 0
        places = sorted(chance.sample(range(1, len(content)), chance.randint(5, 8)))
        dies_at = chance.randrange(len(places)) if number in killing else None
        for index, place in enumerate(places):
            if place <= reported:
                continue
            cut_once(upload, content, reported, place, chance)
            if index == dies_at:
                die(installation, upload, content, chance)
            now = upload.offset
            assert reported <= now <= len(content), (reported, now)
            reported = now
        assert_published(installation, upload.end(content), content)
        assert upload.delete().status_code == 204
    installation.wait_derived(20 * count + 60)  # each is a table, of which Parquet is made
    remove_what_is_left(installation)


def cut_once(upload: Tus, content: bytes, reported: int, place: int, chance: random.Random) -> None:
    """Send from `told` to `place` and go away, by a whole request or in the middle of one."""
    if chance.random() < 0.3:
        answer = upload.patch(content[reported:place], reported)
        # One that was given up may reach the server after the next one; then one asks again.
        assert answer.status_code in (204, 409, 423), answer.text
        assert answer.headers.get("upload-offset", str(place)) == str(place)
    else:
        upload.cut(content, reported, place - reported)


def die(installation: Installation, upload: Tus, content: bytes, chance: random.Random) -> None:
    """The server is killed, between two requests or while one brings bytes."""
    if chance.random() < 0.5:
        offset = upload.offset
        with suppress(OSError), upload.stalled(content, offset, chance.randrange(len(content))):
            time.sleep(chance.uniform(0, 0.5))  # any moment will do
            installation.kill_tree()
    else:
        installation.kill_tree()
    installation.server.start()
