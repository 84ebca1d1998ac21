"""`entrepot doctor`: check this installation; `--deep` checks every invariant."""

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
from entrepot.files.invariants.checks import CHECKS
from entrepot.inspection.sandbox.lockdown import sandbox_status
from entrepot.migrations.run import current_revision, head_revision
from entrepot.settings import Settings

MIN_SAFE_SQLITE = (3, 51, 3)
"""The first SQLite without the bug that could lose a commit at a WAL reset."""


@dataclass(frozen=True)
class CheckResult:
    """One check: its name, whether it passed, and what it found."""

    name: str
    ok: bool
    detail: str


def run_checks(parts: Parts, deep: bool) -> Iterator[CheckResult]:
    """Run the checks and yield one result each, the most important first."""
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
        yield from check_invariants(parts)


def check_invariants(parts: Parts) -> Iterator[CheckResult]:
    """Check every invariant. The detail of a result names the first five breaches."""
    now = parts.clock()
    for name, check in CHECKS.items():
        with parts.database.reading() as conn:
            breaches = list(check(conn, parts.store, now))
        detail = f"{len(breaches)} breaches: {_first(breaches)}" if breaches else "holds"
        yield CheckResult(f"invariant: {name}", not breaches, detail)


def _first(lines: Sequence[str], most: int = 5) -> str:
    return "; ".join(lines[:most]) + ("; …" if len(lines) > most else "")


def _settings(settings: Settings) -> CheckResult:
    running = settings.embedded and is_locked(settings.data)
    state = "a server runs on it" if running else "no server runs on it"
    return CheckResult("data folder", True, f"{settings.data} ({state})")


def _database(parts: Parts) -> CheckResult:
    kind = parts.database.engine.dialect.name
    with parts.database.reading() as conn:
        conn.execute(text("SELECT 1"))
    now, head = current_revision(parts.database), head_revision()
    return CheckResult("database", now == head, f"{kind}, revision {now} of {head}")


def _sqlite() -> CheckResult:
    module = sqlite_module()
    version = module.sqlite_version
    safe = tuple(int(part) for part in version.split(".")) >= MIN_SAFE_SQLITE
    warning = "" if safe else "; older than 3.51.3: a rare bug can lose a commit at a WAL reset"
    return CheckResult("sqlite", True, f"{version} ({module.__name__}){warning}")


def _folder(settings: Settings) -> CheckResult:
    mode = settings.data.stat().st_mode & 0o777
    private = not mode & 0o077 and os.access(settings.data, os.W_OK)
    return CheckResult("permissions", private, f"mode {mode:04o}")


def _disk(settings: Settings) -> CheckResult:
    usage = shutil.disk_usage(settings.data)
    has_space = usage.free > settings.disk_reserve
    return CheckResult(
        "disk",
        has_space,
        f"{usage.free:,} bytes free, {settings.disk_reserve:,} kept for the database",
    )


def _sandbox(settings: Settings) -> Iterator[CheckResult]:
    for name, state in sandbox_status().items():
        missing = settings.sandbox == "require" and not state.startswith("on")
        yield CheckResult(f"sandbox: {name}", not missing, state)


def _address(settings: Settings) -> CheckResult:
    version = sys.version.split()[0]
    return CheckResult("address", True, f"{settings.endpoint}, Python {version}")


def _inspections(parts: Parts) -> CheckResult:
    """Versions that could not be inspected: by a fault here, and somebody still has to act."""
    with parts.database.reading() as conn:
        failed = failed_versions(conn, parts.clock())
    named = [
        f"version {each.number} of file {each.file_id}, task {each.task_id}" for each in failed
    ]
    if not named:
        return CheckResult("inspections", True, "no version waits that could not be inspected")
    detail = f"{len(named)} versions could not be inspected; the log says why: {_first(named)}"
    return CheckResult("inspections", False, detail)
