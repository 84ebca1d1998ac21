"""Killed while a form is made, with the verdict or later, the server makes it after all, once, and
leaks nothing."""

import os
from contextlib import suppress

import psutil
import pytest
from sqlalchemy import select
from tests.crash.installation import GONE, Installation, table
from tests.crash.points import Point, everywhere, long
from tests.crash.test_exact_points import CONTENT, LIMIT, PUBLISH, REJECT, SCHEMA, die_and_check
from tests.support.wait import UNHURRIED, wait_until

from entrepot.db.tables import derivatives

BEGUN = (r"UPDATE derivatives SET starts",)
KEPT = (r"UPDATE derivatives SET status='ready'",)
KEPT_WITH_VERDICT = (r"INSERT INTO derivatives",)
WRITTEN = Point("worker", "write", ("/incoming/",), "after")
LINKED = Point("worker", "link", ("/incoming/.* .*/blobs/",), "after")
NOT_SYNCED = Point("worker", "fsync", ("/incoming/",), "before")
WITH_VERDICT = [
    WRITTEN,
    LINKED,
    Point("worker", "commit", (*PUBLISH, *KEPT_WITH_VERDICT), "before"),
    Point("worker", "commit", (*PUBLISH, *KEPT_WITH_VERDICT), "after"),
    *long([NOT_SYNCED]),
]
REJECTED = [LINKED, *long([Point("worker", "commit", (*REJECT, *KEPT_WITH_VERDICT), "after")])]
LATER = [
    Point("worker", "commit", BEGUN, "after"),
    Point("worker", "commit", KEPT, "after"),
    *long([Point("worker", "commit", BEGUN, "before"), Point("worker", "commit", KEPT, "before")]),
    *long([WRITTEN, LINKED, NOT_SYNCED]),
]
AT_ONCE = {"Prefer": "wait=0"}


def forms_of(installation: Installation) -> list[tuple[str, str]]:
    query = select(derivatives.c.form, derivatives.c.status)
    with installation.server.parts.database.reading() as conn:
        return sorted((row.form, row.status) for row in conn.execute(query))


def new_forms(installation: Installation, before: list[tuple[str, str]]) -> list[tuple[str, str]]:
    made = forms_of(installation)
    for form in before:
        made.remove(form)
    return made


@pytest.mark.parametrize("point", everywhere(WITH_VERDICT), ids=str)
def test_a_publication_with_its_parquet_is_killed(installation: Installation, point: Point) -> None:
    before = forms_of(installation)
    installation.arm(point)
    sent = installation.send(CONTENT, limit=LIMIT)
    die_and_check(installation, str(point))
    assert new_forms(installation, before) == [("parquet", "ready")]
    files = {item["file_name"]: item for item in installation.api.json("/files")["files_list"]}
    path = f"/file/download/{files[sent.name]['file_id']}?format=parquet"
    answer = installation.api.get(path)
    assert (answer.status_code, answer.content[:4]) == (200, b"PAR1")


@pytest.mark.parametrize("point", everywhere(REJECTED), ids=str)
def test_a_rejection_with_its_rows_is_killed(installation: Installation, point: Point) -> None:
    before = forms_of(installation)
    installation.arm(point)
    installation.send(CONTENT, "failed", limit=LIMIT, enforce_schema=SCHEMA)
    die_and_check(installation, str(point))
    assert new_forms(installation, before) == [("rejected", "ready")]


@pytest.mark.parametrize("point", everywhere(LATER), ids=str)
def test_a_later_form_is_killed(installation: Installation, point: Point) -> None:
    sent = installation.send(CONTENT, limit=LIMIT)
    task = installation.api.wait_task(str(sent.task_id))
    before = forms_of(installation)
    path = f"/file/download/{task['file_id']}?format=jsonl"
    installation.arm(point)
    with suppress(*GONE):
        assert installation.api.get(path, headers=AT_ONCE).status_code == 503
    die_and_check(installation, str(point))
    assert new_forms(installation, before) == [("jsonl", "ready")]
    assert installation.api.get(path).status_code == 200


def test_a_killed_worker_resumes_its_derivation(installation: Installation) -> None:
    """The child stands still while it derives; then its worker is killed."""
    sent = installation.send(table(10), limit=LIMIT)
    task = installation.api.wait_task(str(sent.task_id))
    path = f"/file/download/{task['file_id']}?format=csv"
    installation.wait_derived()
    installation.freeze_inspectors()
    assert installation.api.get(path, headers=AT_ONCE).status_code == 503
    wait_until(lambda: started(installation) == 1, "the derivation is begun", UNHURRIED)
    old = installation.part("worker").pid
    installation.part("worker").kill()
    wait_until(lambda: installation.part_pid("worker") not in (None, old), "another worker")
    wait_until(lambda: installation.api.get(path).status_code == 200, "it is resumed", UNHURRIED)
    installation.check()


def test_no_delivery_waits_for_a_derivation(installation: Installation) -> None:
    """One that stands still for ever holds up neither its account's next delivery nor its end."""
    sent = installation.send(b"a,b,c\n" + b"1,text,2024-01-01\n" * 500_000, limit=20_000_000)
    task = installation.api.wait_task(str(sent.task_id))
    installation.wait_derived()
    path = f"/file/download/{task['file_id']}?format=csv"
    assert installation.api.get(path, headers=AT_ONCE).status_code == 503
    wait_until(
        lambda: stop_deriving(installation),
        "the derivation is begun",
        UNHURRIED,
        longest_pause=0.02,
    )
    for rows in (12, 13):
        following = installation.send(table(rows), limit=LIMIT)
        assert installation.api.wait_task(str(following.task_id))["status"] == "succeeded"
    assert installation.api.get(path, headers=AT_ONCE).status_code == 503
    for child in installation.frozen:
        with suppress(psutil.NoSuchProcess):
            child.resume()
    wait_until(lambda: installation.api.get(path).status_code == 200, "it is made", UNHURRIED)
    installation.check()


def deriving(installation: Installation) -> list[psutil.Process]:
    """The children that give way to others, as those that derive do."""
    result = []
    for child in installation.inspectors():
        with suppress(psutil.NoSuchProcess):
            if child.nice() > os.nice(0):  # the server's, which it has from here
                result.append(child)
    return result


def stop_deriving(installation: Installation) -> bool:
    """Let those that derive stand still; whether there are any."""
    stopped = []
    for child in deriving(installation):
        with suppress(psutil.NoSuchProcess):  # the last one's, which has just ended
            child.suspend()
            stopped.append(child)
    installation.frozen += stopped
    return bool(stopped)


def started(installation: Installation) -> int:
    """How often the CSV of any version was begun."""
    query = select(derivatives.c.starts).where(derivatives.c.form == "csv")
    with installation.server.parts.database.reading() as conn:
        return max(conn.scalars(query), default=0)
