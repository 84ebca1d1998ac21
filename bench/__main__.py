"""`python -m bench`: measure Entrepot beside its peers, and write `bench/RESULTS.md`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    activity,
    costing,
    delivering,
    encodings,
    grants,
    heuristics,
    inferring,
    inspecting,
    listing,
    memory,
    previewing,
    program_runs,
    reading,
    resuming,
    s3_uploads,
    starting,
    transfers,
    waiting,
    with_parquet,
)
from bench.pairs import Line
from bench.processes import PeerMissing
from bench.results import file_system, write_section
from bench.trial import Trial

MEASURES: dict[str, Callable[[Trial], list[Line]]] = {
    "upload": transfers.upload,
    "upload-s3": s3_uploads.upload_to_s3,
    "resuming": resuming.resuming,
    "download": transfers.download,
    "small": transfers.small,
    "activity": activity.activity,
    "counting": transfers.counting,
    "program": program_runs.program_runs,
    "demo": starting.demo,
    "grants": grants.grants,
    "latency": waiting.latency,
    "deliveries": delivering.deliveries,
    "costs": costing.costs,
    "idle": waiting.idle,
    "memory": memory.memory,
    "listing": listing.listing,
    "reading": reading.reading,
    "encodings": encodings.encodings,
    "heuristics": heuristics.heuristics,
    "inference": inferring.inference,
    "preview": previewing.previews,
    "inspection": inspecting.inspection,
    "inspection-small": inspecting.inspection_small,
    "inspection-parquet": with_parquet.inspection_parquet,
    "inspection-growth": inspecting.inspection_growth,
}
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def size(text: str) -> int:
    """Bytes of a text like `256MiB` or plain digits."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text)


def parse(words: list[str]) -> argparse.Namespace:
    """The command's options."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--only", action="append", choices=MEASURES, help="may be repeated")
    options.add_argument("--size", type=size, default=2**30, help="of large transfers (1GiB)")
    options.add_argument("--long-size", type=size, default=10 * 2**30, help="for memory (10GiB)")
    options.add_argument("--pairs", type=int, default=5, help="rounds that count (5)")
    options.add_argument("--idle", type=float, default=60, help="seconds of idleness (60)")
    options.add_argument("--small", type=int, default=50, help="small deliveries (50)")
    options.add_argument("--files", type=int, default=1_000_000, help="in the long list (1000000)")
    options.add_argument("--folder", type=Path, help="where data may lie for a while; a real disk")
    options.add_argument("--dry", action="store_true", help="leave RESULTS.md as it is")
    return options.parse_args(words)


def main() -> int:
    """Run the measures; 0 if every target was met, 1 if one was missed, 2 if a peer is missing."""
    arguments = parse(sys.argv[1:])
    # Every contender keeps what it compiles, as on its users' machines: else each start costs three
    # times as much.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    missed = missing = False
    for name in arguments.only or MEASURES:
        with tempfile.TemporaryDirectory(prefix="entrepot-bench-", dir=arguments.folder) as folder:
            trial = Trial(
                Path(folder).resolve(),
                arguments.size,
                arguments.long_size,
                arguments.pairs,
                arguments.idle,
                arguments.small,
                arguments.files,
            )
            if file_system(trial.folder) in ("tmpfs", "ramfs"):
                print("Nothing is durable in memory: name a folder on a disk by --folder.")
                return 2
            # nginx's workers, another user when started as root, must reach their files.
            trial.folder.chmod(0o755)
            try:
                lines = MEASURES[name](trial)
            except PeerMissing as lack:
                print(f"{name}: not measured; {lack}", file=sys.stderr)
                missing = True
                continue
            purpose = (MEASURES[name].__doc__ or "").strip()
            if not arguments.dry:
                write_section(name, purpose, lines, trial, datetime.now(UTC))
        print(f"\n{name}: {purpose}")
        for line in lines:
            verdict = "" if line.met is None else ("met" if line.met else "MISSED")
            print(f"  {line.what:<55} {line.figure:<40} {line.target} {verdict}".rstrip())
            missed |= line.met is False
    return 2 if missing else int(missed)


if __name__ == "__main__":
    sys.exit(main())
