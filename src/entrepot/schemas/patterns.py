"""Which regular expressions a contract may hold.

Patterns are judged by RE2, whose time is linear in the text, so that no pattern can be
catastrophic. What RE2 cannot take is refused when the schema is parsed. The check is made on
the tree of Python's own parser, because loading the engine here would cost every API process
its memory; it is stricter than RE2, never laxer (a test compiles what it accepts).
"""

import re
import warnings
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_CHARACTERS = 10_000
MAX_REPEAT = 1_000
MAX_SIZE = 250_000
"""Of the compiled program. RE2 takes some 350,000 instructions (8 MiB); measured, a Unicode
class compiles to up to 800, a dot or a negated class to 6, other nodes to 1 or 2."""
BACKSPACE = 8
UNICODE_CLASS, CLASS, NODE = 1_000, 10, 4

REFUSED = {
    op.ASSERT: "look-ahead and look-behind",
    op.ASSERT_NOT: "negative look-ahead and look-behind",
    op.GROUPREF: "back-references",
    op.GROUPREF_EXISTS: "conditional groups",
    op.ATOMIC_GROUP: "atomic groups",
    op.POSSESSIVE_REPEAT: "possessive repetitions",
}

CATEGORIES = frozenset(
    re.findall(
        r"\w+",
        "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm "
        "So Z Zl Zp Zs Latin Greek Cyrillic Arabic Hebrew Han Hiragana Katakana Hangul Thai",
    )
)

ESCAPE = re.compile(r"\\(?:[pP](?:\{\^?(\w*)\}|(\w))|(.))", re.DOTALL)
ALLOWED_ESCAPES = frozenset("dDsSwWbBAafnrtv")


class PatternRefused(Exception):
    """The pattern is wrong or needs what RE2 does not have; the text says which."""


def check_pattern(pattern: str) -> None:
    """Make sure RE2 can judge `pattern` in linear time. Raises PatternRefused."""
    if len(pattern) > MAX_CHARACTERS:
        raise PatternRefused(f"a pattern may have at most {MAX_CHARACTERS:,} characters")
    if "\0" in pattern or not pattern.isprintable():
        raise PatternRefused("write control characters as escapes, such as \\t")
    if re.search(r"\(\?(?:#|[a-zA-Z-]*[aLux])", pattern):
        raise PatternRefused("comments and the flags a, L, u and x are not known to RE2")
    if "[:" in pattern:
        raise PatternRefused("write [:alpha:] and its like as ranges or Unicode classes")
    plain = ESCAPE.sub(_plain_escape, pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = parser.parse(plain)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise PatternRefused(f"not a regular expression: {error}") from None
    if _size(tree, 1, r"\p" in pattern or r"\P" in pattern) > MAX_SIZE:
        raise PatternRefused("its repetitions multiply to too large a program")


def _plain_escape(match: re.Match[str]) -> str:
    """An escape as Python's parser reads it, or a refusal of what RE2 reads otherwise."""
    name = match.group(1) or match.group(2)
    if name is not None:
        if name not in CATEGORIES:
            raise PatternRefused(f"\\p{{{name}}} is not a Unicode class known here")
        return r"\w"
    letter = match.group(3)
    if letter is None:
        raise PatternRefused("it ends in, or names nothing by, a lone escape")
    if letter.isdigit():
        raise PatternRefused("it uses back-references or octal escapes, which RE2 lacks")
    if letter.isalpha() and letter not in ALLOWED_ESCAPES and letter != "x":
        raise PatternRefused(f"the escape \\{letter} is not known to RE2")
    return match.group(0)


def _size(tree: Any, repeated: int, unicode: bool) -> int:
    """The weight of the compiled program, with counted repetitions written out. `unicode`: a
    word class may stand for a Unicode class."""
    total = 0
    for kind, argument in tree:
        inside = [item[1] for item in argument] if kind is op.IN else [argument]
        if BACKSPACE in inside:
            raise PatternRefused("\\b in a class is not known to RE2")
        if kind in REFUSED:
            raise PatternRefused(f"it uses {REFUSED[kind]}, which RE2 lacks")
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            low, high, body = argument
            times = max(low, 1 if high is op.MAXREPEAT else high, 1)
            if repeated * times > MAX_REPEAT:
                raise PatternRefused(f"it repeats more than {MAX_REPEAT:,} times")
            total += times * _size(body, repeated * times, unicode)
        elif kind is op.BRANCH:
            total += sum(_size(branch, repeated, unicode) for branch in argument[1]) + NODE
        elif kind is op.SUBPATTERN:
            total += _size(argument[3], repeated, unicode) + NODE
        elif kind is op.IN:
            words = sum(1 for item in argument if item[0] is op.CATEGORY) if unicode else 0
            total += CLASS + NODE * len(argument) + UNICODE_CLASS * words
        else:
            total += CLASS if kind in (op.ANY, op.NOT_LITERAL) else NODE
    return total
