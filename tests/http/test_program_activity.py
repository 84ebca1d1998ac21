"""`entrepot activity` against a real server."""

import json
from pathlib import Path

import pytest
from tests.http.conftest import Run
from tests.support.api import CSV
from tests.support.server import TestAccount

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


def test_activity_is_listed(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    status, out, _ = run("activity", "list", "--file", file_id, "--since", "1h")
    assert status == 0
    heading, published, defined = out.splitlines()
    assert heading.split() == ["at", "(UTC)", "user", "action", "from", "detail"]
    assert "the server" in published
    assert "version 1, keeps its contract" in published
    assert "Published" in published
    assert "Defined" in defined
    assert f"orders.csv, {len(CSV)} bytes" in defined
    assert account.admin.user_name in defined
    assert "127.0.0.1" in defined
    every_file = run("activity", "list", "--action", "file.define")[1].splitlines()
    assert every_file[0].split()[:4] == ["at", "(UTC)", "user", "action"]
    assert f"  {file_id[:8]}  " in every_file[1]
    # The first use of a key is recorded after the request, or before it.
    status, out, _ = run("activity", "list", "--limit", 1, "--user", account.admin.user_name,
                         "--action", "file.define", "--format", "json")  # fmt: skip
    (row,) = json.loads(out)
    assert row["action"] == "file.define"
    assert run("activity", "list", "--file", "1dd1ce46-62cc-486e-9f47-1f96c1895b25")[0] == 4


def test_an_export_is_verified(run: Run, account: TestAccount, tmp_path: Path) -> None:
    account.api.deliver(CSV)
    kept = tmp_path / "activity.jsonl"
    assert run("activity", "export", kept)[0] == 0
    lines = kept.read_text().splitlines()
    last = json.loads(lines[-1])["hash"]
    assert run("activity", "verify", kept, "--format", "quiet") == (0, f"{last}\n", "")
    status, _, output = run("activity", "export", kept)
    assert (status, "exists already" in output) == (1, True)
    kept.write_text("\n".join([lines[0], *lines[2:]]))
    status, _, output = run("activity", "verify", kept)
    assert status == 1
    assert "Row 2 of" in output
    kept.write_text("[]\n")
    assert run("activity", "verify", kept)[0] == 1


def test_an_export_of_a_part_is_verified_row_by_row(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    file_id = account.api.deliver(CSV)["file_id"]
    account.api.deliver(CSV)
    filters = (("--file", file_id), ("--action", "version.publish"), ("--since", "1d"))
    for number, each in enumerate(filters):
        kept = tmp_path / f"{number}.jsonl"
        assert run("activity", "export", kept, *each)[0] == 0
        status, output, _ = run("activity", "verify", kept, "--format", "json")
        assert (status, json.loads(output)["whole"]) == (0, False)
        lines = [json.loads(line) for line in kept.read_text().splitlines()]
        lines[-1]["detail"] = {"verdict": "another"}
        kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
        status, _, output = run("activity", "verify", kept)
        assert (status, f"Row {len(lines)} of" in output) == (1, True)


def test_a_csv_is_exported(run: Run, account: TestAccount, tmp_path: Path) -> None:
    account.api.deliver(CSV)
    kept = tmp_path / "activity.csv"
    assert run("activity", "export", kept, "--as", "csv", "--action", "file.define")[0] == 0
    heading, row = kept.read_text().splitlines()
    assert heading.startswith("at,action,result,user_name,")
    assert account.admin.user_name in row


def test_what_is_refused_leaves_no_file(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "activity.jsonl"
    wrong = "1dd1ce46-62cc-486e-9f47-1f96c1895b25"
    assert run("activity", "export", kept, "--file", wrong)[0] == 4
    assert not kept.exists()
