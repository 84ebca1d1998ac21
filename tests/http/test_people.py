"""Who one is, the account's figures, keys and users; roles, scopes, expiry, revocation."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.together import all_at_once
from tests.support.wait import wait_until

from entrepot.accounts.keys import MAX_KEYS_PER_USER, create_key
from entrepot.accounts.users import find_user
from entrepot.db.types import WriteConnection

pytestmark = pytest.mark.both_databases

STAMP = "%Y-%m-%dT%H:%M:%S+0000"
KEY_KEYS = [
    "key_id",
    "name",
    "prefix",
    "scopes",
    "user_name",
    "created_at",
    "expires_at",
    "last_used_at",
]


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(STAMP)


def test_whoami(account: TestAccount) -> None:
    key = account.admin.key.key
    result = account.api.json("/whoami")
    assert list(result) == ["user_name", "account", "role", "key_id", "scopes", "expires_at"]
    assert result == {
        "user_name": account.admin.user_name,
        "account": account.name,
        "role": "admin",
        "key_id": str(key.id),
        "scopes": ["read", "write", "admin"],
        "expires_at": None,
    }


def test_the_account_tells_what_is_used(account: TestAccount) -> None:
    empty = account.api.account()
    assert list(empty) == [
        "account",
        "quota",
        "used",
        "reserved",
        "metadata",
        "free",
        "files",
        "versions",
        "quarantined",
        "derivatives",
        "used_by",
        "reserved_by",
    ]
    account.api.deliver(CSV)
    account.api.deliver(CSV, enforce_schema='{"fields":[{"name":"x","type":"date"}]}')
    after = account.api.account()
    assert after == {
        **empty,
        "derivatives": after["derivatives"],  # of the queue that nothing waits for
        "used": 2 * len(CSV),
        "free": empty["quota"] - 2 * len(CSV),
        "files": 2,
        "versions": 2,
        "quarantined": 1,
        "used_by": {**empty["used_by"], "current": len(CSV), "quarantined": len(CSV)},
    }


def test_make_list_use_and_revoke_a_key(account: TestAccount, server: Server) -> None:
    expires = datetime.now(UTC) + timedelta(days=3)
    body = {"name": "cron", "scopes": ["read"], "expires_at": expires.isoformat()}
    answer = account.api.post("/key/new", json=body)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert list(made) == ["key_id", "api_key", *KEY_KEYS[1:]]
    secret = made.pop("api_key")
    assert secret.startswith("epk_")
    assert len(secret) == 53
    assert made["prefix"] == secret[:8]
    assert (made["scopes"], made["expires_at"]) == (["read"], stamp(expires))

    listed = account.api.json("/keys")
    assert list(listed) == ["keys_list"]
    assert made in listed["keys_list"]
    assert secret not in str(listed)

    user = server.api(secret)
    assert user.json("/whoami")["key_id"] == made["key_id"]
    assert account.api.request("DELETE", f"/key/{made['key_id']}").status_code == 204
    assert_problem(user.get("/whoami"), 401, "not-authenticated")
    assert made["key_id"] not in str(account.api.json("/keys"))
    again = account.api.request("DELETE", f"/key/{made['key_id']}")
    assert_problem(again, 404, "not-found")


def test_a_key_notes_its_last_use(account: TestAccount) -> None:
    made = account.new_key()
    before = datetime.now(UTC).replace(microsecond=0)
    made.api.json("/whoami")

    def last_used() -> Any:
        keys = account.api.json("/keys")["keys_list"]
        (result,) = (key["last_used_at"] for key in keys if key["prefix"] == made.api_key[:8])
        return result

    wait_until(last_used, "the use is noted")
    assert last_used() >= stamp(before)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 3}, "name"),
        ({"expires_at": "yesterday"}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_on": "2030-01-01"}, "expires_on"),
        ([], "body"),
        ({"user_name": "x" * 200}, "user_name"),
    ],
)
def test_a_key_that_is_not_made(account: TestAccount, body: Any, field: str) -> None:
    before = account.api.json("/keys")
    answer = account.api.post("/key/new", json=body)
    assert_problem(answer, 422, "field-invalid", field=field)
    now = account.api.json("/keys")
    assert [k["key_id"] for k in now["keys_list"]] == [k["key_id"] for k in before["keys_list"]]


def test_a_key_never_makes_a_stronger_one(account: TestAccount) -> None:
    member = account.new_user()
    writer = account.new_key(scopes=("write",))
    for caller in (member, writer):
        answer = caller.api.post("/key/new", json={"scopes": ["admin"]})
        assert_problem(answer, 403, "not-allowed")
    assert_problem(writer.api.post("/key/new", json={"scopes": ["read"]}), 403, "not-allowed")
    reader = account.new_key(scopes=("read",))
    answer = reader.api.post("/key/new", json={"scopes": ["read"]})
    assert_problem(answer, 403, "scope-missing", required="write", scopes=["read"])
    brief = account.new_key(expires_in=timedelta(hours=1))
    made = brief.api.post("/key/new", json={"name": "longer"}).json()
    assert made["expires_at"] == brief.api.json("/whoami")["expires_at"]


def test_an_admin_makes_keys_for_others(account: TestAccount, server: Server) -> None:
    member, other = account.new_user(), account.new_user()
    made = account.api.post("/key/new", json={"user_name": member.user_name}).json()
    assert server.api(made["api_key"]).json("/whoami")["user_name"] == member.user_name
    answer = other.api.post("/key/new", json={"user_name": member.user_name})
    assert answer.status_code == 403
    too_much = {"user_name": member.user_name, "scopes": ["read", "admin"]}
    assert_problem(account.api.post("/key/new", json=too_much), 422, "field-invalid")


def test_members_see_and_revoke_their_own_keys_alone(account: TestAccount) -> None:
    member, other = account.new_user(), account.new_user()
    owners = {key["user_name"] for key in member.api.json("/keys")["keys_list"]}
    assert owners == {member.user_name}
    assert len(account.api.json("/keys")["keys_list"]) == 3
    answer = member.api.request("DELETE", f"/key/{other.key.key.id}")
    assert_problem(answer, 404, "not-found")
    other.api.json("/whoami")
    assert account.api.request("DELETE", f"/key/{other.key.key.id}").status_code == 204
    assert_problem(other.api.get("/whoami"), 401, "not-authenticated")


def test_whoever_a_key_is_for_it_expires_with_the_one_that_made_it(account: TestAccount) -> None:
    other = account.new_user()
    brief = account.new_key(("read", "write", "admin"), expires_in=timedelta(hours=1))
    until = brief.api.json("/whoami")["expires_at"]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for more in ({}, {"user_name": other.user_name}, {"expires_at": later}):
        body = {"scopes": ["read", "write", "admin"] if not more else ["read"], **more}
        made = brief.api.post("/key/new", json=body).json()
        assert made["expires_at"] == until, more
        if not more:  # and so do those that are made with it
            child = account.server.api(made["api_key"])
            assert child.post("/key/new", json={"scopes": ["read"]}).json()["expires_at"] == until


def test_a_user_has_so_many_keys(account: TestAccount, server: Server) -> None:
    user = server.parts.database.read(find_user, account.admin.user_name)

    def fill(conn: WriteConnection) -> None:
        for _ in range(MAX_KEYS_PER_USER - 1):
            create_key(conn, server.parts.secret, user, "", ("read",), server.parts.clock())

    server.parts.database.write(fill)
    answer = account.api.post("/key/new", json={"scopes": ["read"]})
    assert_problem(answer, 409, "too-many-keys", limit=MAX_KEYS_PER_USER)


def test_a_user_who_was_only_given_a_file_is_deleted(account: TestAccount) -> None:
    """The file refers to them, deleted as it is."""
    user = account.new_user()
    file_id = account.api.deliver(CSV)["file_id"]
    account.api.request("PATCH", f"/file/{file_id}", json={"user_name": user.user_name})
    assert account.api.request("DELETE", f"/file/{file_id}").status_code == 200
    assert account.api.request("DELETE", f"/user/{user.user_name}").status_code == 204
    assert account.api.json(f"/user/{user.user_name}")["disabled"]


def test_an_expired_key_says_so(account: TestAccount) -> None:
    expired = account.new_key(expires_in=timedelta(seconds=-5))
    answer = expired.api.get("/files")
    document = assert_problem(answer, 401, "not-authenticated")
    assert "expired" in document["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "Bearer nonsense",
        "Bearer epk_" + "0" * 49,
        "Bearer " + "x" * 4000,
        "Bearer \xff\xfe",
        "Bearer epk_\u00b2",
    ],
)
def test_missing_and_garbled_keys(server: Server, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for path in ("/files", "/whoami", "/task/1dd1ce46-62cc-486e-9f47-1f96c1895b25"):
        answer = server.api(None).get(path, headers=headers)
        assert_problem(answer, 401, "not-authenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_in_the_address_is_never_accepted(account: TestAccount, server: Server) -> None:
    for name in ("api_key", "key", "access_token", "token", "authorization"):
        answer = server.api(None).get("/files", params={name: account.api_key})
        assert_problem(answer, 401, "not-authenticated")


def test_a_wrong_checksum_is_a_wrong_key(account: TestAccount, server: Server) -> None:
    key = account.api_key
    flipped = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert_problem(server.api(flipped).get("/files"), 401, "not-authenticated")
    other_body = key[:10] + ("a" if key[10] != "a" else "b") + key[11:]
    assert_problem(server.api(other_body).get("/files"), 401, "not-authenticated")


def test_the_scheme_has_any_case(account: TestAccount, server: Server) -> None:
    header = {"Authorization": f"bEaReR {account.api_key}"}
    assert server.api(None).get("/files", headers=header).status_code == 200


def test_make_change_and_remove_a_user(account: TestAccount, server: Server) -> None:
    name = f"{account.name}:maria"
    answer = account.api.post("/user/new", json={"user_name": name})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["user_name"], made["role"], made["disabled"]) == (name, "member", False)
    assert account.api.json(f"/user/{name}") == made
    again = account.api.post("/user/new", json={"user_name": name})
    assert_problem(again, 409, "name-taken", name=name)

    changed = account.api.request("PATCH", f"/user/{name}", json={"role": "admin"}).json()
    assert changed == {**made, "role": "admin"}
    caller = server.new_key(name, ("read", "write", "admin"))
    assert caller.api.json("/whoami")["role"] == "admin"
    account.api.request("PATCH", f"/user/{name}", json={"disabled": True})
    refused = assert_problem(caller.api.get("/whoami"), 401, "not-authenticated")
    assert "user of this API key was disabled" in refused["detail"]
    account.api.request("PATCH", f"/user/{name}", json={"disabled": False})
    assert caller.api.get("/whoami").status_code == 200
    account.api.request("PATCH", f"/user/{name}", json={"role": "member"})
    assert caller.api.json("/whoami")["scopes"] == ["read", "write"]

    assert account.api.request("DELETE", f"/user/{name}").status_code == 204
    refused = assert_problem(caller.api.get("/whoami"), 401, "not-authenticated")
    assert "user of this API key was disabled or deleted" in refused["detail"]
    unknown = server.api(caller.api_key[:-8] + "AAAAAAAA").get("/whoami")
    assert "user of" not in assert_problem(unknown, 401, "not-authenticated")["detail"]
    assert account.api.json(f"/user/{name}")["disabled"]  # their first use of the key is recorded


def statuses(answers: Sequence[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_admins_who_demote_each_other_at_once_leave_one(account: TestAccount) -> None:
    ann, bob = account.admin, account.new_user("admin", ("read", "write", "admin"))
    demotions = (
        partial(each.api.request, "PATCH", f"/user/{other.user_name}", json={"role": "member"})
        for each, other in ((ann, bob), (bob, ann))
    )
    done, refused = statuses(all_at_once(*demotions))
    assert done == 200
    assert refused in (403, 409)  # by who is not an admin any more, or of who is the last one
    assert sorted(each.api.json("/whoami")["role"] for each in (ann, bob)) == ["admin", "member"]


def test_a_user_created_at_once_is_created_once(account: TestAccount) -> None:
    body = {"user_name": f"{account.name}:maria"}
    answers = all_at_once(*[partial(account.api.post, "/user/new", json=body)] * 8)
    assert statuses(answers) == [201] + [409] * 7


def test_a_user_who_did_nothing_is_deleted(account: TestAccount, server: Server) -> None:
    name = f"{account.name}:maria"
    account.api.post("/user/new", json={"user_name": name})
    unused = server.new_key(name, ("read",))
    assert account.api.request("DELETE", f"/user/{name}").status_code == 204
    assert_problem(unused.api.get("/whoami"), 401, "not-authenticated")
    assert name not in str(account.api.json("/users"))
    assert_problem(account.api.get(f"/user/{name}"), 404, "not-found")


def test_a_user_who_owns_files_stays(account: TestAccount) -> None:
    member = account.new_user()
    member.api.deliver(CSV)
    answer = account.api.request("DELETE", f"/user/{member.user_name}")
    assert_problem(answer, 409, "user-owns-files", files=1)
    assert member.api.get("/whoami").status_code == 200


def test_the_last_admin_stays(account: TestAccount) -> None:
    name = account.admin.user_name
    for method, body in (
        ("PATCH", {"role": "member"}),
        ("PATCH", {"disabled": True}),
        ("DELETE", None),
    ):
        answer = account.api.request(method, f"/user/{name}", json=body)
        assert_problem(answer, 409, "last-admin")
    assert account.api.json("/whoami")["role"] == "admin"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("maria", 422),
        (":maria", 422),
        ("{account}:", 422),
        ("{account}:Maria", 422),
        ("{account}:../etc", 422),
        ("{account}:a b", 422),
        ("{account}:" + "x" * 64, 422),
        ("{account}:\x00", 422),
        ("{account}:ma\u202eria", 422),
        ("other:maria", 422),
    ],
)
def test_names_of_users(account: TestAccount, name: str, status: int) -> None:
    body = {"user_name": name.format(account=account.name)}
    assert_problem(account.api.post("/user/new", json=body), status, "field-invalid")
    assert len(account.api.json("/users")["users_list"]) == 1


def test_an_account_of_the_same_name_in_the_other_case_is_none(anonymous_api: Api) -> None:
    assert_problem(anonymous_api.get("/users"), 401, "not-authenticated")


@pytest.fixture
def anonymous_api(server: Server) -> Api:
    return server.api(None)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"", "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b'{"user_name": "\\ud800:x"}', "application/json", 422),
        (b'{"user_name": "x:y"}', "text/plain", 422),
        (b"\xff\xfe{}", "application/json", 422),
        (b'{"user_name":"' + b"x" * 2_000_000 + b'"}', "application/json", 413),
    ],
)
def test_broken_json(account: TestAccount, content: bytes, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type}
    for path in ("/user/new", "/key/new"):
        answer = account.api.post(path, content=content, headers=headers)
        codes = {400: "bad-request", 413: "body-too-large", 422: "field-invalid"}
        assert_problem(answer, status, codes[status])
