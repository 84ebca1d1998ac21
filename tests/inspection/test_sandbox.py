"""Inside the lock: each thing that must fail is tried in a locked process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.inspection.sandbox.lockdown import missing_layers

pytestmark = pytest.mark.skipif(bool(missing_layers()), reason=f"lacks: {missing_layers()}")

LOCKED = """
import ctypes, encodings.idna, fcntl, json, mmap, os, resource, socket, subprocess, sys
import threading, time, traceback
import arro3.core, arro3.io, zipfile
from pathlib import Path
from entrepot.inspection.engine import lock_engine, open_engine
from entrepot.inspection.limits import Limits
from entrepot.inspection.sandbox.lockdown import lock_down

allowed, scratch, attempt = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
parent = os.getppid()
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
    "signal the parent": "os.kill(parent, 0)",
    "engine reads another file": "engine.execute(\"FROM read_csv('/etc/passwd')\").fetchall()",
    "engine writes elsewhere": "engine.execute(\"COPY (SELECT 1) TO '/tmp/out.csv'\")",
    "engine loads": "engine.execute('LOAD httpfs')",
    "engine installs": "engine.execute('INSTALL httpfs')",
    "engine is set free": "engine.execute('SET enable_external_access = true')",
    "own memory through /proc": "open('/proc/self/mem', 'rb')",
    "another's environment": "open(f'/proc/{parent}/environ', 'rb')",
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
    "another's memory": "assert ctypes.CDLL(None).syscall(310, parent, 0, 0, 0, 0, 0) >= 0",
    "Arrow from another file": "from arro3.io import read_ipc; read_ipc('/etc/passwd')",
    "Parquet written elsewhere": (
        "from arro3.io import write_ipc; import arro3.core as c;"
        "write_ipc(c.Table.from_pydict({}), str(scratch.parent / 'x'))"
    ),
    "an archive elsewhere": "import zipfile; zipfile.ZipFile('/etc/passwd')",
    "engine attaches": "engine.execute(\"ATTACH '/tmp/x.db'\")",
    "engine lists files": "engine.execute(\"FROM glob('/etc/*')\").fetchone()[0]",
    "ptrace": "assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0",
    "mode of its own file": "os.chmod(allowed, 0o777)",
    "mode of another file": "os.chmod(scratch.parent / 'other', 0o777)",
    "owner of a file": "os.chown(allowed, os.getuid(), os.getgid())",
    "times of a file": "os.utime(scratch.parent / 'other', (1, 1))",
    "attribute of a file": "os.setxattr(allowed, 'user.x', b'x')",
    "limits of another process": "resource.prlimit(parent, 7, (9, 9))",
    "more time than its own limit": (
        "_, hard = resource.getrlimit(0);"
        "assert ctypes.CDLL(None).syscall(302, 0, 0, (ctypes.c_ulong * 2)(hard, hard), 0) == 0"
    ),
    "processors of another process": "os.sched_setaffinity(parent, {0})",
    "priority of another process": "os.setpriority(os.PRIO_PROCESS, parent, 1)",
    "kill the parent": "os.kill(parent, 9)",
    "shared memory": "assert ctypes.CDLL(None).shmget(1, 4096, 0o1600) >= 0",
    "semaphores": "assert ctypes.CDLL(None).semget(1, 1, 0o1600) >= 0",
    "message queue": "assert ctypes.CDLL(None).msgget(1, 0o1600) >= 0",
    "a file without a name": "os.memfd_create('x')",
    "open a file system": "assert ctypes.CDLL(None).syscall(430, b'tmpfs', 0) >= 0",
    "name of the host": "socket.sethostname(socket.gethostname())",
    "time of the host": "time.clock_settime(time.CLOCK_REALTIME, time.time())",
    "pages of the machine": "mmap.mmap(-1, 4096).madvise(101)",
    "key of the kernel": "assert ctypes.CDLL(None).syscall(248, b'user', b'x', b'x', 1, -3) > 0",
    "signals of another's terminal": "fcntl.fcntl(0, fcntl.F_SETOWN, parent)",
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


def attempt(tmp_path: Path, code: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    allowed, scratch = tmp_path / "input.csv", tmp_path / "scratch"
    allowed.write_text("a,b\n1,x\n2,y\n")
    scratch.mkdir()
    (tmp_path / "other").write_text("x")
    command = [sys.executable, "-c", LOCKED, str(allowed), str(scratch), code]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=180, check=False
    )


TRY_ALL = """
for name, code in json.loads(sys.stdin.read()).items():
    try:
        exec(code)
        failure = None
    except BaseException:
        failure = traceback.format_exc()
    print(json.dumps([name, failure]), flush=True)
"""


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """How each thing of `REFUSED` failed, tried one after another in one locked process."""
    done = attempt(tmp_path_factory.mktemp("refused"), TRY_ALL, json.dumps(REFUSED))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines()[:-1])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, failures: dict[str, str | None]) -> None:
    failure = failures[name]
    assert failure is not None, "it was allowed"
    words = (
        "Permission",
        "AssertionError",
        "has been locked",
        "cross-device link",
        "permitted",
        "name resolution",
    )
    assert any(word in failure for word in words), failure
    assert "importlib" not in failure, failure


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str, tmp_path: Path) -> None:
    done = attempt(tmp_path, ALLOWED[name])
    assert done.stdout.strip() == "done", done.stderr
