"""Inspect the fuzzed inputs of a range of numbers, through the real locked process.

`python -m tests.inspection.fuzz_range 300 100000` begins with any number, in batches as the product
makes them of small files.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from structlog.testing import capture_logs
from tests.inspection.conftest import request_for
from tests.inspection.fuzzed import fuzzed

from entrepot.inspection.limits import Limits
from entrepot.inspection.results import InspectedVersion, InspectionRequest
from entrepot.inspection.sandbox.batch import (
    MAX_BATCH_FILES,
    BatchSender,
    SenderBatch,
    SentRequest,
)
from entrepot.inspection.sandbox.pool import InspectionPool

VERDICTS = {"conforms", "violates", "not-tabular", "source-error", "resource-limit"}
SENDER = BatchSender(uuid4(), uuid4())
REPORTED_EVERY = 500


def failures_of(pool: InspectionPool, folder: Path, numbers: range) -> list[tuple[int, str]]:
    """The inputs without a verdict, with the reason. What a batch logs as critical is named with
    its first number."""
    failures = []
    for start in range(numbers.start, numbers.stop, MAX_BATCH_FILES):
        batch = range(start, min(numbers.stop, start + MAX_BATCH_FILES))
        with capture_logs() as logs:
            for number, verdict in _verdicts(pool, folder, batch):
                if verdict not in VERDICTS:
                    failures.append((number, verdict))
        failures += [(start, str(line)) for line in logs if line["log_level"] == "critical"]
    return failures


def _verdicts(pool: InspectionPool, folder: Path, batch: range) -> Iterator[tuple[int, str]]:
    """The verdict on each number, or why there is none."""
    sent = [SentRequest(SENDER, _request(folder, number)) for number in batch]
    for result in pool.inspect_batch(SenderBatch(sent), _keep_nothing, lambda number: False):
        inspected = result.inspected
        verdict = inspected.inspection.verdict if inspected else str(result.failure)
        yield batch[result.number], verdict


def _request(folder: Path, number: int) -> InspectionRequest:
    data, schema, mode = fuzzed(number)
    path = folder / f"{number % MAX_BATCH_FILES}.csv"
    path.write_bytes(data)
    made: InspectionRequest = request_for(path, mode, schema)
    return made


def _keep_nothing(inspected: InspectedVersion, files: object) -> None:
    """No form is asked for."""


def main(first: int, last: int) -> int:
    """Inspect the numbers from `first` to before `last`, and print how far that is; the count of
    inputs without a verdict."""
    failures: list[tuple[int, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        pool = InspectionPool(Limits(), Path(folder, "pool"), "best-effort")
        pool.start()
        try:
            for start in range(first, last, REPORTED_EVERY):
                stop = min(last, start + REPORTED_EVERY)
                some = failures_of(pool, Path(folder), range(start, stop))
                failures += some
                print(
                    f"{first:,} to {stop:,}: {len(failures)} without a verdict", *some, flush=True
                )
        finally:
            pool.close()
    return len(failures)


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]))))
