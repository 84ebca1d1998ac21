"""Hosts with a role each: their own data folders, one PostgreSQL, one store."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text
from tests.http.conftest import upload_endless
from tests.support.api import CSV, Api, Event
from tests.support.hosts import Hosts, relay_to
from tests.support.postgres import Postgres, wait_for_blocked
from tests.support.seaweedfs import BUCKET, environment, s3_environment
from tests.support.server import READY_WITHIN, Server, TestAccount, make_server
from tests.support.tus import compete
from tests.support.wait import wait_until

from entrepot.bootstrap.parts import utc_now
from entrepot.cli.doctor import run_checks


@pytest.fixture(scope="module")
def hosts(postgres: Postgres) -> Iterator[Hosts]:
    """Two with the API, two with a worker, all started on an empty database together."""
    made = Hosts(postgres.new_database())
    for name, role in (("a", "api"), ("b", "api"), ("c", "worker"), ("d", "worker")):
        made.add(name, role)
    try:
        made.start_together("a", "b", "c", "d")
        yield made
    finally:
        made.close()


@pytest.fixture
def account(hosts: Hosts) -> TestAccount:
    return hosts.servers["a"].new_account()


def api_of(hosts: Hosts, name: str, account: TestAccount) -> Api:
    return hosts.servers[name].api(account.api_key)


def test_hosts_that_start_together_make_one_installation(hosts: Hosts) -> None:
    with hosts.engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM installation")) == 1
    for server in hosts.servers.values():
        assert server.runs()


def test_what_one_host_takes_any_other_shows(hosts: Hosts, account: TestAccount) -> None:
    there = api_of(hosts, "b", account)
    content = CSV * 1000
    with hosts.stopped("c", "d"):
        task_id = account.api.upload(content).json()["task_id"]
        events = there.events(task_id)
        first = next(events)
        assert isinstance(first, Event)
        assert first.data["status"] == "queued"
    seen = [event for event in events if isinstance(event, Event)]
    assert seen[-1].data["status"] == "succeeded"
    file_id = there.task(task_id)["file_id"]
    for api in (account.api, there):
        assert api.get(f"/file/download/{file_id}").content == content
    hosts.servers["a"].assert_sound()


def test_work_of_a_worker_that_is_stopped_within_a_transaction(
    hosts: Hosts, account: TestAccount
) -> None:
    """It holds the entry's lock until PostgreSQL ends its transaction."""
    with hosts.stopped("d"), hosts.engine.connect() as conn:
        with hosts.stopped("c"):
            task_id = account.api.upload(CSV).json()["task_id"]
            conn.execute(text(f"SELECT id FROM tasks WHERE id = '{task_id}' FOR UPDATE"))
        wait_for_blocked(hosts.engine, "UPDATE tasks%")  # c has claimed the entry
        hosts.worker("c").suspend()
    try:
        ended = account.api.wait_task(task_id)
        assert ended["status"] == "succeeded"
    finally:
        hosts.worker("c").resume()
    assert account.api.deliver(CSV)["status"] == "succeeded"
    hosts.servers["a"].assert_sound()


def test_work_of_a_worker_that_is_cut_off_from_the_database(
    hosts: Hosts, account: TestAccount
) -> None:
    with relay_to(hosts.database) as (relay, address):
        remote = hosts.add("e", "worker", database=address)
        hosts.start("e")
        with hosts.stopped("c", "d"):
            task_id = upload_endless(account.api)
            assert hosts.owner(task_id) == hosts.worker_name(remote)
            relay.flowing.clear()
        others = {hosts.worker_name(hosts.servers[name]) for name in ("c", "d")}
        wait_until(lambda: hosts.owner(task_id) in others, "another worker has it")
        relay.flowing.set()
        wait_until(
            lambda: "taken" in remote.log_file.read_text(), "it learns that its work was taken over"
        )
        assert hosts.owner(task_id) in others
        account.api.post(f"/task/{task_id}/cancel")
        assert account.api.wait_task(task_id)["status"] == "canceled"
        remote.close()
        del hosts.servers["e"]
    hosts.servers["a"].assert_sound()


def test_of_two_hosts_that_get_different_bytes_one_takes_them(
    hosts: Hosts, account: TestAccount
) -> None:
    compete(account.api, api_of(hosts, "b", account))
    hosts.servers["a"].assert_sound()


class Balancer:
    """Sends each request to the next host, and to another one if that one does not take it."""

    def __init__(self, hosts: list[Server], account: TestAccount) -> None:
        self._apis = [host.api(account.api_key) for host in hosts]
        self._next = 0

    def upload(self, content: bytes) -> httpx2.Response:
        """With a key for repeated requests, so that one whose answer was lost is not done twice."""
        key = {"Idempotency-Key": uuid4().hex}
        return self._send(
            "POST",
            "/file/new",
            headers=key,
            data={"file_size_limit": "100000"},
            files={"file": ("rows.csv", content)},
        )

    def get(self, path: str) -> httpx2.Response:
        return self._send("GET", path)

    def _send(self, method: str, path: str, **request: object) -> httpx2.Response:
        answers: list[object] = []
        for _ in range(4):
            api = self._apis[self._next % len(self._apis)]
            self._next += 1
            try:
                answer = api.request(method, path, **request)
            except httpx2.TransportError as error:
                answers.append(error)
                continue
            if answer.status_code != 503:
                return answer
            answers.append(answer.text)
        raise AssertionError(f"no host took it: {answers}")


def test_a_rolling_restart_under_load_loses_no_request(hosts: Hosts, account: TestAccount) -> None:
    stop, failures = threading.Event(), []
    sent: dict[str, bytes] = {}

    def load(number: int) -> None:
        balancer = Balancer([hosts.servers["a"], hosts.servers["b"]], account)
        count = 0
        while not stop.is_set():
            content = b"a,b\n" + f"{number},{count}\n".encode()
            count += 1
            try:
                answer = balancer.upload(content)
                assert answer.status_code == 202, answer.text
                sent[answer.json()["task_id"]] = content
                assert balancer.get("/files?limit=5").status_code == 200
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(sent) > 5, "the load runs")
        for name in ("a", "b", "c", "d"):
            before = len(sent)
            assert hosts.servers[name].stop() == 0
            hosts.start(name)
            wait_until(lambda before=before: len(sent) > before + 5, "the load continues")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    for task_id, content in sent.items():
        ended = account.api.wait_task(task_id)
        assert ended["status"] == "succeeded"
        assert account.api.get(f"/file/download/{ended['file_id']}").content == content
    assert account.api.account()["files"] == len(sent)
    hosts.servers["a"].assert_sound()


def refusal(server: Server) -> str:
    """What a server says that does not start."""
    assert server.spawn().wait(READY_WITHIN) == 1
    output = server.log_file.read_text()
    assert "Traceback" not in output
    return " ".join(output.split())


def test_a_host_with_a_store_of_its_own_is_refused(hosts: Hosts) -> None:
    for role in ("api", "worker"):
        alone = hosts.add(f"alone-{role}", role, shared=False)
        output = refusal(alone)
        assert "belongs to none" in output
        assert "folder that all hosts share" in output
        assert str(alone.settings.blobs) in output


def test_a_host_with_another_secret_is_refused(hosts: Hosts) -> None:
    output = refusal(hosts.add("other-secret", "api", secret="another-secret"))
    assert "ENTREPOT_SECRET" in output


def test_a_store_that_does_not_answer_is_named_in_one_sentence(hosts: Hosts) -> None:
    with environment(s3_environment("http://127.0.0.1:1")):
        remote = hosts.add("no-store", "api", shared=False, store=f"s3://{BUCKET}")
        assert "EndpointConnectionError" in refusal(remote)


@pytest.mark.parametrize(
    ("by", "state", "detail"),
    [(0, "ok", "agrees"), (3600, "warning", "ahead of"), (-3600, "warning", "behind")],
)
def test_doctor_compares_the_clock_of_its_host(
    hosts: Hosts, by: int, state: str, detail: str
) -> None:
    parts = hosts.servers["a"].parts
    shifted = replace(parts, clock=lambda: utc_now() + timedelta(seconds=by))
    (clock,) = [check for check in run_checks(shifted, deep=False) if check.name == "clock"]
    assert clock.state == state
    assert detail in clock.detail


def test_a_host_with_other_settings_says_so_at_its_start(hosts: Hosts) -> None:
    other = hosts.add("other", "api", max_file_size=1000)
    hosts.start("other")
    assert "other values of max_file_size" in other.log_file.read_text()
    other.close()
    del hosts.servers["other"]


def test_a_copy_of_a_data_folder_is_refused(hosts: Hosts) -> None:
    """Its worker would have the name of another, and take its work for its own."""
    copy = hosts.add("copy", "worker")
    (copy.data / "node").write_text((hosts.servers["c"].data / "node").read_text())
    output = refusal(copy)
    assert str(copy.data / "node") in output
    (copy.data / "node").unlink()
    hosts.start("copy")
    copy.close()
    del hosts.servers["copy"]


@pytest.mark.parametrize("role", ["api", "worker"])
def test_a_role_without_postgresql_is_refused(role: str) -> None:
    server = make_server(role=role, preloaded=False)
    try:
        assert "ENTREPOT_DATABASE" in refusal(server)
        assert not server.data.exists()
    finally:
        server.close()
