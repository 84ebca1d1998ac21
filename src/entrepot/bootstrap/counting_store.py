"""A blob store that counts its failures, around any other."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from entrepot.blobs.store import BlobStore
from entrepot.errors import (
    BlobDamaged,
    BlobMissing,
    EntrepotError,
    StorageFull,
    StoreUnavailable,
)

OnError = Callable[[str, BaseException], None]
"""Takes the name of an operation and what it raised."""
PARTS = ("create", "append", "drafts")
"""What these return is used further, and counted too."""


def count_failures(
    store: BlobStore, on_error: OnError, on_commit: Callable[[], None] = lambda: None
) -> BlobStore:
    """The same store; `on_error` is called with each error that is the store's own, `on_commit`
    when bytes were stored.

    A draft that is busy and an id that is taken are answers, not errors.
    """
    return cast(BlobStore, _Counting(store, on_error, on_commit))


class _Counting:
    """Passes everything on, whatever the interface has, and looks at what is raised."""

    def __init__(self, counted: Any, on_error: OnError, on_commit: Callable[[], None]) -> None:
        self._counted = counted
        self._on_error = on_error
        self._on_commit = on_commit

    def __getattr__(self, name: str) -> Any:
        value = self._call(name, lambda: getattr(self._counted, name))
        if not callable(value):  # a property, which may have another value the next time
            return self._further(name, value)

        @functools.wraps(value)
        def counted(*args: Any, **kwargs: Any) -> Any:
            return self._further(name, self._call(name, lambda: value(*args, **kwargs)))

        setattr(self, name, counted)  # made once: it takes longer than most of the calls
        return counted

    def _call(self, name: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            if _is_failure(error):
                self._on_error(name, error)
            raise

    def _further(self, name: str, value: Any) -> Any:
        if name in PARTS:
            return _Counting(value, self._on_error, self._on_commit)
        if name == "commit":
            self._on_commit()
        if name == "borrow":
            return self._enter(name, value)
        if isinstance(value, Iterator):
            return self._iterate(name, value)
        return value

    @contextmanager
    def _enter(self, name: str, manager: Any) -> Iterator[Any]:
        with ExitStack() as stack:
            yield self._call(name, lambda: stack.enter_context(manager))

    def _iterate(self, name: str, items: Iterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._call(name, lambda: next(items))
                except StopIteration:
                    return
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()


def _is_failure(error: Exception) -> bool:
    if isinstance(error, (AttributeError, StopIteration, FileExistsError)):
        return False
    ours = (StorageFull, StoreUnavailable, BlobMissing, BlobDamaged)
    return isinstance(error, ours) or not isinstance(error, EntrepotError)
