"""What a server's processes load before they are forked."""

import subprocess
import sys

LOADING = """
import sys
import entrepot.cli.serve
from entrepot.cli.loading import load_api
load_api()
print(*sys.modules)
"""


def test_a_start_loads_neither_the_engine_nor_a_driver_that_it_does_not_use() -> None:
    """The engine belongs to the sandbox, and each of the two takes a twentieth of a start."""
    command = [sys.executable, "-c", LOADING]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "entrepot.http.app" in loaded
    assert loaded & {"duckdb", "psycopg"} == set()
