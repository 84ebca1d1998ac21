"""Lists of files: searched, filtered and sorted, each file once on stable pages."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from tests.http.test_addresses import publish
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server, TestAccount
from tests.support.sharing import share

from entrepot.db.tables import files

pytestmark = pytest.mark.both_databases

SORTS = tuple(
    dash + key
    for key in ("created_at", "updated_at", "file_name", "file_size")
    for dash in ("", "-")
)
NAMES = ("Straße.csv", "ÄRGER 10%.csv", "orders_b.csv", "Orders_a.csv", "éclair.csv")


def names(api: Api, query: str) -> list[str]:
    """The names that a list has, page after page."""
    results: list[str] = []
    target = f"/files?{query}"
    while target:
        answer = api.get(target)
        assert answer.status_code == 200, answer.text
        results += [file["file_name"] for file in answer.json()["files_list"]]
        target = answer.links.get("next", {}).get("url", "")
    return results


@pytest.fixture(scope="module")
def sample_files(server: Server) -> tuple[TestAccount, dict[str, str]]:
    """An account whose admin owns five files, by name, one with a schema and unpublished."""
    account = server.new_account()
    made = {}
    for name in NAMES[:-1]:
        made[name] = account.api.deliver(CSV, name=name)["file_id"]
    schema = '{"fields":[{"name":"id","type":"boolean"}]}'
    rejected = account.api.deliver(CSV, name=NAMES[-1], enforce_schema=schema)
    assert rejected["status"] == "failed"
    made[NAMES[-1]] = rejected["file_id"]
    return account, made


@pytest.mark.parametrize(
    ("query", "results"),
    [
        ("name=STRASSE", ["Straße.csv"]),
        ("name=ärger", ["ÄRGER 10%.csv"]),
        ("name=0%25.", ["ÄRGER 10%.csv"]),
        ("name=s%25a", []),
        ("name=rs_&sort=file_name", ["Orders_a.csv", "orders_b.csv"]),
        ("name=ORDERS_&sort=-file_name", ["orders_b.csv", "Orders_a.csv"]),
        ("name=xrders", []),
        ("name=r", ["Straße.csv", "ÄRGER 10%.csv", "orders_b.csv", "Orders_a.csv", "éclair.csv"]),
        ("name=RD", ["orders_b.csv", "Orders_a.csv"]),
        ("name=e\u0301clair", ["éclair.csv"]),
        ("updated_since=2001-01-01&name=", list(NAMES)),
        ("enforced=true", ["éclair.csv"]),
        ("published=false", ["éclair.csv"]),
        ("published=true&enforced=true", []),
        ("entitlement=shared", []),
        ("min_size=1&max_size=999", list(NAMES[:-1])),
        ("min_size=9223372036854775807", []),
        ("max_size=1", []),
        ("media_type=text/CSV", list(NAMES[:-1])),
        ("media_type=text/plain", []),
        ("updated_since=2999-01-01T00:00:00%2B01:00", []),
        ("user_name=nobody:there", []),
        ("entitlement=owned&name=&published=", list(NAMES)),
    ],
)
def test_what_is_asked_for_is_found(
    sample_files: tuple[TestAccount, dict[str, str]], query: str, results: list[str]
) -> None:
    assert names(sample_files[0].api, query) == results


@pytest.mark.parametrize("sort", SORTS)
def test_pages_of_each_order_make_up_the_whole(
    sample_files: tuple[TestAccount, dict[str, str]], sort: str
) -> None:
    account, _ = sample_files
    whole = account.api.json("/files", params={"sort": sort})["files_list"]
    name = sort.removeprefix("-")
    key = {
        "file_name": lambda f: f["file_name"].casefold(),
        "file_size": lambda f: -1 if f["file_size"] is None else f["file_size"],
    }.get(name, lambda f: f[name])
    assert [key(f) for f in whole] == sorted((key(f) for f in whole), reverse=sort[0] == "-")
    assert names(account.api, f"sort={sort}&limit=2") == [f["file_name"] for f in whole]
    assert len(whole) == len(NAMES)


def test_a_folder_has_what_is_below_it(account: TestAccount, server: Server) -> None:
    """In the exact spelling, at any depth; not what is called as it is, or begins so."""
    paths = ("sales_eu/a", "sales_eu/2026/b", "salesxeu/c", "sales_eu", "Sales_eu/d", "sales_eu2/e")
    for path in paths:
        publish(account.api, path, name=path.rpartition("/")[2])
    other = server.new_account()
    shared = publish(other.api, "sales_eu/f", name="f")
    share(other.api, shared, account.admin.user_name, "r")
    for query, results in (
        ("sales_eu", ["a", "b", "f"]), ("sales_eu/", ["a", "b", "f"]), ("sales_eu/2026", ["b"]),
        ("sales_eu/a", []), ("ales_eu", []), ("sales%25", []), ("", [*"abc", "sales_eu", *"def"]),
    ):  # fmt: skip
        assert names(account.api, f"folder={query}") == results, query
        assert names(account.api, f"folder={query}&limit=1&sort=file_name") == sorted(results)
    assert names(account.api, "folder=sales_eu&entitlement=shared&name=F") == ["f"]


def test_a_renamed_file_is_found_by_its_new_name(account: TestAccount) -> None:
    task = account.api.deliver(CSV, name="before.csv")
    path = f"/file/{task['file_id']}"
    assert account.api.request("PATCH", path, json={"file_name": "AFTER.csv"}).status_code == 200
    assert names(account.api, "name=after") == ["AFTER.csv"]
    assert names(account.api, "name=before") == []


def test_shared_files_are_listed_in_every_order(
    server: Server, sample_files: tuple[TestAccount, dict[str, str]]
) -> None:
    account, made = sample_files
    other = server.new_account()
    other.api.deliver(CSV, name="orders.csv")
    share(account.api, made["Orders_a.csv"], other.admin.user_name, "r")
    share(account.api, made["orders_b.csv"], other.admin.user_name, "w")
    both = sorted(["orders.csv", "Orders_a.csv", "orders_b.csv"], key=str.casefold)
    for sort in SORTS:
        assert sorted(names(other.api, f"sort={sort}&limit=1"), key=str.casefold) == both
        shared = names(other.api, f"sort={sort}&entitlement=shared&limit=1")
        assert sorted(shared) == ["Orders_a.csv", "orders_b.csv"]
    assert names(other.api, "entitlement=owned") == ["orders.csv"]
    assert names(other.api, f"user_name={account.admin.user_name}&sort=file_name") == both[1:]


def test_a_drop_box_does_not_tell_when_it_was_updated(
    server: Server, sample_files: tuple[TestAccount, dict[str, str]]
) -> None:
    account, _ = sample_files
    task = account.api.deliver(CSV, name="drop-box.csv")
    other = server.new_account()
    share(account.api, task["file_id"], other.admin.user_name, "w")
    earlier = update(files).where(files.c.id == UUID(task["file_id"]))
    made = server.parts.clock() - timedelta(hours=1)
    server.parts.database.write(lambda conn: conn.execute(earlier.values(created_at=made)))
    (file,) = account.api.json("/files", params={"name": "drop-box"})["files_list"]
    since = {"updated_since": file["updated_at"]}
    assert file["updated_at"] > file["created_at"]
    assert account.api.json("/files", params=since)["files_list"] == [file]
    assert other.api.json("/files", params=since)["files_list"] == []
    path = f"/file/{task['file_id']}"
    assert account.api.request("DELETE", path).status_code < 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sort", "name"),
        ("size", "1"),
        ("name_prefix", "a"),
        ("name", "\0"),
        ("name", "n" * 256),
        ("user_name", "nobody"),
        ("user_name", "ACME:anna"),
        ("entitlement", "rw"),
        ("enforced", "yes"),
        ("published", "1"),
        ("min_size", "-1"),
        ("max_size", "1MB"),
        ("max_size", "9223372036854775808"),
        ("media_type", "t" * 256),
        ("updated_since", "yesterday"),
        ("updated_since", "2026-01-01T00:00:00"),
        ("updated_since", "9999-12-31T23:59:59-12:00"),
        ("cursor", "W251bGwsbnVsbF0"),
    ],
)
def test_bad_values_are_named(account: TestAccount, field: str, value: str) -> None:
    answer = account.api.get("/files", params={field: value})
    assert_problem(answer, 422, "field-invalid", field=field)


def test_a_cursor_belongs_to_its_sort(sample_files: tuple[TestAccount, dict[str, str]]) -> None:
    account, _ = sample_files
    for sort in SORTS:
        link = account.api.get(f"/files?limit=1&sort={sort}").links["next"]["url"]
        for other in set(SORTS) - {sort}:
            answer = account.api.get(link.replace(f"sort={sort}", f"sort={other}"))
            assert_problem(answer, 422, "field-invalid", field="cursor")


def test_a_cursor_belongs_to_its_filters(sample_files: tuple[TestAccount, dict[str, str]]) -> None:
    account, _ = sample_files
    for query in ("name=r", "published=true&name=r", "min_size=1"):
        link = account.api.get(f"/files?limit=1&{query}").links["next"]["url"]
        assert account.api.get(link).status_code == 200
        answer = account.api.get(f"{link}&enforced=false")
        assert_problem(answer, 422, "field-invalid", field="cursor")


@pytest.mark.parametrize("name", ["limits", "file_name", "q", "\0"])
def test_unknown_parameters_are_named_beside_those_that_there_are(
    account: TestAccount, name: str
) -> None:
    answer = account.api.get("/files", params={name: "1"})
    assert_problem(answer, 422, "field-invalid", field=name.replace("\0", ""))
    assert "name, path, folder, user_name, entitlement, media_type" in answer.json()["detail"]


def test_a_walk_along_links_meets_each_file_once_while_others_come_and_go(
    account: TestAccount,
) -> None:
    made = [account.api.deliver(CSV, name=f"{n}.csv")["file_id"] for n in (3, 1, 4, 2)]
    target, result = "/files?sort=file_name&limit=1", []
    while target:
        answer = account.api.get(target)
        result += [file["file_id"] for file in answer.json()["files_list"]]
        target = answer.links.get("next", {}).get("url", "")
        if len(result) == 2:
            account.api.deliver(CSV, name="0.csv")
            assert account.api.request("DELETE", f"/file/{result[0]}").status_code < 300
    assert result == [made[1], made[3], made[0], made[2]]
