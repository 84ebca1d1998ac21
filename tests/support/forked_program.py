"""What a fork runs: `preloaded.py:run_preloaded` says how, in `RUN`. Then it is the program."""

import os
import site
import sys
from typing import Any

from setproctitle import getproctitle

from entrepot_client.cli.entry_point import main

RUN: dict[str, Any] = globals()["RUN"]

for descriptor, file in RUN["files"]:
    opened = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(opened, descriptor)
    os.close(opened)
if RUN["umask"] >= 0:
    os.umask(RUN["umask"])
getproctitle()  # finds the place of titles by the environment that the process began with
os.environ.clear()
os.environ.update(RUN["environment"])
sys.argv = ["entrepot", *RUN["arguments"]]
if "PYTHONPATH" in os.environ:  # what Python itself does with it at a start
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
    site.execsitecustomize()
main()
