"""`entrepot validate` and `entrepot schema` against a real server."""

import json
import re
from pathlib import Path

from tests.http.conftest import Run
from tests.http.test_schema import INTEGERS, TEXT, WIDER
from tests.support.api import CSV
from tests.support.server import TestAccount


def test_validate_on_the_server(run: Run, account: TestAccount, tmp_path: Path) -> None:
    good, bad, schema = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "schema.json"
    good.write_bytes(CSV)
    bad.write_bytes(b"id,amount\n1,x\n")
    schema.write_text(json.dumps(INTEGERS))
    where = ("--on-server", "--schema", schema)
    assert run("validate", good, *where)[:2] == (0, "All 2 rows keep the contract.\n")
    status, out, _ = run("validate", bad, *where)
    assert status == 5
    sentence = "Line 2, column `amount`: `x` is not an integer. Expected an integer, such as 17."
    assert out == f"1 of 1 row breaks the contract. {sentence}\n"
    status, out, _ = run("validate", bad, *where, "--format", "json")
    assert (status, json.loads(out)["valid"]) == (5, False)
    assert account.api.json("/files")["files_list"] == []


def test_validate_by_a_files_contract(run: Run, account: TestAccount, tmp_path: Path) -> None:
    file_id = account.api.deliver(CSV, enforce_schema=json.dumps(INTEGERS))["file_id"]
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"id,amount\n1,x\n")
    for where in ((), ("--on-server",)):
        status, out, _ = run("validate", bad, "--file", file_id, *where)
        assert status == 5
        assert "Line 2, column `amount`: `x` is not an integer." in out
    assert run("validate", bad, "--file", "42")[0] == 4


def test_show_and_set(run: Run, account: TestAccount, tmp_path: Path) -> None:
    file_id = account.api.deliver(CSV, enforce_schema="true")["file_id"]
    status, out, err = run("schema", "show", file_id)
    assert (status, json.loads(out)["fields"][0]["type"]) == (0, "integer")
    assert "Revision 1, inferred" in err
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(WIDER))
    assert run("schema", "set", file_id, schema, "--format", "quiet")[:2] == (0, "succeeded\n")
    document = json.loads(run("schema", "show", file_id, "--format", "json")[1])
    assert (document["revision"], document["effect"]) == (2, "compatible")
    assert json.loads(run("schema", "show", file_id, "--revision", "1")[1]) != WIDER
    schema.write_text(json.dumps(TEXT))
    status, _, err = run("schema", "set", file_id, schema)
    assert status == 1
    assert "`amount`: number → string: breaking" in err
    assert "--accept-breaking" in err
    status, out, _ = run("schema", "set", file_id, schema, "--accept-breaking")
    assert status == 0
    assert re.search(r"^revision +3\nstatus +changed$", out, re.M), out
    out = run("schema", "set", file_id, schema)[1]
    assert re.search(r"^revision +3\nstatus +unchanged$", out, re.M), out
    assert "Revision 3, set 20" in run("schema", "show", file_id)[2]
    wrong = {"fields": [{"name": "id", "type": "boolean"}, {"name": "amount"}]}
    schema.write_text(json.dumps(wrong))
    status, _, err = run("schema", "set", file_id, schema, "--accept-breaking")
    assert status == 5
    assert "column `id`: `3` is not a boolean value." in err


def test_a_file_without_a_schema(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    status, out, err = run("schema", "show", file_id)
    assert (status, json.loads(out)) == (0, INTEGERS)
    assert "Not enforced: this was inferred for the current version." in err
    picture = account.api.deliver(b"\x89PNG\r\n\x1a\n\0\0", name="a.png")["file_id"]
    status, _, err = run("schema", "show", picture)
    assert (status, "has no schema" in err) == (1, True)


TITLED = "Report\nid,name\n1,Zoë\n".encode("cp1252")
NAMED = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}


def test_how_a_file_is_read(run: Run, account: TestAccount, tmp_path: Path) -> None:
    titled, schema, dialect = tmp_path / "a.csv", tmp_path / "schema.json", tmp_path / "d.json"
    titled.write_bytes(TITLED)
    schema.write_text(json.dumps(NAMED))
    dialect.write_text('{"headerRows": [2]}')
    read = ("--dialect", dialect, "--encoding", "windows-1252")
    for where in ((), ("--on-server",)):
        assert run("validate", titled, "--schema", schema, *where)[0] == 5
        status, out, _ = run("validate", titled, "--schema", schema, *read, *where)
        assert (status, out) == (0, "The one row keeps the contract.\n")
        status, _, err = run("validate", titled, "--encoding", "klingon", *where)
        assert status != 0
        assert "--encoding is not a known encoding" in err
    status, _, err = run("validate", titled, "--file", "42", *read)
    assert (status, "--dialect and --encoding" in err) == (2, True)
    status, out, _ = run("schema", "infer", titled, *read)
    assert [field["name"] for field in json.loads(out)["fields"]] == ["id", "name"]
    assert run("push", titled, "--schema", schema)[0] == 5
    (file_id,) = (each["file_id"] for each in account.api.json("/files")["files_list"])
    assert run("push", titled, "--to", file_id, *read)[0] == 0
    _, _, err = run("schema", "show", file_id)
    assert 'Deliveries are read with the dialect {"headerRows": [2]}.' in err
    assert "Deliveries are read with the encoding cp1252." in err
    dialect.write_text('{"headerRows": [2], "skipBlankRows": true}')
    assert run("schema", "set", file_id, "--dialect", dialect)[0] == 0
    status, _, err = run("schema", "set", file_id)
    assert (status, "nothing to change" in err) == (2, True)
    dialect.write_text("[]")
    status, _, err = run("push", titled, "--dialect", dialect)
    assert (status, "Give a Table Dialect like" in err) == (2, True)
    new = run("push", titled, "--encoding", "latin1", "--format", "quiet")[1].strip()
    assert account.api.json(f"/file/{new}")["encoding"] == "iso8859-1"
