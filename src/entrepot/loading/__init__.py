"""Load modules in less time: without garbage collection, and without work that nobody needs yet.

Nothing may be imported here but the standard library: it would be loaded the slow way.
"""

import dataclasses
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_compile_now: Any = getattr(dataclasses, "_create_fn", None)


class LateMethod:
    """A method of a dataclass, which is compiled when it is first used, and then replaces this."""

    __slots__ = ("__name__", "_compile")

    def __init__(self, name: str, compile_method: Callable[[], Any]) -> None:
        self.__name__ = name
        self._compile = compile_method

    def __get__(self, instance: object, owner: type) -> Any:
        return self._method(owner).__get__(instance, owner)

    def __call__(self, instance: object, *arguments: object) -> Any:
        """What the wrapper of `__repr__` calls, which dataclasses makes itself."""
        return self._method(type(instance))(instance, *arguments)

    def _method(self, owner: type) -> Any:
        method = self._compile()
        for each in owner.__mro__:
            if vars(each).get(self.__name__) is self:
                method.__qualname__ = f"{each.__qualname__}.{self.__name__}"
                setattr(each, self.__name__, method)
        return method


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import modules within the block in less time.

    No garbage is collected, nor is what the block left ever looked at again: modules that load
    leave none, and to look for it takes a fifth of a start. What is frozen is memory that forked
    processes continue to share (https://docs.python.org/3/library/gc.html).

    Dataclasses get their methods when these are first used. Up to Python 3.12 each one is compiled
    by itself, six for a frozen class: a sixth of a start. A Python that makes them otherwise
    does so.
    """
    gc.disable()
    if _compile_now is not None:
        dataclasses._create_fn = _compile_later  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if _compile_now is not None:
            dataclasses._create_fn = _compile_now  # type: ignore[attr-defined]
        gc.freeze()
        gc.enable()


def _compile_later(name: str, *arguments: Any, **more: Any) -> LateMethod:
    return LateMethod(name, lambda: _compile_now(name, *arguments, **more))
