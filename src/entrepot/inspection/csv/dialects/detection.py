"""Decide on the dialect of a text by its first part.

Every delimiter that might be one is tried with every quote that might be one (`candidates`)
and scored (`scoring`); each is improved by what only its cells show: blanks beside
delimiters, a frame, an escape character.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from entrepot.inspection.csv.cell_parser import BLANK, ENDS
from entrepot.inspection.csv.cell_types import is_drawn
from entrepot.inspection.csv.dialect import Dialect, DialectHints
from entrepot.inspection.csv.dialects.candidates import candidate_dialects
from entrepot.inspection.csv.dialects.sample import LineSample, LineSamples
from entrepot.inspection.csv.dialects.scoring import ScoredDialect, score_dialect
from entrepot.inspection.csv.lexer import Lexer

ESCAPES = "\\^!~%*/?"
"""Escape characters: the usual one, and those that spreadsheets and databases offer instead."""

# How much of a text is looked at. Set by time; a quarter more or less changes no reading of the
# corpus (tests/inspection/corpus).
MAX_LINES = 2_000
MAX_LINE_CHARS = 1 << 16
MAX_REFINED_LINES = 300
"""Lines in which blanks and frames are looked for."""
MAX_ESCAPE_LINES = 500
"""Lines in which escape characters are looked for: they are rarer."""

# Thresholds, set by hand on tests/inspection/corpus.
MIN_ROWS_SHARE = 0.4
"""Lines that begin with # are left out as comments, if this many are left. With fewer they are
rows."""
MIN_GAPLESS_AGREEMENT = 0.95
"""Below this agreement of runs of blanks, cells are missing between them: then columns at fixed
places, which can have such cells, go first."""
MIN_FRAMED_SHARE = 0.6
"""Share of lines with a bar at both ends, for a frame: titles and rules have none."""
MIN_TRIMMED_RANK = 0.9
"""Of the rank without trimming: blanks around nearly all delimiters are not an accident, so that
trimmed cells may even score a little less."""
MIN_PADDED_SHARE = 0.95
"""Share of delimiters with a blank beside them, on one side, for blanks that belong to them."""
MIN_ALIGNED_ROWS = 3
"""Fewer rows have cells of the same length by chance."""
MIN_ESCAPE_GAIN, MIN_SURE_ESCAPE_GAIN = 1.001, 0.999
"""Of the rank without an escape: it must gain something; where each backslash stands before what
needs an escape, it may cost as little."""
MIN_QUOTED_COLUMNS = 2
"""Columns with cells that begin with another quote than `"`, for it to be one: apostrophes in one
column may be a part of its texts."""
MIN_ODD_ESCAPES = 2
"""Times that an unusual escape character stands before a quote, for it to be tried."""
MIN_BINDING_ESCAPES = 2
"""Times that one stands before a delimiter and not before a quote, where the reading binds: once, a
text ends with it (`C:\\data\\`), and the row has a cell too many."""


def detect_dialect(
    lines: Sequence[str],
    names: Sequence[str] | None,
    hints: DialectHints,
    binding: bool,
    samples: LineSamples,
) -> list[ScoredDialect]:
    """The dialects that explain `lines` (with their line ends), the best first; never empty.

    `names` are the contract's columns; `hints` fixes parts of the dialect. `binding`: a contract
    depends on the reading, or is made from it. `samples` are those of the text.
    """
    lines = [line[:MAX_LINE_CHARS] for line in lines[:MAX_LINES] if line.strip(ENDS + BLANK)]
    rows = [line for line in lines if not line.startswith("#")]
    if len(rows) >= MIN_ROWS_SHARE * len(lines) and rows:
        lines = rows
    sample = samples.of(lines)
    scored = [
        _refine(score_dialect(dialect, sample, names), sample, names, hints, binding)
        for dialect in candidate_dialects(sample, names, hints)
    ]
    scored.sort(key=lambda each: -each.rank)
    if hints.quote is None and scored[0].dialect.quote != '"':
        scored.sort(key=lambda each: not _may_have_quote(each.dialect, lines, binding))
    if scored[0].dialect.blanks > 1 and scored[0].agreement < MIN_GAPLESS_AGREEMENT:
        scored.sort(key=lambda each: not each.dialect.starts)
    return scored


def _may_have_quote(dialect: Dialect, lines: Sequence[str], binding: bool) -> bool:
    """Whether a quote other than `"` may be one: it begins cells of more than one column, and `"`
    begins none. Where the reading does not bind, it may also be one if `"` does not read the lines
    evenly. Without a quote, `"` at the begin of cells is text: a reading that binds takes it for a
    quote that is broken."""
    if not dialect.quote:
        return not (binding and _has_begun_quote(dialect, lines))
    if dialect.quote == '"' or not dialect.delimiter:
        return True
    usual = replace(dialect, quote='"', doubled=True, escape="")
    odd = _odd_records(usual, lines)
    if odd and not binding:
        return True
    if _has_begun_quote(dialect, lines):
        return False
    quoted = set()
    for line in lines:
        for number, piece in enumerate(line.rstrip(ENDS).split(dialect.delimiter)):
            cell = piece.strip(BLANK)
            # An empty pair alone, such as «», is as likely a text.
            if cell.startswith(dialect.quote) and len(cell) > len("«»"):
                quoted.add(number)
    if len(quoted) < MIN_QUOTED_COLUMNS:
        return False
    return _odd_records(dialect, lines) <= odd


def _has_begun_quote(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether a cell begins with `"`."""
    pieces = (
        piece
        for line in lines
        if '"' in line
        for piece in (line.split(dialect.delimiter) if dialect.delimiter else (line,))
    )
    return any(piece.lstrip(BLANK).startswith('"') for piece in pieces)


def _odd_records(dialect: Dialect, lines: Sequence[str]) -> int:
    """The records with misplaced quotes, and those of another width than most."""
    records = list(Lexer(dialect).records(lines))
    widths = Counter(len(cells) for _, cells, _ in records)
    usual = widths.most_common(1)[0][0] if widths else 0
    return sum(bool(error) + (len(cells) != usual) for _, cells, error in records)


def _refine(
    scored: ScoredDialect,
    sample: LineSample,
    names: Sequence[str] | None,
    hints: DialectHints,
    binding: bool,
) -> ScoredDialect:
    """The dialect with blanks beside delimiters taken off, or with an escape, if that explains
    the lines better."""
    lines = sample.lines
    dialect = scored.dialect
    best = scored
    mark = dialect.delimiter
    if mark == "|" and hints.delimiter is None:
        bare = [line.strip() for line in lines[:MAX_REFINED_LINES] if not is_drawn(line)]
        framed = [line for line in bare if len(line) > 1 and line[0] == mark == line[-1]]
        if len(framed) >= MIN_FRAMED_SHARE * len(bare):
            dialect = replace(dialect, framed=True)
            best = scored = score_dialect(dialect, sample, names)
    if (
        hints.trim is None
        and scored.width > 1
        and sample.once(("padded", dialect), lambda: _is_padded(dialect, lines))
    ):
        trimmed = score_dialect(replace(dialect, trim=True), sample, names)
        if trimmed.rank >= best.rank * MIN_TRIMMED_RANK:
            best = trimmed
    return _with_escape(best, sample, names, hints, binding)


def _is_padded(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether nearly all delimiters have a blank after them, or nearly all one before them."""
    delimiter = dialect.delimiter
    if dialect.blanks or not delimiter.strip(" "):
        return False
    before = after = left = right = 0
    lines = [line for line in lines[:MAX_REFINED_LINES] if not is_drawn(line)]
    if dialect.framed:
        lines = [line for line in lines if line.lstrip().startswith(delimiter)]
    for line in lines:
        pieces = line.rstrip(ENDS).split(delimiter)
        inner = [piece for piece in pieces[1:] if piece.strip(BLANK)]
        after += len(inner)
        right += sum(piece[0] in BLANK for piece in inner)
        inner = [piece for piece in pieces[:-1] if piece.strip(BLANK)]
        before += len(inner)
        left += sum(piece[-1] in BLANK for piece in inner)
    if after > 0 and right >= MIN_PADDED_SHARE * after:
        return True
    if before > 0 and left >= MIN_PADDED_SHARE * before:
        return True
    return _is_aligned([line.rstrip(ENDS).split(delimiter) for line in lines])


def _is_aligned(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each column but the last has cells of one length, some texts filled up with blanks
    to it: a cell of blanks alone may be a value."""
    width = len(rows[0]) if rows else 0
    if len(rows) < MIN_ALIGNED_ROWS or width < 2 or any(len(row) != width for row in rows):
        return False
    blanks = 0
    for column in range(width - 1):
        cells = [row[column] for row in rows]
        if len({len(cell) for cell in cells}) > 1:
            return False
        blanks += sum(cell != cell.strip(BLANK) != "" for cell in cells)
    return blanks > 0


def _with_escape(
    scored: ScoredDialect,
    sample: LineSample,
    names: Sequence[str] | None,
    hints: DialectHints,
    binding: bool,
) -> ScoredDialect:
    """With an escape character, where one stands before quotes or delimiters and rows fit the
    better for it."""
    dialect = scored.dialect
    if hints.escape is not None or not (dialect.delimiter or dialect.quote):
        return scored
    lines = sample.lines
    text = sample.once("escapes", lambda: "".join(lines[:MAX_ESCAPE_LINES]))
    best = scored
    for escape in ESCAPES:
        if escape in dialect.delimiter or escape == dialect.quote:
            continue
        if escape != "\\" and text.count(escape + dialect.quote) < MIN_ODD_ESCAPES:
            continue
        before_quote = bool(dialect.quote) and escape + dialect.quote in text
        before_mark = bool(dialect.delimiter) and escape + dialect.delimiter in text
        if binding and before_mark and not before_quote:
            often = text.count(escape + dialect.delimiter) >= MIN_BINDING_ESCAPES
            before_mark = often and _always_escapes(escape, dialect, text)
        if not (before_quote or before_mark):
            continue
        both = bool(dialect.quote) and dialect.doubled and dialect.quote * 2 in text
        options = [(escape, both)] + ([(escape, not both)] if both else [])
        for mark, doubled in options:
            tried = score_dialect(
                hints.put(replace(dialect, escape=mark, doubled=doubled)), sample, names
            )
            if _odd_records(tried.dialect, lines) > _odd_records(dialect, lines):
                continue  # a backslash at the end of a quoted cell escapes nothing
            always = before_quote and _always_escapes(mark, dialect, text)
            if tried.rank > best.rank * (MIN_SURE_ESCAPE_GAIN if always else MIN_ESCAPE_GAIN):
                best = tried
    return best


def _always_escapes(escape: str, dialect: Dialect, text: str) -> bool:
    """Whether each backslash of the text stands before what may need an escape."""
    marks = re.escape("\\" + dialect.quote + dialect.delimiter[:1])
    return (
        escape == "\\"
        and re.search(rf"\\(?:[{marks}\r\n])", text) is not None
        and (re.search(rf"(?<!\\)(?:\\\\)*\\(?![{marks}\r\n])", text) is None)
    )
