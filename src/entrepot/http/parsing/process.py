"""The program of a parsing process: calls functions of `schemas` until its input ends.

A request and its answer are pickles with their lengths before them. Threads would not help: Python
parses under one lock, which a schema of 1 MB held for seconds.
"""

import pickle
import resource
import sys

from entrepot.errors import EntrepotError, SchemaTooCostly
from entrepot.inspection.sandbox.lockdown import die_with_parent
from entrepot.schemas import compare_schemas, enforcement  # noqa: F401 - loaded before a request
from entrepot.schemas.reading import contract_document, suggested  # noqa: F401

LENGTH_BYTES = 8
MEMORY_BYTES = 1 << 30
"""Address space of the process; a schema of 1 MB takes some 100 MB."""


def main() -> None:
    """Serve requests from the standard input."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while header := source.read(LENGTH_BYTES):
        function, arguments = pickle.loads(source.read(int.from_bytes(header)))  # noqa: S301 - ours
        answer: tuple[bool, object]
        try:
            answer = True, function(*arguments)
        except EntrepotError as error:
            answer = False, error
        except (MemoryError, RecursionError):
            answer = False, SchemaTooCostly(bound=f"{MEMORY_BYTES:,} bytes of memory")
        data = pickle.dumps(answer)
        target.write(len(data).to_bytes(LENGTH_BYTES) + data)
        target.flush()


if __name__ == "__main__":
    main()
