"""Programs of Debian that tests run."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SEARCH_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
"""Where programs are looked for: those of this environment first."""


def find_program(name: str, package: str) -> str:
    """The path of a program, installed from Debian's package if it is missing and can be.

    Several runs may ask at the same time: apt serves one.
    """
    if (found := shutil.which(name, path=SEARCH_PATH)) is not None:
        return found
    assert shutil.which("apt-get"), f"install {name}, which the tests need"
    with (Path(tempfile.gettempdir()) / "entrepot-tests-apt").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which(name, path=SEARCH_PATH) is None:
            subprocess.run(["apt-get", "update", "-q"], check=True)
            install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
            subprocess.run(install, check=True)
    found = shutil.which(name, path=SEARCH_PATH)
    assert found is not None, f"{package} has no program {name}"
    return found
