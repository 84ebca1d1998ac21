"""The page of a file, and `entrepot doctor`, say what its contract allows and no cell uses."""

import json

import pytest
from tests.e2e.conftest import Browse, post_sign_in
from tests.support.server import Server, TestAccount

from entrepot.cli.doctor import run_checks

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
