"""`entrepot files share` and its like against a real server."""

import io
import json

import pytest
from tests.http.conftest import Run
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import listed, share

PASSWORD = "violet harbour eleven kites"


def test_share_and_take_back(run: Run, account: TestAccount, server: Server) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    guest = server.new_account().new_user()
    status, out, _ = run("files", "share", file_id, guest.user_name, "w", "--expires", "2d")
    assert status == 0
    assert "deliver" in out
    assert listed(guest.api)[file_id]["entitlement"] == "w"
    status, out, _ = run("files", "shared", file_id, "--format", "json")
    (entry,) = json.loads(out)
    assert (entry["user_name"], bool(entry["expires_at"])) == (guest.user_name, True)
    assert guest.user_name in run("files", "shared", file_id)[1]
    for words, name in (("read", "r"), ("both", "rw"), ("deliver", "w")):
        assert run("files", "share", file_id, guest.user_name, words)[0] == 0
        assert listed(guest.api)[file_id]["entitlement"] == name
    everybody = f"{guest.user_name.partition(':')[0]}:*"
    assert run("files", "share", file_id, everybody, "read")[0] == 0
    status, _, message = run("files", "unshare", file_id, guest.user_name)
    assert status == 0
    assert f"still shared with {everybody}, who may read" in message
    assert run("files", "unshare", file_id, everybody)[2] == ""
    assert file_id not in listed(guest.api)
    assert run("files", "unshare", file_id, guest.user_name)[0] == 4
    assert "not shared with any user" in run("files", "shared", file_id)[2]
    assert run("files", "share", file_id, "nobody:nobody", "r")[0] != 0
    assert run("files", "share", file_id, guest.user_name, "x")[0] == 2


def test_the_end_of_a_share_names_what_is_left(
    run: Run, account: TestAccount, server: Server
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    colleague, guest = account.new_user(role="admin"), server.new_account().new_user()
    for kind in ("read", "deliver"):
        made = run("links", "create", file_id, kind, "--format", "json")[1]
        for user in (colleague, guest):
            share(account.api, file_id, user.user_name, "r")
            status, _, message = run("files", "unshare", file_id, user.user_name)
            assert status == 0
            assert ("link to the file still works" in message) == (kind == "read")
            assert ("2 links to the file still work " in message) == (kind == "deliver")
            is_named = f"{colleague.user_name} is an admin of the account" in message
            assert is_named == (user is colleague)
    share(account.api, file_id, f"{account.name}:*", "r")
    assert run("links", "revoke", file_id, json.loads(made)["link_id"], "--yes")[0] == 0
    message = run("files", "unshare", file_id, f"{account.name}:*")[2]
    assert f"{account.admin.user_name}, {colleague.user_name} are admins of the account" in message
    assert "1 link to the file still works" in message


def test_a_revoked_link_is_named(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    made = run("links", "create", file_id, "read", "--name", "Auditors", "--format", "json")[1]
    status, out, _ = run("links", "revoke", file_id, json.loads(made)["link_id"], "--yes")
    assert status == 0
    assert "Auditors" in out


def test_hand_over_within_the_account_and_beyond(
    run: Run, account: TestAccount, server: Server
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    colleague, stranger = account.new_user(), server.new_account()
    status, out, _ = run("files", "hand-over", file_id, colleague.user_name)
    assert (status, "transferred" in out) == (0, True)
    assert listed(account.api)[file_id]["user_name"] == colleague.user_name
    status, out, _ = run("files", "hand-over", file_id, stranger.admin.user_name)
    assert (status, "offered" in out) == (0, True)
    assert run("files", "decline", file_id)[0] == 0
    assert stranger.api.json("/offers") == {"offers_list": []}

    theirs = stranger.api.deliver(CSV)["file_id"]
    offered = {"user_name": account.admin.user_name}
    stranger.api.request("PUT", f"/file/{theirs}/offer", json=offered)
    status, out, _ = run("files", "offers")
    assert (status, theirs in out) == (0, True)
    status, out, _ = run("files", "take-over", theirs, "--format", "quiet")
    assert (status, out.strip()) == (0, theirs)
    assert listed(account.api)[theirs]["user_name"] == account.admin.user_name
    assert run("files", "take-over", theirs)[0] == 4
    assert "No file is offered" in run("files", "offers")[2]


def test_shares_from_elsewhere_are_accepted_blocked_and_declined(
    run: Run, account: TestAccount, server: Server
) -> None:
    assert "No other account" in run("senders", "list")[2]
    sender = server.new_account()
    file_id, other = (
        sender.api.deliver(CSV, name=name)["file_id"] for name in ("rates.csv", "b.csv")
    )
    for each in (file_id, other):
        share(sender.api, each, account.admin.user_name, "r")
    assert json.loads(run("senders", "list", "--format", "json")[1])[0]["files"] == 2
    assert "accepted" in run("senders", "accept", sender.name)[1]
    status, out, _ = run("senders", "accept", sender.name, "--for-account", "--format", "json")
    assert (status, json.loads(out)["account_decision"]) == (0, "accepted")
    assert "nothing decided" in run("senders", "reset", sender.name)[1]
    assert run("files", "decline-share", "rates.csv", "--format", "quiet")[:2] == (
        0,
        f"{file_id}\n",
    )
    assert set(listed(account.api)) == {other}
    assert run("files", "decline-share", file_id)[0] == 4
    status, _, question = run("senders", "block", sender.name)
    assert (status, "--yes" in question) == (2, True)
    assert "blocked" in run("senders", "block", sender.name, "--yes")[1]
    assert listed(account.api) == {}
    assert run("senders", "accept", "nobody-at-all")[0] == 4


def test_an_admin_makes_and_disables_a_user(run: Run, account: TestAccount) -> None:
    anna = f"{account.name}:anna"
    status, out, note = run("users", "create", anna)
    assert (status, "member" in out, f"entrepot users link {anna}" in note) == (0, True, True)
    assert run("users", "link", anna, "--format", "quiet")[0] == 0
    status, out, _ = run("users", "disable", anna, "--format", "json")
    assert (status, json.loads(out)["disabled"]) == (0, True)
    assert "enabled" in run("users", "enable", anna)[1]
    status, _, message = run("users", "create", anna, "--role", "admin")
    assert (status, "exists" in message or "taken" in message) == (1, True), message
    assert run("users", "create", anna, "--role", "boss")[0] == 2
    assert anna in run("users")[1]
    assert run("users", "list")[1] == run("users")[1]
    assert run("user", "enable", anna)[0] == 0, "the name of earlier editions"
    assert run("users", "disable", f"{account.name}:nobody")[0] == 4
    file_id = account.api.deliver(CSV)["file_id"]
    owner = account.admin.user_name
    status, _, message = run("files", "share", file_id, owner, "r")
    assert (status, "Error: The user is the file's owner" in message) == (2, True)


def test_links_are_made_listed_and_revoked(
    run: Run, account: TestAccount, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    assert "no links" in run("links", "list", file_id)[2]
    options = ("--name", "Auditors", "--as", "jsonl", "--version", "1", "--uses", "2")
    status, out, note = run("links", "create", "orders.csv", "read", *options, "--expires", "2d")
    assert (status, "not shown again" in note) == (0, True)
    assert "read as jsonl version 1" in out
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    url = run("links", "create", file_id, "deliver", "--password", "--format", "quiet")[1].strip()
    path = url.removeprefix(server.endpoint)
    sent = server.api(None).request("PUT", path, content=CSV, auth=("", PASSWORD))
    assert sent.status_code == 202
    first, second = json.loads(run("links", "list", file_id, "--format", "json")[1])
    assert (first["name"], first["max_uses"], second["has_password"]) == ("Auditors", 2, True)
    assert (second["uses"], second["state"]) == (1, "valid")
    listed_links = run("links", "list", file_id)[1]
    assert first["link_id"] in listed_links
    assert ("0 of 2 times" in listed_links, "1 time " in listed_links) == (True, True)
    assert run("links", "revoke", file_id, first["link_id"])[0] == 2
    assert run("links", "revoke", file_id, first["link_id"], "--yes")[0] == 0
    assert run("links", "revoke", file_id, first["link_id"], "--yes")[0] == 4
    assert run("links", "create", file_id, "read", "--expires", "400d")[0] != 0
    assert "--uses" in run("links", "create", file_id, "read", "--uses", "0")[2]
