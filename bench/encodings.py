"""How often the encoding of a table without a mark is found, by the number of its cells."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.language_cells import CODE_PAGES, cells_of, unseen_cells_of
from bench.pairs import Line
from bench.trial import Trial
from entrepot.inspection.csv.detected import MIN_SURE
from entrepot.inspection.detect.byte_scan import scan_bytes
from entrepot.inspection.progress import Progress

CELLS = (2, 10, 50, 200)
TARGETS = {10: 0.90, 50: 0.90, 200: 0.97}
"""The least share that is right, from this number of cells on."""
UNSURE_TARGET = 0.5
"""The least share of the wrong ones that is reported as a guess."""
SAMPLES = 5
"""Tables of each language, code page and number of cells."""


@dataclass(frozen=True)
class Sample:
    """A table of `size` cells, at least one of them with a character beyond ASCII."""

    language: str
    page: str
    size: int
    text: str


def is_tuned(cell: str) -> bool:
    """Whether a cell of half 0 is in the part that weights are set with."""
    return bool(hashlib.sha256(cell.encode()).digest()[0] & 2)


def samples(cells_in: Callable[[str], list[str]], repeats: int = SAMPLES) -> Iterator[Sample]:
    """Tables of the cells that `cells_in` has for each language, the same in each run."""
    for language, pages in CODE_PAGES.items():
        cells = cells_in(language)
        for page in pages:
            fitting = [cell for cell in cells if cell.encode(page, "ignore").decode(page) == cell]
            beyond = [cell for cell in fitting if not cell.isascii()]
            if len(beyond) < 2:
                continue
            for size in CELLS:
                for number in range(repeats):
                    seed = f"{language} {page} {size} {number}"
                    yield Sample(language, page, size, _table(fitting, beyond, size, seed))


def _table(cells: list[str], beyond: list[str], size: int, seed: str) -> str:
    """Every other table has a header and columns of ASCII beside the cells."""
    chance = random.Random(seed)
    chosen = [chance.choice(cells) for _ in range(size)]
    if all(map(str.isascii, chosen)):
        chosen[chance.randrange(size)] = chance.choice(beyond)
    if chance.random() < 0.5:
        return "".join(f"{cell}\n" for cell in chosen)
    mark = chance.choice(",;\t")
    rows = [
        f"{n}{mark}{cell}{mark}{chance.randrange(10_000) / 100}" for n, cell in enumerate(chosen)
    ]
    return "\n".join([mark.join(("id", "name", "value")), *rows, ""])


def outcome(sample: Sample, folder: Path) -> tuple[bool, bool, str]:
    """Whether the encoding that is found has the same text, whether it is sure, and its name."""
    path = folder / "table.csv"
    data = sample.text.encode(sample.page)
    path.write_bytes(data)
    result = scan_bytes(path, Progress(len(data))).encoding
    right = data.decode(result.name, "replace") == sample.text
    return right, result.sure >= MIN_SURE, result.name


def encodings(trial: Trial) -> list[Line]:
    """How many texts in the code pages of 43 languages come back as they were, from cells that no
    weight was set with: half 1 of the cells of Babel and Faker, and all of those of Mimesis."""
    lines = []
    for source, cells_in in (
        ("Babel and Faker, half 1", lambda language: cells_of(language)[1]),
        ("Mimesis", unseen_cells_of),
    ):
        lines += _lines(source, list(samples(cells_in)), trial.folder)
    return lines


def _lines(source: str, tables: list[Sample], folder: Path) -> list[Line]:
    right: Counter[int] = Counter()
    wrong: Counter[tuple[int, bool]] = Counter()
    doubted: Counter[int] = Counter()
    for sample in tables:
        is_right, is_sure, _ = outcome(sample, folder)
        right[sample.size] += is_right
        wrong[sample.size, is_sure] += not is_right
        doubted[sample.size] += is_right and not is_sure
    lines = []
    for size in CELLS:
        count = sum(sample.size == size for sample in tables)
        share = right[size] / count
        target = TARGETS.get(size)
        lines.append(
            Line(
                f"{source}, {size} cells, {count} texts",
                f"{share:.1%} right, {doubted[size] / count:.1%} of them unsure",
                f"at least {target:.0%}" if target else "",
                share >= target if target else None,
            )
        )
    missed, unsure = sum(wrong.values()), sum(n for (_, sure), n in wrong.items() if not sure)
    figure = f"{unsure} of {missed}"
    met = unsure >= UNSURE_TARGET * missed
    lines.append(Line(f"{source}, wrong but unsure", figure, "at least half", met))
    return lines
