import io
import json
import sys
from pathlib import Path

import pytest
from client_peer import API_KEY, Peer, Program, running_peer

from entrepot_client.credentials import credentials_file

KEYRING = """
import json, pathlib
_FILE = pathlib.Path({path!r})
class _Backend:
    priority = {priority}
def get_keyring():
    return _Backend()
def _all():
    return json.loads(_FILE.read_text()) if _FILE.exists() else {{}}
def get_password(service, user):
    return _all().get(service + " " + user)
def set_password(service, user, password):
    _FILE.write_text(json.dumps(_all() | {{service + " " + user: password}}))
def delete_password(service, user):
    _FILE.write_text(json.dumps({{k: v for k, v in _all().items() if k != service + " " + user}}))
"""


@pytest.fixture(autouse=True)
def _no_keyring_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_signing_in_and_out(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch, settings: Path
) -> None:
    assert program("auth", "status").status == 3
    type_in(monkeypatch, f"{API_KEY}\n")
    result = program("auth", "login", f"{peer.endpoint}/api/v1/")
    assert result.status == 0
    assert "demo:account" in result.text
    assert API_KEY not in result.text + result.err
    assert credentials_file().is_relative_to(settings)
    assert credentials_file().stat().st_mode & 0o777 == 0o600
    assert program("files", "list").status == 0
    assert program("auth", "status", "--format", "quiet").text == "demo:account\n"
    assert program("auth", "logout").status == 0
    assert API_KEY not in credentials_file().read_text()
    result = program("files", "list")
    assert result.status == 3
    assert "entrepot auth login" in result.err


def test_a_wrong_key_is_not_kept(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "epk_wrong\n")
    assert program("auth", "login", peer.endpoint).status == 3
    assert not credentials_file().exists()


def test_the_address_of_a_page_is_not_an_endpoint(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, f"{API_KEY}\n")
    result = program("auth", "login", f"{peer.endpoint}/files")
    assert result.status == 1
    assert f"{peer.endpoint}/files does not answer like Entrepot" in result.err
    assert not credentials_file().exists()


def test_a_sign_in_beside_another_key_says_which_is_used(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTREPOT_API_KEY", "epk_other")
    type_in(monkeypatch, f"{API_KEY}\n")
    result = program("auth", "login", peer.endpoint)
    assert result.status == 0
    assert "You are signed in" in result.err
    assert "ENTREPOT_API_KEY has another key" in result.err


def test_nothing_on_stdin(peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "")
    assert program("auth", "login", peer.endpoint).status == 2


def test_the_environment_wins(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, f"{API_KEY}\n")
    program("auth", "login", peer.endpoint)
    monkeypatch.setenv("ENTREPOT_API_KEY", "epk_other")
    assert program("files", "list").status == 3
    assert peer.requests[-1].headers["Authorization"] == "Bearer epk_other"


def test_a_kept_key_never_goes_to_another_endpoint(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, f"{API_KEY}\n")
    program("auth", "login", peer.endpoint)
    with running_peer() as other:
        monkeypatch.setenv("ENTREPOT_ENDPOINT", other.endpoint)
        assert program("files", "list").status == 3
        assert other.requests == []


def test_a_file_that_others_can_read_is_refused(
    peer: Peer, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, f"{API_KEY}\n")
    program("auth", "login", peer.endpoint)
    credentials_file().chmod(0o644)
    result = program("files", "list")
    assert result.status == 3
    assert "chmod 600" in result.err


def test_a_damaged_file(program: Program) -> None:
    credentials_file().parent.mkdir(parents=True)
    credentials_file().touch(mode=0o600)
    credentials_file().write_text("[")
    result = program("files", "list")
    assert result.status == 3
    assert "damaged" in result.err


@pytest.mark.parametrize(("priority", "used"), [(5, True), (0, False)])
def test_the_systems_keyring_is_used_where_it_works(
    peer: Peer,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    priority: int,
    used: bool,
) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    secrets = tmp_path / "keyring.json"
    (folder / "keyring.py").write_text(KEYRING.format(path=str(secrets), priority=priority))
    monkeypatch.delitem(sys.modules, "keyring")
    monkeypatch.syspath_prepend(str(folder))
    type_in(monkeypatch, f"{API_KEY}\n")
    result = program("auth", "login", peer.endpoint)
    assert ("the system's keyring" in result.text) is used
    assert (API_KEY in credentials_file().read_text()) is not used
    assert secrets.exists() is used
    assert program("files", "list").status == 0
    program("auth", "logout")
    assert program("files", "list").status == 3
    if used:
        assert json.loads(secrets.read_text()) == {}
    sys.modules.pop("keyring", None)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("raise RuntimeError('no bus')", 0),
        (
            "class Backend: priority = 5\n"
            "def get_keyring(): return Backend()\n"
            "def get_password(*_): raise OSError('locked')\n",
            3,
        ),
    ],
    ids=["broken", "locked"],
)
def test_a_keyring_in_trouble(
    peer: Peer,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: str,
    status: int,
) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "keyring.py").write_text(source)
    monkeypatch.setenv("ENTREPOT_ENDPOINT", peer.endpoint)
    if status == 0:
        type_in(monkeypatch, f"{API_KEY}\n")
        program("auth", "login")
    monkeypatch.delitem(sys.modules, "keyring")
    monkeypatch.syspath_prepend(str(folder))
    result = program("files", "list")
    sys.modules.pop("keyring", None)
    assert result.status == status
    assert "Traceback" not in result.err
    assert ("keyring did not give the key" in result.err) is (status == 3)


def test_an_endpoint_without_encryption_is_warned_about(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "\n")
    assert "not encrypted" in program("auth", "login", "http://files.example.com").err
    assert "not encrypted" not in program("auth", "login", "http://localhost:8080").err
