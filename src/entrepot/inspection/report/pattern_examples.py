"""Texts that match a pattern of a contract, short ones first.

By hand, since libraries for it (exrex, rstr) make random texts and are not bounded. The parser is
that of Python's `re`, whose syntax RE2 shares but for classes such as `\\p{L}`; a pattern that it
cannot read has no example. The engine decides in the end whether a text matches.
"""

import re
from collections.abc import Iterator, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN_CHARS = 1_000
MAX_MATCH_CHARS = 200
MAX_STEPS = 5_000
"""Parts of a pattern that are visited for one text: nested repetitions multiply."""
LIKELY = "a1A0b2 -_./,:@#"
"""Characters that a set is asked for, in this order."""
CATEGORIES = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_WORD: "-",
}


class _NoExample(Exception):
    """The pattern has a part for which no text is made, or the text would be too long."""


def match_pattern(pattern: str, shortest: int, longest: int | None) -> Iterator[str]:
    """Texts that match `pattern`, of `shortest` to `longest` characters as far as it goes."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return
    try:
        parsed = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return
    for more in (0, 1, 2, 3, 5, 8, shortest):
        try:
            text = _Writer(more).write(parsed)
        except (_NoExample, RecursionError):
            return
        if len(text) >= shortest and (longest is None or len(text) <= longest):
            yield text


class _Writer:
    """Writes one text: repetitions take their least count, or `more` where that is allowed."""

    def __init__(self, more: int) -> None:
        self._more = more
        self._steps = 0

    def write(self, parts: Sequence[Any]) -> str:
        """The text of a sequence of parts. Raises _NoExample."""
        text = ""
        self._steps += 1  # an empty group may be repeated too
        for kind, value in parts:
            self._steps += 1
            text += self._part(kind, value)
            if self._steps > MAX_STEPS or len(text) > MAX_MATCH_CHARS:
                raise _NoExample
        return text

    def _part(self, kind: Any, value: Any) -> str:  # noqa: PLR0911 (a row per kind of part)
        if kind is sre.LITERAL:
            return chr(value)
        if kind is sre.NOT_LITERAL:
            return "b" if value == ord("a") else "a"
        if kind is sre.ANY:
            return "a"
        if kind is sre.IN:
            return _member(value)
        if kind is sre.BRANCH:
            return self.write(value[1][0])
        if kind is sre.SUBPATTERN:
            return self.write(value[-1])
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, repeated = value
            count = max(least, min(self._more, most))
            return "".join(self.write(repeated) for _ in range(min(count, MAX_STEPS)))
        if kind is sre.AT:
            return ""
        raise _NoExample


def _member(parts: Sequence[Any]) -> str:
    """A character of a set."""
    negated = bool(parts) and parts[0][0] is sre.NEGATE
    if negated:
        excluded = re.compile("|".join(_as_pattern(part) for part in parts[1:]) or "(?!)", re.ASCII)
        for char in LIKELY:
            if not excluded.fullmatch(char):
                return char
        raise _NoExample
    kind, value = parts[0]
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.RANGE:
        return chr(value[0])
    if kind is sre.CATEGORY and value in CATEGORIES:
        return CATEGORIES[value]
    raise _NoExample


def _as_pattern(part: tuple[Any, Any]) -> str:
    kind, value = part
    if kind is sre.LITERAL:
        return re.escape(chr(value))
    if kind is sre.RANGE:
        return f"[{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}]"
    names = {
        sre.CATEGORY_DIGIT: r"\d",
        sre.CATEGORY_SPACE: r"\s",
        sre.CATEGORY_WORD: r"\w",
    }
    if kind is sre.CATEGORY and value in names:
        return names[value]
    raise _NoExample
