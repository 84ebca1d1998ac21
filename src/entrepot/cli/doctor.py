"""`entrepot doctor`: check this installation; `--deep` checks every invariant."""

import os
import pwd
import pyexpat
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2
from sqlalchemy import text

from entrepot.bootstrap.identity import read_identity
from entrepot.bootstrap.other_settings import explain_other_settings, find_other_settings
from entrepot.bootstrap.parts import Parts
from entrepot.bootstrap.shared_folder import find_local_locks
from entrepot.cli.data_folder import is_locked, read_holder
from entrepot.db.engine import sqlite_module
from entrepot.files.delivery.quarantine import failed_versions
from entrepot.files.invariants.checks import CHECKS
from entrepot.files.unused_parts import list_loose_contracts
from entrepot.inspection.sandbox.lockdown import sandbox_status
from entrepot.migrations.revisions import current_revision, head_revision
from entrepot.settings import Settings
from entrepot_client.cli.sizes import format_size
from entrepot_client.counts import counted

MIN_SAFE_SQLITE = (3, 51, 3)
"""The first SQLite without the bug that could lose a commit at a WAL reset."""
MIN_SAFE_EXPAT = (2, 6, 0)
"""The first expat whose time for one large token is linear (CVE-2023-52425)."""
MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)
"""By how much the clocks of two hosts may differ: an upload that is silent for minutes is ended."""
ANSWER_SECONDS = 5.0
"""Time that the running server may take to answer."""


@dataclass(frozen=True)
class CheckResult:
    """One check: its name, whether it passed, and what it found. A warning passes."""

    name: str
    ok: bool
    detail: str
    warning: bool = False

    @property
    def state(self) -> str:
        """`ok`, `warning` or `WRONG`."""
        if not self.ok:
            return "WRONG"
        return "warning" if self.warning else "ok"


def run_checks(parts: Parts, deep: bool) -> Iterator[CheckResult]:
    """Run the checks and yield one result each, the most important first."""
    settings = parts.settings
    yield _data_folder(settings)
    yield _installation(parts)
    yield _user()
    yield _database(parts)
    yield _sqlite() if settings.embedded else _clock(parts)
    yield _folder(settings)
    yield _disk(settings)
    if not settings.embedded:
        yield _store_locks(settings)
        yield _settings_of_hosts(parts)
    yield from _sandbox(settings)
    yield _expat()
    yield _address(settings)
    yield _inspections(parts)
    yield _contracts(parts)
    if deep:
        yield from check_invariants(parts)


def summarize_checks(results: Sequence[CheckResult]) -> str:
    """The outcome in words: how many checks are wrong, and how many warn."""
    wrong = sum(not result.ok for result in results)
    warnings = sum(result.state == "warning" for result in results)
    parts = [f"{counted(wrong, 'check')} {'is' if wrong == 1 else 'are'} wrong."]
    parts = parts if wrong else ["Nothing is wrong."]
    return " ".join([*parts, *([f"{counted(warnings, 'warning')}."] if warnings else [])])


def check_invariants(parts: Parts) -> Iterator[CheckResult]:
    """Check every invariant. The detail of a result names the first five breaches."""
    now = parts.clock()
    for name, check in CHECKS.items():
        with parts.database.reading() as conn:
            breaches = list(check(conn, parts.store, now))
        count = counted(len(breaches), "breach", "breaches")
        detail = f"{count}: {_first(breaches)}" if breaches else "holds"
        yield CheckResult(f"invariant: {name}", not breaches, detail)


def _first(lines: Sequence[str], most: int = 5) -> str:
    return "; ".join(lines[:most]) + ("; …" if len(lines) > most else "")


def _data_folder(settings: Settings) -> CheckResult:
    state = "a server runs on it" if is_locked(settings.data) else "no server runs on it"
    return CheckResult("data folder", True, f"{settings.data} ({state})")


def _installation(parts: Parts) -> CheckResult:
    """Which one this is. That database, store and secret belong to it was checked on opening."""
    identity = parts.database.read(read_identity)
    assert identity is not None  # a command opens no installation without one
    created = f"{identity.created_at:%Y-%m-%d}"
    return CheckResult("installation", True, f"{identity.id}, known since {created}")


def _user() -> CheckResult:
    """As root, a fault of the sandbox would reach the whole machine."""
    name = pwd.getpwuid(os.geteuid()).pw_name if _has_name(os.geteuid()) else str(os.geteuid())
    if os.geteuid() == 0:
        return CheckResult("user", True, "runs as root; run it as a user of its own", warning=True)
    return CheckResult("user", True, name)


def _has_name(uid: int) -> bool:
    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def _database(parts: Parts) -> CheckResult:
    kind = parts.database.engine.dialect.name
    with parts.database.reading() as conn:
        conn.execute(text("SELECT 1"))
    now, head = current_revision(parts.database), head_revision()
    return CheckResult("database", now == head, f"{kind}, revision {now} of {head}")


def _sqlite() -> CheckResult:
    module = sqlite_module()
    version = module.sqlite_version
    safe = _version_tuple(version) >= MIN_SAFE_SQLITE
    advice = "" if safe else "; older than 3.51.3: a rare bug can lose a commit at a WAL reset"
    return CheckResult("sqlite", True, f"{version} ({module.__name__}){advice}", warning=not safe)


def _clock(parts: Parts) -> CheckResult:
    """Whether the clock of this host agrees with that of the database, and so with other hosts'."""
    with parts.database.reading() as conn:
        before = parts.clock()
        there: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
        here = before + (parts.clock() - before) / 2
    apart = abs(here - there)
    if apart <= MAX_CLOCK_DIFFERENCE:
        return CheckResult("clock", True, "agrees with the database's")
    direction = "ahead of" if here > there else "behind"
    difference = f"{apart.total_seconds():,.0f} s {direction} the database's"
    detail = f"{difference}: this host may end uploads of others. Set its clock with NTP"
    return CheckResult("clock", True, detail, warning=True)


def _expat() -> CheckResult:
    """The parser of workbooks' XML."""
    version = pyexpat.EXPAT_VERSION.removeprefix("expat_")
    safe = _version_tuple(version) >= MIN_SAFE_EXPAT
    detail = f"{version} (reads .xlsx)"
    if not safe:
        detail += "; older than 2.6: a harmful workbook takes all the time that an inspection"
        detail += " may have. Update Python"
    return CheckResult("expat", True, detail, warning=not safe)


def _version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _folder(settings: Settings) -> CheckResult:
    mode = settings.data.stat().st_mode & 0o777
    private = not mode & 0o077 and os.access(settings.data, os.W_OK)
    return CheckResult("permissions", private, f"mode {mode:04o}")


def _disk(settings: Settings) -> CheckResult:
    usage = shutil.disk_usage(settings.data)
    free, reserve = format_size(usage.free), format_size(settings.disk_reserve)
    has_space = usage.free > settings.disk_reserve
    return CheckResult("disk", has_space, f"{free} free, {reserve} kept for the database")


def _store_locks(settings: Settings) -> CheckResult:
    """Whether hosts that share the store's folder see each other's locks."""
    mount = find_local_locks(settings)
    advice = f"{mount}: locks hold on this host alone; no other host may use the store"
    return CheckResult("locks of the store", True, advice if mount else "ok", warning=bool(mount))


def _settings_of_hosts(parts: Parts) -> CheckResult:
    """Whether all hosts that run have the settings of this one."""
    names = find_other_settings(parts.settings, parts.database)
    detail = explain_other_settings(names) if names else "all hosts that run have the same"
    return CheckResult("settings of hosts", True, detail, warning=bool(names))


def _sandbox(settings: Settings) -> Iterator[CheckResult]:
    for name, state in sandbox_status().items():
        missing = not state.startswith("on")
        required = settings.sandbox == "require"
        yield CheckResult(f"sandbox: {name}", not (missing and required), state, warning=missing)


def _address(settings: Settings) -> CheckResult:
    """Where the server of this data folder listens, and whether it answers there."""
    if not is_locked(settings.data):
        return CheckResult("address", True, f"no server runs; it would serve {settings.endpoint}")
    holder = read_holder(settings.data)
    address = holder.get("address", "")
    if not address.startswith("http"):
        return CheckResult("address", True, f"process {holder.get('pid')} uses the data folder")
    try:
        answered = httpx2.get(
            f"{address}/healthz", timeout=ANSWER_SECONDS, trust_env=False
        ).is_success
    except httpx2.TransportError:
        answered = False
    state = "answers" if answered else f"gives no answer within {ANSWER_SECONDS:.0f} s"
    return CheckResult("address", answered, f"{address} {state}")


def _contracts(parts: Parts) -> CheckResult:
    """What contracts allow and no cell of the current version uses: owners may take it out."""
    loose = parts.database.read(list_loose_contracts)
    if not loose:
        return CheckResult(
            "contracts", True, "no contract allows a column or value that its file does not have"
        )
    named = [
        f"file {each.file_id}, version {each.version}: {_first(each.sentences)}" for each in loose
    ]
    allow = "allows" if len(loose) == 1 else "allow"
    detail = (
        f"{counted(len(loose), 'contract')} {allow} what the current version does not use: "
        f"{_first(named)}"
    )
    return CheckResult("contracts", True, detail)


def _inspections(parts: Parts) -> CheckResult:
    """Versions that could not be inspected: by a fault here, and somebody still has to act."""
    with parts.database.reading() as conn:
        failed = failed_versions(conn, parts.clock())
    named = [
        f"version {each.number} of file {each.file_id}, task {each.task_id}" for each in failed
    ]
    if not named:
        return CheckResult("inspections", True, "every version could be inspected")
    detail = (
        f"{counted(len(named), 'version')} could not be inspected; the log says why: "
        f"{_first(named)}"
    )
    return CheckResult("inspections", False, detail)
