"""Dies at one exact call of the operating system or the database: loaded by Python itself.

Tests put this folder on PYTHONPATH of a real server. Nothing of the product is replaced: only
calls at its outer edge (files, commits, requests to S3) look first whether the plan names them, and
if so every process of the server is killed by SIGKILL, right before or right after that call.

The plan is a file with one JSON object, armed by writing it and disarmed by dying of it:
`role` (api, worker, command), `call` (open, write, fsync, link, unlink, mkdir, commit, request),
`about` (patterns that are all found in the path, in the transaction's SQL, or in the request's
method and address), `when` (before, after).
"""

import contextlib
import json
import multiprocessing
import os
import re
import signal
import sys

PLAN = os.environ.get("CRASH_PLAN")
WATCHED = ("open", "write", "fsync", "link", "unlink", "mkdir")


def role() -> str | None:
    """Which process this is; None for those that have no points."""
    name = multiprocessing.current_process().name
    if name.startswith("entrepot: "):
        return name.split()[1]
    return "command" if "sweep" in sys.argv else None


def planned(call: str) -> dict[str, object] | None:
    """The plan, if it is about this call of this process."""
    try:
        with open(str(PLAN)) as file:
            plan = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return plan if plan["role"] == role() and plan["call"] == call else None


def reach(call: str, when: str, about: str) -> None:
    """Die if this is the point."""
    plan = planned(call)
    if plan and plan["when"] == when and all(re.search(text, about) for text in plan["about"]):
        os.rename(str(PLAN), f"{PLAN}.reached")
        die()


def die() -> None:
    """SIGKILL for the supervisor first, so that it restarts nothing, then all it started."""
    top = os.getpid() if role() == "command" else os.getppid()
    family = descendants(top)
    for pid in (top, *family):
        if pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def descendants(top: int) -> list[int]:
    """Every process below this one."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
    result = [top]
    for pid in result:
        result += [child for child, parent in parents.items() if parent == pid]
    return result[1:]


def subject(first: object, rest: tuple[object, ...]) -> str:
    """The paths that a call is about; a descriptor's by what it has open."""
    named = [first, *rest[:1]] if not isinstance(first, int) else []
    if isinstance(first, int):
        try:
            return os.readlink(f"/proc/self/fd/{first}")
        except OSError:
            return ""
    return " ".join(str(os.fspath(part)) for part in named if isinstance(part, str | os.PathLike))


def watch(name: str) -> None:
    """Surround one function of `os`."""
    original = getattr(os, name)

    def surrounded(first, *rest, **named):  # type: ignore[no-untyped-def]
        if planned(name) is None:
            return original(first, *rest, **named)
        about = subject(first, rest)
        if name == "open" and not (rest and rest[0] & os.O_CREAT):
            return original(first, *rest, **named)
        reach(name, "before", about)
        result = original(first, *rest, **named)
        reach(name, "after", about)
        return result

    setattr(os, name, surrounded)


def watch_commits() -> None:
    """Surround SQLite's commit; a transaction is known by the statements that it ran."""
    from pysqlite3 import dbapi2

    plain_connect = dbapi2.connect

    class WatchedConnection(dbapi2.Connection):
        def __init__(self, *args, **named):  # type: ignore[no-untyped-def]
            super().__init__(*args, **named)
            self.statements: list[str] = []
            self.set_trace_callback(self.note)

        def note(self, statement: str) -> None:
            if statement.startswith("BEGIN"):
                self.statements.clear()
            else:
                self.statements.append(statement[:2000])

        def commit(self) -> None:
            about = "\n".join(self.statements)
            reach("commit", "before", about)
            super().commit()
            reach("commit", "after", about)
            self.statements.clear()

    def connect(*args, **named):  # type: ignore[no-untyped-def]
        return plain_connect(*args, **{"factory": WatchedConnection, **named})

    dbapi2.connect = connect


def watch_commits_of_postgresql() -> None:
    """Surround the commit of a connection; a transaction is known by what its cursors executed,
    and by what is sent with its commit."""
    import psycopg

    from entrepot.db.deferring import DeferringConnection

    execute, commit, rollback = (
        psycopg.Cursor.execute,
        DeferringConnection.commit,
        DeferringConnection.rollback,
    )

    def noted(cursor, query, params=None, **named):  # type: ignore[no-untyped-def]
        statements = vars(cursor.connection).setdefault("statements", [])
        statements.append((query, params))
        return execute(cursor, query, params, **named)

    def surrounded(connection):  # type: ignore[no-untyped-def]
        statements = vars(connection).pop("statements", []) + connection._deferred
        if planned("commit") is None:
            return commit(connection)
        texts = psycopg.ClientCursor(connection)
        about = "\n".join(texts.mogrify(query, params) for query, params in statements)
        reach("commit", "before", about)
        commit(connection)
        reach("commit", "after", about)

    def rolled_back(connection):  # type: ignore[no-untyped-def]
        vars(connection).pop("statements", None)
        return rollback(connection)

    psycopg.Cursor.execute = noted
    DeferringConnection.commit, DeferringConnection.rollback = surrounded, rolled_back


def watch_requests() -> None:
    """Surround each request to S3, one attempt at a time: `PUT address from the copied key`."""
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send

    def surrounded(session, request):  # type: ignore[no-untyped-def]
        if planned("request") is None:
            return send(session, request)
        source = request.headers.get("x-amz-copy-source", b"")
        source = source.decode() if isinstance(source, bytes) else source
        about = f"{request.method} {request.url}" + (f" from /{source}" if source else "")
        reach("request", "before", about)
        answer = send(session, request)
        reach("request", "after", about)
        return answer

    URLLib3Session.send = surrounded


if PLAN:
    for watched in WATCHED:
        watch(watched)
    if "ENTREPOT_DATABASE" in os.environ:
        watch_commits_of_postgresql()
    else:
        watch_commits()
    if os.environ.get("ENTREPOT_STORE", "").startswith("s3:"):
        watch_requests()
