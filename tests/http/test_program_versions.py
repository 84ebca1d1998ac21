"""`entrepot push --to` against a real server: a further version of a file."""

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
    (found,) = account.api.json("/files")["files_list"]
    assert (found["file_name"], found["version"]) == ("orders.csv", 2)
    assert account.api.get(f"/file/download/{file_id.strip()}").content == second.read_bytes()


def test_one_that_breaks_the_contract_changes_nothing(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(CSV + b"x,y\n")
    file_id = account.api.deliver(CSV, enforce_schema="true")["file_id"]
    assert run("push", broken, "--to", file_id)[0] == 5
    assert account.api.get(f"/file/download/{file_id}").content == CSV
    assert account.api.json("/files")["files_list"][0]["version"] == 1


def test_a_contract_beside_it_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(CSV)
    status, _, said = run("push", path, "--to", "1dd1ce46-62cc-486e-9f47-1f96c1895b25",
                          "--size-limit", "1MB")  # fmt: skip
    assert status == 2
    assert "--size-limit" in said


def test_a_file_that_nobody_knows(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(CSV)
    assert run("push", path, "--to", "1dd1ce46-62cc-486e-9f47-1f96c1895b25")[0] == 4
