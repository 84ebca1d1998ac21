"""The page of a file, and `entrepot doctor`, say what its contract allows and no cell uses."""

import json
from uuid import UUID

import pytest
from sqlalchemy import update
from tests.e2e.conftest import Browse, post_sign_in
from tests.support.server import Server, TestAccount

from entrepot.cli.doctor import run_checks
from entrepot.db.tables import schema_revisions
from entrepot.db.types import WriteConnection
from entrepot.texts.json_text import to_json_text

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer", "missingValues": ["", "unknown"]},
        {"name": "size", "type": "string", "categories": ["S", "M", "L"]},
    ]
}
SENTENCES = ("no cell is `unknown` (missingValues).", "no cell is `L` (categories).")


@pytest.mark.both_databases
def test_the_page_and_doctor_list_it(server: Server, someone: TestAccount, browse: Browse) -> None:
    schema = json.dumps(SCHEMA)
    file_id = someone.api.deliver(b"id,size\n1,S\n2,M\n", enforce_schema=schema)["file_id"]
    server.wait_derived()
    columns = someone.api.json(f"/file/{file_id}/profile")["columns"]
    assert columns[0]["unused"] == {"missingValues": ["unknown"]}
    browser = browse()
    post_sign_in(browser, someone)
    page = browser.get(f"/files/{file_id}").text
    assert "Version 1 does not use all that the contract allows" in page
    assert "no cell is <code>L</code> (categories)." in page
    (result,) = [each for each in run_checks(server.parts, deep=False) if each.name == "contracts"]
    assert result.ok
    assert f"file {file_id}, version 1" in result.detail
    assert all(sentence in result.detail for sentence in SENTENCES)
    api = someone.api
    api.deliver(b"id,size\nunknown,S\n2,M\n3,L\n", path=f"/file/{file_id}/versions", limit=None)
    server.wait_derived()
    (result,) = [each for each in run_checks(server.parts, deep=False) if each.name == "contracts"]
    assert str(file_id) not in result.detail


@pytest.mark.both_databases
def test_leading_zeros_that_an_earlier_release_froze(server: Server, someone: TestAccount) -> None:
    """It wrote no `entrepot:leadingZeros`. A schema that the owner sends without it is meant."""
    api = someone.api
    file_id = api.deliver(b"id,n\n1,5\n2,6\n", enforce_schema="true")["file_id"]
    schema = {"fields": [{"name": name, "type": "integer"} for name in ("id", "n")]}

    def freeze_as_before(conn: WriteConnection) -> None:
        of_file = schema_revisions.c.file_id == UUID(file_id)
        conn.execute(update(schema_revisions).where(of_file).values(schema=to_json_text(schema)))

    def unused_of_next(content: bytes) -> list[str]:
        api.deliver(content, path=f"/file/{file_id}/versions", limit=None)
        server.wait_derived()
        columns = api.json(f"/file/{file_id}/profile")["columns"]
        return [each["name"] for each in columns if "unused" in each]

    server.parts.database.write(freeze_as_before)
    assert unused_of_next(b"id,n\n1,5\n2,07\n") == ["id"]
    (result,) = [each for each in run_checks(server.parts, deep=False) if each.name == "contracts"]
    assert "`id`: no integer begins with a zero (entrepot:leadingZeros)." in result.detail
    put = api.request(
        "PUT", f"/file/{file_id}/schema", json={"schema": {**schema, "title": "Ours"}}
    )
    assert api.wait_task(put.json()["task_id"])["status"] == "succeeded"
    assert unused_of_next(b"id,n\n1,5\n2,8\n") == []
