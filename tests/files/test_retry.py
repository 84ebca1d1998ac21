"""A run ends, whatever fails; only one whose worker is being stopped does not."""

import threading

import pytest
from structlog.testing import capture_logs

from entrepot.files.processing import retry
from entrepot.files.retry import ATTEMPTS, run_with_retries
from entrepot.inspection.results import PoolClosed


def test_what_fails_is_tried_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    calls: list[str] = []

    def work() -> None:
        calls.append("work")
        raise OSError("no space")

    with capture_logs() as logs:
        run_with_retries("test", work, lambda: calls.append("give up"))
    assert [each["attempt"] for each in logs] == [1, 2, 3]
    assert calls == ["work"] * ATTEMPTS + ["give up"]


def test_a_run_whose_worker_is_stopped_is_neither_done_nor_failed() -> None:
    began, ended = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        raise PoolClosed

    def run() -> None:
        run_with_retries("test", work, ended.set)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert began.wait(60)
    assert not ended.wait(0.2)
