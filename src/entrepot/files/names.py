"""File names as lists search and sort them: without regard to case, alike on both databases."""

import unicodedata

MAX_KEY_CHARS = 600
"""Characters of a key. Of 255 characters folding makes 765 at most, but PostgreSQL takes no more
than 2,700 bytes into an index, and a character may be four."""

MAX_TRIGRAMS = 40
"""Grams that a search asks for; what is found is compared with the whole text anyway."""


def fold_name(name: str) -> str:
    """A name's key: Unicode's full case folding in NFC, its first 600 characters.

    Made here and kept beside the name, since SQLite folds ASCII alone, and PostgreSQL as the
    machine's locale says. Unicode promises that folding a character never changes.
    """
    return unicodedata.normalize("NFC", name.casefold())[:MAX_KEY_CHARS]


def trigrams(key: str) -> list[str]:
    """The pieces of three characters, each once, that are in every key which contains this one.

    Of a text of two characters that is itself, and of a single one there are none.
    """
    width = 3 if len(key) > 2 else 2
    pieces = (key[start : start + width] for start in range(len(key) - width + 1))
    return list(dict.fromkeys(pieces))[:MAX_TRIGRAMS]
