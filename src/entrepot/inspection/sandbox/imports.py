"""What is imported before the sandbox's lock, and notice of what is imported behind it.

Behind the lock no module can be read. What a library imports only once it is needed would so fail
for some files alone, and for those always.
"""

import encodings
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def import_codecs() -> None:
    """Import every codec of Python: those that the detector of encodings can name are among them.

    Costs 16 ms of CPU and 0.6 MB, once.
    """
    for module in pkgutil.iter_modules(encodings.__path__):
        with suppress(ImportError):  # those of Windows alone
            importlib.import_module(f"encodings.{module.name}")


def import_filter_parser() -> None:
    """Import what the parser of filters imports while it parses, such as for `name[1]`.

    Costs 70 ms of CPU and 5 MB, once, where previews are made.
    """
    import sqlglot.optimizer
    import sqlglot.serde

    for module in pkgutil.iter_modules(sqlglot.optimizer.__path__):
        importlib.import_module(f"sqlglot.optimizer.{module.name}")


class LateImports(MetaPathFinder):
    """Notes the names of modules that are looked for from `watch` on, whatever becomes of that."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def watch(self) -> None:
        """Be asked for each module that is not imported yet."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note the name, and leave the module to the other finders."""
        self.names.append(name)
        return None
