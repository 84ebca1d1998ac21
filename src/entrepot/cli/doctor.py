"""`entrepot doctor`: is this installation sound? `--deep` checks every invariant."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from entrepot.bootstrap.parts import Parts
from entrepot.cli.data_folder import is_locked
from entrepot.db.engine import sqlite_module
from entrepot.files.delivery.quarantine import failed_versions
from entrepot.files.invariants.invariants import CHECKS
from entrepot.inspection.sandbox.lockdown import sandbox_status
from entrepot.migrations.run import current_revision, head_revision
from entrepot.settings import Settings

SAFE_SQLITE = (3, 51, 3)
"""The first SQLite without the bug by which a reset WAL could lose a commit."""


@dataclass(frozen=True)
class Result:
    """One check: what was looked at, whether it holds, and what was seen."""

    name: str
    ok: bool
    detail: str


def examine(parts: Parts, deep: bool) -> Iterator[Result]:
    """Run the checks, one result each, in the order in which they matter."""
    settings = parts.settings
    yield _settings(settings)
    yield _database(parts)
    if settings.embedded:
        yield _sqlite()
    yield _folder(settings)
    yield _disk(settings)
    yield from _sandbox(settings)
    yield _address(settings)
    yield _inspections(parts)
    if deep:
        yield from examine_deep(parts)


def examine_deep(parts: Parts) -> Iterator[Result]:
    """Check every invariant; a breach each is named."""
    now = parts.clock()
    for name, check in CHECKS.items():
        with parts.database.reading() as conn:
            breaches = list(check(conn, parts.store, now))
        detail = f"{len(breaches)} breaches: {_first(breaches)}" if breaches else "holds"
        yield Result(f"invariant: {name}", not breaches, detail)


def _first(lines: Sequence[str], most: int = 5) -> str:
    return "; ".join(lines[:most]) + ("; …" if len(lines) > most else "")


def _settings(settings: Settings) -> Result:
    running = settings.embedded and is_locked(settings.data)
    state = "a server runs on it" if running else "no server runs on it"
    return Result("data folder", True, f"{settings.data} ({state})")


def _database(parts: Parts) -> Result:
    kind = parts.database.engine.dialect.name
    with parts.database.reading() as conn:
        conn.execute(text("SELECT 1"))
    now, head = current_revision(parts.database), head_revision()
    return Result("database", now == head, f"{kind}, revision {now} of {head}")


def _sqlite() -> Result:
    module = sqlite_module()
    found = module.sqlite_version
    safe = tuple(int(part) for part in found.split(".")) >= SAFE_SQLITE
    meaning = "" if safe else "; older than 3.51.3: a rare bug can lose a commit at a WAL reset"
    return Result("sqlite", True, f"{found} ({module.__name__}){meaning}")


def _folder(settings: Settings) -> Result:
    mode = settings.data.stat().st_mode & 0o777
    private = not mode & 0o077 and os.access(settings.data, os.W_OK)
    return Result("permissions", private, f"mode {mode:04o}")


def _disk(settings: Settings) -> Result:
    usage = shutil.disk_usage(settings.data)
    roomy = usage.free > settings.disk_reserve
    return Result(
        "disk", roomy, f"{usage.free:,} bytes free, {settings.disk_reserve:,} kept for the database"
    )


def _sandbox(settings: Settings) -> Iterator[Result]:
    for name, state in sandbox_status().items():
        bad = settings.sandbox == "require" and not state.startswith("on")
        yield Result(f"sandbox: {name}", not bad, state)


def _address(settings: Settings) -> Result:
    version = sys.version.split()[0]
    return Result("address", True, f"{settings.endpoint}, Python {version}")


def _inspections(parts: Parts) -> Result:
    """Versions that could not be inspected: by a fault here, and somebody still has to act."""
    with parts.database.reading() as conn:
        failed = failed_versions(conn, parts.clock())
    named = [
        f"version {each.number} of file {each.file_id}, task {each.task_id}" for each in failed
    ]
    if not named:
        return Result("inspections", True, "no version waits that could not be inspected")
    detail = f"{len(named)} versions could not be inspected; the log says why: {_first(named)}"
    return Result("inspections", False, detail)
