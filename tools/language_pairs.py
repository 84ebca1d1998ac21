r"""Count how often letters stand beside each other, by language, for the detector of encodings.

Writes `src/entrepot/inspection/detect/language_pairs.json`, which the package ships:

    uv run --group bench --with django==5.2.19 --with jieba==0.42.1 --with langdetect==1.0.9 \
        --with opencc-python-reimplemented==0.1.7 python -m tools.language_pairs

With the word `tuning` behind it, what weights are set with is not counted.

Sources, all under permissive licenses: the letter counts of `langdetect` (Wikipedia abstracts), the
translations of Django, the words of `jieba` with `opencc`'s traditional forms, and half 0 of the
cells of `bench.language_cells`. What `python -m bench --only encodings` measures is not counted.
"""

import json
import math
import re
import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import django
import jieba
import langdetect
import opencc
from bench.language_cells import CODE_PAGES, cells_of, composed

from entrepot.inspection.detect.language_models import BOUNDARY, LANGUAGE_PAIRS, STEP, fold

MIN_LETTER_SHARE = 3e-5
"""Of all letters; rarer ones are of foreign words."""
BACKOFF = 20.0
"""Counts that the share of a letter alone stands for, beside those of its pair."""
MAX_COST = 12.0
"""Of a pair, in natural logarithms: what never occurred is as rare as this."""
WEIGHTS = {"langdetect": 1.0, "django": 1.0, "cells": 1.0}
PAIRS_OF_SOURCE = 1_000_000
IDEOGRAPHIC = {"ja": "shift_jis", "zh": "gb2312", "zh-tw": "big5", "ko": "euc_kr"}
DJANGO = {"zh": "zh_Hans", "zh-tw": "zh_Hant"}
LANGDETECT = {"zh": "zh-cn", "zh-tw": "zh-tw", "nb": "no"}
SCRIPTS = {
    **dict.fromkeys(("ru", "bg", "uk", "be", "mk", "sr"), "CYRILLIC"),
    **dict.fromkeys(("ar", "fa", "ur"), "ARABIC"),
    "el": "GREEK",
    "he": "HEBREW",
    "th": "THAI",
}
MESSAGE = re.compile(r'^msgstr(?:\[\d\])? "(.*?)"$((?:\n"(?:.*)"$)*)', re.MULTILINE)


def sentences(language: str) -> list[str]:
    """The translations of Django into the language."""
    name = DJANGO.get(language, language)
    results: list[str] = []
    for path in sorted(Path(str(django.__file__)).parent.rglob(f"locale/{name}/**/*.po")):
        for first, more in MESSAGE.findall(path.read_text(encoding="utf-8")):
            text = first + more.replace('"\n"', "")
            results.append(re.sub(r"%\(?\w*\)?[sdr]?|\\.|<[^>]*>|\{[^}]*\}|[%&]\w*", " ", text))
    return [composed(text, language) for text in results]


def trained_cells(language: str, part: str) -> list[str]:
    """Half 0 of the cells; `tuning` leaves out the part of it that weights are set with."""
    from bench.encodings import is_tuned

    return [c for c in cells_of(language)[0] if part == "all" or not is_tuned(c)]


def pairs_of_text(texts: list[str]) -> Counter[tuple[str, str]]:
    """How often each letter follows another, or the edge of a word."""
    counts: Counter[tuple[str, str]] = Counter()
    for text in texts:
        letters = [fold(mark) for mark in f" {text} "]
        counts.update(pairwise(letters))
    return counts


def pairs_of_profile(language: str) -> Counter[tuple[str, str]]:
    """The same from langdetect's counts of two letters."""
    folder = Path(str(langdetect.__file__)).parent / "profiles"
    path = folder / LANGDETECT.get(language, language)
    counts: Counter[tuple[str, str]] = Counter()
    if path.exists() and language not in IDEOGRAPHIC:
        for listed, count in json.loads(path.read_text(encoding="utf-8"))["freq"].items():
            letters = composed(listed, language)
            if len(letters) == 2:
                counts[fold(letters[0]), fold(letters[1])] += count
    return counts


def is_own(letter: str, language: str) -> bool:
    """Whether a letter is of the language's script."""
    script = SCRIPTS.get(language, "LATIN")
    return unicodedata.name(letter, "").startswith((script, "COMBINING"))


def alphabetic(language: str, part: str) -> dict[str, str]:
    """The letters of a language, and the cost of each after each."""
    sources = {
        "langdetect": pairs_of_profile(language),
        "django": pairs_of_text(sentences(language)),
        "cells": pairs_of_text(trained_cells(language, part)),
    }
    merged: dict[tuple[str, str], float] = {}
    for name, counts in sources.items():
        own = {
            pair: count
            for pair, count in counts.items()
            if all(mark == BOUNDARY or is_own(mark, language) for mark in pair)
            and pair != (BOUNDARY, BOUNDARY)
        }
        total = sum(own.values())
        for pair, count in own.items():
            share = WEIGHTS[name] * count / total * PAIRS_OF_SOURCE
            merged[pair] = merged.get(pair, 0.0) + share
    shares: Counter[str] = Counter()
    for (_, letter), count in merged.items():
        shares[letter] += count
    whole = sum(shares.values())
    letters = BOUNDARY + "".join(
        sorted(x for x in shares if x != BOUNDARY and shares[x] > MIN_LETTER_SHARE * whole)
    )
    costs = []
    for first in letters:
        total = sum(merged.get((first, each), 0.0) for each in letters)
        for second in letters:
            count = merged.get((first, second), 0.0)
            share = (count + BACKOFF * shares[second] / whole) / (total + BACKOFF)
            costs.append(min(MAX_COST, -math.log(share)))
    return {"letters": letters, "costs": "".join(chr(48 + round(c / STEP)) for c in costs)}


def ideographic(language: str, part: str) -> list[str]:
    """The characters of a language, the most frequent first, in groups that are half as frequent
    each time; the last one has what the code page has and no text had."""
    counts: Counter[str] = Counter()
    texts = [*sentences(language), *trained_cells(language, part)]
    counts.update(mark for text in texts for mark in text if mark > "\x7f")
    if language in ("zh", "zh-tw"):
        convert = opencc.OpenCC("s2t").convert if language == "zh-tw" else str
        path = Path(str(jieba.__file__)).parent / "dict.txt"
        words: Counter[str] = Counter()
        for line in path.read_text(encoding="utf-8").splitlines():
            word, count, _ = line.split(" ")
            for mark in word:
                words[mark] += int(count)
        total, own = sum(words.values()), sum(counts.values())
        for mark, count in words.items():
            if mark > "\x7f":
                counts[convert(mark)] += max(1, round(count / total * own * 2))
    codec = IDEOGRAPHIC[language]
    encodable = {mark: n for mark, n in counts.items() if mark.encode(codec, "ignore")}
    total = sum(encodable.values())
    groups: dict[int, list[str]] = {}
    for mark, count in encodable.items():
        groups.setdefault(int(-math.log2(count / total)), []).append(mark)
    return ["".join(sorted(groups.get(n, []))) for n in range(max(groups) + 1)]


def main() -> None:
    """Write the file."""
    part = sys.argv[1] if len(sys.argv) > 1 else "all"
    models = {
        "alphabetic": {
            each: alphabetic(each, part) for each in CODE_PAGES if each not in IDEOGRAPHIC
        },
        "ideographic": {each: ideographic(each, part) for each in IDEOGRAPHIC},
    }
    text = json.dumps(models, ensure_ascii=False, indent=0, sort_keys=True) + "\n"
    LANGUAGE_PAIRS.write_text(text, encoding="utf-8")
    print(f"{LANGUAGE_PAIRS}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
