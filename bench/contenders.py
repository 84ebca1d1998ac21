"""The contenders: Entrepot itself, nginx, copyparty, and uvicorn with a plain FileResponse.

Each is started as its users would start it, on loopback, with its data below one folder.
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import PeerMissing, free_port, program, running
from bench.wire import UnexpectedResponse, WireConnection, WireResponse, form, request_head

PASSWORD = "bench-password"

NGINX = """
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    types {{ text/csv csv; }}
    default_type application/octet-stream;
    access_log {folder}/access.log;
    sendfile on;
    tcp_nopush on;
    client_max_body_size 0;
    client_body_temp_path {folder}/incoming;
    client_body_buffer_size 1m;
    proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
    uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location / {{ }}
        location /dav/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
    }}
}}
"""


UNHINDERED = 10**9
"""Requests, a minute and at once, that no load reaches."""


@dataclass(frozen=True)
class RunningPeer:
    """A running peer: its port, its main process, and the folder that its files lie in."""

    port: int
    pid: int
    files: Path


@dataclass(frozen=True)
class Entrepot:
    """A running Entrepot with the account `bench`: its admin's key and a member's."""

    port: int
    pid: int
    data: Path
    key: str
    member_key: str

    def headers(self, key: str | None = None) -> dict[str, str]:
        """The header that carries the key."""
        return {"Authorization": f"Bearer {key or self.key}"}

    def get(self, path: str) -> WireResponse:
        """One GET on a connection of its own. Raises Refused unless it is answered 2xx."""
        with WireConnection(self.port) as connection:
            connection.send(request_head("GET", path, self.headers()))
            return _good(connection.answer())

    def upload(
        self,
        file: Path,
        name: str,
        times: int = 1,
        key: str | None = None,
        fields: dict[str, str] | None = None,
    ) -> "TimedUpload":
        """Upload a file by the form with more fields, its bytes `times` over."""
        size = file.stat().st_size * times
        before, after, kind = form({"file_size_limit": str(size), **(fields or {})}, "file", name)
        headers = {**self.headers(key), "Content-Type": kind}
        length = len(before) + size + len(after)
        head = request_head("POST", "/api/v1/file/new", headers, length)
        with WireConnection(self.port) as connection:
            began_at = time.time()
            began = time.perf_counter()
            connection.send(head + before, file, times, after)
            answer = _good(connection.answer())
            took = time.perf_counter() - began
        return TimedUpload(json.loads(answer.body)["task_id"], took, began_at)

    def wait_task(self, task_id: str, seconds: float = 600) -> dict[str, Any]:
        """Wait until a task has ended well."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            task: dict[str, Any] = json.loads(self.get(f"/api/v1/task/{task_id}").body)
            if task["status"] == "succeeded":
                return task
            if task["finished_at"] is not None:
                raise UnexpectedResponse(f"the task ended as {task}")
            time.sleep(0.1)
        raise UnexpectedResponse(f"the task {task_id} did not end within {seconds:g} seconds")


@dataclass(frozen=True)
class TimedUpload:
    """An acknowledged upload: seconds from the first byte to the answer, and when it began."""

    task_id: str
    seconds: float
    began_at: float


def _good(answer: WireResponse) -> WireResponse:
    if not 200 <= answer.status < 300:
        raise UnexpectedResponse(f"status {answer.status}: {answer.body[:500]!r}")
    return answer


@contextmanager
def entrepot(
    folder: Path, command: list[str] | None = None, requests_per_minute: int = UNHINDERED
) -> Iterator[Entrepot]:
    """Start Entrepot as `entrepot serve` on a data folder, made here unless it is there.

    `command` is what to run instead of the program. Requests are counted, but no load reaches the
    limit; with 0 they are not even counted.
    """
    data = folder / "data"
    if not data.exists():
        make_entrepot(folder)
    port = free_port()
    keys = json.loads((folder / "keys.json").read_text())
    serve = [*(command or [program_path()]), "serve", "--data", str(data), "--port", str(port)]
    more = {
        # Modules of `bench` are found from wherever it runs.
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "ENTREPOT_REQUESTS_PER_MINUTE": str(requests_per_minute),
        "ENTREPOT_REQUEST_BURST": str(UNHINDERED),
    }
    with running(serve, port, folder, more) as pid:
        server = Entrepot(port, pid, data, keys["admin"], keys["member"])
        _wait_ready(server)
        yield server


def make_entrepot(folder: Path) -> None:
    """Make a data folder with the account `bench`, an admin and a member, by the commands."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    _admin(data, "init")
    _admin(data, "account", "create", "bench", "--quota", "10TB")
    keys = {}
    for role in ("admin", "member"):
        _admin(data, "user", "create", f"bench:{role}", "--role", role)
        keys[role] = _admin(data, "key", "create", f"bench:{role}").strip()
    (folder / "keys.json").write_text(json.dumps(keys))


def program_path() -> str:
    """The program of this environment."""
    return str(Path(sys.executable).with_name("entrepot"))


def _admin(data: Path, *words: str) -> str:
    command = [program_path(), "admin", *words, "--data", str(data), "--format", "quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return done.stdout


def _wait_ready(server: Entrepot) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            server.get("/readyz")
            return
        except (UnexpectedResponse, OSError):
            time.sleep(0.1)
    raise RuntimeError("Entrepot was not ready within 60 seconds")


@contextmanager
def nginx(folder: Path) -> Iterator[RunningPeer]:
    """nginx as Debian ships it, with WebDAV on `/dav/`, files from `files/`."""
    binary = program("nginx", "apt-get install nginx")
    flags = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
    if "http_dav_module" not in flags:
        raise PeerMissing("this nginx lacks its WebDAV module: apt-get install nginx")
    (folder / "files" / "dav").mkdir(parents=True, exist_ok=True)
    # Its workers run as another user when it is started as root.
    for part in (folder, folder / "files", folder / "files" / "dav"):
        part.chmod(0o777)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    with running([binary, "-c", str(config), "-p", str(folder)], port, folder) as pid:
        yield RunningPeer(port, pid, folder / "files")


@contextmanager
def copyparty(folder: Path) -> Iterator[RunningPeer]:
    """Copyparty with its defaults and one user, who reads, writes and deletes."""
    _python_peer("copyparty")
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "copyparty", "-q", "-i", "127.0.0.1", "-p", str(port)]
    command += ["-a", f"bench:{PASSWORD}", "-v", f"{files}::rwd,bench"]
    with running(command, port, folder, {"XDG_CONFIG_HOME": str(folder)}) as pid:
        yield RunningPeer(port, pid, files)


@contextmanager
def file_response(folder: Path) -> Iterator[RunningPeer]:
    """Uvicorn with one route that answers Starlette's `FileResponse`, and no keys."""
    _python_peer("uvicorn")
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.file_response:app", "--port", str(port)]
    command += ["--app-dir", str(Path(__file__).parent.parent)]
    with running(command, port, folder, {"BENCH_FILES": str(files)}) as pid:
        yield RunningPeer(port, pid, files)


def _python_peer(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        raise PeerMissing(f"{name} is missing: uv sync --group bench")
