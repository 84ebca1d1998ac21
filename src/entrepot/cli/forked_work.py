"""Do something in a fork of this process, while this one does something else.

Two cores share a start: what prepares the installation (`cli.start`), and the loading of the API
(`cli.loading`). The fork also takes with it what only the preparation needs, such as Alembic.
"""

import os
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from entrepot.cli.process import kill_with_parent
from entrepot.errors import EntrepotError, StartRefused

T = TypeVar("T")


class ForkedWork(Generic[T]):
    """`work` in a fork of this process, which begins with the object. Its result is pickled."""

    def __init__(self, work: Callable[[], T]) -> None:
        context = get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_send_result, args=(work, sender, os.getpid()))
        self._process.start()
        sender.close()

    def result(self) -> T:
        """What `work` returned, once it has. Call it once.

        Raises StartRefused for each of our errors that `work` raises, and where the fork fails in
        another way, which has printed why.
        """
        refusal: str | None
        try:
            refusal, result = self._receiver.recv()
        except EOFError:
            refusal = "The installation could not be prepared; the messages are above."
        finally:
            self._receiver.close()
            self._process.join()
        if refusal is not None:
            raise StartRefused(reason=refusal)
        prepared: T = result
        return prepared


def _send_result(work: Callable[[], T], sender: Connection, parent_pid: int) -> None:
    kill_with_parent(parent_pid)
    try:
        sender.send((None, work()))
    except EntrepotError as refused:  # such as a store that does not answer
        sender.send((str(refused), None))
