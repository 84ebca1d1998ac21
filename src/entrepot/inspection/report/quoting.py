"""Quote a cell or a name in a sentence: bounded, on one line, and with invisible characters named.

`17⟨no-break space⟩50` shows what `17 50` hides. Unicode's own names are used, but for
control characters, which have none, and for a few whose usual name differs.
"""

import unicodedata
from itertools import groupby

MAX_QUOTED_CHARS = 80
"""Characters of a cell or a name in a sentence."""
MAX_NAMED_RUNS = 4
"""Runs of invisible characters that are named in one quotation; the next ones are `⟨…⟩`."""
USUAL_NAMES = {
    "\t": "tab",
    "\n": "line feed",
    "\r": "carriage return",
    "\0": "NUL",
    "\x08": "backspace",
    "\x0b": "vertical tab",
    "\x0c": "form feed",
    "\x1b": "escape",
    "\x7f": "delete",
    "\x85": "next line",
    "\ufeff": "byte order mark",
    "\u200b": "zero-width space",
    "\u200c": "zero-width non-joiner",
    "\u200d": "zero-width joiner",
}
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
INVISIBLE_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that show nothing although their category is that of a letter, mark or sign
(Unicode, Default_Ignorable_Code_Point, and the braille pattern without dots)."""


def quoted(text: str, longest: int = MAX_QUOTED_CHARS) -> str:
    """A cell or a name in backticks: at most `longest` characters of it, on one line, invisible
    characters named, and without backticks of its own."""
    kept = text[:longest]
    if kept.isascii() and kept.isprintable() and kept == kept.strip() and "`" not in kept:
        return f"`{kept}{'…' if len(text) > longest else ''}`"  # as nearly every cell
    edges = _edge_spaces(kept, len(text) > longest)
    parts: list[str] = []
    named = 0
    hidden = [_invisible_name(char) or edges.get(n, "") for n, char in enumerate(kept)]
    for (char, name), run in groupby(zip(kept, hidden, strict=True)):
        count = len(list(run))
        if not name:
            parts.append((char if char != "`" else "'") * count)
            continue
        named += 1
        parts.append(f"⟨{_counted(name, count)}⟩" if named <= MAX_NAMED_RUNS else "⟨…⟩")
    return f"`{''.join(parts)}{'…' if len(text) > longest else ''}`"


def look_alikes(text: str) -> str:
    """What signs beyond ASCII in the text of a number or a date are, in words; empty if there are
    none: `−` (U+2212) is not the hyphen that it looks like."""
    if text.isascii():
        return ""
    pairs = dict.fromkeys(
        char
        for char in text[:MAX_QUOTED_CHARS]
        if not char.isascii() and unicodedata.category(char) in ("Pd", "Sm", "Po", "Nd")
    )
    named = [f"`{char}` is {_with_article(_unicode_name(char))}" for char in list(pairs)[:2]]
    return " and ".join(named)


def _edge_spaces(text: str, cut: bool) -> dict[int, str]:
    """The places of plain spaces at the beginning and the end of `text`, which nobody sees."""
    leading = len(text) - len(text.lstrip(" "))
    trailing = 0 if cut else len(text) - len(text.rstrip(" "))
    places = [*range(leading), *range(len(text) - trailing, len(text))]
    return dict.fromkeys(places, "space")


def _invisible_name(char: str) -> str:
    """The name of a character that shows nothing; empty for a visible one and a plain space."""
    if char == " " or (char.isascii() and char.isprintable()):
        return ""
    if char in USUAL_NAMES:
        return USUAL_NAMES[char]
    invisible = unicodedata.category(char) in INVISIBLE_CATEGORIES or char in INVISIBLE_LETTERS
    return _unicode_name(char) if invisible else ""


def _unicode_name(char: str) -> str:
    name = unicodedata.name(char, "").lower()
    return name or f"character U+{ord(char):04X}"


def _counted(name: str, count: int) -> str:
    return name if count == 1 else f"{count} × {name}"


def _with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
