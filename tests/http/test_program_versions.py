"""`entrepot push --to` and `files versions|restore|accept…` against a real server."""

import json
from pathlib import Path

from tests.http.conftest import Run
from tests.support.api import CSV
from tests.support.server import TestAccount


def test_a_further_version(run: Run, account: TestAccount, tmp_path: Path) -> None:
    first, second = tmp_path / "orders.csv", tmp_path / "orders-2.csv"
    first.write_bytes(CSV)
    second.write_bytes(CSV + b"7,8\n")
    status, file_id, _ = run("push", first, "--enforce-schema", "--format", "quiet")
    assert status == 0
    status, out, _ = run("push", second, "--to", file_id.strip(), "--format", "quiet")
    assert (status, out) == (0, file_id)
    (items,) = account.api.json("/files")["files_list"]
    assert (items["file_name"], items["version"]) == ("orders.csv", 2)
    assert account.api.get(f"/file/download/{file_id.strip()}").content == second.read_bytes()


def rejected_after_one(run: Run, account: TestAccount, folder: Path) -> tuple[str, Path]:
    """A file with a published version and a rejected one, and what was rejected."""
    broken = folder / "broken.csv"
    broken.write_bytes(CSV + b"x,y\n")
    file_id = account.api.deliver(CSV, enforce_schema="true")["file_id"]
    assert run("push", broken, "--to", file_id)[0] == 5
    return file_id, broken


def test_one_that_breaks_the_contract_changes_nothing(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    file_id, _ = rejected_after_one(run, account, tmp_path)
    assert account.api.get(f"/file/download/{file_id}").content == CSV
    assert account.api.json("/files")["files_list"][0]["version"] == 1


def test_a_contract_beside_it_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(CSV)
    status, _, output = run("push", path, "--to", "1dd1ce46-62cc-486e-9f47-1f96c1895b25",
                          "--size-limit", "1MB")  # fmt: skip
    assert status == 2
    assert "entrepot files edit 1dd1ce46-62cc-486e-9f47-1f96c1895b25" in output


def test_a_file_that_nobody_knows(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(CSV)
    assert run("push", path, "--to", "1dd1ce46-62cc-486e-9f47-1f96c1895b25")[0] == 4


def test_versions_are_listed_restored_and_accepted(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    file_id, broken = rejected_after_one(run, account, tmp_path)
    assert "kept until" in run("files", "versions", file_id, "--format", "human")[1]
    assert run("files", "edit", file_id, "--path", "sales/orders")[0] == 0
    status, out, _ = run("files", "accept", file_id, 2, "--reason", "so be it")
    assert (status, f"/d/{account.name}/sales/orders" in out) == (0, True)
    assert account.api.get(f"/file/download/{file_id}").content == broken.read_bytes()
    assert run("files", "restore", file_id, 1, "--format", "quiet")[:2] == (0, "4\n")
    status, out, _ = run("files", "versions", file_id, "--format", "json")
    listed = json.loads(out)
    assert status == 0
    assert [each["version"] for each in listed] == [4, 3, 2, 1]
    assert run("files", "versions", file_id, "--limit", 2, "--format", "quiet")[1] == "4\n3\n"
    output = run("files", "versions", file_id, "--format", "human")[1]
    for words in (
        "version 1 restored",
        "version 2 accepted, reason: so be it",
        "rejected",
    ):
        assert words in output
    assert "kept until" not in output  # the bytes are those of version 3 now
    assert run("files", "accept", file_id, 3, "--reason", "again")[0] == 1
    assert run("files", "restore", file_id, 9)[0] == 4
    assert run("files", "accept", file_id, 2)[0] == 2


def test_a_rejection_says_the_way_out_which_the_owner_goes(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    path = tmp_path / "next.csv"
    path.write_bytes(b"id,amount\n1,2.5\n")
    fields = [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]
    schema = json.dumps({"fields": fields})
    file_id = account.api.deliver(CSV, enforce_schema=schema)["file_id"]
    account.api.request("PATCH", f"/file/{file_id}", json={"path": "sales/next"})
    status, _, printed = run("push", path, "--to", "sales/next")
    assert status == 5
    assert (
        "- `amount` holds numbers, not only integers: 1 cell of this delivery needs it" in printed
    )
    assert "entrepot files accept-suggestion sales/next 2" in printed
    assert "Or correct the file, then run" in printed
    status, _, printed = run("push", path, "--to", file_id, "--format", "json")
    assert json.loads(printed)["suggested"]["schema"]["fields"][1]["type"] == "number"
    status, _, printed = run("files", "accept-suggestion", file_id, 2)
    assert (status, "Changed: `amount`: integer → number" in printed) == (0, True)
    assert account.api.json(f"/file/{file_id}")["version"] == 4
    assert run("files", "accept-suggestion", file_id, 3)[0] == 1  # the contract has changed
    assert run("files", "accept-suggestion", file_id, 9)[0] == 4
    assert "corrects version 2" in run("files", "versions", file_id)[1]
    path.write_bytes(b"id,amount\n1,NA\n")
    (tmp_path / "schema.json").write_text(schema)
    status, _, printed = run("validate", path, "--schema", tmp_path / "schema.json")
    assert status != 0
    assert "In `amount`, `NA` means no value" in printed


def test_nothing_is_suggested_for_a_wrong_cell(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    file_id, _ = rejected_after_one(run, account, tmp_path)
    status, _, printed = run("files", "accept-suggestion", file_id, 2)
    assert status == 1
    assert "No small change of the contract" in printed


def test_a_version_is_withdrawn_and_that_undone(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    file_id = account.api.deliver(CSV, name="months.csv")["file_id"]
    path = tmp_path / "months.csv"
    path.write_bytes(CSV + b"7,8\n")
    assert run("push", path, "--to", "months.csv")[0] == 0
    withdraw = "files", "withdraw", "months.csv"  # by its name, as in every command
    status, out, _ = run(*withdraw, 2, "--reason", "wrong month")
    assert (status, "can be undone until" in out) == (0, True)
    assert account.api.get(f"/file/download/{file_id}").content == CSV
    listed = run("files", "versions", "months.csv", "--format", "human")[1]
    assert "can be undone until" in listed
    assert "wrong month" in listed
    assert run("files", "undo-withdrawal", "months.csv", 2, "--format", "quiet")[:2] == (0, "2\n")
    assert run("files", "undo-withdrawal", "months.csv", 2)[0] == 1
    assert run("files", "restore", "months.csv", 1)[0] == 0
    status, _, question = run(*withdraw, 1, "--reason", "wrong", "--purge")
    assert (status, "--yes" in question) == (2, True)  # nobody is there to be question
    status, out, note = run(*withdraw, 1, "--reason", "wrong", "--purge", "--yes")
    assert (status, "still published as version 3" in note) == (0, True)
    assert "removed permanently" in out
    assert "its bytes are removed, reason: wrong" in run("files", "versions", "months.csv")[1]
    status, _, error = run("pull", "months.csv", "--version", 1)
    assert (status, "`entrepot files versions FILE`" in error) == (4, True)
    status, _, error = run(*withdraw, 9, "--reason", "wrong")
    assert (status, "has no version 9" in error) == (4, True)
