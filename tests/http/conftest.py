"""What tests over HTTP share."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.server import Server, TestAccount

from entrepot_client.cli.main import run as run_program

Run = Callable[..., tuple[int, str, str]]
"""Runs the program with these arguments: its exit status, output and messages."""


@pytest.fixture
def run(
    server: Server,
    account: TestAccount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The program `entrepot`, signed in as the account's admin."""
    monkeypatch.setenv("ENTREPOT_ENDPOINT", server.endpoint)
    monkeypatch.setenv("ENTREPOT_API_KEY", account.api_key)

    def one(*arguments: Any) -> tuple[int, str, str]:
        status = run_program([str(each) for each in arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return one
