"""Which dialects a text may be written in: delimiters that stand in enough of its lines, each with
the quotes that enclose its cells.

A candidate costs a scoring of the sample, so few are tried; one that is left out here is never
found. The shares were set by hand on tests/inspection/corpus, as low as its files need.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from entrepot.inspection.csv.cell_parser import BLANK, ENDS
from entrepot.inspection.csv.cell_types import is_drawn
from entrepot.inspection.csv.dialect import PAIRS, Dialect, DialectHints
from entrepot.inspection.csv.dialects.sample import LineSample
from entrepot.inspection.csv.dialects.scoring import PRIOR
from entrepot.inspection.values.delimiters import USUAL

RARER = "~^#&!*§¦¬·•"
"""Further characters that people choose since they are rare in texts."""
NEVER = frozenset("\"'`.-_/\\()[]{}<>+=@?\r\n\0\ufeff«»“”„‘’‹›°%€$£¥")
"""Characters that are parts of cells whenever they occur."""
INNER = "\"'\\.\r\n ()€$£¥%°`«»„“”‘’‹›"
"""Characters around which no longer delimiter is looked for."""
NEIGHBOURS = "\"'-+.($€ \t`«»„“”‘’‹›"
"""Characters beside a delimiter that belong to cells, as letters and figures do."""
QUOTES = ('"', "'", "`", "|", "$", "^", "~", "*", "%", "#", "@", "!", *PAIRS)
"""Quotes, the most usual first: among those that enclose as many cells the first is taken."""

MAX_DELIMITER_LINES = 300
"""Lines in which delimiters are looked for."""
MAX_QUOTE_LINES = 500
"""Lines in which quotes are looked for: they are rarer than delimiters."""
MAX_FIXED_CHARS = 1_000
"""Characters of a line with columns at fixed places; each is looked at by itself."""
MIN_USUAL_SHARE, MIN_OTHER_SHARE = 0.4, 0.8
"""Share of lines with a delimiter: of a known or rare one, whose other lines may be titles and
notes, and of any other character, which may be a part of cells."""
MIN_SPACED_SHARE = 0.8
"""Share of lines with a blank behind the delimiter, for one that the blank is a part of."""
MIN_REPEATED_SHARE = 0.5
"""Share of lines with a delimiter that is repeated (`||`), or that stands between the contract's
names."""
MAX_REPEATS = 3
ONCE = ",;\t"
"""Delimiters that are hardly ever repeated: between two of them lies an empty cell."""
MIN_USUAL_REPEATS = 2
"""Places in a line where such a delimiter must be repeated: at one place a column is empty."""
MAX_LONG_CHARS = 4
"""Characters that are added to a delimiter one by one."""
MIN_NEIGHBOUR_SHARE = 0.97
"""Share of a delimiter's places that have the same neighbour, for the neighbour to belong to it: a
few cells may be empty."""
MIN_WIDE_GAP_SHARE, MIN_GAP_SHARE = 0.5, 0.7
"""Share of lines with two blanks in a row, for runs of blanks, and with any blank, for single ones
beside runs."""
MIN_FIXED_LINES = 3
"""Fewer lines have blanks at the same places by chance."""
MIN_ENCLOSED_SHARE = 0.5
"""Share of the quotes at a cell's begin that enclose the cell, for a quote to be one."""
MIN_UNCLOSED_SHARE = 1 / 3
"""Double quotes at this many cells, by lines, none of which is ever closed, are text."""
MAX_QUOTES = 2
"""Quotes that are tried with each delimiter; the double quote is tried beside them."""
MAX_NAMED_LINES = 50
"""Lines among which a header with the contract's names is looked for."""


def candidate_dialects(
    sample: LineSample, names: Sequence[str] | None, hints: DialectHints
) -> list[Dialect]:
    """The dialects to be scored, none twice; one column is always among them."""
    return [
        hints.put(replace(delimiter, quote=quote))
        for delimiter in _delimiters(sample, names, hints)
        for quote in _quotes(sample, delimiter, hints)
    ]


def _delimiters(
    sample: LineSample, names: Sequence[str] | None, hints: DialectHints
) -> list[Dialect]:
    """Dialects that differ in their delimiters, for all that occur often enough."""
    if hints.delimiter is not None:
        return [Dialect(hints.delimiter)]
    some = sample.lines[:MAX_DELIMITER_LINES]
    candidates = list(sample.once("delimiters", lambda: _occurring(some)))
    if names and len(names) > 1:
        candidates += [Dialect(between) for between in _between(names, some)]
    if hints.trim is False:
        candidates = [
            d for d in candidates if d.delimiter == d.delimiter.strip(" ") or d.delimiter == " "
        ]
    return [*{(d.delimiter, d.blanks, d.starts): d for d in candidates}.values(), Dialect("")]


def _occurring(some: Sequence[str]) -> list[Dialect]:
    """Those that stand in enough of the lines, whatever the contract's names are."""
    present = Counter(mark for line in some for mark in set(line.rstrip(ENDS)))
    candidates: list[Dialect] = [Dialect(mark) for mark in USUAL if present[mark]]
    for mark, count in present.items():
        known = mark in PRIOR or mark in RARER
        if (
            mark.isalnum()
            or mark in NEVER
            or mark in USUAL
            or (mark.isspace() and mark not in PRIOR)
        ):
            continue
        if count >= len(some) * (MIN_USUAL_SHARE if known else MIN_OTHER_SHARE):
            candidates.append(Dialect(mark))
    for mark, count in present.items():
        if mark.isalnum() or mark in INNER or count < len(some) * MIN_USUAL_SHARE:
            continue
        candidates += [Dialect(longer) for longer in _longer(mark, some)]
        spaced = sum(mark + " " in line for line in some)
        if mark in ",;:|" and spaced >= MIN_SPACED_SHARE * len(some):
            candidates.append(Dialect(mark + " "))
    return [*candidates, *_blank_runs(some)]


def _longer(mark: str, lines: Sequence[str]) -> list[str]:
    """Delimiters of several characters around `mark`: it repeated, or with the same neighbours
    at nearly all its places."""
    least = MIN_USUAL_REPEATS if mark in ONCE else 1
    alone = mark in ONCE and _stands_alone(mark, mark * 2, lines)
    runs = [] if alone else [mark * times for times in range(2, MAX_REPEATS + 1)]
    repeated = [
        run
        for run in runs
        if sum(line.count(run) >= least for line in lines) >= MIN_REPEATED_SHARE * len(lines)
    ]
    delimiter = mark
    for _ in range(MAX_LONG_CHARS):
        split = [line.rstrip(ENDS).split(delimiter) for line in lines]
        before = Counter([piece[-1:] for pieces in split for piece in pieces[:-1]])
        after = Counter([piece[:1] for pieces in split for piece in pieces[1:]])
        for sides, left in ((before, True), (after, False)):
            neighbour, times = sides.most_common(1)[0] if sides else ("", 0)
            plain = not neighbour or neighbour.isalnum() or neighbour in NEIGHBOURS
            always = times >= MIN_NEIGHBOUR_SHARE * sides.total() and times > 1
            if not plain and neighbour != mark and always:
                delimiter = neighbour + delimiter if left else delimiter + neighbour
                break
        else:
            break
    return [*repeated, delimiter] if _may_be_longer(delimiter, lines) else repeated


def _stands_alone(mark: str, run: str, lines: Sequence[str]) -> bool:
    """Whether a line with about as many marks as any has no `run` of them: a header names the
    columns that are empty below it. Titles and notes have few marks."""
    most = max(line.count(mark) for line in lines)
    return any(2 * line.count(mark) >= most and run not in line for line in lines)


def _may_be_longer(delimiter: str, lines: Sequence[str]) -> bool:
    """Whether a delimiter of several characters may be one. A usual one at one of its ends must
    stand in it wherever it stands, the header included: else the others belong to cells, as the
    plus sign of telephone numbers does."""
    if len(delimiter) < 2:
        return False
    usual = {delimiter[0], delimiter[-1]} & set(USUAL)
    uneven = len(usual) == 1 and delimiter[0] != delimiter[-1]
    return not uneven or all(
        sum(line.count(mark) for line in lines) == sum(line.count(delimiter) for line in lines)
        for mark in usual
    )


def _blank_runs(lines: Sequence[str]) -> list[Dialect]:
    bare = [line.strip(ENDS + BLANK) for line in lines]
    two = sum(1 for line in bare if "  " in line)
    one = sum(1 for line in bare if " " in line)
    dialects = []
    if two >= MIN_WIDE_GAP_SHARE * len(lines):
        dialects.append(Dialect(" ", blanks=2))
        fixed = _fixed_columns(lines)
        dialects += [fixed] if fixed else []
    if two and one >= MIN_GAP_SHARE * len(lines):
        dialects.append(Dialect(" ", blanks=1))
    return dialects


def _fixed_columns(lines: Sequence[str]) -> Dialect | None:
    """Columns at fixed places, where all lines have blanks between the same places."""
    bare = [line.rstrip(ENDS) for line in lines if not is_drawn(line)]
    longest = max(map(len, bare), default=0)
    too_large = len(bare) < MIN_FIXED_LINES or longest > MAX_FIXED_CHARS
    if too_large or any("\t" in line for line in bare):
        return None
    taken = [False] * longest
    for line in bare:
        for place, letter in enumerate(line):
            if letter != " ":
                taken[place] = True
    starts = [
        place
        for place in range(longest)
        if taken[place] and (place < 2 or not (taken[place - 1] or taken[place - 2]))
        and (place == 0 or not taken[place - 1])
    ]  # fmt: skip
    return Dialect(" ", blanks=2, starts=tuple(starts)) if len(starts) > 1 else None


def _between(names: Sequence[str], lines: Sequence[str]) -> list[str]:
    """What stands between the first two names of the contract where a line has both, if at
    least half of the other lines have it too: a header may have a column without a name there, or a
    blank after a name."""
    pattern = re.compile(f"{re.escape(names[0])}(\\W{{1,5}}){re.escape(names[1])}")
    some = lines[:MAX_NAMED_LINES]
    between = {match.group(1) for line in some if (match := pattern.search(line))}
    return [
        mark
        for mark in sorted(between)
        if not set(mark) & set("\"'`")
        and sum(mark in line for line in lines) - 1 >= MIN_REPEATED_SHARE * (len(lines) - 1)
        and not (mark.count(mark[0]) > 1 and _stands_alone(mark[0], mark, lines))
    ]


def _quotes(sample: LineSample, dialect: Dialect, hints: DialectHints) -> list[str]:
    """Each quote by which cells are enclosed, and one that is only usual."""
    if hints.quote is not None:
        return [hints.quote]
    some = sample.lines[:MAX_QUOTE_LINES]
    return sample.once(("quotes", dialect), lambda: _enclosing(dialect, some))


def _enclosing(dialect: Dialect, some: Sequence[str]) -> list[str]:
    text = "".join(some)
    mark = "[ \t]" if dialect.blanks else f"(?:{re.escape(dialect.delimiter) or '(?!)'})[ \t]*"
    counted: list[tuple[int, str]] = []
    for quote in QUOTES:
        if quote in dialect.delimiter or quote not in text:
            continue
        mates = (text.count(dialect.delimiter + quote), text.count(quote + dialect.delimiter))
        beside = any(mates) or "\n" + quote in text or text.startswith(quote)
        if not (beside or dialect.blanks or " " + quote in text):
            continue
        mate = PAIRS.get(quote, quote)
        opening, closing = re.escape(quote), re.escape(mate)
        # The patterns are slow, and nothing of a line without quotes tells them apart.
        quoted = (
            text
            if "\\" in text
            else "".join(line for line in some if quote in line or mate in line)
        )
        begun = len(re.findall(rf"(?:^|{mark}){opening}", quoted, re.MULTILINE))
        enclosed = len(
            re.findall(
                rf"(?:^|{mark}){opening}(?:[^{closing}\\]|{closing}{closing}|\\.)*{closing}"
                rf"(?=[ \t]*(?:[\r\n]|$|{mark}))",
                quoted,
                re.MULTILINE,
            )
        )
        mostly = enclosed >= MIN_ENCLOSED_SHARE * begun
        if enclosed and mostly and (quote in "\"'" or enclosed > 1):
            counted.append((enclosed, quote))
        elif quote == '"' and not enclosed and begun > MIN_UNCLOSED_SHARE * len(some):
            counted.append((0, ""))
    counted.sort(key=lambda each: (-each[0], (*QUOTES, "").index(each[1])))
    quotes = [quote for _, quote in counted[:MAX_QUOTES]]
    if '"' not in quotes and '"' not in dialect.delimiter:
        quotes.append('"')
    return quotes
