"""Import everything before the sandbox is locked, and record what is imported after it.

In the locked sandbox no module can be read. A library that imports a module only when it needs it
would fail for some files only, and always for those.
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
    """Import every codec of Python: the detector of encodings names many, a dialect may state any.

    Costs 16 ms of CPU and 0.6 MB, once.
    """
    for module in pkgutil.iter_modules(encodings.__path__):
        with suppress(ImportError):  # codecs that exist on Windows only
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
    """Records the names of modules that are imported after `watch`, found or not."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def watch(self) -> None:
        """Become the first finder of modules that are not imported yet."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note the name, and leave the module to the other finders."""
        self.names.append(name)
        return None
