"""Several people at random against the model: after each step, all that can be read is compared."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.api import Api, assert_problem
from tests.support.model import Model, ModelError, ModelFile, ModelVersion, Payload, Person, Rights
from tests.support.raw import MULTIPART, connect, form, head
from tests.support.selection import examples
from tests.support.server import Server
from tests.support.sharing import entitle, post_version
from tests.support.tus import Tus, metadata
from tests.support.wait import wait_until

from entrepot.files.sweep import sweep

pytestmark = pytest.mark.both_databases

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
QUOTAS = 160, 120
LIMITS = 24, 40, 10_000
MOST_FILES = 3
TABLES = [
    *(Payload(f"id,amount\n{n},{n}\n".encode() + b"3,4\n" * n, sound=True) for n in range(1, 6)),
    *(Payload(f"id,amount\nx,{n}\n".encode() + b"3,4\n" * n, sound=False) for n in range(3)),
]
tables = st.sampled_from(TABLES)
numbers = st.integers(1, 5)
somebody = st.integers(0, 4)
anybody = st.integers(0, 8)
"""One of the five; from 5 on the file's owner, without whom little would happen."""
any_file = st.integers(0, MOST_FILES - 1)


class FileLifeMachine(RuleBasedStateMachine):
    """Five people of two accounts: an admin and two members, and an admin and a member."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.people: list[Person] = []
        self.apis: dict[Person, Api] = {}
        self.model = Model({})

    @initialize()
    def create_accounts(self) -> None:
        for quota, members in zip(QUOTAS, (2, 1), strict=True):
            account = self.server.new_account(quota)
            self.model.quotas[account.name] = quota
            for caller in (account.admin, *(account.new_user() for _ in range(members))):
                person = Person(caller.user_name, admin=caller is account.admin)
                self.people.append(person)
                self.apis[person] = caller.api
        for owner, strict in ((1, True), (4, False)):
            self.define(owner, TABLES[0], 10_000, strict, resumable=False)

    # What people do.

    @precondition(lambda self: len(self.model.files) < MOST_FILES)
    @rule(who=somebody, table=tables, limit=st.sampled_from(LIMITS), strict=st.booleans(),
          resumable=st.booleans())  # fmt: skip
    def define(self, who: int, table: Payload, limit: int, strict: bool, resumable: bool) -> None:
        person = self.people[who]
        file = ModelFile(f"f{len(self.model.files)}.csv", limit, strict, person)
        send = self._resumable if resumable else self._form
        more = {"enforce_schema": json.dumps(SCHEMA)} if strict else {}
        task = self._try(
            lambda: self.model.may_define(person, table, limit),
            lambda: send(person, table, filename=file.name, file_size_limit=str(limit), **more),
        )
        if task is not None:
            file.file_id = task["file_id"]
            self.model.define(person, file, table, task["task_id"])

    @rule(who=anybody, at=any_file, table=tables, resumable=st.booleans(),
          replaces=st.none() | numbers)  # fmt: skip
    def deliver(
        self, who: int, at: int, table: Payload, resumable: bool, replaces: int | None
    ) -> None:
        person, file = self._pick(who, at)
        more = {"replaces": str(replaces)} if replaces is not None else {}
        send = self._resumable if resumable else self._form
        task = self._try(
            lambda: self.model.may_deliver(person, file, table, replaces),
            lambda: send(person, table, filename="x.csv", file_id=file.file_id, **more),
        )
        if task is not None:
            self.model.deliver(person, file, table, task["task_id"], replaces)

    @rule(who=anybody, at=any_file, table=tables)
    def deliver_on_an_old_state(self, who: int, at: int, table: Payload) -> None:
        person, file = self._pick(who, at)
        answer = post_version(
            self.apis[person], file.file_id, table.content, **{"If-Match": '"an-older-state"'}
        )
        try:
            file.require(person, "w")
        except ModelError as refused:
            self._check_refused(answer, refused)
        else:
            assert_problem(answer, 412, "precondition-failed")

    @rule(both=st.tuples(anybody, anybody), at=any_file, pair=st.tuples(tables, tables))
    def deliver_at_once(
        self, both: tuple[int, int], at: int, pair: tuple[Payload, Payload]
    ) -> None:
        """Two deliveries at one time: both are kept in the order of their numbers."""
        file = self._pick(0, at)[1]
        people = [self._pick(who, at)[0] for who in both]
        try:
            for person in people:
                self.model.may_deliver(person, file, max(pair, key=len), None)
            if (
                self.model.used(file.account) + sum(map(len, pair))
                > self.model.quotas[file.account]
            ):
                return
        except ModelError:
            return
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(
                lambda each: post_version(self.apis[each[0]], file.file_id, each[1].content),
                zip(people, pair, strict=True),
            ))  # fmt: skip
        ended = [
            (self.apis[person].wait_task(answer.json()["task_id"]), person, table)
            for answer, person, table in zip(answers, people, pair, strict=True)
        ]
        for task, person, table in sorted(ended, key=lambda each: each[0]["version"]):
            self.model.deliver(person, file, table, task["task_id"])

    @rule(who=anybody, at=any_file, table=tables, key=st.uuids())
    def deliver_again_by_mistake(self, who: int, at: int, table: Payload, key: Any) -> None:
        """A repeated request with an Idempotency-Key is done once."""
        person, file = self._pick(who, at)
        once = {"Idempotency-Key": str(key)}
        api = self.apis[person]
        task = self._try(
            lambda: self.model.may_deliver(person, file, table, None),
            lambda: post_version(api, file.file_id, table.content, **once),
        )
        if task is not None:
            self.model.deliver(person, file, table, task["task_id"])
            again = post_version(api, file.file_id, table.content, **once)
            if again.status_code == 202:
                assert again.json() == {"task_id": task["task_id"]}
            else:  # what did fit once does not twice, and that is checked first
                assert_problem(again, 413, again.json()["code"])

    @rule(who=anybody, at=any_file, table=tables, sent=st.integers(0, 400))
    def be_cut_off(self, who: int, at: int, table: Payload, sent: int) -> None:
        """A form whose sender goes away before its end leaves nothing."""
        person, file = self._pick(who, at)
        api, body = self.apis[person], form(table.content)
        about = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
        target = f"/api/v1/file/{file.file_id}/versions"
        with connect(api.endpoint) as sock:
            sock.sendall(head("POST", target, {**api.authorization, **about}))
            sock.sendall(body[: min(sent, len(body) - 1)])

    @rule(who=anybody, at=any_file, table=tables)
    def validate(self, who: int, at: int, table: Payload) -> None:
        person, file = self._pick(who, at)
        task = self._try(
            lambda: self.model.may_validate(person, file, table),
            lambda: self._post_form(
                person, "/file/validate", table, "x.csv", {"file_id": file.file_id}
            ),
        )
        if task is not None:
            sound = self.model.validate(person, file, table, task["task_id"])
            assert (task["status"] == "succeeded") == sound
            assert self.apis[person].json(f"/task/{task['task_id']}/report")["valid"] == sound

    @rule(who=anybody, at=any_file, number=numbers)
    def restore(self, who: int, at: int, number: int) -> None:
        person, file = self._pick(who, at)
        task = self._try(
            lambda: self.model.may_restore(person, file, number),
            lambda: self._post(person, file, f"versions/{number}/restore"),
        )
        if task is not None:
            self.model.restore(person, file, number, task["task_id"])

    @rule(who=anybody, at=any_file, number=numbers, reason=st.sampled_from(["agreed", 'é,"x"']))
    def accept(self, who: int, at: int, number: int, reason: str) -> None:
        person, file = self._pick(who, at)
        task = self._try(
            lambda: self.model.may_accept(person, file, number),
            lambda: self._post(person, file, f"versions/{number}/accept", {"reason": reason}),
        )
        if task is not None:
            self.model.accept(person, file, number, reason, task["task_id"])

    @rule(who=anybody, at=any_file)
    def enforce(self, who: int, at: int) -> None:
        person, file = self._pick(who, at)
        path = f"/file/{file.file_id}/schema?breaking=accept"
        task = self._try(
            lambda: self.model.may_enforce(person, file),
            lambda: self.apis[person].request("PUT", path, json=SCHEMA),
        )
        if task is not None:
            self.model.enforce(person, file, task["task_id"])

    @rule(who=anybody, at=any_file, limit=st.sampled_from((*LIMITS, 10)))
    def change_limit(self, who: int, at: int, limit: int) -> None:
        person, file = self._pick(who, at)
        self._do(
            lambda: self.model.change_limit(person, file, limit),
            self._patch(person, file, file_size_limit=limit),
        )

    @rule(who=anybody, at=any_file, count=st.none() | st.integers(1, 2))
    def keep_last(self, who: int, at: int, count: int | None) -> None:
        person, file = self._pick(who, at)
        retention = {"keep_last": count} if count is not None else None
        self._do(
            lambda: self.model.keep_last(person, file, count),
            self._patch(person, file, retention=retention),
        )

    @rule(who=anybody, at=any_file, number=numbers)
    def delete_version(self, who: int, at: int, number: int) -> None:
        person, file = self._pick(who, at)
        self._do(
            lambda: self.model.delete_version(person, file, number),
            self.apis[person].request("DELETE", f"/file/{file.file_id}/versions/{number}"),
        )

    @rule(who=anybody, at=any_file, number=numbers)
    def undelete_version(self, who: int, at: int, number: int) -> None:
        person, file = self._pick(who, at)
        self._do(
            lambda: self.model.undelete_version(person, file, number),
            self._post(person, file, f"versions/{number}/undelete"),
        )

    @rule(who=anybody, at=any_file)
    def delete_file(self, who: int, at: int) -> None:
        person, file = self._pick(who, at)
        self._do(
            lambda: self.model.delete_file(person, file),
            self.apis[person].request("DELETE", f"/file/{file.file_id}"),
        )

    @rule(who=anybody, at=any_file)
    def undelete_file(self, who: int, at: int) -> None:
        person, file = self._pick(who, at)
        self._do(
            lambda: self.model.undelete_file(person, file), self._post(person, file, "undelete")
        )

    @rule(who=anybody, at=any_file, to=somebody, everybody=st.booleans(),
          right=st.sampled_from(["r", "w", "rw"]))  # fmt: skip
    def share(self, who: int, at: int, to: int, everybody: bool, right: Rights) -> None:
        person, file = self._pick(who, at)
        name = self.people[to].colleagues if everybody else self.people[to].user_name
        self._do(
            lambda: self.model.share(person, file, name, right),
            entitle(self.apis[person], file.file_id, name, right),
        )

    @rule(who=anybody, at=any_file, to=somebody, everybody=st.booleans())
    def unshare(self, who: int, at: int, to: int, everybody: bool) -> None:
        person, file = self._pick(who, at)
        name = self.people[to].colleagues if everybody else self.people[to].user_name
        path = f"/file/{file.file_id}/entitlements/{name}"
        self._do(
            lambda: self.model.unshare(person, file, name),
            self.apis[person].request("DELETE", path),
        )

    @rule(who=anybody, at=any_file, to=somebody)
    def transfer_file(self, who: int, at: int, to: int) -> None:
        person, file, heir = *self._pick(who, at), self.people[to]
        self._do(
            lambda: self.model.transfer_file(person, file, heir),
            self._patch(person, file, user_name=heir.user_name),
        )

    @rule(who=anybody, at=any_file, to=somebody)
    def offer(self, who: int, at: int, to: int) -> None:
        person, file, heir = *self._pick(who, at), self.people[to]
        path = f"/file/{file.file_id}/offer"
        self._do(
            lambda: self.model.offer(person, file, heir),
            self.apis[person].request("PUT", path, json={"user_name": heir.user_name}),
        )

    @rule(who=anybody, at=any_file)
    def withdraw(self, who: int, at: int) -> None:
        person, file = self._pick(who, at)
        self._do(
            lambda: self.model.withdraw(person, file),
            self.apis[person].request("DELETE", f"/file/{file.file_id}/offer"),
        )

    @precondition(lambda self: any(file.offered_to for file in self.model.files))
    @rule(who=anybody, at=any_file)
    def take(self, who: int, at: int) -> None:
        person, file = self._pick(who, at)
        if who >= len(self.people) and file.offered_to:
            person = file.offered_to
        self._do(lambda: self.model.take(person, file), self._post(person, file, "offer/accept"))

    @rule(who=anybody, at=any_file)
    def cancel_too_late(self, who: int, at: int) -> None:
        person = self._pick(who, at)[0]
        for task in self.model.tasks[-1:]:
            answer = self.apis[person].post(f"/task/{task.task_id}/cancel")
            seen = task in self.model.tasks_of(person)
            assert_problem(answer, *((409, "task-finished") if seen else (404, "not-found")))

    # What is checked against the model.

    @invariant()
    def all_that_can_be_read(self) -> None:
        if not self.people:
            return
        parts = self.server.parts
        sweep(parts.database, parts.store, parts.clock)
        self.model.sweep()
        for person in self.people:
            self._compare_lists(person)
            for file in self.model.files:
                self._compare_file(person, file)
        self._compare_accounts()

    def _compare_lists(self, person: Person) -> None:
        api = self.apis[person]
        listed = api.json("/files")["files_list"]
        only_there = ("created_at", "updated_at", "media_type", "row_count", "path")
        assert listed == [
            {**_listed(file, person), **{name: got[name] for name in only_there}}
            for file, got in zip(self.model.seen_by(person), listed, strict=True)
        ]
        tasks = api.json("/tasks?limit=1000")["tasks_list"]
        expected = {task.task_id: task for task in self.model.tasks_of(person)}
        assert {task["task_id"] for task in tasks} == set(expected)
        for task in tasks:
            known = expected[task["task_id"]]
            assert (task["status"] == "succeeded") == known.succeeded, task
            assert task["user_name"] == known.user.user_name
        offered = api.json("/offers")["offers_list"]
        assert {each["file_id"]: each["bytes"] for each in offered} == {
            file.file_id: file.size
            for file in self.model.files
            if file.offered_to == person and not file.deleted
        }

    def _compare_file(self, person: Person, file: ModelFile) -> None:
        api, right = self.apis[person], file.rights(person)
        answer = api.get(f"/file/{file.file_id}")
        if not right:
            for path in ("", "/versions", "/schema", "/report", "/profile", "/entitlements"):
                assert_problem(api.get(f"/file/{file.file_id}{path}"), 404, "not-found")
            self._compare_bytes(person, file, None)
            return
        document = answer.json()
        for name, value in _listed(file, person).items():
            assert document[name] == value, (name, document)
        exception = file.current.origin.get("accepted_from") if file.current else None
        accepted_from = (document["exception"] or {}).get("accepted_from")
        assert accepted_from == (exception if "r" in right else None)
        versions = api.json(f"/file/{file.file_id}/versions")["versions_list"]
        seen = file.visible(person)
        assert [_of(version) for version in seen[::-1]] == [
            {name: each[name] for name in _KEYS} for each in versions
        ]
        self._compare_grants(person, file)
        self._compare_bytes(person, file, None)
        for version in file.versions:
            self._compare_bytes(person, file, version)

    def _compare_grants(self, person: Person, file: ModelFile) -> None:
        answer = self.apis[person].get(f"/file/{file.file_id}/entitlements")
        if not file.manages(person):
            assert_problem(answer, 403, "not-allowed")
            return
        listed = answer.json()["entitlements_list"]
        assert {each["user_name"]: each["entitlement"] for each in listed} == file.grants
        offered = self.apis[person].json(f"/file/{file.file_id}")["offered_to"]
        assert offered == (file.offered_to.user_name if file.offered_to else None)

    def _compare_bytes(self, person: Person, file: ModelFile, version: ModelVersion | None) -> None:
        """A download of a version, of the newest one by default."""
        which = f"?version={version.number}" if version else ""
        answer = self.apis[person].get(f"/file/download/{file.file_id}{which}")
        try:
            content = _readable(file, person, version)
        except ModelError as refused:
            self._check_refused(answer, refused)
        else:
            assert (answer.status_code, answer.content) == (200, content)

    def _compare_accounts(self) -> None:
        for person in self.people:
            mine = [file for file in self.model.files if file.account == person.account]
            kept = [version for file in mine for version in file.versions if version.kept]
            expected = {
                "account": person.account,
                "quota": self.model.quotas[person.account],
                "used": self.model.used(person.account),
                "reserved": 0,
                "files": sum(not file.deleted for file in mine),
                "versions": len(kept),
                "quarantined": sum(version.status == "rejected" for version in kept),
            }
            api, document = self.apis[person], dict[str, Any]()

            def settled(api: Api = api, document: dict[str, Any] = document) -> bool:
                document.update(api.account())
                return {name: document[name] for name in expected} == expected  # noqa: B023

            wait_until(settled, lambda: f"{expected}, still {document}")  # noqa: B023

    # How it is done.

    def _pick(self, who: int, at: int) -> tuple[Person, ModelFile]:
        """A person and a file; one that never was before there is any."""
        nobody = Person("nobody:at-all", admin=False)
        never = ModelFile("never.csv", 1, False, nobody, "0b0e7c2e-0000-4000-8000-000000000000")
        files = self.model.files or [never]
        file = files[at % len(files)]
        return (self.people[who] if who < len(self.people) else file.owner), file

    def _check_refused(self, answer: httpx2.Response, refused: ModelError) -> None:
        code = answer.json().get("code") if answer.content else None
        event(f"{answer.request.method} {code}")
        assert code in refused.codes, (code, refused.codes, answer.text)
        assert_problem(answer, answer.status_code, code)
        assert 400 <= answer.status_code < 500

    def _do(self, change: Callable[[], None], answer: httpx2.Response) -> None:
        """Change the model, and hold what was answered against what it says."""
        try:
            change()
        except ModelError as refused:
            self._check_refused(answer, refused)
        else:
            assert answer.is_success, answer.text
            event(f"{answer.request.method} {answer.request.url.path.rpartition('/')[2]} done"[:30])

    def _try(
        self, may: Callable[[], None], send: Callable[[], httpx2.Response]
    ) -> dict[str, Any] | None:
        """Send what makes a task; the task at its end, None if it had to be refused and was."""
        answer = send()
        try:
            may()
        except ModelError as refused:
            self._check_refused(answer, refused)
            return None
        assert answer.status_code == 202, answer.text
        sender = next(a for a in self.apis.values() if _sent_by(a, answer))
        return sender.wait_task(answer.json()["task_id"])

    def _form(
        self, person: Person, table: Payload, filename: str, **fields: str
    ) -> httpx2.Response:
        file_id = fields.pop("file_id", None)
        path = f"/file/{file_id}/versions" if file_id else "/file/new"
        return self._post_form(person, path, table, filename, fields)

    def _post_form(
        self, person: Person, path: str, table: Payload, name: str, fields: dict[str, str]
    ) -> httpx2.Response:
        return self.apis[person].post(path, data=fields, files={"file": (name, table.content)})

    def _resumable(self, person: Person, table: Payload, **fields: str) -> httpx2.Response:
        """As a form, in two pieces; answers as a form would."""
        api = self.apis[person]
        about = {"Upload-Length": str(len(table)), "Upload-Metadata": metadata(**fields)}
        made = api.post("/uploads", headers={"Tus-Resumable": "1.0.0", **about})
        if made.status_code != 201:
            return made
        upload, half = Tus.of(api, made), len(table) // 2
        for start, piece in ((0, table.content[:half]), (half, table.content[half:])):
            answer = upload.patch(piece, start)
            if not answer.is_success:
                return answer
        task_id = answer.headers["entrepot-task-id"]
        return httpx2.Response(202, json={"task_id": task_id}, request=answer.request)

    def _post(
        self, person: Person, file: ModelFile, path: str, body: Any = None
    ) -> httpx2.Response:
        return self.apis[person].post(f"/file/{file.file_id}/{path}", json=body)

    def _patch(self, person: Person, file: ModelFile, **change: Any) -> httpx2.Response:
        return self.apis[person].request("PATCH", f"/file/{file.file_id}", json=change)


_KEYS = (
    "version", "status", "file_size", "sha256", "user_name", "restored_from", "accepted_from",
    "reason", "replaces",
)  # fmt: skip


def _sent_by(api: Api, answer: httpx2.Response) -> bool:
    return answer.request.headers["authorization"] == f"Bearer {api.api_key}"


def _of(version: ModelVersion) -> dict[str, Any]:
    """A version as it is listed, without what only the server can know."""
    origin = dict.fromkeys(("restored_from", "accepted_from", "reason", "replaces"))
    return {
        "version": version.number,
        "status": version.status,
        "file_size": len(version.table),
        "sha256": sha256(version.table.content).hexdigest(),
        "user_name": version.by.user_name,
        **origin,
        **version.origin,
    }


def _listed(file: ModelFile, person: Person) -> dict[str, Any]:
    """A file as it is listed for somebody, without what only the server can know."""
    right = file.rights(person)
    version = file.current if "r" in right else None
    return {
        "entitlement": right,
        "file_description": file.description,
        "file_id": file.file_id,
        "file_name": file.name,
        "user_name": file.owner.user_name,
        "version": version.number if version else None,
        "file_size": len(version.table) if version else None,
        "file_size_limit": file.limit,
        "enforce_schema": file.strict,
        "sha256": sha256(version.table.content).hexdigest() if version else None,
        "from_other_account": file.account != person.account,
    }


def _readable(file: ModelFile, person: Person, version: ModelVersion | None) -> bytes:
    """The bytes that a download has to give. Raises Refused."""
    right = file.rights(person)
    if not right:
        raise ModelError("not-found")
    mine = version is not None and version.status == "rejected" and version.by == person
    if version is not None and mine and not version.overcome:
        return version.table.content
    file.require(person, "r")
    version = version or file.current
    if version is None:
        raise ModelError("no-published-version")
    if version.status == "deleted":
        raise ModelError("version-deleted")
    if version.status != "published":
        raise ModelError("not-found")
    return version.table.content


def live(server: Server, examples: int, steps: int) -> None:
    FileLifeMachine.server = server
    run_state_machine_as_test(
        FileLifeMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # to shrink a case takes a thousand lives
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    server.assert_sound()


@pytest.mark.timeout(900)
def test_the_life_of_files(server: Server) -> None:
    live(server, examples=examples(8), steps=20)


@pytest.mark.long
@pytest.mark.timeout(14_400)
def test_many_lives_of_files(server: Server) -> None:
    live(server, examples=40, steps=40)
