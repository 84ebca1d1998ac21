"""The entry points of installed packages, without `importlib.metadata`.

That module loads parsers of e-mail and zip files, and reads the metadata of every package: 28 of
the 116 ms of processor time that the help of `entrepot` took (ADR 0049). This finds what pip and
uv install: folders `NAME-VERSION.dist-info` beside the modules.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_END = ".dist-info"


@dataclass(frozen=True)
class InstalledEntryPoint:
    """One entry point: `reference` is `module:attribute`, `package` the name of its package."""

    name: str
    reference: str
    package: str

    def load(self) -> Any:
        """The object that it names. Raises what importing its module raises, and AttributeError."""
        module, _, attribute = self.reference.partition(":")
        loaded: Any = importlib.import_module(module.strip())
        for part in attribute.strip().split("."):
            loaded = getattr(loaded, part)
        return loaded


def find_entry_points(group: str) -> list[InstalledEntryPoint]:
    """The entry points of a group, by name; of a package that is installed twice, the first."""
    by_name: dict[tuple[str, str], InstalledEntryPoint] = {}
    for folder in _metadata_folders():
        try:
            text = (folder / "entry_points.txt").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if group not in text:
            continue
        package = folder.name.removesuffix(_END).rpartition("-")[0]
        for name, reference in _lines_of(text, group):
            by_name.setdefault((package, name), InstalledEntryPoint(name, reference, package))
    return sorted(by_name.values(), key=lambda point: point.name)


def _metadata_folders() -> Iterator[Path]:
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        yield from (Path(place, name) for name in names if name.endswith(_END))


def _lines_of(text: str, group: str) -> Iterator[tuple[str, str]]:
    """The names and references below the heading of a group."""
    heading = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            heading = line
        elif heading == f"[{group}]" and "=" in line and not line.startswith("#"):
            name, _, reference = line.partition("=")
            yield name.strip(), reference.partition("[")[0].strip()
