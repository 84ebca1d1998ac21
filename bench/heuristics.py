"""How much each number of the reading of delimited texts matters: which readings it changes.

Every constant of the modules below is made smaller and larger by a quarter (a whole number by one
at least), by itself, and the corpus of polluted texts (`tests/inspection/corpus`) is read again. A
number that changes nothing is not tuned to the corpus; one that changes much is where a new kind
of file is likely to need care.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.inspection.corpus.known import Known, known_cases

from bench.pairs import Line
from bench.trial import Trial
from entrepot.inspection.context import InspectionContext, TableRequest
from entrepot.inspection.csv import (
    cell_types,
    confidence,
    decision,
    detected,
    header_detection,
    layout,
    table_end,
    tabular,
)
from entrepot.inspection.csv.dialects import candidates, detection, scoring
from entrepot.inspection.detect import encoding, language_models
from entrepot.inspection.detect.detect import detect
from entrepot.inspection.engine import open_engine
from entrepot.inspection.limits import Limits
from entrepot.inspection.open_table import open_table
from entrepot.inspection.progress import Progress
from entrepot.inspection.table import NotTabular, TooLarge

MODULES: tuple[ModuleType, ...] = (
    *(
        confidence,
        detection,
        decision,
        candidates,
        scoring,
        encoding,
        language_models,
        table_end,
    ),
    *(cell_types, header_detection, layout, detected, tabular),
)
FACTORS = (0.75, 1.25)
CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+")
BOUNDS_OF_WORK = ("_BYTES", "_PLACES", "_SEGMENTS", "_CACHED_CELLS")
"""Numbers that bound work and that no reading of a small file can feel."""


def heuristics(trial: Trial) -> list[Line]:
    """How many files of the corpus are read wrong, or right at last, once one number of the reader
    is a quarter smaller or larger."""
    cases = known_cases()
    before = _right(cases)
    lines, still = [], []
    for module, name, key in _numbers():
        counts = []
        for factor in FACTORS:
            with _changed(module, name, key, factor):
                after = _right(cases)
            counts.append((len(before - after), len(after - before)))
        label = f"`{name}`" if key is None else f"`{name}[{key!r}]`"
        if any(map(any, counts)):
            smaller, larger = (f"{wrong} wrong, {right} right" for wrong, right in counts)
            lines.append(Line(label, f"smaller: {smaller}; larger: {larger}"))
        else:
            still.append(label)
    return [*lines, Line("changes no reading", ", ".join(still))]


def _numbers() -> Iterator[tuple[ModuleType, str, Any]]:
    """Module and name of each number; of those in a table the key or position too."""
    for module in MODULES:
        for name, value in sorted(vars(module).items()):
            if not CONSTANT.fullmatch(name) or name.endswith(BOUNDS_OF_WORK):
                continue
            if _is_own(module, name):
                yield from ((module, name, key) for key in _keys(value))


def _is_own(module: ModuleType, name: str) -> bool:
    """Whether the module assigns the name itself rather than importing it."""
    source = Path(str(module.__file__)).read_text()
    return re.search(rf"^(?:\w+, )*{name}\b[^\n]*=", source, re.MULTILINE) is not None


def _keys(value: Any) -> list[Any]:
    """None for a number; for a table of numbers the keys or positions."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [None]
    if isinstance(value, dict) and all(isinstance(each, float) for each in value.values()):
        return list(value)
    if isinstance(value, tuple) and all(isinstance(each, float) for each in value):
        return list(range(len(value)))
    return []


def _changed(
    module: ModuleType, name: str, key: Any, factor: float
) -> AbstractContextManager[None]:
    importers = [each for each in MODULES if hasattr(each, name) and not _is_own(each, name)]

    @contextmanager
    def change() -> Iterator[None]:
        old = getattr(module, name)
        for holder in (module, *importers):
            setattr(holder, name, _scaled(old, key, factor))
        try:
            yield
        finally:
            for holder in (module, *importers):
                setattr(holder, name, old)

    return change()


def _scaled(value: Any, key: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return value | {key: _scaled(value[key], None, factor)}
    if isinstance(value, tuple):
        return (*value[:key], _scaled(value[key], None, factor), *value[key + 1 :])
    if isinstance(value, int):
        scaled = round(value * factor)
        return min(scaled, value - 1) if factor < 1 else max(scaled, value + 1)
    return value * factor


def _right(cases: list[Known]) -> set[str]:
    """The files that are read as one of their truths has it, or refused where they have none, and
    whose reader says that it is unsure where it must, and only there."""
    right = set()
    with tempfile.TemporaryDirectory() as folder, open_engine() as engine:
        context = InspectionContext(engine, Path(folder), Limits(), Progress(1))
        for case in cases:
            try:
                table, unsure = _read(case.path, context)
            except (NotTabular, TooLarge):
                table, unsure = None, False
            except Exception:  # a number out of its range may break the reader
                continue
            same = table in case.truths if case.tabular else table is None
            if same and case.facts.get("unsure", unsure) == unsure:
                right.add(case.name)
    return right


def _read(path: Path, context: InspectionContext) -> tuple[bytes | None, bool]:
    """The canonical CSV of a file, None where it is not delimited text; whether it is unsure."""
    target = context.scratch / "canonical.csv"
    opened = open_table(detect(path, path.name), TableRequest(path), context)
    if opened.write_canonical is None:
        return None, False
    unsure = opened.write_canonical(target, None).unsure
    return target.read_bytes(), unsure
