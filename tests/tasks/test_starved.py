"""Work whose processor others take is not blamed for it: neither in the place for short work nor by
its budget of time."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import psutil
from sqlalchemy import select
from tests.http.conftest import LONG_CSV, upload_endless
from tests.support.server import Server
from tests.support.slow_inspection import SLOW_SCHEMA, inspecting, slow_table
from tests.support.wait import wait_until

from entrepot.db.tables import queue_entries, tasks
from entrepot.tasks.schedule import SHORT_BYTES

STARVED_SECONDS = 8.0
SLOW_ROWS = 10
"""They take more than half a second, so that the inspection can be caught while it runs."""
CELL_CHARS, MATCHED_CHARS = 1_000, 901
"""Of a cell of the slow table, and of those that the slow pattern needs at the end."""
LONG_TEXT = "x" * (SHORT_BYTES // SLOW_ROWS)


def valid_table(further: str = "") -> bytes:
    """A slow table that keeps its contract, with a column of that text too if there is one."""
    header, *rows = slow_table(SLOW_ROWS).decode().splitlines()
    first = CELL_CHARS - MATCHED_CHARS
    valid = [f"{row[:first]}a{row[first + 1 :]}" for row in rows]
    lines = [f"{header},c", *(f"{row},{further}" for row in valid)] if further else [header, *valid]
    return "\n".join([*lines, ""]).encode()


def stop_inspection(server: Server, others: list[psutil.Process]) -> psutil.Process:
    """Stop the one process that inspects beside the `others`, once it has begun."""

    def at_work() -> list[psutil.Process]:
        return [each for each in inspecting(server) if each not in others]

    stopped: list[psutil.Process] = []

    def is_stopped() -> bool:
        for process in at_work():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if sum(process.cpu_times()[:2]) > 0.05:  # it has its request, and reads
                    process.suspend()
                    stopped.append(process)
        return bool(stopped)

    wait_until(is_stopped, "an inspection is stopped", longest_pause=0.02)
    (process,) = stopped
    return process


def entry_of(server: Server, task_id: str) -> Any:
    """The task's entry in the queue."""
    with server.parts.database.reading() as conn:
        return conn.execute(select(queue_entries).where(queue_entries.c.id == UUID(task_id))).one()


def test_it_gets_the_place_for_short_work_again(serve: Callable[..., Server]) -> None:
    """Stopped by the clock, it is not taken for long work, which would wait for long work."""
    server = serve(inspections_at_once=1)
    api = server.new_account().api
    endless = upload_endless(api)
    wait_until(lambda: len(inspecting(server)) == 1, "the other place is taken")
    others = inspecting(server)
    sent = api.upload(valid_table(), enforce_schema=json.dumps(SLOW_SCHEMA))
    task_id = str(sent.json()["task_id"])
    first = stop_inspection(server, others)
    assert entry_of(server, task_id).lease == 1
    again = stop_inspection(server, [*others, first])
    entry = entry_of(server, task_id)
    assert (entry.lease, entry.short, entry.postponed) == (2, True, False)
    again.resume()
    assert api.wait_task(task_id)["status"] == "succeeded"
    assert api.task(endless)["status"] == "running"
    api.post(f"/task/{endless}/cancel")
    assert api.wait_task(endless)["status"] == "canceled"
    server.assert_sound()


def test_an_inspection_is_tried_once_more_at_the_end(serve: Callable[..., Server]) -> None:
    server = serve(inspections_at_once=1, inspection_seconds=STARVED_SECONDS)
    api = server.new_account().api
    content = valid_table(LONG_TEXT)
    assert len(content) > SHORT_BYTES
    schema = {"fields": [*SLOW_SCHEMA["fields"], {"name": "c"}]}
    sent = api.upload(content, limit=10**7, enforce_schema=json.dumps(schema))
    starved = str(sent.json()["task_id"])
    process = stop_inspection(server, [])
    later = str(api.upload(LONG_CSV, limit=10**7).json()["task_id"])
    wait_until(lambda: not process.is_running(), "its time is over")
    ended = [api.wait_task(task_id) for task_id in (later, starved)]
    assert [task["status"] for task in ended] == ["succeeded", "succeeded"], ended
    with server.parts.database.reading() as conn:
        query = select(tasks.c.id, tasks.c.finished_at)
        at = {str(row.id): row.finished_at for row in conn.execute(query)}
    assert at[later] < at[starved]
    server.assert_sound()
