"""`entrepot push` over bad connections: large files continue where they were."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.http.conftest import Run
from tests.support.cutting_proxy import cutting_proxy
from tests.support.server import PROGRAM, Server, TestAccount

SIZE = 9 * 1024 * 1024
MIB = 1024 * 1024


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is pushed as a resumable upload, and a state folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def kept(path: Path) -> list[Path]:
    """What the program remembers of uploads under way."""
    return list((path.parent / "state").glob("entrepot/uploads/*"))


def downloaded(account: TestAccount, file_id: str) -> str:
    answer = account.api.get(f"/file/download/{file_id}")
    return hashlib.sha256(answer.content).hexdigest()


def test_every_cut_costs_only_what_was_on_the_way(
    run: Run, server: Server, account: TestAccount, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cutting_proxy(server.endpoint, cuts=[2 * MIB, 3 * MIB, 2 * MIB]) as line:
        monkeypatch.setenv("ENTREPOT_ENDPOINT", line.endpoint)
        status, out, err = run("push", large, "--format", "quiet")
        assert (status, line.cuts) == (0, []), err
        assert line.sent < SIZE + 4 * MIB
        digest = hashlib.sha256(large.read_bytes()).hexdigest()
        assert downloaded(account, out.strip()) == digest
        assert kept(large) == []
        assert account.api.account()["reserved"] == 0
        large.write_bytes(os.urandom(SIZE))
        line.cuts.append(5 * MIB)
        status, _, err = run("push", large, "--to", out.strip())
        assert (status, line.cuts) == (0, []), err
        assert account.api.json(f"/file/{out.strip()}")["version"] == 2


def test_a_killed_program_goes_on_in_its_next_run(
    run: Run, server: Server, account: TestAccount, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cutting_proxy(server.endpoint, stops=[4 * MIB]) as line:
        monkeypatch.setenv("ENTREPOT_ENDPOINT", line.endpoint)
        command: list[Any] = [PROGRAM, "push", large, "--size-limit", "20MB"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
            assert line.stopped.wait(60)
            program.kill()
            program.wait()
        (state,) = kept(large)
        address = state.read_text()
        before = line.sent
        status, _, err = run("push", large, "--size-limit", "20MB")
        assert (status, "An upload of this file was interrupted" in err) == (0, True), err
        assert line.sent - before < SIZE - 2 * MIB
        (file,) = account.api.json("/files")["files_list"]
        digest = hashlib.sha256(large.read_bytes()).hexdigest()
        assert downloaded(account, file["file_id"]) == digest
        assert kept(large) == []
        # As if that program had been killed before it had the answer.
        state.write_text(address)
        status, _, err = run("push", large, "--size-limit", "20MB")
        assert (status, "sent all of this file" in err, "a new file" in err) == (0, True, False), (
            err
        )
        assert [file["version"] for file in account.api.json("/files")["files_list"]] == [1]


def test_an_upload_that_is_gone_begins_anew(
    run: Run, server: Server, account: TestAccount, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cutting_proxy(server.endpoint, stops=[4 * MIB]) as line:
        monkeypatch.setenv("ENTREPOT_ENDPOINT", line.endpoint)
        with subprocess.Popen([PROGRAM, "push", large], stderr=subprocess.DEVNULL) as program:
            assert line.stopped.wait(60)
            program.kill()
            program.wait()
        (state,) = kept(large)
        address = state.read_text().split('"')[3]
        headers = {"Tus-Resumable": "1.0.0"}
        assert account.api.request("DELETE", address, headers=headers).status_code == 204
        status, out, err = run("push", large, "--format", "quiet")
        assert status == 0, err
        digest = hashlib.sha256(large.read_bytes()).hexdigest()
        assert downloaded(account, out.strip()) == digest


def test_a_refusal_has_its_exit_status(run: Run, server: Server, large: Path) -> None:
    status, _, err = run("push", large, "--size-limit", "1MB")
    assert (status, "more than its size limit" in err) == (6, True), err
    small = server.new_account(quota=MIB)
    environment = os.environ | {"ENTREPOT_API_KEY": small.api_key}
    done = subprocess.run(
        [PROGRAM, "push", large], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 6, done.stderr
    assert b"quota" in done.stderr
    assert kept(large) == []
