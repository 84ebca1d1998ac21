"""A clock that jumps by an hour while the server runs: nothing is lost, and nothing ends early."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.crash.installation import table
from tests.hosts.test_database_gone import assert_serves
from tests.support.api import CSV
from tests.support.raw import (
    CLOSING,
    MULTIPART,
    connect,
    file_part_head,
    head,
    read_answer,
    text_part,
)
from tests.support.server import PROGRAM, Server, make_server
from tests.support.tus import Tus
from tests.support.wait import UNHURRIED, wait_until

from entrepot.db.tables import reservations
from entrepot.quotas.shares import belongs_to_request

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SLOW = table(20_000)


@dataclass
class ShiftedServer(Server):
    """A server whose clock is as far from ours as a file says."""

    @property
    def shift_file(self) -> Path:
        return self.data.parent / "shift"

    def shift(self, by: str) -> None:
        """Move its clock, such as `+1h`; the file is never half written."""
        draft = self.shift_file.with_suffix(".draft")
        draft.write_text(by)
        draft.replace(self.shift_file)

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.shift_file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def sweep(self) -> None:
        """Sweep with its clock."""
        command = [PROGRAM, "admin", "sweep", "--data", str(self.data)]
        subprocess.run(command, env=self._environment(), check=True, capture_output=True)


@pytest.fixture(scope="module")
def shifted() -> Iterator[ShiftedServer]:
    if not LIBRARY.exists():
        assert shutil.which("apt-get"), "install libfaketime"
        subprocess.run(["apt-get", "install", "-qy", "libfaketime"], check=True)
    plain = make_server()
    server = ShiftedServer(plain.overrides, plain.data, plain.command, preloaded=False)
    server.shift("+0")
    server.start()
    yield server
    server.close()


def _expiry(server: Server) -> datetime:
    with server.parts.database.reading() as conn:
        latest: datetime = conn.execute(
            select(reservations.c.expires_at).where(belongs_to_request())
        ).scalar_one()
    return latest


@pytest.mark.long
@pytest.mark.parametrize("by", ["+1h", "-1h"])
def test_a_jump_loses_and_ends_nothing(shifted: ShiftedServer, by: str) -> None:
    account = shifted.new_account()
    api = account.api
    deleted = api.deliver(CSV, name="deleted.csv")["file_id"]
    assert api.request("DELETE", f"/file/{deleted}").status_code == 200
    resumable = Tus.begin(api, len(CSV))
    assert resumable.patch(CSV[:5], 0).status_code == 204
    fields = text_part("file_size_limit", "100000000") + file_part_head("slow.csv")
    body = fields + SLOW + b"\r\n" + CLOSING
    length = {"Content-Type": MULTIPART, "Content-Length": str(len(body))}
    slow = connect(shifted.endpoint)
    slow.sendall(head("POST", "/api/v1/files", api.authorization | length) + body[:200_000])
    wait_until(lambda: api.account()["reserved"] >= len(SLOW), "the slow upload is reserved")
    running = api.upload(table(60_000), name="running.csv", limit=10_000_000).json()["task_id"]
    before = _expiry(shifted)
    shifted.shift(by)
    if by.startswith("+"):
        # The upload renews its reservation when it sees the jump, which takes a moment.
        wait_until(lambda: _expiry(shifted) > before + timedelta(minutes=50), "renewed")
    shifted.sweep()
    assert api.wait_task(running, UNHURRIED)["status"] == "succeeded"
    slow.sendall(body[200_000:])
    assert read_answer(slow).status == 202
    slow.close()
    assert resumable.patch(CSV[5:], 5).status_code == 204
    assert api.post(f"/file/{deleted}/undelete").status_code == 200
    assert api.get(f"/file/download/{deleted}").content == CSV
    assert_serves(shifted, account)
    shifted.sweep()
    shifted.shift("+0")
    assert_serves(shifted, account)
    names = {item["file_name"] for item in api.json("/files")["files_list"]}
    assert {"deleted.csv", "slow.csv", "running.csv", "orders.csv"} <= names
