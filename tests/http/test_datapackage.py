"""`datapackage.json` of a file and an account, read by Frictionless with the key."""

import hashlib
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import requests
from frictionless import Package, system
from sqlalchemy import select, update
from tests.http.test_addresses import publish
from tests.support.api import CSV, Api, assert_problem
from tests.support.server import Server
from tests.support.sharing import OTHER, deliver, share

from entrepot.accounts.accounts import get_account
from entrepot.db.tables import inspections, versions
from entrepot.db.types import ReadConnection
from entrepot.files.queries.packages import MAX_DOCUMENT_CHARS
from entrepot.texts.json_text import to_json_text

GERMAN = "id;Größe\r\n1;'a;b'\r\n2;'ü'\r\n".encode("latin-1")
REPORT = b"Orders of March\n\nid,amount\n1,2\n3,4\n"
"""A table whose header is in its third row."""
JSON_LINES = b'{"id": 1, "amount": 2}\n'


def package(api: Api, path: str) -> Package:
    """The package as Frictionless reads it, with the key and without knowing anything else."""
    session = requests.Session()
    session.headers.update(api.authorization)
    session.trust_env = False
    with system.use_context(http_session=session):
        result = Package(f"{api.endpoint}{path}")
        assert result.validate().flatten(["type", "note", "message"]) == []
        for resource in result.resources:
            if resource.type == "table":
                resource.custom["rows"] = resource.read_rows()
    return result


def rows(described: Package) -> list[list[dict[str, Any]]]:
    results = [each.custom.get("rows", []) for each in described.resources]
    return [[dict(row) for row in each] for each in results]


@pytest.mark.both_databases
def test_frictionless_reads_every_kind_of_table(server: Server) -> None:
    account = server.new_account()
    api = account.api
    publish(api, "a/german", GERMAN)
    publish(api, "b/report.csv", REPORT)
    publish(api, "c/lines", JSON_LINES, name="lines.jsonl")
    publish(api, "c/shares", b"share\n57.2%\n0.5%\n")
    publish(api, "d/binary", b"\x00\x01\x02" * 99, name="a.bin")
    server.wait_derived()
    described = package(api, f"/d/{account.name}/datapackage.json")
    assert [each.name for each in described.resources] == [
        "a-german", "b-report-csv", "c-lines", "c-shares", "d-binary"
    ]  # fmt: skip
    german, report, lines, _, binary = api.json(f"/d/{account.name}/datapackage.json")["resources"]
    table = [{"id": 1, "amount": 2}, {"id": 3, "amount": 4}]
    sizes = [{"id": 1, "Größe": "a;b"}, {"id": 2, "Größe": "ü"}]
    shares = [{"share": Decimal("57.2")}, {"share": Decimal("0.5")}]
    assert rows(described) == [sizes, table, table[:1], shares, []]
    assert german["hash"] == f"sha256:{hashlib.sha256(GERMAN).hexdigest()}"
    assert german["bytes"] == len(GERMAN)
    assert german["path"] == f"{api.endpoint}/d/{account.name}/a/german@1"
    assert report["path"].endswith("/b/report.csv@1")
    assert report["dialect"]["headerRows"] == [3]
    assert lines["path"].endswith("/c/lines.csv@1")
    assert "hash" not in lines
    assert "schema" not in binary


@pytest.mark.both_databases
def test_the_package_of_an_account_has_so_much_of_schemas(server: Server) -> None:
    """1,000 files with schemas of a megabyte would take gigabytes of memory, for each request."""
    account = server.new_account()
    api = account.api
    for number in range(6):
        publish(api, f"file-{number}", CSV)
    server.wait_derived()
    field = {"name": "id", "type": "integer", "description": "x" * 900_000}
    values = {"schema": to_json_text({"fields": [field]})}
    with server.parts.database.writing() as conn:
        mine = select(versions.c.id).where(versions.c.account_id == account_id(conn, account.name))
        conn.execute(update(inspections).where(inspections.c.version_id.in_(mine)).values(**values))
    answer = api.get(f"/d/{account.name}/datapackage.json")
    assert len(answer.content) < MAX_DOCUMENT_CHARS + 10_000
    resources = answer.json()["resources"]
    assert [each["title"] for each in resources] == [f"file-{number}" for number in range(6)]
    assert ["schema" in each for each in resources] == [True] * 4 + [False] * 2
    assert resources[5]["bytes"] == len(CSV)
    assert resources[5]["path"].endswith("/file-5@1")


def account_id(conn: ReadConnection, name: str) -> UUID:
    return get_account(conn, name).id


def test_the_package_of_a_file_names_one_version(server: Server) -> None:
    account = server.new_account()
    api = account.api
    file_id = api.deliver(CSV)["file_id"]
    deliver(account.admin, file_id, OTHER)
    for query, content, number in (("", OTHER, 2), ("?version=1", CSV, 1)):
        address = f"/api/v1/file/{file_id}/datapackage.json{query}"
        described = package(api, address)
        resource = api.json(address)["resources"][0]
        assert resource["path"].endswith(f"/file/download/{file_id}?version={number}")
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert list(rows(described)[0][0]) == ["id", "amount"]
        answer = api.get(address)
        assert answer.headers["cache-control"] == "private, no-cache"
    assert_problem(api.get(f"/file/{file_id}/datapackage.json?version=3"), 404, "not-found")
    api.post(f"/file/{file_id}/versions/2/withdraw", json={"reason": "Wrong"})
    gone = api.get(f"/file/{file_id}/datapackage.json?version=2")
    assert_problem(gone, 410, "version-withdrawn")


def test_a_parameter_that_a_package_does_not_have(server: Server) -> None:
    account = server.new_account()
    file_id = account.api.deliver(CSV)["file_id"]
    for address in (
        f"/file/{file_id}/datapackage.json?versoin=1",
        f"/d/{account.name}/datapackage.json?version=1",
    ):
        assert_problem(account.api.get(address), 422, "field-invalid")


@pytest.mark.both_databases
def test_a_package_shows_nothing_that_its_reader_may_not_read(server: Server) -> None:
    account, guests = server.new_account(), server.new_account()
    reader, deliverer, stranger = (guests.new_user() for _ in range(3))
    shared, hidden = publish(account.api, "shared"), publish(account.api, "hidden")
    share(account.api, shared, reader.user_name, "r")
    share(account.api, hidden, deliverer.user_name, "w")
    address = f"/d/{account.name}/datapackage.json"
    names = [each["name"] for each in reader.api.json(address)["resources"]]
    assert names == ["shared"]
    for caller in (deliverer, stranger):
        assert_problem(caller.api.get(address), 404, "not-found")
        unknown = caller.api.get("/d/nobody/datapackage.json")
        assert_problem(unknown, 404, "not-found")
    # A member of the account learns of no file that they were not given.
    assert account.new_user().api.json(address)["resources"] == []
    account.api.request("DELETE", f"/file/{shared}")
    assert_problem(reader.api.get(address), 404, "not-found")
