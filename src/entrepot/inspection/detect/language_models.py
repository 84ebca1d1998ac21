"""How likely a text is in each language, by the letters that stand beside each other.

The probabilities are read once from `language_pairs.json`, which `tools/language_pairs.py` counts.
All are costs: negative natural logarithms, so that they are added and less is better.
"""

import json
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

LANGUAGE_PAIRS = Path(__file__).with_name("language_pairs.json")
BOUNDARY = " "
"""What stands for all that is not a letter: words begin and end there."""
MAX_KNOWN_COSTS = 4_096
"""Pairs of letters that are kept for each language."""
STEP = 0.25
"""The unit of the costs in the file, one digit each from "0" on."""

# Costs that are not counted from texts: how rare is what stands in no word list. They were set by
# hand on half 0 of the cells of bench/language_cells.py (`python -m bench --only encodings`).
FOREIGN_LETTER = 8.5
"""A letter of the same script that the language has not, as in a foreign name."""
RARE_FOREIGN_LETTER = 11.0
"""The same, where few languages have the letter."""
OTHER_SCRIPT = 17.0
"""A letter of another script."""
AFTER_FOREIGN = 3.0
"""Any letter after one that the language has not."""
CAPITAL_WITHIN = 6.0
"""A capital after a small letter."""
CASE_AT_START, SMALL_AFTER_CAPITAL, CAPITAL_AFTER_CAPITAL = 0.7, 0.4, 1.4
"""Either case at the start of a word; a small letter or a capital after a capital."""
LETTER_AFTER_SIGN = 6.0
"""A letter right after a sign that does not open words."""
NEVER = 22.0
"""Control characters of ISO 8859, boxes and what has no meaning in a table."""
RARE_SIGN = 13.0
"""A sign that is not in the table below."""
SIGNS: dict[str, tuple[float, float, float]] = {
    "€": (4.5, 5.0, 8.0),
    "£": (6.5, 5.5, 9.0),
    "¥¢": (8.0, 8.0, 11.0),
    "°": (4.5, 5.0, 8.0),
    "µ": (6.5, 6.0, 10.0),
    "²³": (9.0, 12.0, 5.5),
    "½¼¾": (7.5, 7.5, 11.0),
    "±×": (7.5, 6.5, 11.0),
    "\u2300": (9.0, 7.0, 11.0),  # the diameter sign
    "ºª": (5.5, 9.0, 7.5),
    "’": (9.0, 9.5, 5.0),
    "“„«‘": (11.0, 7.0, 11.0),
    "”»": (8.5, 10.0, 7.0),
    "–": (5.5, 5.5, 9.5),
    "—…": (8.0, 7.0, 10.5),
    "\xa0": (5.5, 9.0, 9.5),
    "¿¡": (11.0, 7.5, 12.0),
    "·": (9.0, 9.0, 8.0),
    "§®™©": (9.5, 8.0, 8.0),
    "•‰№": (8.0, 8.0, 11.0),
    "،؛؟": (9.0, 10.0, 6.5),
}
"""Signs of tables, and how rare each is after a digit, after a blank or a mark of ASCII, and after
a letter: units follow numbers, quotes open and close words, an apostrophe joins them."""
OPENING = frozenset("’“„«‘–\xa0¿¡·°µ€£№\u2300")
"""Signs that a letter may follow."""
COMMON_LETTERS = frozenset("áàâäãåæçéèêëíìîïñóòôöõøœßúùûüýšžčćğışńłśżąęőű")
"""Letters of the names that stand in the texts of other languages too."""
IDEOGRAPHIC_UNSEEN, IDEOGRAPHIC_RARE = 10.0, 13.0
"""A character of the code page's first level, which is that of everyday words, and any other."""
HALF_WIDTH_KANA = 12.0
PRIVATE_USE = 20.0
BESIDE_LATIN = 5.0
"""A character of East Asia right beside a letter of ASCII."""


@cache
def fold(mark: str) -> str:
    """A letter as a small one; what is not a letter as the edge of a word."""
    if mark in _SIGN_COSTS or not is_letter(mark):
        return BOUNDARY
    small = mark.lower()
    return small if len(small) == 1 else small[0]


@cache
def is_letter(mark: str) -> bool:
    """Whether it is a letter, or a mark that belongs to one."""
    return unicodedata.category(mark)[0] in "LM"


_SIGN_COSTS = {sign: costs for signs, costs in SIGNS.items() for sign in signs}


@cache
def script_of(letter: str) -> str:
    """The first word of its name, such as LATIN; marks that combine are of any."""
    return unicodedata.name(letter, "").split(" ")[0]


@dataclass(frozen=True)
class Alphabet:
    """A language whose letters stand for sounds: `costs` has one for each pair of letters."""

    language: str
    script: str
    letters: dict[str, int]
    costs: tuple[float, ...]

    def cost_of_word(self, text: str) -> float:
        """How unlikely a word is by its letters beyond ASCII."""
        known = _known_costs(self.language)
        total = 0.0
        for pair in pairwise(text):
            if pair[0] > "\x7f" or pair[1] > "\x7f":
                cost = known.get(pair)
                if cost is None:
                    cost = self.cost(*pair)
                    if len(known) < MAX_KNOWN_COSTS:
                        known[pair] = cost
                total += cost
        return total

    def cost(self, first: str, second: str) -> float:
        """How unlikely `second` is after `first`; one of them is beyond ASCII."""
        after = fold(first)
        sign = _SIGN_COSTS.get(second)
        if sign is not None:
            return sign[2 if after != BOUNDARY else 0 if first.isdigit() else 1]
        letter = fold(second)
        if letter == BOUNDARY:
            return self._of_end(after, second)
        return self._of_letter(first, after, letter) + _case_cost(first, second)

    def _of_end(self, after: str, mark: str) -> float:
        """What is neither a letter nor a sign of the table; of a blank after a blank nothing."""
        if mark > "\x7f":
            return _odd_sign(mark)
        if after == BOUNDARY:
            return 0.0
        row = self.letters.get(after)
        return AFTER_FOREIGN if row is None else self.costs[row * len(self.letters)]

    def _of_letter(self, first: str, after: str, letter: str) -> float:
        row, column = self.letters.get(after), self.letters.get(letter)
        if column is None:
            return self._foreign(letter)
        if row is None:
            other = script_of(after) not in (self.script, "COMBINING")
            return OTHER_SCRIPT if other else AFTER_FOREIGN
        cost = self.costs[row * len(self.letters) + column]
        if after == BOUNDARY and first > "\x7f" and first not in OPENING:
            cost += LETTER_AFTER_SIGN
        return cost

    def _foreign(self, letter: str) -> float:
        script = script_of(letter)
        if script not in (self.script, "COMBINING"):
            return OTHER_SCRIPT if letter > "\x7f" or self.script == "LATIN" else FOREIGN_LETTER
        return FOREIGN_LETTER if letter in COMMON_LETTERS else RARE_FOREIGN_LETTER


@cache
def _known_costs(language: str) -> dict[tuple[str, str], float]:
    """The pairs that were looked up before: a text is looked up in many code pages."""
    return {}


def _odd_sign(sign: str) -> float:
    category = unicodedata.category(sign)
    if category[0] == "C" or "\u2500" <= sign <= "\u25ff":
        return NEVER
    return RARE_SIGN


def _case_cost(first: str, second: str) -> float:
    if not (second.isupper() or second.islower()):
        return 0.0
    if first.isupper():
        return CAPITAL_AFTER_CAPITAL if second.isupper() else SMALL_AFTER_CAPITAL
    if first.islower():
        return CAPITAL_WITHIN if second.isupper() else 0.0
    return CASE_AT_START


@dataclass(frozen=True)
class Ideographs:
    """A language whose characters stand for words or syllables, each with its own cost."""

    language: str
    characters: dict[str, float]
    everyday: frozenset[str]

    def cost(self, text: str) -> float:
        """How unlikely the characters beyond ASCII of `text` are."""
        total = 0.0
        before = BOUNDARY
        for mark in text:
            if mark > "\x7f":
                total += self.of_character(mark)
                if "a" <= before.lower() <= "z":
                    total += BESIDE_LATIN
            elif before > "\x7f" and "a" <= mark.lower() <= "z":
                total += BESIDE_LATIN
            before = mark
        return total

    def of_character(self, mark: str) -> float:
        """How unlikely one character is."""
        known = self.characters.get(mark)
        if known is not None:
            return known
        if "\uff61" <= mark <= "\uff9f":
            return HALF_WIDTH_KANA
        category = unicodedata.category(mark)
        if category[0] == "C":
            return PRIVATE_USE
        return IDEOGRAPHIC_UNSEEN if mark in self.everyday else IDEOGRAPHIC_RARE


@cache
def alphabets() -> dict[str, Alphabet]:
    """Every language with an alphabet. Raises OSError."""
    by_language = {}
    for language, model in _models()["alphabetic"].items():
        letters = {letter: place for place, letter in enumerate(model["letters"])}
        costs = tuple((ord(digit) - ord("0")) * STEP for digit in model["costs"])
        script = script_of(next(x for x in reversed(letters) if script_of(x) != "COMBINING"))
        by_language[language] = Alphabet(language, script, letters, costs)
    return by_language


@cache
def ideographs() -> dict[str, Ideographs]:
    """Every language without an alphabet. Raises OSError."""
    characters = {}
    for language, groups in _models()["ideographic"].items():
        costs = {
            mark: (place + 0.5) * LOG_2 for place, group in enumerate(groups) for mark in group
        }
        characters[language] = Ideographs(language, costs, everyday(language))
    return characters


LOG_2 = 0.6931
LEVELS: dict[str, tuple[str, range, range]] = {
    "ja": ("euc_jp", range(0xB0, 0xD0), range(0xA1, 0xFF)),  # JIS X 0208, level 1
    "zh": ("gb2312", range(0xB0, 0xD8), range(0xA1, 0xFF)),  # GB 2312, level 1
    "zh-tw": ("big5", range(0xA4, 0xC7), range(0x40, 0xFF)),  # Big5, level 1
    "ko": ("euc_kr", range(0xB0, 0xC9), range(0xA1, 0xFF)),  # KS X 1001, syllables
}
"""Where the characters of everyday words lie in the code pages: first and second byte."""


def everyday(language: str) -> frozenset[str]:
    """The characters of the first level of the language's code page."""
    codec, leads, trails = LEVELS[language]
    return frozenset(
        bytes((lead, trail)).decode(codec, "ignore") for lead in leads for trail in trails
    )


@cache
def _models() -> dict[str, dict[str, dict[str, str]]]:
    loaded: dict[str, dict[str, dict[str, str]]] = json.loads(
        LANGUAGE_PAIRS.read_text(encoding="utf-8")
    )
    return loaded
