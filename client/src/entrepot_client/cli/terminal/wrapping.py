"""Wrap sentences at the width of a terminal.

Lines are broken between words. A word is also a whole command or name in backticks or quotes, and a
time: nothing that people copy is broken. What is longer than a line has a line of its own, which
the terminal itself continues on the next.
"""

import re

from entrepot_client.cli.terminal.table import cell_width

_COMMAND = re.compile(r"(?:entrepot|curl|pip) ")
_WORD = re.compile(
    r"(?:`[^`\n]+`"  # a command, a name or a cell
    r"|(?<![^\s(])'[^'\n]+'"  # a name in quotes
    r"|\d{4}-\d\d-\d\d \d\d:\d\d"  # a time
    r"|[^\s`]|`)+"
)
_ITEM = re.compile(r"(\s*)((?:[-+~] )?)")
_LEAST_CELLS = 24
"""A narrower terminal gets lines of this width."""


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells. A line break in it stays one.

    An item of a list, and what is indented, continues below its own text.
    """
    width = max(width, _LEAST_CELLS)
    return [line for paragraph in text.split("\n") for line in _wrap_paragraph(paragraph, width)]


def _wrap_paragraph(text: str, width: int) -> list[str]:
    if cell_width(text) <= width or _COMMAND.match(text):
        return [text]
    start, mark = _ITEM.match(text).groups()  # type: ignore[union-attr]
    below = " " * len(start + mark)
    words = _words(text, width - len(below))
    lines, line = [], start + words[0]
    for word in words[1:]:
        if cell_width(line) + 1 + cell_width(word) <= width:
            line += f" {word}"
        else:
            lines.append(line)
            line = below + word
    return [*lines, line]


def _words(text: str, width: int) -> list[str]:
    """The words, of which one in quotes is only whole if it fits in a line or is a command."""
    words: list[str] = []
    for word in _WORD.findall(text):
        is_whole = cell_width(word) <= width or _COMMAND.search(word)
        words += [word] if is_whole else word.split()
    return words
