"""The regular expressions that a contract may contain.

RE2 matches the patterns. Its time is linear in the text, so that no pattern can be catastrophic.
Patterns that RE2 does not support are rejected when the schema is parsed. The check uses the syntax
tree of Python's own parser, because loading the engine here would cost every API process its
memory. It is stricter than RE2, never laxer (a test compiles what it accepts).
"""

import re
import warnings
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from entrepot.texts import is_safe_line

MAX_PATTERN_CHARS = 10_000
"""Checked before anything is parsed, which takes time in proportion."""
MAX_REPEATS = 1_000
"""RE2's own limit for counted repetitions."""
MAX_PROGRAM_SIZE = 250_000
"""Estimated instructions of the compiled program. RE2's limit is some 350,000 instructions (8 MiB).
Measured: a Unicode class compiles to up to 800, a dot or a negated class to 6, other nodes to 1 or
2."""
MAX_SCHEMA_PATTERNS, MAX_SCHEMA_PATTERN_CHARS = 1_000, 100_000
"""Patterns of one schema, and their characters together."""
MAX_SCHEMA_PROGRAM_SIZE = 1_000_000
"""Estimated instructions of all patterns of a schema. Measured: RE2 compiles these in a second."""
BACKSPACE_CODE = 8
"""`\\b` within a class, which RE2 does not know."""
UNICODE_CLASS_SIZE, CLASS_SIZE, NODE_SIZE = 1_000, 10, 4
"""Estimated instructions of each, above what was measured (`MAX_PROGRAM_SIZE`)."""

UNSUPPORTED_NODES = {
    op.ASSERT: "look-ahead and look-behind",
    op.ASSERT_NOT: "negative look-ahead and look-behind",
    op.GROUPREF: "back-references",
    op.GROUPREF_EXISTS: "conditional groups",
    op.ATOMIC_GROUP: "atomic groups",
    op.POSSESSIVE_REPEAT: "possessive repetitions",
}

UNICODE_CLASSES = frozenset(
    re.findall(
        r"\w+",
        "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm "
        "So Z Zl Zp Zs Latin Greek Cyrillic Arabic Hebrew Han Hiragana Katakana Hangul Thai",
    )
)

ESCAPE = re.compile(r"\\(?:[pP](?:\{\^?(\w*)\}|(\w))|(.))", re.DOTALL)
ALLOWED_ESCAPES = frozenset("dDsSwWbBAafnrtv")


class InvalidPattern(Exception):
    """The pattern is invalid or needs a feature that RE2 lacks; the text says which."""


def check_pattern(pattern: str) -> int:
    """Check that RE2 can match `pattern` in linear time; the estimated size of its program. Raises
    InvalidPattern."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise InvalidPattern(f"a pattern may have at most {MAX_PATTERN_CHARS:,} characters")
    if not is_safe_line(pattern):
        raise InvalidPattern("write control characters as escapes, such as \\t")
    if re.search(r"\(\?(?:#|[a-zA-Z-]*[aLux])", pattern):
        raise InvalidPattern("comments and the flags a, L, u and x are not known to RE2")
    if "[:" in pattern:
        raise InvalidPattern("write [:alpha:] and its like as ranges or Unicode classes")
    plain = ESCAPE.sub(_plain_escape, pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = parser.parse(plain)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise InvalidPattern(f"not a regular expression: {error}") from None
    size = _program_size(tree, 1, r"\p" in pattern or r"\P" in pattern)
    if size > MAX_PROGRAM_SIZE:
        raise InvalidPattern("its repetitions multiply to too large a program")
    return size


def _plain_escape(match: re.Match[str]) -> str:
    """An escape for Python's parser. Raises InvalidPattern for one that RE2 reads differently."""
    name = match.group(1) or match.group(2)
    if name is not None:
        if name not in UNICODE_CLASSES:
            raise InvalidPattern(f"\\p{{{name}}} is not a Unicode class known here")
        return r"\w"
    letter = match.group(3)
    if letter is None:
        raise InvalidPattern("it ends in, or names nothing by, a lone escape")
    if letter.isdigit():
        raise InvalidPattern("it uses back-references or octal escapes, which RE2 lacks")
    if letter.isalpha() and letter not in ALLOWED_ESCAPES and letter != "x":
        raise InvalidPattern(f"the escape \\{letter} is not known to RE2")
    return match.group(0)


def _program_size(tree: Any, repeats: int, unicode: bool) -> int:
    """The estimated size of the compiled program, with counted repetitions expanded. `unicode`: a
    word class may stand for a Unicode class."""
    total = 0
    for kind, argument in tree:
        inside = [item[1] for item in argument] if kind is op.IN else [argument]
        if BACKSPACE_CODE in inside:
            raise InvalidPattern("\\b in a class is not known to RE2")
        if kind in UNSUPPORTED_NODES:
            raise InvalidPattern(f"it uses {UNSUPPORTED_NODES[kind]}, which RE2 lacks")
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            low, high, body = argument
            count = max(low, 1 if high is op.MAXREPEAT else high, 1)
            if repeats * count > MAX_REPEATS:
                raise InvalidPattern(f"it repeats more than {MAX_REPEATS:,} times")
            total += count * _program_size(body, repeats * count, unicode)
        elif kind is op.BRANCH:
            total += (
                sum(_program_size(branch, repeats, unicode) for branch in argument[1]) + NODE_SIZE
            )
        elif kind is op.SUBPATTERN:
            total += _program_size(argument[3], repeats, unicode) + NODE_SIZE
        elif kind is op.IN:
            word_classes = sum(1 for item in argument if item[0] is op.CATEGORY) if unicode else 0
            total += CLASS_SIZE + NODE_SIZE * len(argument) + UNICODE_CLASS_SIZE * word_classes
        else:
            total += CLASS_SIZE if kind in (op.ANY, op.NOT_LITERAL) else NODE_SIZE
    return total
