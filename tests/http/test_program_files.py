"""`entrepot files edit|rm|undelete`, `report`, and `push` of stdin and folders."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.http.conftest import Run
from tests.support.api import CSV
from tests.support.server import TestAccount

from entrepot_client.transfers.resume import MIN_RESUMABLE_BYTES

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


def test_a_file_is_changed(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    options = ("--size-limit", "2MB", "--description", "Of today", "--name", "new.csv")
    status, out, _ = run("files", "edit", "orders.csv", *options, "--keep-last", 3)
    assert status == 0
    assert "the last 3 versions" in out
    file = account.api.json(f"/file/{file_id}")
    assert (file["file_name"], file["file_size_limit"]) == ("new.csv", 2_000_000)
    assert (file["file_description"], file["retention"]) == ("Of today", {"keep_last": 3})
    assert run("files", "edit", file_id, "--keep-days", 5)[0] == 0
    assert account.api.json(f"/file/{file_id}")["retention"] == {"days": 5}
    assert run("files", "edit", file_id, "--keep-all")[0] == 0
    assert account.api.json(f"/file/{file_id}")["retention"] is None
    assert run("files", "edit", file_id)[0] == 2
    assert run("files", "edit", file_id, "--keep-all", "--keep-days", 5)[0] == 2
    status, _, message = run("files", "edit", file_id, "--size-limit", "1")
    assert (status, "Choose a limit" in message) == (1, True)
    status, _, message = run("files", "edit", file_id, "--name", "a/b")
    assert (status, "--name:" in message, "file_name" in message) == (2, True, False)


def test_what_is_deleted_can_be_had_again(run: Run, account: TestAccount, tmp_path: Path) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    (tmp_path / "orders.csv").write_bytes(CSV + b"8,8\n")
    assert run("push", tmp_path / "orders.csv", "--to", file_id)[0] == 0
    status, _, message = run("files", "rm", file_id)
    assert (status, "--yes" in message) == (2, True)
    assert run("files", "rm", file_id, "--version", 1, "--yes")[0] == 0
    assert account.api.json(f"/file/{file_id}/versions/1")["status"] == "deleted"
    status, _, message = run("files", "rm", file_id, "--version", 2, "-y")
    assert (status, "entrepot files rm" in message) == (1, True)
    assert run("files", "undelete", file_id, "--version", 1)[0] == 0
    assert account.api.json(f"/file/{file_id}/versions/1")["status"] == "published"
    status, out, _ = run("files", "rm", "orders.csv", "--yes", "--format", "quiet")
    assert (status, out) == (0, f"{file_id}\n")
    assert run("files", "show", file_id)[0] == 4
    assert run("files", "undelete", file_id)[0] == 0
    assert run("files", "show", file_id)[0] == 0
    assert run("files", "undelete", file_id)[0] == 1


def test_the_report_and_the_rejected_rows(run: Run, account: TestAccount, tmp_path: Path) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv", enforce_schema="true")["file_id"]
    (tmp_path / "bad.csv").write_bytes(CSV + b"x,y\n")
    assert run("push", tmp_path / "bad.csv", "--to", file_id)[0] == 5
    status, out, _ = run("report", "orders.csv")
    assert (status, "`x`" in out) == (0, True)
    assert run("report", file_id, "--format", "quiet")[:2] == (0, "invalid\n")
    assert run("report", file_id, "--version", 1, "--format", "quiet")[:2] == (0, "valid\n")
    rows = tmp_path / "rows.csv"
    assert run("report", file_id, "--rows", rows)[0] == 0
    heading, row = rows.read_text().splitlines()
    assert heading.startswith("_row,_line,_errors")
    assert row.endswith("x,y")
    status, _, message = run("report", file_id, "--rows", rows)
    assert (status, "--force" in message) == (1, True)
    assert run("report", file_id, "--rows", rows, "--force")[0] == 0
    status, _, message = run("report", file_id, "--version", 9)
    assert (status, "has no version 9" in message) == (4, True)
    status, _, message = run("report", file_id, "--version", 9, "--rows", tmp_path / "none.csv")
    assert (status, "has no version 9" in message) == (4, True)
    assert run("files", "accept", file_id, 2, "--reason", "agreed")[0] == 0
    status, _, message = run("report", file_id, "--version", 2, "--rows", tmp_path / "none.csv")
    assert (status, "Version 2 was accepted as version 3." in message) == (4, True)
    assert not (tmp_path / "none.csv").exists()


def test_an_exception_and_the_contract_are_shown(run: Run, account: TestAccount) -> None:
    schema = json.dumps({"fields": [{"name": "id", "type": "integer"}]})
    task = account.api.deliver(b"id\nx\n", name="orders.csv", enforce_schema=schema)
    accepted = ("files", "accept", task["file_id"], 1, "--reason", "agreed by mail")
    assert run(*accepted)[0] == 0
    _, out, _ = run("files", "show", task["file_id"])
    assert "enforced, 1 column\n" in out
    assert "agreed by mail" in out
    _, out, _ = run("activity", "list", "--file", task["file_id"], "--action", "version.publish")
    assert "as an exception" in " ".join(out.split())


def test_stdin(run: Run, account: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe(content: bytes) -> None:
        stream = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False)
        monkeypatch.setattr("sys.stdin", stream)

    pipe(CSV)
    status, _, message = run("push", "-")
    assert (status, "--name" in message) == (2, True)
    assert run("push", "-", "--name", "orders.csv")[0] == 0
    pipe(CSV + b"9,9\n")
    assert run("push", "-", "--to", "orders.csv")[0] == 0
    (file,) = account.api.json("/files")["files_list"]
    assert (file["file_name"], file["version"]) == ("orders.csv", 2)


def test_what_came_from_stdin_is_pushed_again_from_stdin(
    run: Run, account: TestAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice names no file that the program has made and removed."""
    stream = SimpleNamespace(buffer=io.BytesIO(b"\n"), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stream)
    status, _, message = run("push", "-", "--name", "orders.csv", "--enforce-schema")
    assert status == 5
    assert len(account.api.json("/files")["files_list"]) == 1
    assert "`entrepot push - --to orders.csv`" in message


def test_ids_are_asked_for_where_only_an_id_is_enough(run: Run) -> None:
    for command in (("files", "take-over"), ("files", "decline"), ("files", "undelete")):
        status, _, message = run(*command, "orders.csv")
        assert (status, "'orders.csv' is not the id of a" in message) == (4, True)
    assert "the id of an upload" in run("uploads", "rm", "x")[2]


def test_a_conflict_gets_the_advice_for_it(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    user = account.admin.user_name
    for arguments, advice in (
        (("users", "create", user), "Choose another name."),
        (("users", "disable", user), "Make another user an admin first."),
        (("files", "accept", file_id, 1, "--reason", "x"), "`entrepot files versions FILE`"),
    ):
        status, _, message = run(*arguments)
        assert (status, advice in message) == (1, True), message
    _, _, message = run("files", "edit", file_id, "--size-limit", "5")
    assert message.count("5 bytes") == 1, "each figure is shown once"


def test_only_a_command_with_the_option_names_it(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id\n" + "x\n" * 30)
    schema = tmp_path / "schema.json"
    schema.write_text('{"fields": [{"name": "id", "type": "integer"}]}')
    assert "--rows" not in "".join(run("validate", rows, "--schema", schema)[1:])
    assert run("push", rows, "--schema", schema)[0] == 5
    assert "`--rows PATH`" in run("report", "rows.csv")[2]


def test_people_see_what_became_of_a_version(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    _, out, _ = run("push", tmp_path / "a.csv", "--enforce-schema")
    assert re.search(r"^status +published$", out, re.M)
    (tmp_path / "a.csv").write_bytes(CSV + b"x,y\n")
    run("push", tmp_path / "a.csv", "--to", "a.csv")
    _, out, _ = run("tasks", "list")
    assert re.findall(r"\b(?:rejected|published)\b", out) == ["rejected", "published"]


def test_a_file_is_defined_at_a_path(run: Run, account: TestAccount, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(CSV)
    push = ("push", tmp_path / "orders.csv")
    status, out, _ = run(*push, "--path", "sales/orders", "--format", "quiet")
    assert status == 0
    file = account.api.json(f"/file/{out.strip()}")
    assert (file["path"], file["file_name"]) == ("sales/orders", "orders.csv")
    status, _, message = run(*push, "--path", "Sales/Orders")
    assert (status, "--to sales/orders`" in message) == (1, True)
    status, _, message = run(*push, "--path", "sales/orders.parquet")
    assert (status, "--to" in message, "another path" in message) == (1, False, True)
    assert run(*push, "--to", "sales/orders")[0] == 0
    assert account.api.json(f"/file/{out.strip()}")["version"] == 2
    status, _, message = run(*push, "--path", "sales/../orders")
    assert (status, "For example: --path sales/2026/orders" in message) == (2, True)
    assert run(*push, "--to", "sales/orders", "--path", "elsewhere")[0] == 2
    assert run("push", tmp_path, "--path", "sales")[0] == 2
    assert len(account.api.json("/files")["files_list"]) == 1


def test_a_large_file_is_defined_at_a_path(
    run: Run, account: TestAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "large.csv").write_bytes(CSV + b"9,9\n" * (MIN_RESUMABLE_BYTES // 4))
    pushed = ("push", tmp_path / "large.csv", "--path", "sales/large", "--no-wait")
    assert run(*pushed)[0] == 0
    assert [f["path"] for f in account.api.json("/files")["files_list"]] == ["sales/large"]


def test_an_empty_file_is_refused_in_plain_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    status, _, message = run("push", tmp_path / "empty.csv")
    assert status == 2
    assert "Error: The file is empty; nothing was stored.\nCheck how the file was made" in message


def test_a_folder_is_pushed_and_pushed_again(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    (folder / ".hidden").write_bytes(CSV)
    for number in range(12):
        place = folder if number % 2 else folder / "deeper"
        (place / f"{number:02}.csv").write_bytes(CSV + b"%d,1\n" % number)
    status, _, message = run("push", folder, "--enforce-schema")
    assert (status, message) == (0, "12 published.\n")
    assert len(account.api.json("/files")["files_list"]) == 12
    assert run("push", folder)[::2] == (0, "12 unchanged.\n")

    (folder / "01.csv").write_bytes(CSV + b"5,5\n")
    (folder / "deeper" / "02.csv").write_bytes(CSV + b"much,5\n")
    (folder / "new.csv").write_bytes(CSV)
    status, out, message = run("push", folder, "--format", "json")
    outcomes = {Path(each["path"]).name: each["outcome"] for each in json.loads(out)}
    assert status == 5
    assert (outcomes["01.csv"], outcomes["02.csv"], outcomes["new.csv"]) == (
        "published", "rejected", "published",
    )  # fmt: skip
    assert "Not published: 1 of 13 files." in json.loads(message)["error"]
    (folder / "deeper" / "02.csv").write_bytes(CSV + b"5,5\n")
    status, _, message = run("push", folder)
    assert (status, message) == (0, "12 unchanged, 1 published.\n")
    versions = {f["file_name"]: f["version"] for f in account.api.json("/files")["files_list"]}
    assert (versions["00.csv"], versions["01.csv"], versions["02.csv"]) == (1, 2, 3)


def _write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _paths_and_versions(account: TestAccount) -> dict[str, int]:
    files = account.api.json("/files")["files_list"]
    return {file["path"] or file["file_name"]: file["version"] for file in files}


def test_files_of_one_name_in_a_folder_get_addresses(
    run: Run, account: TestAccount, tmp_path: Path
) -> None:
    names = ("a/x.csv", "b/x.csv", "y.csv")
    folder = _write_folder(tmp_path / "data", dict.fromkeys(names, CSV))
    assert run("push", folder)[::2] == (0, "3 published.\n")
    assert _paths_and_versions(account) == {"data/a/x.csv": 1, "data/b/x.csv": 1, "y.csv": 1}

    (folder / "a" / "x.csv").write_bytes(CSV + b"5,5\n")
    assert run("push", folder)[::2] == (0, "1 published, 2 unchanged.\n")
    # Alone in the folder, the name still stands for the same file, or for a new one.
    (folder / "b" / "x.csv").rename(folder / "x.csv")
    (folder / "a" / "x.csv").unlink()
    assert run("push", folder)[::2] == (0, "1 published, 1 unchanged.\n")
    assert _paths_and_versions(account) == {
        "data/a/x.csv": 2, "data/b/x.csv": 1, "data/x.csv": 1, "y.csv": 1,
    }  # fmt: skip
    assert run("push", folder)[::2] == (0, "2 unchanged.\n")


def test_what_would_be_one_file_is_refused(run: Run, account: TestAccount, tmp_path: Path) -> None:
    names = ("1/d/x.csv", "2/d/x.csv", "a b/x.csv", "c/datapackage.json", "c/c/datapackage.json")
    folder = _write_folder(tmp_path, dict.fromkeys(names, CSV))
    for paths in (["1/d/x.csv", "2/d/x.csv"], ["1/d", "2/d"], ["1", "a b"], ["c"]):
        status, _, message = run("push", *(folder / path for path in paths))
        assert (status, "would be one file" in message) == (2, True), paths
    assert run("push", folder / "1", "--to", "x")[0] == 2
    assert run("push", folder / "1", "-")[0] == 2
    assert account.api.json("/files")["files_list"] == []


def test_names_and_prefixes_name_a_file(run: Run, account: TestAccount) -> None:
    file_id = account.api.deliver(CSV, name="orders.csv")["file_id"]
    assert run("files", "show", file_id[:12], "--format", "quiet")[1] == f"{file_id}\n"
    assert run("files", "show", "orders.csv", "--format", "quiet")[1] == f"{file_id}\n"
    other = account.api.deliver(CSV, name="orders.csv")["file_id"]
    status, _, message = run("files", "show", "orders.csv")
    assert (status, file_id in message, other in message) == (2, True, True)
    status, _, message = run("files", "show", "12345")
    assert (status, "'12345'" in message) == (4, True)
    status, _, message = run("tasks", "show", "12345")
    assert (status, "is not the id of a task" in message) == (4, True)
