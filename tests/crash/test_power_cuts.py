"""After a power cut, whatever the disk has of what was not synced, nothing acknowledged is lost.

A real server is recorded while it serves one client. Then each state that its disk may have had at
some moment is made, the program is started on it, and all that was acknowledged by then must hold.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.crash.installation import table
from tests.crash.power_cuts import RecordedServer, Recording, Story
from tests.crash.scenarios import (
    INTEGERS,
    NUMBERS,
    downloads,
    ends,
    has,
    has_offset,
    is_gone,
    signs_in,
)
from tests.support.replayed_disk import Loss, ReplayedDisk
from tests.support.server import make_server
from tests.support.tus import Tus

FIRST, SECOND, THIRD = table(300), table(200, "y"), table(100, "z")
BROKEN = b"id,amount,note\n1,many,x\n"
REASON = {"reason": "Wrong figures", "purge": False}
SEEDS = range(3)


def deliver(story: Story, file_id: str, content: bytes, status: str) -> None:
    """Deliver a further version and wait for its task."""
    story.ask("newest")
    files = {"file": ("next.csv", content)}
    answer = story.api.post(f"/file/{file_id}/versions", files=files)
    task_id = str(answer.json()["task_id"])
    story.claim(f"task {task_id}", ends(task_id, status))
    story.api.wait_task(task_id)


def tell(story: Story) -> None:
    """Deliver, reject, resume, change, delete, withdraw and restore."""
    api = story.api
    task_id = str(api.upload(FIRST, enforce_schema=json.dumps(INTEGERS)).json()["task_id"])
    story.claim("first", ends(task_id, "succeeded"))
    file_id = str(api.wait_task(task_id)["file_id"])
    story.claim("newest", downloads(file_id, FIRST))
    deliver(story, file_id, SECOND, "succeeded")
    story.claim("newest", downloads(file_id, SECOND))
    story.claim("old", downloads(file_id, FIRST, version=1))
    deliver(story, file_id, BROKEN, "failed")
    story.claim("newest", downloads(file_id, SECOND))
    parquet = api.get(f"/file/download/{file_id}/orders.parquet")
    assert parquet.status_code == 200
    upload = Tus.begin(api, len(THIRD), name="third.csv")
    upload_path = upload.address
    story.claim("upload", has_offset(upload_path, 0))
    assert upload.patch(THIRD[:900], 0).status_code == 204
    story.claim("upload", has_offset(upload_path, 900))
    answer = upload.patch(THIRD[900:], 900)
    third_task = str(answer.headers["entrepot-task-id"])
    story.claim("upload", ends(third_task, "succeeded"))
    third = str(api.wait_task(third_task)["file_id"])
    story.claim("upload", downloads(third, THIRD))
    schema = api.request("PUT", f"/file/{file_id}/schema", json=NUMBERS)
    assert schema.status_code == 202, schema.text
    schema_task = str(schema.json()["task_id"])
    story.claim("schema", ends(schema_task, "succeeded"))
    api.wait_task(schema_task)
    story.claim("schema", has(f"/file/{file_id}/schema", revision=2))
    described = {"file_description": "By month"}
    assert api.request("PATCH", f"/file/{file_id}", json=described).status_code == 200
    story.claim("description", has(f"/file/{file_id}", **described))
    key = api.post("/key/new", json={"name": "other", "scopes": ["read"]}).json()
    story.claim("key", signs_in(key["api_key"], 200))
    story.ask("key")
    revoked = api.request("DELETE", f"/key/{key['key_id']}")
    assert revoked.status_code == 204, revoked.text
    story.claim("key", signs_in(key["api_key"], 401))
    story.ask("old")
    assert api.request("DELETE", f"/file/{file_id}/versions/1").status_code == 200
    story.claim("old", has(f"/file/{file_id}/versions/1", status="deleted"))
    story.ask("old")
    assert api.post(f"/file/{file_id}/versions/1/undelete").status_code == 200
    story.claim("old", downloads(file_id, FIRST, version=1))
    story.ask("old")
    assert api.post(f"/file/{file_id}/versions/1/withdraw", json=REASON).status_code == 200
    story.claim("old", has(f"/file/{file_id}/versions/1", status="withdrawn"))
    story.ask("upload")
    assert api.request("DELETE", f"/file/{third}").status_code == 200
    story.claim("upload", is_gone(f"/file/{third}"))
    check = api.post("/file/validate", files={"file": ("check.csv", BROKEN)})
    check_task = str(check.json()["task_id"])
    story.claim("check", ends(check_task, api.wait_task(check_task)["status"]))


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    """A story of one client, and all that a server did to its disk meanwhile."""
    with (
        closing(make_server(log_level="warning")) as plain,
        TemporaryDirectory(prefix="ep-") as name,
    ):
        before = Path(name, "before")
        plain.start()
        account = plain.new_account()
        plain.stop()
        plain.parts.close()
        shutil.copytree(plain.data, before, ignore=shutil.ignore_patterns("run"))
        server = RecordedServer(plain.overrides, plain.data, plain.command, preloaded=False)
        with closing(server):
            server.start()
            story = Story(account.api)
            tell(story)
            server.stop()
            yield Recording(server.data, before, server.calls_file, story, account.api_key)


def test_the_replay_ends_with_the_folder_that_the_server_left(recording: Recording) -> None:
    *_, (disk, _, answers) = recording.replay()
    assert answers == recording.story.answers
    assert disk.contents() == ReplayedDisk(recording.data, recording.data).contents()


def test_what_was_acknowledged_outlasts_a_power_cut(recording: Recording) -> None:
    """Every fourth claim, each with the next kind of loss, right after its answer was sent."""
    moments = sorted({count for count, _, check in recording.story.claims if check})[::4]
    kinds = cycle(Loss)
    for disk, _, answers in recording.replay():
        while moments and answers >= moments[0]:
            recording.check(disk, moments.pop(0), next(kinds))
    assert not moments


@pytest.mark.long
@pytest.mark.timeout(14_400)
def test_every_moment_outlasts_a_power_cut(recording: Recording) -> None:
    before = 0
    for disk, step, answers in recording.replay():
        if answers > max(before, 0):
            for loss in Loss:
                recording.check(disk, answers, loss)
        elif step.changed:
            recording.check(disk, answers, Loss.KILLED)
            for seed in SEEDS:
                recording.check(disk, answers, Loss.PARTS, seed)
        before = answers
