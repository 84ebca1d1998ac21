"""Which encoding the bytes of a text have that is not UTF-8.

Each code page is tried: what the bytes say in it is the more likely, the more its letters stand
beside each other as they do in one of the code page's languages, and the more usual the code page
is. Code pages that say the same are one reading, so that two readings compete only where a
character would differ.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from entrepot.inspection.detect.code_pages import MOST_USUAL, MULTI_BYTE, CodePage, code_pages
from entrepot.inspection.detect.language_models import alphabets, ideographs

W = TypeVar("W", str, bytes)
REPLACEMENT = "\ufffd"
WORD_ENDS = re.compile(rb"[\s,;|\"]+")
WORD = re.compile(r"[^\s,;|\"]+")

# Set by hand on half 0 of the cells of bench/language_cells.py.
ASCII_WEIGHT = 0.35
"""How much the letters of ASCII say about the language, beside those beyond."""
MAX_ASCII_COST = 25.0
"""The most by which a language can stay behind another for its letters of ASCII alone."""
DAMAGE = 25.0
"""The cost of a byte that has no character, of one kind or in one place."""
UTF8_DAMAGE, UTF8_CHARACTER = 12.0, 2.5
"""The cost of a damaged place in UTF-8, and of each byte of a character that is whole."""
MAX_REPEATED = 6
"""A pair of letters that comes more often counts as this often, and by the logarithm beyond."""
DOUBT = 4.0
"""The costs are divided by this for how sure the best one is: neighbours are not independent."""
CLOSE = 40.0
"""A reading whose cost is higher than the best by this is not a rival."""
MAX_WORD = 64
"""The same of one word."""
EARLY_WORDS = 8
"""By these the code pages are put in an order."""
MAX_LOOKED_UP = 2_000
"""Bytes of different words that are looked up in a code page, so that the time is bounded."""
OTHER_LANGUAGE = 4.0
"""The cost of a word that is of another language than most."""
LETTER_ALONE = 6.0
"""The cost of a word of one letter in all but the most usual code page: it tells no language, and a
lonely byte is most often a Western sign."""
DIAMETER, DIAMETER_SIGN = "Ø", "\u2300"
"""The letter that tables have for the sign of a diameter or of an average."""
LONELY_DIAMETER = re.compile(rf"(?<![^\W\d_]){DIAMETER}(?![^\W\d_])")
"""The letter where it stands for the sign: no other letter is beside it."""
ASCII_MARKS = bytes(byte for byte in range(0x80) if not chr(byte).isalpha())
MIN_RIVAL = 0.1
"""Another reading is named that is at least this likely beside the best."""
MAX_RIVALS = 3
"""Other readings that are named."""


@dataclass(frozen=True)
class Encoding:
    """The encoding as Python names it, and how sure that is, from 0 to 1. `damaged`: bytes of
    the text do not decode by it. `rivals`: other encodings that say something else, the next best
    first."""

    name: str
    sure: float = 1.0
    damaged: bool = False
    rivals: tuple[str, ...] = ()


def load_models() -> None:
    """Read the statistics of the languages, once. Raises OSError."""
    code_pages()
    alphabets()
    ideographs()


def guess_encoding(sample: bytes, seen: set[int], may_be_utf8: bool = False) -> Encoding:
    """The encoding of a text that is not UTF-8, or damaged UTF-8 where `may_be_utf8`. `sample` are
    parts of it with bytes above 127, `seen` all such bytes of the text."""
    candidates = [*_single_byte(sample, seen), *_multi_byte(sample)]
    if may_be_utf8:
        candidates.append((_cost_of_utf8(sample), "utf-8"))
    candidates.sort()
    best, name = candidates[0]
    weight, rivals = 0.0, []
    texts = {_decoded(sample, seen, name)}
    for cost, other in candidates[1:]:
        if cost > best + CLOSE:
            break
        text = _decoded(sample, seen, other)
        if text in texts:
            continue
        texts.add(text)
        share = math.exp((best - cost) / DOUBT)
        weight += share
        if share > MIN_RIVAL:
            rivals.append(other)
    # The damage of UTF-8 may be anywhere in the text, and not in the sample.
    damaged = name == "utf-8" or REPLACEMENT in _decoded(sample, seen, name)
    return Encoding(name, round(1 / (1 + weight), 2), damaged, tuple(rivals[:MAX_RIVALS]))


def _decoded(sample: bytes, seen: set[int], name: str) -> str:
    """The sample, and the further bytes where each is a character."""
    if name == "utf-8" or any(name == each for each, _, _ in MULTI_BYTE):
        return sample.decode(name, "replace")
    return (sample + bytes(sorted(seen))).decode(name, "replace")


def _words_beyond_ascii(text: str) -> Iterator[str]:
    """The words that have a character beyond ASCII."""
    return (word for word in WORD.findall(text) if not word.isascii())


def _cost_of_utf8(sample: bytes) -> float:
    """The cost of damaged UTF-8: of each damaged place, and of each character."""
    words = set(_words_beyond_ascii(sample.decode("utf-8", "replace")))
    return sum(
        UTF8_DAMAGE if mark == REPLACEMENT else UTF8_CHARACTER * len(mark.encode())
        for word in words
        for mark in word
        if mark > "\x7f"
    )


def _single_byte(sample: bytes, seen: set[int]) -> list[tuple[float, str]]:
    """The cost of each code page of one byte, in its best language."""
    words = list(dict.fromkeys(WORD_ENDS.split(sample)))
    by_ascii = _cost_of_ascii(words)
    beyond = [b" %b " % word for word in words if not word.isascii()]
    used = _first(beyond)
    scale = len(beyond) / max(1, len(used))
    alone = {word[0] for word in (word.strip(ASCII_MARKS) for word in words) if len(word) == 1}

    def cost_of(page: CodePage, words: list[bytes], limit: float) -> float:
        cost = page.cost + DAMAGE * sum(page.characters[byte] == REPLACEMENT for byte in seen)
        if page.name not in MOST_USUAL:
            letters = "".join(page.characters[b] for b in alone if b > 0x7F)
            cost += LETTER_ALONE * sum(map(str.isalpha, letters.replace(DIAMETER, "")))
        return cost + _cost_of_words(page, words, scale, by_ascii, limit - cost)

    # The likely ones first, so that the others are given up after a few words.
    early = {page.name: cost_of(page, used[:EARLY_WORDS], math.inf) for page in code_pages()}
    limit = math.inf
    candidates = []
    for page in sorted(code_pages(), key=lambda page: early[page.name]):
        cost = cost_of(page, used, limit)
        limit = min(limit, cost + CLOSE)
        candidates.append((cost, page.name))
    return candidates


def _first(words: Iterable[W]) -> list[W]:
    """As many of the first words as are looked up, each as far as it is."""
    size, used = 0, []
    for word in words:
        used.append(word[:MAX_WORD])
        size += len(used[-1])
        if size > MAX_LOOKED_UP:
            break
    return used


def _cost_of_words(
    page: CodePage, words: list[bytes], scale: float, by_ascii: dict[str, float], limit: float
) -> float:
    """The cost of the words in the language of the page that fits best, where some words may be of
    the others, as names are. Given up once it is above `limit`."""
    models = [alphabets()[language] for language in page.languages]
    totals = [by_ascii.get(language, by_ascii["en"]) for language in page.languages]
    floor = 0.0
    for word in words:
        text = "".join([page.characters[byte] for byte in word])
        if DIAMETER in text:
            text = LONELY_DIAMETER.sub(DIAMETER_SIGN, text)
        costs = [scale * model.cost_of_word(text) for model in models]
        other = min(costs) + OTHER_LANGUAGE
        totals = [total + min(cost, other) for total, cost in zip(totals, costs, strict=True)]
        floor += other - OTHER_LANGUAGE
        if floor > limit:
            break
    return min(totals)


def _weight(count: int) -> float:
    return count if count <= MAX_REPEATED else MAX_REPEATED * (1 + math.log(count / MAX_REPEATED))


def _cost_of_ascii(words: list[bytes]) -> dict[str, float]:
    """How much worse than the best language each of Latin letters is for the letters of ASCII."""
    counts: Counter[tuple[int, int]] = Counter()
    for word in words:
        counts.update(pairwise(b" %b " % word))
    pairs = [
        (chr(a), chr(b), _weight(count))
        for (a, b), count in counts.items()
        if max(a, b) < 0x80 and (chr(a).isalpha() or chr(b).isalpha())
    ]
    costs = {
        language: sum(weight * model.cost(first, second) for first, second, weight in pairs)
        for language, model in alphabets().items()
        if model.script == "LATIN"
    }
    least = min(costs.values())
    return {
        language: min(MAX_ASCII_COST, ASCII_WEIGHT * (cost - least))
        for language, cost in costs.items()
    }


def _multi_byte(sample: bytes) -> list[tuple[float, str]]:
    """The cost of each code page of several bytes."""
    lines = dict.fromkeys(sample.split(b"\n"))
    candidates = []
    for name, cost, language in MULTI_BYTE:
        model = ideographs()[language]
        texts = [line.decode(name, "replace") for line in lines]
        words = list(dict.fromkeys(word for text in texts for word in _words_beyond_ascii(text)))
        used = _first(words)
        total = sum(model.cost(word.replace(REPLACEMENT, "")) for word in used)
        damage = DAMAGE * sum(text.count(REPLACEMENT) for text in texts)
        candidates.append((cost + damage + total * len(words) / max(1, len(used)), name))
    return candidates
