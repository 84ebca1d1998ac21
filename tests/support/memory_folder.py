"""Temporary files of tests in memory, where the machine has room for them."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

FOLDER = Path("/dev/shm")
MIN_BYTES = 8_000_000_000
"""What has to be free, both of the folder and of memory; a run holds less than 2 GB at a time."""


def use_memory_folder() -> None:
    """Set TMPDIR to a folder in memory, unless it is set or there is no room.

    The servers of a run commit some hundred thousand transactions, and each waits for a disk that
    has nothing to prove here: tests kill processes, not machines.
    """
    if "TMPDIR" in os.environ or not os.access(FOLDER, os.W_OK):
        return
    free = min(shutil.disk_usage(FOLDER).free, psutil.virtual_memory().available)
    if free >= MIN_BYTES:
        os.environ["TMPDIR"] = str(FOLDER)
        tempfile.tempdir = None  # so that it is read again
