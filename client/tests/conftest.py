"""A peer to talk to, a client of it, and a way to run the program in this process."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from entrepot_client.cli.main import run
from entrepot_client.client import Client

# Tests are imported by path (importlib mode), so their neighbour is, too.
_spec = importlib.util.spec_from_file_location("client_peer", Path(__file__).with_name("peer.py"))
assert _spec is not None
assert _spec.loader is not None
peer_module = importlib.util.module_from_spec(_spec)
sys.modules["client_peer"] = peer_module
_spec.loader.exec_module(peer_module)


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    """Retries without their pauses; a test of the pauses switches this off."""
    stamina.set_testing(True, attempts=15, cap=True)
    stamina.instrumentation.set_on_retry_hooks([])  # a log's stream may be another test's
    yield
    stamina.instrumentation.set_on_retry_hooks(None)
    stamina.set_testing(False)


@pytest.fixture
def peer() -> Iterator[Any]:
    with peer_module.running_peer() as running:
        yield running


@pytest.fixture
def client(peer: Any) -> Iterator[Client]:
    with Client(peer.endpoint, peer_module.API_KEY) as connected:
        yield connected


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A configuration folder of this test's own, and no settings from outside."""
    monkeypatch.delenv("ENTREPOT_ENDPOINT", raising=False)
    monkeypatch.delenv("ENTREPOT_API_KEY", raising=False)
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def program(settings: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """Runs `entrepot ARGUMENTS` in this process."""

    def run_program(*arguments: str) -> Any:
        capfdbinary.readouterr()
        status = run(arguments)
        out, err = capfdbinary.readouterr()
        return peer_module.CommandResult(status, out, err.decode())

    return run_program


@pytest.fixture
def signed_in(peer: Any, settings: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The peer, with the endpoint and key of this test's runs set to it."""
    monkeypatch.setenv("ENTREPOT_ENDPOINT", peer.endpoint)
    monkeypatch.setenv("ENTREPOT_API_KEY", peer_module.API_KEY)
    return peer
