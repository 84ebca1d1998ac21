"""The search for a way out in its sandbox process: nothing there can change a verdict."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.inspection.conftest import request_for

from entrepot.inspection.limits import Limits
from entrepot.inspection.results import InspectionFailed
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.inspection.sandbox.protocol import SandboxJob, start_job
from entrepot.inspection.sandbox.spawn import SandboxProcess
from entrepot.inspection.sandbox.watch import LimitExceeded

HEADER = "id,name,amount\n"
SCHEMA: dict[str, Any] = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string"},
        {"name": "amount", "type": "integer"},
    ],
    "entrepot:minRows": 1,
}
JUDGED = {"verdict": "violates"}
OTHER_END = """
import json, os, sys
for line in (json.dumps({"ready": os.getpid()}), *sys.argv[1:]):
    if line != "wait":
        print(line, flush=True)
sys.stdin.readline()
if "wait" in sys.argv:
    sys.stdin.read()  # until it is ended
"""
"""A process that answers what the test wants, as one might that a file has taken over. It answers
before it has the request, so that no answer comes after the time that the test gives it."""


def run(folder: Path, *answers: str, seconds: float = 30) -> dict[str, Any]:
    path = folder / "table.csv"
    path.write_text(HEADER)
    with (
        subprocess.Popen(
            [sys.executable, "-I", "-c", OTHER_END, *answers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
        Path(os.devnull).open("rb") as status,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        child = SandboxProcess(process.stdin.fileno(), process.stdout.fileno(), status.fileno())
        limits = Limits(wall_seconds=seconds)
        job = SandboxJob(
            "inspect", (request_for(path, schema=SCHEMA),), folder, limits, "best-effort"
        )
        return start_job(child, job, lambda: False, lambda seconds: None).next_result(
            lambda done, of: None
        )


@pytest.mark.parametrize(
    "ending",
    [
        json.dumps({"exhausted": "memory"}),
        json.dumps({"failed": "ValueError"}),
        json.dumps({"blocked": "ImportError"}),
        json.dumps({"result": None}),
        "{no JSON",
    ],
)
def test_a_verdict_stands_whatever_follows(tmp_path: Path, ending: str) -> None:
    with capture_logs() as logs:
        assert run(tmp_path, json.dumps({"judged": JUDGED}), ending) == JUDGED
    assert "a verdict stands alone" in [line["event"] for line in logs]
    with pytest.raises((LimitExceeded, InspectionFailed)):
        run(tmp_path, ending)


def test_a_search_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    assert run(tmp_path, json.dumps({"judged": JUDGED}), "wait", seconds=1) == JUDGED
    with pytest.raises(LimitExceeded):
        run(tmp_path, "wait", seconds=1)


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (HEADER + "1,a,1.5\n", "/schema/fields/2/type"),
        (HEADER + "1,a,NA\n", "/schema/fields/2/missingValues"),
        ("name,id,amount\na,1,2\n", "/schema/fieldsMatch"),
        ("id,name,amount,x\n1,a,2,3\n", "/schema/fields/3"),
        (HEADER, "/schema/entrepot:minRows"),
        (HEADER + "1,a,2\nTotal,,5\n", "/dialect/entrepot:footer"),
    ],
)
def test_the_locked_process_finds_it(
    pool: InspectionPool, tmp_path: Path, content: str, pointer: str
) -> None:
    path, current = tmp_path / "table.csv", tmp_path / "current.csv"
    path.write_text(content)
    current.write_text(HEADER + "7,b,8\n")
    request = replace(request_for(path, schema=SCHEMA), suggest=True)
    request = replace(request, current=current, current_rows=1)
    with capture_logs() as logs:
        inspection = pool.inspect(request, lambda done, of: None, lambda: False)
    assert not logs
    assert inspection.verdict == "violates"
    assert pointer in [each["pointer"] for each in inspection.report["suggested"]["changes"]]
