"""A back-up beside a server that takes deliveries restores all that was acknowledged."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.support.api import CSV
from tests.support.server import Server

from entrepot.cli.backup import back_up_and_verify, restore_snapshot
from entrepot.cli.start import open_installation
from entrepot.settings import read_settings

KEEP = 3


def test_every_invariant_holds_in_a_snapshot_taken_under_load(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    account = server.new_account()
    first = account.api.deliver(CSV)
    server.wait_derived()
    stop = threading.Event()
    sender = account.new_key()

    def send() -> None:
        while not stop.is_set():
            sender.api.deliver(CSV)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with closing(open_installation(read_settings(data=server.data))) as parts:
            records = [
                back_up_and_verify(parts, tmp_path / "backup", KEEP, verify=True) for _ in range(2)
            ]
    finally:
        stop.set()
        thread.join()
    assert all(record["verified"].endswith("invariants hold") for record in records)
    restored = read_settings(data=tmp_path / "restored")
    restore_snapshot(tmp_path / "backup", None, restored)
    with closing(open_installation(restored)) as again:
        names = {stat.blob_id for stat in again.store.list()}
    version = account.api.json(f"/file/{first['file_id']}/versions/1")
    assert len(names) >= 2
    assert version["status"] == "published"
