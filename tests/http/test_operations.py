"""What an operator sets and expects: addresses, proxies, logs, the folder, start and stop."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.api import CSV, assert_problem
from tests.support.raw import MULTIPART, chunked, connect, form, head, read_answer
from tests.support.server import PROGRAM, READY_WITHIN, Server, TestAccount, make_server
from tests.support.tus import HEADERS, Tus, create
from tests.support.wait import PATIENCE, wait_until

Serve = Callable[..., Server]
ROWS = b"a,b\n" + b"1,2\n" * 500_000
"""A table of two megabytes, of which something is reserved long before its end."""
SECRET = "an-installation-secret-of-the-tests"


@pytest.fixture(scope="module")
def proxied() -> Iterator[Server]:
    """A server behind a proxy on this host, with a public address and a secret of its own."""
    made = make_server(
        public_url="https://files.example.org/",
        trusted_proxies="127.0.0.1, 10.0.0.0/8",
        secret=SECRET,
        uploads_per_account=2,
        log_level="debug",
    )
    try:
        yield made.start()
    finally:
        made.close()


def access_lines(server: Server, path: str) -> list[dict[str, object]]:
    """The log's lines of requests for that path, once there is one: it comes after the answer."""

    def found() -> list[dict[str, object]]:
        return [line for line in server.logged() if line.get("path") == path]

    wait_until(found, f"the log tells of {path}")
    return found()


def logged_as(server: Server, request_id: str) -> dict[str, object]:
    """The log's one line of a request, once it is there: it is written after the answer."""

    def found() -> list[dict[str, object]]:
        return [line for line in server.logged() if line.get("request_id") == request_id]

    wait_until(found, f"the log tells of {request_id}")
    (line,) = found()
    return line


def test_the_public_address_is_what_people_are_told(proxied: Server) -> None:
    wait_until(lambda: "https://files.example.org" in proxied.output_file.read_text(), "it prints")
    printed = proxied.output_file.read_text()
    assert "https://files.example.org/\n" not in printed


def test_links_name_no_host(proxied: Server) -> None:
    account = proxied.new_account()
    for _ in range(2):
        account.api.upload(CSV)
    answer = account.api.get("/files?limit=1", headers={"Host": "evil.example"})
    assert answer.headers["link"].startswith("</api/v1/files?")
    location = account.api.upload(CSV).headers["location"]
    assert location.startswith("/api/v1/task/")


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        (None, "127.0.0.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("1.2.3.4 / 203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_clients_address_comes_from_trusted_proxies(
    proxied: Server, forwarded: str | None, seen: str
) -> None:
    sent = [("X-Forwarded-For", line) for line in (forwarded or "").split(" / ") if line]
    answer = proxied.api(None).get("/whoami", headers=sent)
    mine = answer.headers["x-request-id"]

    def lines() -> list[dict[str, Any]]:
        every = access_lines(proxied, "/api/v1/whoami")
        return [line for line in every if line["request_id"] == mine]

    wait_until(lines, "the request is logged, which it is after its answer")
    (line,) = lines()
    assert line["client"] == seen


def test_the_record_tells_the_clients_address(proxied: Server) -> None:
    api = proxied.new_account().api
    made = api.post("/key/new", json={}, headers={"X-Forwarded-For": "1.2.3.4, 203.0.113.9"})
    assert made.status_code == 201
    rows = api.json("/activity?action=key.create")["activity_list"]
    assert rows[0]["address"] == "203.0.113.9"


def test_nobody_else_can_say_where_a_request_came_from(server: Server) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    answer = server.api(None).get("/account", headers=headers)
    line = logged_as(server, answer.headers["x-request-id"])
    assert line["client"] == "127.0.0.1"


def test_a_request_is_found_in_the_log_by_its_id(server: Server) -> None:
    account = server.new_account()
    answer = account.api.get("/file/1dd1ce46-62cc-486e-9f47-1f96c1895b25")
    document = assert_problem(answer, 404, "not-found")
    line = logged_as(server, document["request_id"])
    assert (line["method"], line["status"]) == ("GET", 404)
    assert line["path"] == "/api/v1/file/1dd1ce46-62cc-486e-9f47-1f96c1895b25"


def test_the_log_holds_no_secret(proxied: Server) -> None:
    account = proxied.new_account()
    made = account.api.post("/key/new", json={"name": "second"}).json()["api_key"]
    account.api.get("/whoami")
    proxied.api(made).get("/files")
    for wrong in (account.api_key[:-1] + "_", "Bearer " + account.api_key):
        proxied.api(wrong).get("/files")
    account.api.deliver(CSV)
    proxied.api(None).get("/files", params={"api_key": account.api_key})
    proxied.api(None).get(f"/file/{account.api_key}")
    text = proxied.log_file.read_text() + proxied.output_file.read_text()
    assert '"request"' in text
    for secret in (account.api_key, made, SECRET):
        assert secret not in text
        assert secret[6:] not in text


def test_the_database_holds_no_key(proxied: Server) -> None:
    account = proxied.new_account()
    account.api.get("/whoami")
    assert proxied.files_with(account.api_key[4:47]) == []
    assert proxied.files_with(account.admin.user_name)


def test_no_secret_stands_in_a_process_list(proxied: Server) -> None:
    assert proxied.process is not None
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert SECRET not in listed.stdout


def test_the_folder_is_private(proxied: Server) -> None:
    assert stat.S_IMODE(proxied.data.stat().st_mode) == 0o700
    for path in proxied.data.iterdir():
        if path.name in ("run", "scratch", "lock"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def refused(server: Server) -> str:
    """Start a server that must not start; what it said."""
    process = server.spawn()
    assert process.wait(READY_WITHIN) == 1
    output = server.log_file.read_text()
    assert "Traceback" not in output
    return output


def test_a_second_server_is_told_who_holds_the_folder(proxied: Server) -> None:
    done = subprocess.run(
        [PROGRAM, "serve", "--data", proxied.data], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    holder = json.loads((proxied.data / "lock").read_text())
    assert f"in use by process {holder['pid']}" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert proxied.api(None).get("/readyz").status_code == 200


def test_a_port_that_is_taken(serve: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = refused(serve(start=False, preloaded=False, port=taken.getsockname()[1]))
    assert "cannot be used" in output
    assert "--port" in output


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "data"
    done = subprocess.run(
        [PROGRAM, "serve", "--data", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named(serve: Serve) -> None:
    for setting, value in (("public_url", "files.example.org"), ("trusted_proxies", "everyone")):
        assert setting in refused(serve(start=False, preloaded=False, **{setting: value}))


def takes_no_more(account: TestAccount) -> bool:
    """Whether uploads are turned away, by an answer or by a closed door: even one without a size
    limit, which would be a bad request."""
    try:
        return account.api.upload(CSV, limit=None).status_code == 503
    except httpx2.TransportError:
        return True


def test_the_end_lets_running_uploads_finish(serve: Serve) -> None:
    server = serve(preloaded=False, drain_timeout=120)
    account = server.new_account()
    body = form(ROWS, file_size_limit="10000000")
    framing = {"Content-Type": MULTIPART, "Transfer-Encoding": "chunked"}
    request = head("POST", "/api/v1/file/new", account.api.authorization | framing)
    pieces = list(chunked([body[:1_500_000], body[1_500_000:]]))
    with connect(server.endpoint) as sock:
        sock.sendall(request + pieces[0])
        wait_until(lambda: account.api.account()["reserved"], "the upload has begun")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: takes_no_more(account), "the server takes no more")
        for piece in pieces[1:]:
            sock.sendall(piece)
        answer = read_answer(sock)
        assert answer.status == 202, answer.body
    assert server.process.wait(PATIENCE) == 0
    server.start()
    task = account.api.wait_task(answer.json()["task_id"])
    assert task["status"] == "succeeded"
    assert account.api.get(f"/file/download/{task['file_id']}").content == ROWS
    result = account.api.account()
    assert (result["files"], result["reserved"]) == (1, 0)
    server.assert_sound()


def test_the_end_does_not_wait_for_ever(serve: Serve) -> None:
    server = serve(preloaded=False, drain_timeout=1)
    account = server.new_account()
    body = form(ROWS, file_size_limit="10000000")
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    request = head("POST", "/api/v1/file/new", account.api.authorization | framing)
    with connect(server.endpoint) as sock:
        sock.sendall(request + body[:-5])
        wait_until(lambda: account.api.account()["reserved"], "the upload has begun")
        assert server.stop() == 0
    server.start()
    result = account.api.account()
    assert (result["files"], result["used"], result["reserved"]) == (0, 0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of 64 MiB; None where nothing may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(serve: Serve, small_disk: Path | None) -> None:
    """With nothing mounted, the watermark is set above what is free: the same path from there."""
    reserve = 16 * 1024 * 1024
    if small_disk is None:
        server = serve(disk_reserve=0)
    else:
        data = small_disk / "data"
        server = serve(data=data, disk_reserve=reserve, database_reserve=reserve // 4)
    account = server.new_account()
    kept = account.api.deliver(CSV * 1000)
    assert kept["status"] == "succeeded"
    if small_disk is None:
        server.stop()
        server.overrides["disk_reserve"] = 2**62
        server.start()
    server.wait_derived()
    before = stored(server)
    for _ in range(2):
        answer = account.api.upload(b"a,b\n" + b"1,2\n" * 20_000_000, limit=10**9)
        document = assert_problem(answer, 507, "storage-full")
        assert document["free"] - document["reserve"] < 80_000_004
    wait_until(lambda: stored(server) == before, "nothing is left of them")
    assert account.api.get(f"/file/download/{kept['file_id']}").content == CSV * 1000
    if small_disk is not None:
        ballast = small_disk / "ballast"
        room = shutil.disk_usage(small_disk).free
        ballast.write_bytes(bytes(room - reserve // 2))
        assert_problem(account.api.upload(b"a\n1\n" * 100_000), 507, "storage-full")
        assert account.api.get(f"/file/download/{kept['file_id']}").content == CSV * 1000
        assert account.api.json("/files")["files_list"][0]["file_id"] == kept["file_id"]
        ballast.unlink()
        assert account.api.deliver(CSV)["status"] == "succeeded"
    wait_until(lambda: not account.api.account()["reserved"], "nothing is reserved")
    server.assert_sound()


def stored(server: Server) -> set[str]:
    places = os.walk(server.settings.blobs)
    return {os.path.join(place, name) for place, _, names in places for name in names}


def test_only_so_many_uploads_at_once(proxied: Server) -> None:
    account, other = proxied.new_account(), proxied.new_account()
    body = form(CSV, file_size_limit="1000")
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    request = head("POST", "/api/v1/file/new", account.api.authorization | framing)
    held = [connect(proxied.endpoint) for _ in range(2)]
    reserved = 0

    def has_arrived() -> bool:
        return bool(account.api.account()["reserved"] > reserved)

    for sock in held:
        reserved = account.api.account()["reserved"]
        sock.sendall(request + body[:-10])
        wait_until(has_arrived, "it has a place")
    answer = account.api.upload(CSV)
    assert_problem(answer, 429, "too-many-uploads", limit=2)
    assert int(answer.headers["retry-after"]) >= 1
    assert other.api.upload(CSV).status_code == 202
    for sock in held:
        sock.sendall(body[-10:])
        assert read_answer(sock).status == 202
        sock.close()
    assert account.api.upload(CSV).status_code == 202


def test_many_clients_are_served_while_one_is_slow(server: Server) -> None:
    account = server.new_account()
    body = form(CSV, file_size_limit="1000")
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    request = head("POST", "/api/v1/file/new", account.api.authorization | framing)
    held = [connect(server.endpoint) for _ in range(20)]
    for sock in held:
        sock.sendall(request + body[:-5])
    failures: list[int] = []

    def look() -> None:
        answer = account.api.get("/files")
        if answer.status_code != 200:
            failures.append(answer.status_code)

    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    for sock in held:
        sock.sendall(body[-5:])
        assert read_answer(sock).status == 202
        sock.close()
    assert re.fullmatch(r"\d+", str(account.api.account()["files"]))
    assert account.api.account()["files"] == 20


def test_below_the_databases_reserve_reads_and_deletions_go_on(serve: Serve) -> None:
    server = serve()
    account = server.new_account()
    reader = account.new_user()
    first, second = account.api.deliver(CSV), account.api.deliver(CSV)
    shared = f"/file/{first['file_id']}/entitlements/{reader.user_name}"
    grant = {"entitlement": "r"}
    assert account.api.request("PUT", shared, json=grant).status_code == 201
    begun = Tus.begin(account.api, 10)
    server.stop()
    server.overrides["database_reserve"] = 2**62
    server.start()
    api, file = account.api, f"/file/{first['file_id']}"
    refused = [
        api.request("PATCH", file, json={"file_description": "longer"}),
        api.request("PUT", f"{file}/schema", json={"fields": [{"name": "a"}]}),
        api.request("PUT", f"{file}/entitlements/{reader.user_name}", json=grant),
        api.post("/user/new", json={"user_name": f"{account.name}:more"}),
        api.post("/key/new", json={"name": "more"}),
        create(api, 10),
        api.upload(CSV),
    ]
    for answer in refused:
        assert_problem(answer, 507, "storage-full")
    assert api.get(f"/file/download/{first['file_id']}").content == CSV
    assert api.get("/files").status_code == api.get(f"{file}/schema").status_code == 200
    for removed in (shared, f"/file/{second['file_id']}", f"/user/{reader.user_name}"):
        assert api.request("DELETE", removed).status_code in (200, 204), removed
    assert api.request("DELETE", begun.address, headers=HEADERS).status_code == 204
    assert server.api(None).get("/readyz").json()["degraded"] == ["disk"]
    answer = server.api(None).get("/readyz?for=deliveries")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    server.assert_sound()


def test_folders_that_somebody_removed_are_made_again(serve: Serve) -> None:
    server = serve()
    account = server.new_account()
    first = account.api.deliver(CSV)
    server.wait_derived()
    for folder in ("scratch", "store/incoming", "store/drafts", "store/trash", "store/held"):
        shutil.rmtree(server.data / folder)
    assert account.api.deliver(CSV)["status"] == "succeeded"
    assert account.api.get(f"/file/{first['file_id']}/preview").status_code == 200
    server.assert_sound()
