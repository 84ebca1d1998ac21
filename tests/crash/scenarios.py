"""What one client asks of a server, one request after another, for runs that are killed or whose
calls fail.

A scenario's `prepare` makes what it begins with, `tell` asks and claims what was acknowledged
(`power_cuts.py:Story`), and `settle` ends what may be half done and shows that it can be ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.crash.installation import table
from tests.crash.power_cuts import Check, Story
from tests.support.api import Api
from tests.support.tus import Tus, create

FIRST, SECOND = table(4_000, "x" * 80), table(400, "y")
BROKEN = table(400).replace(b"17,", b"seventeen,", 1)
INTEGERS, NUMBERS = (
    {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "amount", "type": amount},
            {"name": "note", "type": "string"},
        ]
    }
    for amount in ("integer", "number")
)
REASON = "Wrong figures"
Ids = dict[str, str]
"""What a scenario begins with, and what it learned on its way."""


def nothing(api: Api) -> Ids:
    """Begin with nothing."""
    del api
    return {}


def leave(api: Api, ids: Ids) -> None:
    """End nothing."""
    del api, ids


@dataclass(frozen=True)
class TracedScenario:
    """See the module."""

    tell: Callable[[Story, Ids], None]
    prepare: Callable[[Api], Ids] = nothing
    settle: Callable[[Api, Ids], None] = leave

    @property
    def name(self) -> str:
        return self.tell.__name__


def downloads(file_id: str, content: bytes, **params: int) -> Check:
    def check(api: Api) -> None:
        answer = api.get(f"/file/download/{file_id}", params=params)
        assert (answer.status_code, answer.content) == (200, content)

    return check


def ends(task_id: str, status: str) -> Check:
    def check(api: Api) -> None:
        assert api.wait_task(task_id)["status"] == status

    return check


def has(path: str, **members: object) -> Check:
    def check(api: Api) -> None:
        document = api.json(path)
        assert {name: document[name] for name in members} == members

    return check


def is_gone(path: str) -> Check:
    def check(api: Api) -> None:
        assert api.get(path).status_code == 404

    return check


def accepted(answer: Any, *statuses: int) -> Any:
    """The document of an answer that must have one of these statuses."""
    assert answer.status_code in (statuses or (200, 201, 202)), answer.text
    return answer.json() if answer.content else None


def follow(story: Story, about: str, task_id: str, status: str = "succeeded") -> dict[str, Any]:
    """Claim how an accepted task ends, and wait until it has."""
    story.claim(about, ends(task_id, status))
    return story.api.wait_task(task_id)


def one_file(api: Api) -> Ids:
    """A file with a contract and one version."""
    task = api.deliver(FIRST, name=f"{uuid4().hex}.csv", limit=10_000_000, enforce_schema="true")
    assert task["status"] == "succeeded", task
    return {"file": str(task["file_id"])}


def two_versions(api: Api) -> Ids:
    """A file with two versions."""
    ids = one_file(api)
    files = {"file": ("next.csv", SECOND)}
    task_id = accepted(api.post(f"/file/{ids['file']}/versions", files=files))["task_id"]
    assert api.wait_task(task_id)["status"] == "succeeded"
    return ids


def rejected_version(api: Api) -> Ids:
    """A file whose second version was rejected and is in quarantine."""
    ids = one_file(api)
    files = {"file": ("next.csv", BROKEN)}
    task_id = accepted(api.post(f"/file/{ids['file']}/versions", files=files))["task_id"]
    assert api.wait_task(task_id)["status"] == "failed"
    return ids


def form_upload(story: Story, ids: Ids) -> None:
    del ids
    answer = story.api.upload(FIRST, f"{uuid4().hex}.csv", 10_000_000, enforce_schema="true")
    task = follow(story, "task", accepted(answer)["task_id"])
    story.claim("file", downloads(task["file_id"], FIRST))


def raw_put(story: Story, ids: Ids) -> None:
    story.ask("newest")
    headers = {"Content-Type": "application/octet-stream", "Prefer": "wait=60"}
    path = f"/file/{ids['file']}"
    answer = story.api.request("PUT", path, content=SECOND, headers=headers)
    assert answer.status_code == 201, answer.text
    story.claim("newest", downloads(ids["file"], SECOND))


def further_version(story: Story, ids: Ids) -> None:
    file_id = ids["file"]
    story.claim("first", downloads(file_id, FIRST, version=1))
    answer = story.api.post(f"/file/{file_id}/versions", files={"file": ("next.csv", SECOND)})
    follow(story, "task", accepted(answer)["task_id"])
    story.claim("newest", downloads(file_id, SECOND))


def resumable_upload(story: Story, ids: Ids) -> None:
    ids["key"] = uuid4().hex
    upload = begin_upload(story.api, ids["key"])
    for offset, end in ((0, 100_000), (100_000, 250_000), (250_000, len(FIRST))):
        answer = upload.patch(FIRST[offset:end], offset)
        assert answer.status_code == 204, answer.text
        story.claim("offset", has_offset(upload.address, end))
    task = follow(story, "task", str(answer.headers["entrepot-task-id"]))
    story.claim("file", downloads(task["file_id"], FIRST))


def has_offset(address: str, least: int) -> Check:
    def check(api: Api) -> None:
        assert Tus(api, address).offset >= least

    return check


def begin_upload(api: Api, key: str) -> Tus:
    """The upload of that key, also where the answer to an earlier request for it was lost."""
    headers = {"Idempotency-Key": key}
    return Tus.of(api, create(api, len(FIRST), f"{key}.csv", 10_000_000, headers))


def end_upload(api: Api, ids: Ids) -> None:
    """Whoever was cut off resumes, and the file is there."""
    if "key" in ids:
        task = api.wait_task(begin_upload(api, ids["key"]).end(FIRST))
        assert task["status"] == "succeeded"
        downloads(task["file_id"], FIRST)(api)


def rejection(story: Story, ids: Ids) -> None:
    file_id = ids["file"]
    story.claim("newest", downloads(file_id, FIRST))
    answer = story.api.post(f"/file/{file_id}/versions", files={"file": ("next.csv", BROKEN)})
    follow(story, "task", accepted(answer)["task_id"], "failed")
    story.claim("version", has(f"/file/{file_id}/versions/2", status="rejected"))


def acceptance(story: Story, ids: Ids) -> None:
    file_id = ids["file"]
    path = f"/file/{file_id}/versions/2/accept"
    task_id = accepted(story.api.post(path, json={"reason": REASON}))["task_id"]
    follow(story, "task", task_id)
    story.claim("newest", downloads(file_id, BROKEN))


def restoration(story: Story, ids: Ids) -> None:
    file_id = ids["file"]
    task_id = accepted(story.api.post(f"/file/{file_id}/versions/1/restore"))["task_id"]
    follow(story, "task", task_id)
    story.claim("newest", downloads(file_id, FIRST))
    story.claim("old", downloads(file_id, SECOND, version=2))


def schema_change(story: Story, ids: Ids) -> None:
    path = f"/file/{ids['file']}/schema"
    document = story.api.json(path)["schema"]
    document["fields"][1]["type"] = "number"
    task_id = accepted(story.api.request("PUT", path, json=document))["task_id"]
    follow(story, "task", task_id)
    story.claim("schema", has(path, revision=2))
    story.claim("newest", downloads(ids["file"], FIRST))


def withdrawal(story: Story, ids: Ids) -> None:
    path = f"/file/{ids['file']}/versions/1"
    body = {"reason": REASON, "purge": False}
    accepted(story.api.post(f"{path}/withdraw", json=body))
    story.claim("version", has(path, status="withdrawn"))
    story.claim("newest", downloads(ids["file"], SECOND))


def purge(story: Story, ids: Ids) -> None:
    path = f"/file/{ids['file']}/versions/1"
    accepted(story.api.post(f"{path}/withdraw", json={"reason": REASON, "purge": True}))
    story.claim("version", has(path, status="withdrawn"))
    story.claim("newest", downloads(ids["file"], SECOND))


def deletion(story: Story, ids: Ids) -> None:
    file, path = f"/file/{ids['file']}", f"/file/{ids['file']}/versions/1"
    accepted(story.api.request("DELETE", path))
    story.claim("version", has(path, status="deleted"))
    story.ask("version")
    accepted(story.api.post(f"{path}/undelete"))
    story.claim("version", downloads(ids["file"], FIRST, version=1))
    story.ask("version")
    accepted(story.api.request("DELETE", file))
    story.claim("file", is_gone(file))
    story.ask("file")
    accepted(story.api.post(f"{file}/undelete"))
    story.claim("file", downloads(ids["file"], SECOND))


def validation(story: Story, ids: Ids) -> None:
    del ids
    answer = story.api.post("/file/validate", files={"file": ("check.csv", FIRST)})
    follow(story, "task", accepted(answer)["task_id"])


def conversion(story: Story, ids: Ids) -> None:
    path = f"/file/download/{ids['file']}"
    headers = {"Prefer": "wait=60"}
    answer = story.api.get(path, params={"format": "jsonl"}, headers=headers)
    assert answer.status_code == 200, answer.text

    def same(api: Api) -> None:
        again = api.get(path, params={"format": "jsonl"}, headers=headers)
        assert again.content == answer.content

    story.claim("form", same)


def keys_and_links(story: Story, ids: Ids) -> None:
    made = accepted(story.api.post("/key/new", json={"name": "other", "scopes": ["read"]}))
    story.claim("key", signs_in(made["api_key"], 200))
    story.ask("key")
    revoked = story.api.request("DELETE", f"/key/{made['key_id']}")
    assert revoked.status_code == 204, revoked.text
    story.claim("key", signs_in(made["api_key"], 401))
    described = {"file_description": "By month"}
    accepted(story.api.request("PATCH", f"/file/{ids['file']}", json=described))
    story.claim("description", has(f"/file/{ids['file']}", **described))


def signs_in(api_key: str, status: int) -> Check:
    def check(api: Api) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        assert api.get("/whoami", headers=headers).status_code == status

    return check


SCENARIOS = (
    TracedScenario(form_upload),
    TracedScenario(raw_put, one_file),
    TracedScenario(further_version, one_file),
    TracedScenario(resumable_upload, settle=end_upload),
    TracedScenario(rejection, one_file),
    TracedScenario(acceptance, rejected_version),
    TracedScenario(restoration, two_versions),
    TracedScenario(schema_change, one_file),
    TracedScenario(withdrawal, two_versions),
    TracedScenario(purge, two_versions),
    TracedScenario(deletion, two_versions),
    TracedScenario(validation),
    TracedScenario(conversion, one_file),
    TracedScenario(keys_and_links, one_file),
)
