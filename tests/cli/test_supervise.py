"""The supervisor's processes, looked at from within."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.cli.data_folder import read_node_id
from entrepot.cli.process import ProcessRole
from entrepot.cli.supervise import Supervisor
from entrepot.errors import StartRefused
from entrepot.settings import Settings
from entrepot_client.cli.interruption import STOP_SIGNALS


@pytest.fixture
def noted() -> Iterator[list[int]]:
    """The signals that come to this process, which notes them as the supervisor does."""
    result: list[int] = []
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        signal.signal(number, lambda number, _: result.append(number))
    yield result
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_process_that_is_stopped_as_it_is_forked_ends(noted: list[int], tmp_path: Path) -> None:
    """The signal is not given to the handler that it has from the supervisor."""
    child, _ = Supervisor(Settings(data=tmp_path))._start(ProcessRole("metrics", 0))
    child.process.terminate()
    child.process.join(60)
    assert (child.process.exitcode, noted) == (-signal.SIGTERM, [])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()).isdisjoint(STOP_SIGNALS)


def test_the_folder_has_its_id_before_there_are_processes(tmp_path: Path) -> None:
    """Else each of several workers of a new folder could make one."""
    supervisor = Supervisor(Settings(data=tmp_path, workers=3))
    node = (tmp_path / "node").read_text()
    assert len(node) == 12
    assert supervisor._node == read_node_id(tmp_path) == Supervisor(Settings(data=tmp_path))._node


def test_a_folder_that_cannot_have_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be used: No such file or directory"):
        Supervisor(Settings(data=tmp_path / "gone"))
