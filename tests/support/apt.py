"""Programs of Debian that tests run, installed where they are missing."""

import fcntl
import shutil
import subprocess
from pathlib import Path

LOCK_FILE = Path("/tmp/entrepot-tests-apt.lock")


def installed_program(name: str, package: str, substitute: str | None = None) -> str:
    """The path of a program of Debian's `package`, or else that of its substitute."""
    path = shutil.which(name)
    if path is None and shutil.which("apt-get"):
        with LOCK_FILE.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another of xdist's workers may install it now
            if shutil.which(name) is None:
                subprocess.run(["apt-get", "update", "-q"], check=False)
                subprocess.run(["apt-get", "install", "-y", "-q", package], check=False)
        path = shutil.which(name)
    if path is None and substitute is not None:
        path = shutil.which(substitute)
    assert path is not None, f"install the package {package}, which has {name}"
    return path
