"""A server that is killed and started again, and a memory of all that was ever sent to it."""

import json
import os
import signal
import socket
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psutil
from sqlalchemy import select, union_all, update
from tests.crash.points import Point
from tests.support.api import Api
from tests.support.preloaded import run_preloaded
from tests.support.processes import find_inspectors, wait_ended
from tests.support.raw import (
    CLOSING,
    MULTIPART,
    connect,
    exchange,
    file_part_head,
    head,
    read_answer,
    text_part,
)
from tests.support.seaweedfs import list_multipart_uploads
from tests.support.server import Server, TestAccount, make_server
from tests.support.wait import PATIENCE, UNHURRIED, wait_until

from entrepot.blobs.s3 import S3Store
from entrepot.cli.data_folder import is_locked
from entrepot.db.tables import checks, derivatives, files, tasks, versions
from entrepot.files.forms.read_form import RETRY_INTERVAL
from entrepot.files.sweep import GRACE_PERIOD, sweep
from entrepot.quotas.reserve import RESERVATION_LIFETIME

HOOK = Path(__file__).parent / "hook"
KEPT = union_all(
    *(
        select(held.c.id, held.c.size).where(held.c.bytes_removed_at.is_(None), held.c.size > 0)
        for held in (versions, checks)
    )
)
"""The bytes that rows name, and their sizes."""
ENDED = {"succeeded", "failed", "canceled"}
GONE = (httpx2.TransportError, OSError)
"""What a client sees when the server dies."""


@dataclass
class SentUpload:
    """What was sent and what was answered; `expected` is how its task must end if it was taken."""

    name: str
    content: bytes
    expected: str
    task_id: str | None = None
    refused: bool = False
    cancel_asked: bool = False


@dataclass
class SlowUpload:
    """An upload under way over a connection."""

    sock: socket.socket
    body: bytes
    sent: int = 0

    @property
    def size(self) -> int:
        return len(self.body)

    def send(self, most: int) -> None:
        """Send the next bytes; a server that is gone is not an error."""
        piece = self.body[self.sent : self.sent + most]
        self.sent += len(piece)
        with suppress(OSError):
            self.sock.sendall(piece)

    def end(self) -> int:
        """Send the rest; the answer's status."""
        self.send(self.size)
        return read_answer(self.sock).status


@dataclass
class Installation:
    """One installation over many deaths."""

    server: Server
    account: TestAccount
    plan: Path
    worker_host: Server | None = None
    deliveries: list[SentUpload] = field(default_factory=list)
    frozen: list[psutil.Process] = field(default_factory=list)

    @property
    def api(self) -> Api:
        return self.account.api

    def host(self, role: str) -> Server:
        """The server that has the process with that role."""
        return self.worker_host if self.worker_host and role == "worker" else self.server

    def arm(self, point: Point) -> None:
        """Die there from now on."""
        draft = self.plan.with_suffix(".draft")
        draft.write_text(
            json.dumps(
                {"role": point.role, "call": point.call, "about": point.about, "when": point.when}
            )
        )
        draft.replace(self.plan)

    def disarm(self) -> bool:
        """Forget the plan; whether its point was reached."""
        self.plan.unlink(missing_ok=True)
        reached = self.plan.with_name(self.plan.name + ".reached")
        if reached.exists():
            reached.unlink()
            return True
        return False

    def wait_dead(self) -> None:
        """Until the supervisor has died by SIGKILL, and all its family with it."""
        assert self.server.process is not None
        assert self.server.process.wait(PATIENCE) == -signal.SIGKILL
        wait_until(lambda: not is_locked(self.server.data), "all its family is dead")

    def kill_tree(self) -> None:
        """SIGKILL for every process of the server, the supervisor first."""
        assert self.server.process is not None
        top = psutil.Process(self.server.process.pid)
        family = [top, *top.children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        self.server.process.wait(PATIENCE)
        wait_ended(family)

    def part(self, role: str, index: int = 0) -> psutil.Process:
        """The supervisor's child with that role."""
        return self.host(role).processes(role)[index]

    def part_pid(self, role: str) -> int | None:
        """The pid of that part; None while there is none."""
        try:
            return self.part(role).pid
        except (IndexError, psutil.Error):
            return None

    def wait_reserved(self) -> int:
        """The bytes that the account has reserved, once there are some."""
        wait_until(lambda: self.api.account()["reserved"] > 0, "something is reserved")
        return int(self.api.account()["reserved"])

    def connections(self) -> int:
        """Connections whose client has gone and that the server still holds."""
        held = self.part("api").net_connections("tcp")
        return sum(one.status == psutil.CONN_CLOSE_WAIT for one in held)

    def inspectors(self) -> list[psutil.Process]:
        """The process that inspecting ones are forked from, and those."""
        assert self.server.process is not None
        return find_inspectors(self.server.process.pid)

    def freeze_inspectors(self) -> None:
        """Stop the one that forks the others: what is to be inspected next takes for ever."""
        self.wait_derived()  # else one that derives might be stopped with her
        wait_until(self.inspectors, "there are inspectors")
        for child in self.inspectors():
            child.suspend()
            self.frozen.append(child)

    def close(self) -> None:
        """End the server, and what was stopped before it could ask to die with its parent."""
        for host in (self.worker_host, self.server):
            if host is not None:
                host.close()
        for child in self.frozen:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def send(
        self, content: bytes, expected: str = "succeeded", api: Api | None = None, **fields: Any
    ) -> SentUpload:
        """Upload under a name of its own; a server that dies meanwhile is not an error."""
        delivery = SentUpload(f"{uuid4().hex}.csv", content, expected)
        self.deliveries.append(delivery)
        try:
            answer = (api or self.api).upload(content, delivery.name, **fields)
        except GONE:
            return delivery
        if answer.status_code == 202:
            delivery.task_id = answer.json()["task_id"]
        elif answer.status_code < 500:
            delivery.refused = True
        return delivery

    def send_version(self, file_id: str, content: bytes, **headers: str) -> str | None:
        """Upload a further version; its task, None if the server died before it answered."""
        files = {"file": ("next.csv", content)}
        try:
            answer = self.api.post(f"/file/{file_id}/versions", files=files, headers=headers)
        except GONE:
            return None
        return str(answer.json()["task_id"]) if answer.status_code == 202 else None

    def begin(self, path: str, **kwargs: Any) -> str | None:
        """Ask for what is done by a task; the task, None if the server died before it answered."""
        try:
            answer = self.api.post(path, **kwargs)
        except GONE:
            return None
        return str(answer.json()["task_id"]) if answer.status_code == 202 else None

    def delete(self, path: str) -> bool:
        """Delete something; whether that was acknowledged."""
        try:
            return self.api.request("DELETE", path).status_code == 200
        except GONE:
            return False

    def post(self, path: str, body: dict[str, Any]) -> bool:
        """Ask for something; whether it was acknowledged."""
        try:
            return self.api.post(path, json=body).status_code == 200
        except GONE:
            return False

    def make_old(self) -> None:
        """Have everything that was deleted been deleted long ago; the server does not run."""
        long_ago = self.server.parts.clock() - timedelta(days=7, hours=3)
        with self.server.parts.database.writing() as conn:
            gone = update(versions).where(versions.c.status == "deleted")
            conn.execute(gone.values(deleted_at=long_ago, keep_until=long_ago))
            hidden = update(files).where(files.c.deleted_at.is_not(None))
            conn.execute(hidden.values(deleted_at=long_ago))

    def send_wrong_digest(self, content: bytes) -> SentUpload:
        """Upload with a `Repr-Digest` of other bytes, which is found wrong at the very end."""
        delivery = SentUpload(f"{uuid4().hex}.csv", content, "never", refused=True)
        self.deliveries.append(delivery)
        digest = f"Repr-Digest: sha-256=:{b64encode(sha256(b'other').digest()).decode()}:\r\n"
        fields = text_part("file_size_limit", "100000000") + file_part_head(
            delivery.name, more=digest
        )
        body = fields + content + b"\r\n" + CLOSING
        headers = {
            **self.api.authorization,
            "Content-Type": MULTIPART,
            "Content-Length": str(len(body)),
        }
        try:
            answer = exchange(self.server.endpoint, head("POST", "/api/v1/files", headers), [body])
        except (OSError, HTTPException):
            return delivery
        assert answer.status in (400, 422), answer.body
        return delivery

    @contextmanager
    def client(self) -> Iterator[Api]:
        """A client of its own, for one thread."""
        made = Api(self.server.endpoint, self.account.api_key)
        try:
            yield made
        finally:
            made.close()

    @contextmanager
    def slow_upload(self, content: bytes) -> Iterator["SlowUpload"]:
        """An upload whose bytes are sent as asked; at the end its connection is cut."""
        fields = text_part("file_size_limit", "100000000")
        body = fields + file_part_head(f"{uuid4().hex}.csv") + content + b"\r\n" + CLOSING
        headers = {
            **self.api.authorization,
            "Content-Type": MULTIPART,
            "Content-Length": str(len(body)),
        }
        with connect(self.server.endpoint) as sock:
            sock.sendall(head("POST", "/api/v1/files", headers))
            yield SlowUpload(sock, body)

    def cancel(self, delivery: SentUpload, api: Api | None = None) -> bool:
        """Ask to cancel; whether that was acknowledged."""
        delivery.cancel_asked = True
        try:
            return (api or self.api).post(f"/task/{delivery.task_id}/cancel").status_code == 202
        except GONE:
            return False

    def check(self) -> None:
        """All that must hold after any death, once the server runs again."""
        wait_until(
            lambda: not self._live_tasks(), lambda: f"tasks end: {self._live_tasks()}", UNHURRIED
        )
        self.wait_derived()
        for delivery in self.deliveries:
            if delivery.task_id is not None:
                self._check_acknowledged(delivery)
        answer = {item["file_name"]: item for item in self.api.json("/files")["files_list"]}
        for delivery in self.deliveries:
            self._check_visible(delivery, answer.get(delivery.name))
        if not self.server.settings.embedded:
            self.sweep_later()
        wait_until(lambda: self._kept() == self.api.account()["used"], "used is exact")
        wait_until(lambda: self.api.account()["reserved"] == 0, "nothing is reserved")
        self.server.assert_sound()
        self._check_nothing_incoming()
        self._check_bytes()
        self.deliveries = [d for d in self.deliveries if d.task_id][-3:]  # the older are proven

    def wait_derived(self, seconds: float = UNHURRIED) -> None:
        """Until no derivative is to be made any more; each that ended was made."""
        self.server.wait_derived(seconds)
        failed = self.server.derivatives("failed")
        assert failed == [], failed

    def _check_acknowledged(self, delivery: SentUpload) -> None:
        task = self.api.task(str(delivery.task_id))
        expected = {delivery.expected, "canceled"} if delivery.cancel_asked else {delivery.expected}
        assert task["status"] in expected, task

    def _check_visible(self, delivery: SentUpload, item: dict[str, Any] | None) -> None:
        """A file is there whole or not at all, whether or not its sender got an answer."""
        if delivery.refused:
            assert item is None, "a refused upload left a file"
            return
        if item is None:
            assert delivery.task_id is None, "an acknowledged file is missing"
            return
        download = self.api.get(f"/file/download/{item['file_id']}")
        published = item["version"] is not None
        if not delivery.cancel_asked:
            assert published == (delivery.expected == "succeeded"), item
        if published:
            assert download.status_code == 200
            assert download.content == delivery.content
        else:
            assert download.status_code == 404

    def make_failed_forms(self) -> None:
        """What could not be made for want of space or files is made when somebody asks later."""
        parts, failed = self.server.parts, derivatives.c.status == "failed"
        with parts.database.writing() as conn:
            made_of = versions.c.id == derivatives.c.version_id
            forms = select(versions.c.file_id, versions.c.number, derivatives.c.form)
            has_bytes = versions.c.status.in_(("published", "rejected"))
            rows = conn.execute(forms.where(made_of, failed, has_bytes))
            requests = [
                (
                    f"/file/{file_id}/report.csv"
                    if form == "rejected"
                    else f"/file/download/{file_id}",
                    {"version": number} | ({} if form == "rejected" else {"format": form}),
                )
                for file_id, number, form in rows
            ]
            long_ago = parts.clock() - RETRY_INTERVAL
            conn.execute(update(derivatives).where(failed).values(ended_at=long_ago))
        for path, query in requests:
            wait_until(
                lambda path=path, query=query: self.api.get(path, params=query).status_code == 200,
                f"{path} {query} is made",
                UNHURRIED,
            )

    def sweep_later(self, grace: timedelta = GRACE_PERIOD) -> None:
        """What a dead API process of one host among many had reserved is released after a time."""
        parts = self.server.parts
        later = 1.1 * RESERVATION_LIFETIME
        sweep(parts.database, parts.store, lambda: parts.clock() + later, grace)

    def _check_nothing_incoming(self) -> None:
        store = self.server.parts.store
        if not self.server.settings.embedded:  # what a dead process left there, the sweep takes
            store.sweep_incoming(self.server.parts.clock() + timedelta(seconds=1))
        if isinstance(store, S3Store):
            store.sweep_incoming(self.server.parts.clock())
            uploads = list_multipart_uploads(str(self.server.settings.store))
            assert uploads == [], "a multipart upload is left"
        else:
            assert os.listdir(self.server.settings.blobs / "incoming") == []

    def _check_bytes(self) -> None:
        """The sweep leaves exactly the bytes that rows name."""
        parts = self.server.parts
        sweep(parts.database, parts.store, parts.clock, grace=timedelta(0))
        held = select(derivatives.c.blob_id).where(derivatives.c.status == "ready")
        with parts.database.reading() as conn:
            named = {str(row) for each in (KEPT, held) for row in conn.scalars(each)}
        assert {str(blob.blob_id) for blob in parts.store.list()} == named

    def _live_tasks(self) -> list[tuple[UUID, str]]:
        query = select(tasks.c.id, tasks.c.status).where(tasks.c.status.not_in(ENDED))
        with self.server.parts.database.reading() as conn:
            return [(row.id, row.status) for row in conn.execute(query)]

    def _kept(self) -> int:
        with self.server.parts.database.reading() as conn:
            return sum(row.size for row in conn.execute(KEPT))


@dataclass
class ArmedServer(Server):
    """A server whose processes look at a plan before each call at their edge."""

    def _environment(self) -> dict[str, str]:
        more = {"PYTHONPATH": str(HOOK), "CRASH_PLAN": str(self.data.parent / "plan")}
        return super()._environment() | more

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one command of the program on this installation."""
        with tempfile.TemporaryDirectory() as folder:
            output, errors = Path(folder, "output"), Path(folder, "errors")
            process = run_preloaded(arguments, self._environment(), output, errors, umask=-1)
            status = process.wait(PATIENCE)
            return subprocess.CompletedProcess(
                arguments, status, output.read_bytes(), errors.read_bytes()
            )


@dataclass
class WorkerHost(ArmedServer):
    """A host without the API."""

    def _ready(self) -> bool:
        return bool(self.processes("worker"))


def open_installation(**settings: Any) -> Installation:
    """A server that runs, with an account of one gigabyte."""
    server = _armed(ArmedServer, settings)
    server.start()
    return Installation(server, server.new_account(), server.data.parent / "plan")


def open_two_hosts(store: Path, **settings: Any) -> Installation:
    """A host with the API and one with a worker, which share a folder and a database."""
    places = {"store": str(store), "secret": uuid4().hex, **settings}
    server = _armed(ArmedServer, {"role": "api", **places})
    server.start()
    worker_host = _armed(WorkerHost, {"role": "worker", **places})
    worker_host.start()
    plan = server.data.parent / "plan"
    return Installation(server, server.new_account(), plan, worker_host)


def _armed(kind: type[ArmedServer], settings: dict[str, Any]) -> ArmedServer:
    plain = make_server(**{"log_level": "warning", "inspections_at_once": 1, **settings})
    return kind(plain.overrides, plain.data, plain.command)


def table(rows: int, mark: str = "x") -> bytes:
    """A sound CSV of about 20 bytes a row."""
    body = "".join(f"{n},{n * 7 % 1000},{mark}{n}\n" for n in range(rows))
    return f"id,amount,note\n{body}".encode()
