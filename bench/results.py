"""Write `RESULTS.md`: a section a measure, so that one can be measured again alone."""

import os
import platform
import re
from datetime import datetime
from pathlib import Path

from bench.pairs import Line
from bench.trial import Trial

FILE = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Written by `python -m bench`. Figures are medians with the lowest and the highest value in
brackets; ratios are taken within a round, in which the contenders take turns. All of them, and
the client, run on loopback on one machine and share its cores. `bench/README.md` says what is
measured and what the figures do not say.
"""


def write_section(name: str, purpose: str, lines: list[Line], trial: Trial, now: datetime) -> None:
    """Put a measure's section into the file, in place of an earlier one."""
    sections = _sections(FILE.read_text()) if FILE.exists() else {}
    sections[name] = _section(name, purpose, lines, trial, now)
    FILE.write_text(HEAD + "".join(f"\n{section}\n" for section in sections.values()))


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0]: f"## {part.strip()}" for part in parts}


def _section(name: str, purpose: str, lines: list[Line], trial: Trial, now: datetime) -> str:
    rows = [f"| {line.what} | {line.figure} | {_verdict(line)} |" for line in lines]
    return "\n".join(
        [
            f"## {name}",
            "",
            purpose,
            "",
            f"{now:%Y-%m-%d %H:%M} UTC, {machine(trial.folder)}. {described(name, trial)}",
            "",
            "| what | figure | target |",
            "|---|---|---|",
            *rows,
        ]
    )


def _verdict(line: Line) -> str:
    if line.met is None:
        return line.target
    return f"{line.target}: {'met' if line.met else '**missed**'}"


def described(name: str, trial: Trial) -> str:
    """The trial's figures that matter to a measure."""
    match name:
        case "upload" | "download":
            return f"{trial.size:,} bytes, {trial.pairs} rounds."
        case "memory":
            return f"{trial.long_size:,} bytes."
        case "latency":
            return f"{trial.small} deliveries."
        case "idle":
            return f"{trial.idle:g} seconds."
        case "reading":
            return "Each file once."
        case _:
            return f"{trial.pairs} rounds."


def machine(folder: Path) -> str:
    """What the figures were measured on."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} × {cpu[1] if cpu else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, {file_system(folder)}, Python {platform.python_version()}"
    )


def file_system(folder: Path) -> str:
    """The type of the file system that a folder lies on."""
    best, kind = "", "?"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, result, *_ = line.split()
        if folder.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, result
    return kind
