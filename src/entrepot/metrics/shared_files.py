"""Keep a process's counters in files that another process reads.

The client library's own way for several processes: a memory-mapped file for each type of metric and
process (https://prometheus.github.io/client_python/multiprocess/). Two things are set here, before
the first metric is made (ADR 0055):

- The files are named by the role of the process (`api-0`), not by its pid. One that is started
  again adds to the file of the one that died, and a folder never holds more files than roles.
- The files get their blocks beforehand. A memory-mapped file with holes kills its process with
  SIGBUS when the disk is full, which is when a server is needed to answer.
"""

import os
from pathlib import Path
from typing import Any

from prometheus_client import values

FILE_BYTES = 2 * 1024 * 1024
"""Size of one file: 8,000 series of 250 bytes. Labels are bounded far below that."""
TYPES = ("counter", "histogram")
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare_folder(folder: Path) -> None:
    """Make the folder, empty: counters begin with the server."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()


def share_metrics(folder: Path, process_name: str) -> bool:
    """Let the metrics that are made after this, in this process, count in files of the folder.

    False if the disk has no space for them: then this process counts in memory, where nobody reads.
    `process_name` is that of one process at a time, without an underscore.
    """
    try:
        for kind in TYPES:
            with (folder / f"{kind}_{process_name}.db").open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    except OSError:
        return False
    os.environ[VARIABLE] = str(folder)
    shared: Any = values.MultiProcessValue  # the library has no types here
    values.ValueClass = shared(process_identifier=lambda: process_name)
    return True
