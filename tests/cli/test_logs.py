"""What a log for people on a terminal contains."""

import subprocess
import sys

FAILING = """
import structlog
from entrepot.cli.logs import configure_logs
from entrepot.settings import read_settings

configure_logs(read_settings(log_format="human"))

def fail(password):
    raise ValueError("wrong")

try:
    fail("pa55phrase" + "1")
except ValueError:
    structlog.get_logger("tests").exception("it failed")
"""


def test_a_traceback_shows_no_values_of_variables() -> None:
    command = [sys.executable, "-c", FAILING]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "in fail" in done.stderr, done.stderr
    assert "ValueError: wrong" in done.stderr
    assert "pa55phrase1" not in done.stderr
