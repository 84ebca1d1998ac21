"""What a log for people on a terminal contains."""

import subprocess
import sys

import pytest

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


OUTAGES = """
import structlog
from sqlalchemy import create_engine
from entrepot.cli.logs import configure_logs
from entrepot.errors import StoreUnavailable
from entrepot.settings import read_settings

configure_logs(read_settings(log_format="{form}"))
log = structlog.get_logger("tests")
try:
    create_engine("postgresql+psycopg://maria@127.0.0.1:1/nowhere").connect()
except Exception:
    log.exception("the queue could not be read; trying again")
try:
    raise StoreUnavailable(reason="It answered 503")
except StoreUnavailable:
    log.exception("sweep failed; trying again later")
"""


@pytest.mark.parametrize("form", ["human", "json"])
def test_an_outage_is_one_line_each_time(form: str) -> None:
    command = [sys.executable, "-c", OUTAGES.format(form=form)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    first, second = done.stderr.splitlines()
    assert "onnection refused" in first, done.stderr
    assert "It answered 503" in second
    assert "warning" in first
