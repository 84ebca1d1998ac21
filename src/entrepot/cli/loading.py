"""Load what a server's processes need before they are forked, and in less time.

This module loads each time the program runs.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collect no garbage within the block, nor look at what it left ever again.

    Modules that load leave none, and to look for it takes a fifth of a start. What is frozen is
    memory that forked processes continue to share (https://docs.python.org/3/library/gc.html).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_logs() -> None:
    """Import structlog without rich, with which it would print tracebacks that we do not use: rich
    and what that imports take a twentieth of a start."""
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    is_hidden = modules.setdefault("rich", None) is None  # an import of it fails
    try:
        import structlog  # noqa: F401
    finally:
        if is_hidden:
            del modules["rich"]


def load_api() -> None:
    """Import what the API's process runs; it makes no thread, socket or event loop.

    An API that is started again then needs 0.4 s less.
    """
    with collection_paused():
        import uvloop  # noqa: F401

        import entrepot.cli.listener
        import entrepot.http.app  # noqa: F401
