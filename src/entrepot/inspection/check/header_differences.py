"""What happened to the columns of a header: inserted, removed, renamed, moved, or misspelled.

The labels of a header and the names of a contract are aligned. Where order counts, the longest
run of columns that are still in order is kept (names are unique, so it is the longest increasing
subsequence, n log n); all others with a name of the contract were moved. What is left on both sides
is paired: names that differ only in spelling, then names at the same place between kept columns,
then names that are near to each other.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MIN_NEAR_RATIO = 0.7
"""Similarity (difflib's ratio) from which a name is taken for another one, renamed. Of 24 renamed
columns such as `amnt`/`amount`, `cust_id`/`customer_id` 17 are above it, and 47 of the 47,214 pairs
of names that stand in one header of tests/inspection/corpus."""
UNICODE_FORM = "the Unicode form"
MAX_COMPARED_NAMES = 60
"""Names of each side whose similarity is compared: each with each, so that the work is bounded."""
MAX_COMPARED_CHARS = 100
"""Of each name."""


@dataclass(frozen=True)
class HeaderDifferences:
    """Positions count from 0. `misspelled`, `renamed` (the names are near to each other),
    `replaced` (another name at the same place) and `moved` pair the position of a label with that
    of a field; `inserted` are labels without a field, `removed` fields without a label."""

    misspelled: dict[int, int]
    renamed: dict[int, int]
    replaced: dict[int, int]
    moved: dict[int, int]
    inserted: tuple[int, ...]
    removed: tuple[int, ...]

    @property
    def pairs(self) -> dict[int, int]:
        """The labels that stand for a field under another name."""
        return self.misspelled | self.renamed | self.replaced


def compare_header(labels: Sequence[str], names: Sequence[str], ordered: bool) -> HeaderDifferences:
    """What differs between `labels` and the `names` of a contract. `ordered`: their order counts.

    A label that stands twice is the field's where it stands first.
    """
    place_of_name = {name: place for place, name in enumerate(names)}
    present: dict[int, int] = {}  # label's position: field's position
    taken: set[int] = set()
    for position, label in enumerate(labels):
        place = place_of_name.get(label)
        if place is not None and place not in taken:
            present[position] = place
            taken.add(place)
    kept = _in_order(present) if ordered else dict(present)
    moved = {position: place for position, place in present.items() if position not in kept}
    waiting_labels = [n for n in range(len(labels)) if n not in present]
    waiting_names = [n for n in range(len(names)) if n not in taken]
    misspelled = _pair_spellings(labels, names, waiting_labels, waiting_names)
    waiting_labels = [n for n in waiting_labels if n not in misspelled]
    waiting_names = _without(waiting_names, misspelled.values())
    renamed = _pair_near(labels, names, waiting_labels, waiting_names)
    waiting_labels = [n for n in waiting_labels if n not in renamed]
    waiting_names = _without(waiting_names, renamed.values())
    replaced: dict[int, int] = {}
    if ordered:
        borders = sorted(_in_order(kept | misspelled).items())
        borders.append((len(labels), len(names)))
        replaced = _pair_places(waiting_labels, waiting_names, borders)
    return HeaderDifferences(
        misspelled=misspelled,
        renamed=renamed,
        replaced=replaced,
        moved=moved,
        inserted=tuple(n for n in waiting_labels if n not in replaced),
        removed=tuple(_without(waiting_names, replaced.values())),
    )


def spelling_difference(label: str, name: str) -> str:
    """In what alone a label differs from a name, in words; empty if in more than spelling."""
    if label == name:
        return ""
    if unicodedata.normalize("NFC", label) == unicodedata.normalize("NFC", name):
        return UNICODE_FORM
    if _without_blanks(label) == _without_blanks(name):
        return "blanks"
    if label.casefold() == name.casefold():
        return "upper and lower case"
    return "case, blanks or Unicode form" if _spelling(label) == _spelling(name) else ""


def is_near(label: str, name: str) -> bool:
    """Whether a label is near enough to a name to be the same one, renamed."""
    return _nearness(SequenceMatcher(autojunk=False), label, name) >= MIN_NEAR_RATIO


def _nearness(matcher: "SequenceMatcher[str]", label: str, name: str) -> float:
    """The similarity of two names, 0 where both have digits and they differ: `c1` is not `c10`."""
    first, second = label[:MAX_COMPARED_CHARS].casefold(), name[:MAX_COMPARED_CHARS].casefold()
    digits = [[c for c in text if c.isdigit()] for text in (first, second)]
    if digits[0] and digits[1] and digits[0] != digits[1]:
        return 0
    matcher.set_seqs(first, second)
    return matcher.ratio() if matcher.quick_ratio() >= MIN_NEAR_RATIO else 0


def _without_blanks(text: str) -> str:
    """A name without what nobody sees: blanks, and format characters such as a byte order mark."""
    return "".join(c for c in text if not (c.isspace() or unicodedata.category(c) in ("Cf", "Cc")))


def _spelling(text: str) -> str:
    """What names that differ only in case, blanks or Unicode form have in common."""
    return _without_blanks(unicodedata.normalize("NFKC", text)).casefold()


def _without(places: Iterable[int], taken: Iterable[int]) -> list[int]:
    gone = set(taken)
    return [place for place in places if place not in gone]


def _in_order(pairs: dict[int, int]) -> dict[int, int]:
    """The most pairs whose places rise with their positions."""
    positions = sorted(pairs)
    ends: list[int] = []  # the smallest place with which a run of each length ends
    ends_at: list[int] = []
    before: dict[int, int | None] = {}
    for position in positions:
        place = pairs[position]
        length = bisect_left(ends, place)
        before[position] = ends_at[length - 1] if length else None
        if length == len(ends):
            ends.append(place)
            ends_at.append(position)
        else:
            ends[length], ends_at[length] = place, position
    kept: dict[int, int] = {}
    at = ends_at[-1] if ends_at else None
    while at is not None:
        kept[at] = pairs[at]
        at = before[at]
    return kept


def _pair_spellings(
    labels: Sequence[str], names: Sequence[str], waiting: Sequence[int], missing: Sequence[int]
) -> dict[int, int]:
    places: dict[str, int] = {}
    for place in missing:
        places.setdefault(_spelling(names[place]), place)
    pairs: dict[int, int] = {}
    for position in waiting:
        spelling = _spelling(labels[position])
        if spelling and spelling in places:
            pairs[position] = places.pop(spelling)
    return pairs


def _pair_near(
    labels: Sequence[str], names: Sequence[str], waiting: Sequence[int], missing: Sequence[int]
) -> dict[int, int]:
    """Pairs of names that are near to each other, the nearest first."""
    matcher = SequenceMatcher(autojunk=False)
    scored = []
    for place in missing[:MAX_COMPARED_NAMES]:
        for position in waiting[:MAX_COMPARED_NAMES]:
            nearness = _nearness(matcher, labels[position], names[place])
            if nearness >= MIN_NEAR_RATIO:
                scored.append((-nearness, position, place))
    pairs: dict[int, int] = {}
    for _, position, place in sorted(scored):
        if position not in pairs and place not in pairs.values():
            pairs[position] = place
    return pairs


def _pair_places(
    waiting: Sequence[int], missing: Sequence[int], borders: Sequence[tuple[int, int]]
) -> dict[int, int]:
    """Pairs at the same place between two kept columns, where both sides have as many."""
    pairs: dict[int, int] = {}
    at = other = 0
    for position, place in borders:
        left, right = at, other
        while at < len(waiting) and waiting[at] < position:
            at += 1
        while other < len(missing) and missing[other] < place:
            other += 1
        if at - left == other - right:
            pairs |= dict(zip(waiting[left:at], missing[right:other], strict=True))
    return pairs
