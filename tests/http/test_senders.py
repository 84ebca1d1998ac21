"""Shares from other accounts: marked, bounded until they are accepted, declined and blocked."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from tests.conftest import DATABASES
from tests.support.api import CSV, Api, assert_problem
from tests.support.postgres import Postgres
from tests.support.server import Server, TestAccount
from tests.support.sharing import entitle, listed, share

from entrepot.accounts.users import find_user
from entrepot.db.tables import entitlements, files, offers
from entrepot.files.queries.lists import FileFilter, list_files, position_own_first
from entrepot.grants.share_limits import MAX_UNACCEPTED_FILES
from entrepot.http.lists.filters import FileQuery

both_databases = pytest.mark.both_databases


def without_name(problem: dict[str, Any]) -> str:
    """What a refusal says of any name: it names the one that was asked for."""
    return re.sub(r"`[^`]*`", "NAME", problem["detail"], count=1)


def add_files(server: Server, like: str, receiver: str, count: int) -> None:
    """Files like one, shared with a user, as rows alone: a delivery of each takes too long."""
    parts = server.parts
    account_id, user_id = parts.database.read(find_ids, receiver)
    ids = [uuid4() for _ in range(count)]
    with parts.database.writing() as conn:
        row = conn.execute(select(files).where(files.c.id == UUID(like))).one()._mapping
        for file_id in ids:
            values = {**row, "id": file_id, "current_version": None, "current_size": -1}
            conn.execute(insert(files).values(**values))
            shared = {
                "file_id": file_id,
                "grantee_id": user_id,
                "user_id": user_id,
                "account_id": account_id,
                "reads": True,
                "writes": False,
                "granted_by": row["owner_id"],
                "created_at": row["created_at"],
                "file_created_at": row["created_at"],
            }
            conn.execute(insert(entitlements).values(**shared))


def add_offers(server: Server, like: str, receiver: str, count: int) -> None:
    """Files like one, offered to a user, as rows alone."""
    _, user_id = server.parts.database.read(find_ids, receiver)
    ids = [uuid4() for _ in range(count)]
    with server.parts.database.writing() as conn:
        row = conn.execute(select(files).where(files.c.id == UUID(like))).one()._mapping
        for file_id in ids:
            values = {**row, "id": file_id, "current_version": None, "current_size": -1}
            conn.execute(insert(files).values(**values))
            offered = {"file_id": file_id, "user_id": user_id, "offered_by": row["owner_id"]}
            conn.execute(insert(offers).values(**offered, created_at=row["created_at"]))


def offer(api: Api, file_id: str, user_name: str) -> Any:
    return api.request("PUT", f"/file/{file_id}/offer", json={"user_name": user_name})


def find_ids(conn: Any, user_name: str) -> tuple[UUID, UUID]:
    user = find_user(conn, user_name)
    return user.account_id, user.id


def decide(api: Api, account: str, decision: str | None, **more: Any) -> Any:
    return api.request("PUT", f"/sender/{account}", json={"decision": decision} | more)


def test_an_account_shares_few_files_until_it_is_accepted(serve: Callable[..., Server]) -> None:
    server = serve()
    account = server.new_account()
    sender, receiver = server.new_account(), account.new_user()
    like, one_more, last = (str(sender.api.deliver(CSV)["file_id"]) for _ in range(3))
    add_files(server, like, receiver.user_name, MAX_UNACCEPTED_FILES - 1)
    share(sender.api, like, receiver.user_name, "r")
    refused = entitle(sender.api, one_more, receiver.user_name, "r")
    assert_problem(refused, 409, "shares-not-accepted", limit=MAX_UNACCEPTED_FILES)
    changed = entitle(sender.api, like, receiver.user_name, "rw")
    assert changed.status_code == 200  # not one more
    (only,) = receiver.api.json("/senders")["senders_list"]
    assert (only["account"], only["files"]) == (sender.name, MAX_UNACCEPTED_FILES)
    assert only["decision"] is None
    assert decide(receiver.api, sender.name, "accepted").json()["decision"] == "accepted"
    share(sender.api, one_more, receiver.user_name, "r")
    assert decide(receiver.api, sender.name, None).json()["decision"] is None
    refused = entitle(sender.api, last, receiver.user_name, "r")
    assert_problem(refused, 409, "shares-not-accepted")


@pytest.mark.parametrize("kind", DATABASES)
def test_shares_with_the_whole_account_count_for_each_of_its_users(
    serve: Callable[..., Server], postgres: Postgres, kind: str
) -> None:
    server = serve(database=postgres.new_database()) if kind == "postgres" else serve()
    account = server.new_account()
    sender, receiver, mate = server.new_account(), account.new_user(), account.new_user()
    everybody = f"{account.name}:*"
    like, for_all, one_more, last = (str(sender.api.deliver(CSV)["file_id"]) for _ in range(4))
    add_files(server, like, receiver.user_name, MAX_UNACCEPTED_FILES - 1)
    share(sender.api, for_all, everybody, "r")
    refused = entitle(sender.api, one_more, everybody, "r")
    assert_problem(refused, 409, "shares-not-accepted", limit=MAX_UNACCEPTED_FILES)
    refused = entitle(sender.api, one_more, receiver.user_name, "r")
    assert_problem(refused, 409, "shares-not-accepted")
    share(sender.api, for_all, receiver.user_name, "w")  # not one more: they have it already
    share(sender.api, one_more, mate.user_name, "r")
    assert decide(receiver.api, sender.name, "accepted").status_code == 200
    share(sender.api, one_more, everybody, "r")  # only who has not accepted counts
    add_files(server, like, mate.user_name, MAX_UNACCEPTED_FILES - 2)
    assert_problem(entitle(sender.api, last, everybody, "r"), 409, "shares-not-accepted")
    assert decide(account.api, sender.name, "accepted", for_account=True).status_code == 200
    share(sender.api, last, everybody, "r")


def test_within_an_account_there_is_no_such_limit(serve: Callable[..., Server]) -> None:
    server = serve()
    account = server.new_account()
    mate = account.new_user()
    like = str(account.api.deliver(CSV)["file_id"])
    add_files(server, like, mate.user_name, MAX_UNACCEPTED_FILES)
    share(account.api, like, mate.user_name, "r")
    assert mate.api.json("/senders")["senders_list"] == []


@both_databases
def test_foreign_files_are_marked_and_never_before_own_ones(
    server: Server, account: TestAccount
) -> None:
    sender, receiver = server.new_account(), account.new_user()
    foreign = str(sender.api.deliver(CSV)["file_id"])
    of_mate = str(account.api.deliver(CSV)["file_id"])
    own = [str(receiver.api.deliver(CSV)["file_id"]) for _ in range(2)]
    share(sender.api, foreign, receiver.user_name, "r")
    share(account.api, of_mate, receiver.user_name, "r")
    files_list = receiver.api.json("/files")["files_list"]
    assert [file["file_id"] for file in files_list] == [*own, foreign, of_mate]
    assert [file["from_other_account"] for file in files_list] == [False, False, True, False]
    # With a limit the order is that of creation alone, as `sort` says.
    paged = receiver.api.json("/files?limit=1000")["files_list"]
    assert [file["file_id"] for file in paged] == [foreign, of_mate, *own]


@both_databases
def test_a_long_list_has_all_own_files_first(server: Server, account: TestAccount) -> None:
    sender, receiver = server.new_account(), account.new_user()
    theirs = [str(sender.api.deliver(CSV)["file_id"]) for _ in range(3)]
    own = [str(receiver.api.deliver(CSV)["file_id"]) for _ in range(3)]
    for file_id in theirs:
        share(sender.api, file_id, receiver.user_name, "r")
    actor = server.actor(receiver.api_key)
    seen: list[str] = []
    after = None
    while True:  # pages of two, over the place where own files end
        page = server.parts.database.read(list_files, actor, 2, after, FileFilter(own_first=True))
        if not page:
            break
        seen += [str(file.id) for file in page]
        after = position_own_first(page[-1])
    assert seen == [*own, *theirs]
    # The cursor of a page without a limit keeps that order where a client adds a limit.
    own_first = FileQuery(FileFilter(own_first=True), None)
    first = server.parts.database.read(list_files, actor, 3, None, own_first.file_filter)
    cursor = own_first.listing.page(first, 2).next_cursor
    following = receiver.api.json("/files", params={"limit": 2, "cursor": cursor})["files_list"]
    assert [file["file_id"] for file in following] == [own[2], theirs[0]]


@both_databases
def test_a_share_is_declined(server: Server, account: TestAccount) -> None:
    sender, receiver = server.new_account(), account.new_user()
    file_id = str(sender.api.deliver(CSV)["file_id"])
    path = f"/file/{file_id}/share"
    assert_problem(receiver.api.request("DELETE", path), 404, "not-found")
    share(sender.api, file_id, receiver.user_name, "r")
    assert receiver.api.request("DELETE", path).status_code == 204
    assert file_id not in listed(receiver.api)
    assert_problem(receiver.api.get(f"/file/{file_id}"), 404, "not-found")
    share(sender.api, file_id, f"{account.name}:*", "r")
    assert_problem(receiver.api.request("DELETE", path), 404, "not-found")
    assert account.api.request("DELETE", path).status_code == 204
    own = account.api.deliver(CSV)["file_id"]
    assert_problem(account.api.request("DELETE", f"/file/{own}/share"), 404, "not-found")
    server.assert_sound()


@both_databases
@pytest.mark.parametrize("what", ["share", "offer"])
def test_an_account_can_be_blocked_after_what_it_sent_was_declined(
    server: Server, account: TestAccount, what: str
) -> None:
    """By the user who declined; others of the account learn nothing of it, nor do its admins."""
    sender, receiver, mate = server.new_account(), account.new_user(), account.new_user()
    file_id = str(sender.api.deliver(CSV)["file_id"])
    if what == "share":
        share(sender.api, file_id, receiver.user_name, "r")
    else:
        assert offer(sender.api, file_id, receiver.user_name).status_code == 200
    assert receiver.api.request("DELETE", f"/file/{file_id}/{what}").status_code == 204
    assert receiver.api.json("/senders")["senders_list"] == []
    assert_problem(decide(mate.api, sender.name, "blocked"), 404, "not-found")
    blocked = decide(receiver.api, sender.name, "blocked").json()
    assert (blocked["files"], blocked["decision"]) == (0, "blocked")
    assert_problem(entitle(sender.api, file_id, receiver.user_name, "r"), 422, "field-invalid")
    assert decide(receiver.api, sender.name, None).json()["decision"] is None
    refused = decide(account.api, sender.name, "blocked", for_account=True)
    assert_problem(refused, 404, "not-found")
    server.assert_sound()


@both_databases
def test_a_blocked_account_shares_nothing_and_is_not_told(
    server: Server, account: TestAccount
) -> None:
    sender, receiver = server.new_account(), account.new_user()
    file_id = str(sender.api.deliver(CSV)["file_id"])
    share(sender.api, file_id, receiver.user_name, "rw")
    assert_problem(decide(receiver.api, "nobody-at-all", "blocked"), 404, "not-found")
    refused = decide(receiver.api, sender.name, "blocked", for_account=True)
    assert_problem(refused, 403, "not-allowed")
    assert decide(receiver.api, sender.name, "blocked").status_code == 200
    assert listed(receiver.api) == {}
    unknown = entitle(sender.api, file_id, f"{account.name}:nobody", "r").json()
    blocked = entitle(sender.api, file_id, receiver.user_name, "r").json()
    assert (blocked["code"], without_name(blocked)) == (unknown["code"], without_name(unknown))
    mate = account.new_user()
    share(sender.api, file_id, mate.user_name, "r")
    assert decide(account.api, sender.name, "blocked", for_account=True).status_code == 404
    share(sender.api, file_id, f"{account.name}:*", "r")
    answer = decide(account.api, sender.name, "blocked", for_account=True)
    assert answer.json()["account_decision"] == "blocked"
    assert entitle(sender.api, file_id, mate.user_name, "w").status_code == 200  # as before
    assert entitle(sender.api, file_id, account.new_user().user_name, "r").status_code == 422
    assert decide(receiver.api, sender.name, None).status_code == 200
    server.assert_sound()


@pytest.mark.parametrize("kind", DATABASES)
def test_an_account_offers_few_files_until_it_is_accepted(
    serve: Callable[..., Server], postgres: Postgres, kind: str
) -> None:
    server = serve(database=postgres.new_database()) if kind == "postgres" else serve()
    account = server.new_account()
    sender, receiver = server.new_account(), account.new_user()
    like, one_more, last = (str(sender.api.deliver(CSV)["file_id"]) for _ in range(3))
    add_offers(server, like, receiver.user_name, MAX_UNACCEPTED_FILES - 1)
    assert offer(sender.api, like, receiver.user_name).status_code == 200
    refused = offer(sender.api, one_more, receiver.user_name)
    assert_problem(refused, 409, "shares-not-accepted", limit=MAX_UNACCEPTED_FILES)
    assert offer(sender.api, like, receiver.user_name).status_code == 200  # not one more
    assert offer(sender.api, one_more, account.new_user().user_name).status_code == 200
    (only,) = receiver.api.json("/senders")["senders_list"]
    assert (only["account"], only["files"]) == (sender.name, MAX_UNACCEPTED_FILES)
    assert decide(receiver.api, sender.name, "accepted").status_code == 200
    assert offer(sender.api, one_more, receiver.user_name).status_code == 200
    assert offer(sender.api, last, receiver.user_name).status_code == 200


@both_databases
@pytest.mark.parametrize("for_account", [False, True])
def test_a_blocked_account_offers_nothing_and_is_not_told(
    server: Server, account: TestAccount, for_account: bool
) -> None:
    sender, receiver = server.new_account(), account.new_user()
    file_id, later = (str(sender.api.deliver(CSV)["file_id"]) for _ in range(2))
    assert offer(sender.api, file_id, receiver.user_name).status_code == 200
    if for_account:
        assert offer(sender.api, later, account.admin.user_name).status_code == 200
    decider = account.api if for_account else receiver.api
    answer = decide(decider, sender.name, "blocked", for_account=for_account)
    assert answer.status_code == 200
    assert receiver.api.json("/offers")["offers_list"] == []
    assert_problem(receiver.api.post(f"/file/{file_id}/offer/accept"), 404, "not-found")
    unknown = offer(sender.api, file_id, f"{account.name}:nobody").json()
    blocked = offer(sender.api, file_id, receiver.user_name).json()
    assert (blocked["code"], without_name(blocked)) == (unknown["code"], without_name(unknown))
    mate = account.new_user()
    assert offer(sender.api, later, mate.user_name).status_code == (422 if for_account else 200)
    assert decide(decider, sender.name, None, for_account=for_account).status_code == 200
    assert offer(sender.api, file_id, receiver.user_name).status_code == 200
