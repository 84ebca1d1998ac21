"""Delimited texts, regular ones and irregular ones, the same for the same number."""

import random

WORDS = (
    "a", "Jena", "12", "-3.5", "", "x y", "ä", "\u00a0b", "\u2028", "\x0b", "\x0c", "\x85", "N/A",
    " lead", "trail ", "\t", "#5", "# x", "'", "it's", "\\N", "C:\\x", "2024-01-31", "\ufeff", "«»",
)  # fmt: skip
MARKS = ('"', '""', '"""', ' "b"', '"b" ', 'a"b', '"a"b', '"a', 'a"', '"a""', '\\"', '"\\""')
"""Quotes at places where they mean something, and where they must not be."""
DELIMITERS = (",", ",", ",", ";", "\t", "|", "||", ", ", "¦", " ")
LINE_ENDS = ("\n", "\n", "\r\n", "\r\n", "\r")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class _TextWriter:
    """One text: its way of writing, and how often something is irregular in it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.delimiter = chance.choice(DELIMITERS)
        self.newline = chance.choice(LINE_ENDS)
        self.width = chance.choice([1, 2, 2, 3, 3, 4])
        self.quoting = chance.choice([0.0, 0.1, 0.5, 1.0])
        self.several = chance.choice([0.0, 0.0, 0.1, 0.3])
        self.irregular = chance.choice([0.0, 0.0, 0.02, 0.1])

    def cell(self) -> str:
        chance = self.chance
        if chance.random() < self.irregular:
            return chance.choice(MARKS)
        text = chance.choice(WORDS)
        if chance.random() < self.several:
            pieces = [text, self.newline, self.delimiter, '"', "\n", "b", self.delimiter]
            text = "".join(chance.choices(pieces, k=chance.randrange(1, 9)))
        must = any(mark in text for mark in (self.delimiter, '"', "\n", "\r"))
        return _quoted(text) if must or chance.random() < self.quoting else text

    def row(self, number: int) -> str:
        width = self.width
        if self.chance.random() < self.irregular / 4:
            width += self.chance.choice([-1, 1])
        cells = [str(number), *(self.cell() for _ in range(1, width))]
        return self.delimiter.join(cells[:1] + cells[1:] if width > 1 else [self.cell()])

    def text(self) -> bytes:
        chance = self.chance
        header = self.delimiter.join(["id", "name", "city", "note"][: self.width])
        rows = [self.row(number) for number in range(chance.randrange(4, 40))]
        lines = [header, *rows]
        while chance.random() < self.irregular:
            place = chance.randrange(len(lines) + 1)
            lines.insert(place, chance.choice(["", " ", "# remark", "Note: x", "x" * 3000]))
        text = self.newline.join([*lines, ""])
        if chance.random() < 0.2:
            text = text.removesuffix(self.newline)
        if chance.random() < self.irregular:
            mark = chance.choice(["\r", "\n", "\r\n", "\0", '"', " ", "\ufeff", "\x1a"])
            place = chance.randrange(len(text))
            text = text[:place] + mark + text[place:]
        return (b"\xef\xbb\xbf" if chance.random() < 0.1 else b"") + text.encode()


def text_of(number: int) -> bytes:
    """The text with that number."""
    return _TextWriter(random.Random(f"grammar {number}")).text()
