"""Inside the lock: each thing that must fail is tried, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.inspection.sandbox.lockdown import missing_layers

pytestmark = pytest.mark.skipif(bool(missing_layers()), reason=f"lacks: {missing_layers()}")

LOCKED = """
import ctypes, os, socket, subprocess, sys, threading
import arro3.core, arro3.io, zipfile
from pathlib import Path
from entrepot.inspection.engine import lock_engine, open_engine
from entrepot.inspection.limits import Limits
from entrepot.inspection.sandbox.lockdown import lock_down

allowed, scratch, attempt = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
engine = open_engine()
engine.execute("SELECT 1").fetchall()
assert len(os.listdir("/proc/self/task")) == 1, "a thread would stay outside"
held = lock_down([allowed], scratch, Limits(), "require")
assert set(held.values()) == {"on"}, held
lock_engine(engine, allowed, scratch, 10**9, Limits(threads=2))

def in_thread(work):
    failed = []
    def body():
        try:
            work()
        except BaseException as error:
            failed.append(error)
    thread = threading.Thread(target=body); thread.start(); thread.join()
    if failed: raise failed[0]

exec(attempt)
print("done")
"""

REFUSED = {
    "open another file": "open('/etc/passwd')",
    "list a folder": "os.listdir('/')",
    "write beside scratch": "open(scratch.parent / 'x', 'w')",
    "write the input": "open(allowed, 'a')",
    "socket": "socket.socket()",
    "unix socket": "socket.socket(socket.AF_UNIX)",
    "socket pair": "socket.socketpair()",
    "IPv6 socket": "socket.socket(socket.AF_INET6)",
    "datagram socket": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "packet socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "VM socket": "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "crypto socket": "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
    "bluetooth socket": "socket.socket(31, socket.SOCK_RAW)",
    "look a name up": "socket.getaddrinfo('localhost', 80)",
    "socket in a thread": "in_thread(socket.socket)",
    "file in a thread": "in_thread(lambda: open('/etc/passwd'))",
    "fork": "os.fork()",
    "program": "os.execv('/bin/true', ['true'])",
    "subprocess": "subprocess.run(['/bin/true'])",
    "signal the parent": "os.kill(os.getppid(), 0)",
    "engine reads another file": "engine.execute(\"FROM read_csv('/etc/passwd')\").fetchall()",
    "engine writes elsewhere": "engine.execute(\"COPY (SELECT 1) TO '/tmp/out.csv'\")",
    "engine loads": "engine.execute('LOAD httpfs')",
    "engine installs": "engine.execute('INSTALL httpfs')",
    "engine is set free": "engine.execute('SET enable_external_access = true')",
    "own memory through /proc": "open('/proc/self/mem', 'rb')",
    "another's environment": "open(f'/proc/{os.getppid()}/environ', 'rb')",
    "own descriptors through /proc": "os.listdir('/proc/self/fd')",
    "a link out of scratch": "os.symlink('/etc/passwd', scratch / 'x'); open(scratch / 'x')",
    "a link into scratch": "os.link(scratch.parent / 'other', scratch / 'x')",
    "a way up": "open(scratch / '..' / '..' / 'x', 'w')",
    "move out of scratch": (
        "(scratch / 'x').write_text('x'); os.rename(scratch / 'x', scratch.parent / 'x')"
    ),
    "a device": "os.mknod(scratch / 'x', 0o600 | 0o20000, os.makedev(1, 3))",
    "a pipe by name": "os.mkfifo(scratch / 'x')",
    "work elsewhere": "os.chdir('/'); open('etc/passwd')",
    "mount": "assert ctypes.CDLL(None).mount(b'x', b'/', b'tmpfs', 0, None) == 0",
    "a new namespace": "assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "io_uring": "assert ctypes.CDLL(None).syscall(425, 8, None) >= 0",
    "another's memory": "assert ctypes.CDLL(None).syscall(310, os.getppid(), 0, 0, 0, 0, 0) >= 0",
    "Arrow from another file": "from arro3.io import read_ipc; read_ipc('/etc/passwd')",
    "Parquet written elsewhere": (
        "from arro3.io import write_ipc; import arro3.core as c;"
        "write_ipc(c.Table.from_pydict({}), str(scratch.parent / 'x'))"
    ),
    "an archive elsewhere": "import zipfile; zipfile.ZipFile('/etc/passwd')",
    "engine attaches": "engine.execute(\"ATTACH '/tmp/x.db'\")",
    "engine lists files": "engine.execute(\"FROM glob('/etc/*')\").fetchone()[0]",
    "ptrace": "assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0",
}
ALLOWED = {
    "read the input": "open(allowed).read()",
    "write scratch": "(scratch / 'x').write_text('x')",
    "remove from scratch": "(scratch / 'y').write_text('y'); (scratch / 'y').unlink()",
    "engine reads the input": (
        "rows = engine.execute(f\"SELECT count(*) FROM read_csv('{allowed}')\").fetchone();"
        "assert rows == (2,), rows"
    ),
    "engine spills": (
        'engine.execute("CREATE TABLE t AS SELECT range AS a FROM range(1000)");'
        "(scratch / 'spill').mkdir()"
    ),
    "threads": "in_thread(lambda: None)",
}


def attempt(tmp_path: Path, code: str) -> "subprocess.CompletedProcess[str]":
    allowed, scratch = tmp_path / "input.csv", tmp_path / "scratch"
    allowed.write_text("a,b\n1,x\n2,y\n")
    scratch.mkdir()
    (tmp_path / "other").write_text("x")
    command = [sys.executable, "-c", LOCKED, str(allowed), str(scratch), code]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    done = attempt(tmp_path, REFUSED[name])
    assert done.returncode == 1, done.stdout
    words = ("Permission", "AssertionError", "has been locked", "cross-device link")
    assert any(word in done.stderr for word in words), done.stderr
    assert "a thread would" not in done.stderr


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str, tmp_path: Path) -> None:
    done = attempt(tmp_path, ALLOWED[name])
    assert done.stdout.strip() == "done", done.stderr
