"""How a delimited text is written: delimiter, quotes, escape, comments."""

from dataclasses import asdict, dataclass, replace
from typing import Any

PAIRS = {"«": "»", "»": "«", "“": "”", "„": "“", "‘": "’", "‹": "›"}
"""Opening quotes whose closing one is another character."""


@dataclass(frozen=True)
class Dialect:
    """The decision. `delimiter` is one or more characters, none for a text of one column.

    `quote` opens a quoted cell (none: quotes are text) and, unless it is one of a pair, closes
    it; `doubled`: a quote inside is written twice; `escape` is a character that takes the next
    one's meaning away, inside quotes or not. `trim`: blanks beside a delimiter belong to it;
    `framed`: a delimiter stands at both ends of each line. `blanks`, if above zero: the
    delimiter is any run of at least this many blanks. A line that begins with `comment` is not
    a row; `comment_stated`: the mark was stated rather than guessed, so that a line of the
    table's width is a comment too. `starts`, if any, are the places (characters from 0) at which
    columns of fixed width begin. `escape_stated`: an escape at the end of a line takes its meaning
    away too.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    doubled: bool = True
    trim: bool = False
    framed: bool = False
    blanks: int = 0
    comment: str = ""
    starts: tuple[int, ...] = ()
    comment_stated: bool = False
    escape_stated: bool = False

    @property
    def closing(self) -> str:
        """The character that ends a quoted cell."""
        return PAIRS.get(self.quote, self.quote)

    def describe(self) -> dict[str, Any]:
        """As the profile shows it; `escape` is the quote itself where quotes are doubled."""
        described = asdict(self)
        del described["comment_stated"], described["escape_stated"]
        described["starts"] = list(self.starts)
        if self.doubled and not self.escape:
            described["escape"] = self.quote
        return described


@dataclass(frozen=True)
class DialectHints:
    """Parts of a dialect that are not to be decided; None: decide."""

    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    doubled: bool | None = None
    trim: bool | None = None
    comment: str | None = None

    def put(self, dialect: Dialect) -> Dialect:
        """`dialect` with what is given."""
        parts = {name: value for name, value in vars(self).items() if value is not None}
        parts |= {"comment_stated": bool(self.comment), "escape_stated": bool(self.escape)}
        return replace(dialect, **parts)
