"""Uploads under way: what guests hold of an account, who sees it, and what ends it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.http.conftest import Run
from tests.support.api import Api, assert_problem
from tests.support.raw import MULTIPART, connect, form, head, read_answer
from tests.support.server import Caller, Server, TestAccount
from tests.support.sharing import entitle, share, unshare
from tests.support.tus import HEADERS, STREAM, Tus, create, metadata
from tests.support.wait import wait_until

MIB = 1 << 20
Serve = Callable[..., Server]


@pytest.fixture
def guest(server: Server, account: TestAccount) -> Caller:
    """A user of another account, with a key that reads and writes."""
    return server.new_account().new_user()


def shared_file(owner: Api, guest: Caller, what: str = "w", limit: int = 10**9) -> str:
    """A file of the owner to which the guest may deliver."""
    file_id = str(owner.deliver(limit=limit)["file_id"])
    share(owner, file_id, guest.user_name, what)
    return file_id


def begin(api: Api, file_id: str, size: int) -> Tus:
    """A resumable upload to the file, of which no byte has come."""
    about = {"Upload-Metadata": metadata(filename="x.csv", file_id=file_id)}
    answer = api.post("/uploads", headers={**HEADERS, "Upload-Length": str(size), **about})
    return Tus.of(api, answer)


def listed(api: Api) -> list[dict[str, object]]:
    uploads: list[dict[str, object]] = api.json("/uploads")["uploads_list"]
    return uploads


@pytest.mark.both_databases
def test_a_guest_holds_what_it_sent_and_one_block(account: TestAccount, guest: Caller) -> None:
    """Two empty uploads held the owner's whole quota for a day."""
    owner = account.api
    file_id = shared_file(owner, guest)
    used = owner.account()["used"]
    size = 400_000_000
    first, _second = begin(guest.api, file_id, size), begin(guest.api, file_id, size)
    assert owner.account()["reserved"] == 2 * MIB
    sent = first.patch(bytes(3 * MIB), 0)
    assert sent.status_code == 204, sent.text
    held = owner.account()["reserved"]
    assert 4 * MIB <= held <= 5 * MIB
    own = begin(owner, file_id, size)
    assert owner.account()["reserved"] == held + size, "its own people reserve in advance"
    by_user = {each["user_name"]: each for each in listed(owner)}
    assert by_user[guest.user_name]["file_id"] == file_id
    assert {each["received"] for each in listed(guest.api)} == {0, 3 * MIB}
    assert {each["user_name"] for each in listed(guest.api)} == {guest.user_name}
    assert owner.request("DELETE", own.address, headers=HEADERS).status_code == 204
    for each in listed(owner):
        assert owner.request("DELETE", f"/uploads/{each['upload_id']}").status_code == 204
    assert owner.account()["reserved"] == 0
    assert owner.account()["used"] == used
    assert listed(guest.api) == []
    assert first.patch(b"x", 3 * MIB).status_code == 404
    rows = owner.json(f"/file/{file_id}/activity")["activity_list"]
    assert [row["action"] for row in rows].count("upload.end") == 2


@pytest.mark.both_databases
def test_a_whole_guest_upload_is_delivered(account: TestAccount, guest: Caller) -> None:
    file_id = shared_file(account.api, guest)
    content = b"id,amount\n" + b"1,22222222\n" * 200_000
    upload = begin(guest.api, file_id, len(content))
    for start in range(0, len(content), 700_000):
        assert upload.patch(content[start : start + 700_000], start).status_code == 204
    task_id = upload.head().headers["entrepot-task-id"]
    assert guest.api.wait_task(task_id)["status"] == "succeeded"
    assert account.api.account()["reserved"] == 0
    account.server.assert_sound()


def test_a_guest_upload_that_no_longer_fits_keeps_what_came(server: Server) -> None:
    account, guest = server.new_account(quota=8 * MIB), server.new_account().new_user()
    file_id = shared_file(account.api, guest)
    upload = begin(guest.api, file_id, 6 * MIB)
    assert upload.patch(bytes(MIB), 0).status_code == 204
    held = create(account.api, 5 * MIB)
    answer = upload.patch(bytes(4 * MIB), MIB)
    problem = assert_problem(answer, 413, "account-quota-exceeded")
    assert not {"limit", "used", "reserved"} & set(problem)
    offset = int(upload.head().headers["upload-offset"])
    assert MIB <= offset < 4 * MIB
    account.api.request("DELETE", held.headers["location"], headers=HEADERS)
    assert upload.patch(bytes(6 * MIB - offset), offset).status_code == 204
    too_large = create(account.api, 1)  # what never fits is refused at the beginning
    assert too_large.status_code == 201
    answer = guest.api.post(
        "/uploads",
        headers={
            **HEADERS,
            "Upload-Length": str(8 * MIB),
            "Upload-Metadata": metadata(filename="x.csv", file_id=file_id),
        },
    )
    assert_problem(answer, 413, "account-quota-exceeded")


def revoke(account: TestAccount, guest: Caller, file_id: str) -> None:
    unshare(account.api, file_id, guest.user_name)


def downgrade(account: TestAccount, guest: Caller, file_id: str) -> None:
    assert entitle(account.api, file_id, guest.user_name, "r").status_code == 200


def disable(account: TestAccount, guest: Caller, file_id: str) -> None:
    admin = guest_admin(account, guest)
    body = {"disabled": True}
    assert admin.request("PATCH", f"/user/{guest.user_name}", json=body).status_code == 200


def delete(account: TestAccount, guest: Caller, file_id: str) -> None:
    answer = guest_admin(account, guest).request("DELETE", f"/user/{guest.user_name}")
    assert answer.status_code == 204


def revoke_key(account: TestAccount, guest: Caller, file_id: str) -> None:
    answer = guest.api.request("DELETE", f"/key/{guest.key.key.id}")
    assert answer.status_code == 204


def guest_admin(account: TestAccount, guest: Caller) -> Api:
    name = guest.user_name.partition(":")[0]
    return account.server.new_caller(f"{name}:boss", "admin", ("read", "write", "admin")).api


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("act", "status"),
    [(revoke, 404), (downgrade, 403), (disable, 401), (delete, 401), (revoke_key, 401)],
)
def test_losing_access_ends_uploads(
    account: TestAccount,
    guest: Caller,
    act: Callable[[TestAccount, Caller, str], None],
    status: int,
) -> None:
    """A resumable upload at rest, and two whose clients are silent: their answers give the
    reason, and do not advise to send the file again."""
    file_id = shared_file(account.api, guest)
    begin(guest.api, file_id, 100 * MIB)
    with stalled_part(guest, file_id) as part, stalled_form(guest, file_id) as body:
        wait_until(lambda: len(listed(account.api)) == 3, "all are under way")
        wait_until(lambda: account.api.account()["reserved"] > 3 * MIB, "bytes of the part came")
        act(account, guest, file_id)
        assert account.api.account()["reserved"] == 0
        assert listed(account.api) == []
        assert read_answer(body).status == status
        assert read_answer(part).status == (401 if status == 401 else 404)
    account.server.assert_sound()


def test_an_entitlement_of_the_account_keeps_what_it_allows(
    account: TestAccount, guest: Caller
) -> None:
    file_id = shared_file(account.api, guest)
    share(account.api, file_id, guest.user_name.partition(":")[0] + ":*", "rw")
    begin(guest.api, file_id, MIB)
    unshare(account.api, file_id, guest.user_name)
    assert len(listed(account.api)) == 1


def test_a_guest_leaves_at_most_ten_uploads_on_a_file(account: TestAccount, guest: Caller) -> None:
    file_id = shared_file(account.api, guest)
    for _ in range(10):
        begin(guest.api, file_id, MIB)
    about = {"Upload-Metadata": metadata(filename="x.csv", file_id=file_id)}
    answer = guest.api.post("/uploads", headers={**HEADERS, "Upload-Length": "1", **about})
    assert_problem(answer, 429, "too-many-uploads", limit=10)
    begin(account.api, file_id, MIB)


def test_a_guests_stalled_forms_leave_the_owners_places(serve: Serve) -> None:
    """100 stalled forms of a guest answered the owner's people with 429."""
    server = serve(uploads_per_account=8)
    account, guest = server.new_account(), server.new_account().new_user()
    another = server.new_account().new_user()
    file_id = shared_file(account.api, guest)
    share(account.api, file_id, another.user_name, "w")
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(stalled_form(guest, file_id))
            wait_until(lambda n=number: len(listed(account.api)) == n + 1, "it is under way")
        refused = guest.api.request(
            "POST", f"/file/{file_id}/versions", files={"file": ("x.csv", b"id,amount\n1,2\n")}
        )
        assert_problem(refused, 429, "too-many-uploads", limit=2)
        sent = another.api.request(
            "POST", f"/file/{file_id}/versions", files={"file": ("x.csv", b"id,amount\n1,2\n")}
        )
        assert sent.status_code == 202, "another guest has places of its own"
        for _ in range(8):
            assert account.api.upload(b"a\n1\n").status_code == 202


def test_commands_list_and_end_uploads(run: Run, account: TestAccount, guest: Caller) -> None:
    status, _, message = run("uploads", "list")
    assert (status, "No uploads are under way." in message) == (0, True)
    file_id = shared_file(account.api, guest)
    upload = begin(guest.api, file_id, 5 * MIB)
    upload_id = upload.address.rpartition("/")[2]
    status, output, _ = run("uploads", "list")
    assert status == 0
    assert guest.user_name in output
    assert upload_id in output
    status, output, _ = run("uploads", "rm", upload_id)
    assert (status, "ended" in output) == (0, True)
    assert run("uploads", "rm", upload_id)[0] != 0
    assert listed(account.api) == []


@contextmanager
def stalled_part(sender: Caller, file_id: str) -> Iterator[socket.socket]:
    """Bytes for a resumable upload, whose client sends a part of them and then nothing."""
    address = begin(sender.api, file_id, 100 * MIB).address
    framing = STREAM | {"Upload-Offset": "0", "Content-Length": str(100 * MIB)}
    with connect(sender.api.endpoint) as sock:
        sock.sendall(head("PATCH", address, sender.api.authorization | framing) + bytes(4 * MIB))
        yield sock


@contextmanager
def stalled_form(sender: Caller, file_id: str) -> Iterator[socket.socket]:
    """A form to the file whose client sends a part of it and then nothing."""
    body = form(b"id,amount\n" + b"1,2\n" * 100)
    framing = {"Content-Type": MULTIPART, "Content-Length": str(len(body) + 1000)}
    request = head("POST", f"/api/v1/file/{file_id}/versions", sender.api.authorization | framing)
    with connect(sender.api.endpoint) as sock:
        sock.sendall(request + body[:-20])
        yield sock
