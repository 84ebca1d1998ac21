"""Decide on the dialect of a text by its first part.

Every delimiter that might be one is tried with every quote that might be one, and judged by how
regular the rows are and by how much the cells look like whole values, column by column (after
van den Burg et al., 2019, who judge cell by cell). Rows above and below the table do not count
against a dialect: what counts is the stretch of rows in which the table lies.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from entrepot.inspection.csv.cell_types import TYPED, cell_type, is_drawn, type_score
from entrepot.inspection.csv.dialect import PAIRS, Dialect
from entrepot.inspection.csv.lexer import BLANK, ENDS, Lexer, Record

MOST_PLACES, LONGEST = 1_000, 1 << 16
LINES, ROWS, TYPED_ROWS, COLUMNS = 2_000, 400, 60, 60
PRIOR = {
    ",": 1.0,
    ";": 1.0,
    "\t": 1.0,
    "|": 0.98,
    ":": 0.75,
    " ": 0.62,
    ": ": 0.75,
    ", ": 0.97,
    "; ": 0.97,
    "\x01": 1.0,
    "\x1f": 1.0,
}
OTHER_PRIOR = 0.8
NEVER = frozenset("\"'`.-_/\\()[]{}<>+=@?\r\n\0\ufeff«»“”„‘’‹›°%€$£¥")
QUOTES = ('"', "'", "`", "|", "$", "^", "~", "*", "%", "#", "@", "!", *PAIRS)
ESCAPES = "\\^!~%*/?"
ALONE = 0.52
"""The worth of reading a text as one column: less than any table of two sound columns."""


@dataclass(frozen=True)
class ScoredDialect:
    """One dialect, how well it explains the sample (0 to 1), and the table's width by it."""

    dialect: Dialect
    score: float
    width: int
    agreement: float
    named: float = 0.0

    @property
    def rank(self) -> float:
        """The score, with the contract's names as the stronger evidence."""
        return self.score + 2 * self.named


def detect_dialect(
    lines: Sequence[str], names: Sequence[str] | None, given: "DialectHints | None" = None
) -> list[ScoredDialect]:
    """The dialects that explain `lines` (with their line ends), the best first; never empty.

    `names` are the contract's columns; `given` fixes parts of the dialect.
    """
    given = given or DialectHints()
    lines = [line[:LONGEST] for line in lines[:LINES] if line.strip(ENDS + BLANK)]
    rows = [line for line in lines if not line.startswith("#")]
    if len(rows) * 5 >= len(lines) * 2 and rows:
        lines = rows
    scored = [
        _improved(score_dialect(dialect, lines, names), lines, names, given)
        for delimiter in _delimiters(lines, names, given)
        for dialect in _with_quotes(delimiter, lines, given)
    ]
    scored.sort(key=lambda each: -each.rank)
    if scored[0].dialect.blanks > 1 and scored[0].agreement < 0.95:
        # Cells are missing between the runs of blanks: columns at fixed places have them.
        scored.sort(key=lambda each: not each.dialect.starts)
    return scored


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
        return replace(dialect, **parts)


def score_dialect(
    dialect: Dialect, lines: Sequence[str], names: Sequence[str] | None
) -> ScoredDialect:
    """How well `dialect` explains the lines."""
    rows = first_records(dialect, lines)
    if not rows:
        return ScoredDialect(dialect, 0.0, 1, 1.0)
    widths = Counter(len(cells) for _, cells, _ in rows)
    likely = [width for width, _ in widths.most_common(3) if width > 1]
    # A stray quote that swallows rows is told only by whoever knows how wide rows are.
    spans = dialect.quote and any(after[0] - each[0] > 1 for each, after in pairwise(rows))
    by_width = {n: first_records(dialect, lines, width=n) for n in likely if spans}
    named = _named(rows, names) if names else 0.0
    if names and named == 1.0 and len(names) in likely:
        likely = [len(names)]
    best = max(
        (_judge_width(dialect, by_width.get(n, rows), n, named) for n in likely),
        key=lambda each: each.score,
        default=None,
    )
    alone = _judge_alone(dialect, rows, widths, named)
    if names and named == 1.0:
        return best if best and len(names) > 1 else alone
    return best if best and best.score > alone.score else alone


def first_records(
    dialect: Dialect, lines: Iterable[str], most: int = ROWS, width: int = 0
) -> list[Record]:
    """The first records that are not blank. `width` is the table's count of cells, if known."""
    rows = []
    for record in Lexer(dialect, width, longest=1 << 17).records(lines):
        if any(record[1]):
            rows.append(record)
            if len(rows) >= most:
                break
    return rows


def _judge_alone(
    dialect: Dialect, rows: Sequence[Record], widths: Counter[int], named: float
) -> ScoredDialect:
    share = widths[1] / len(rows)
    cells = [cells[0] for _, cells, _ in rows[:TYPED_ROWS] if len(cells) == 1]
    kinds = [cell_type(cell) for cell in cells]
    looks = sum(_looks_alone(*each) for each in zip(cells, kinds, strict=True))
    looks /= max(1, len(kinds))
    typed = [kind in TYPED for kind in kinds]
    if len(typed) > 2 and all(typed[1:]) and kinds[0] not in ("split", "tabbed", "other"):
        looks *= 1.3 if typed[0] else 1.5
    broken = sum(1 for _, _, fault in rows if fault) / len(rows)
    score = ALONE * share**2 * looks * (1 - broken / 2)
    return ScoredDialect(dialect, score, 1, share, named)


def _looks_alone(cell: str, kind: str) -> float:
    """How much a whole line looks like one value: the fewer words the more."""
    words = cell.count(" ") + 1
    return max(0.6, type_score(kind)) * (1.0 if words == 1 else 0.85 if words < 4 else 0.6)


def _judge_width(
    dialect: Dialect, rows: Sequence[Record], width: int, named: float
) -> ScoredDialect:
    at = [n for n, (_, cells, _) in enumerate(rows) if len(cells) == width]
    if not at:
        return ScoredDialect(dialect, 0.0, width, 0.0, named)
    first, last = _stretch(at)
    inside = [n for n in at if first <= n <= last]
    body = [rows[n][1] for n in inside]
    near = sum(1 for n in range(first, last + 1) if 1 < len(rows[n][1]) != width)
    agreement = (len(inside) + 0.4 * near) / (last - first + 1)
    coverage = len(inside) / len(rows)
    broken = sum(1 for n in inside if rows[n][2]) / len(inside)
    looks = _looks(body, width)
    prior = PRIOR.get(dialect.delimiter, 0.95 if len(dialect.delimiter) > 1 else OTHER_PRIOR)
    if dialect.blanks == 2:
        prior = 0.78 if dialect.starts else 0.8
    if dialect.delimiter == " " or dialect.blanks == 1:
        prior *= 1.0 if _typed_columns(body, width) * 3 >= width else 0.7
    mark = dialect.delimiter
    if mark and sum(any(mark in cell for cell in row) for row in body) * 3 >= len(body):
        prior = max(prior, 0.9)  # quotes are there to keep delimiters within cells
    if first and len(rows[first - 1][1]) > 1 and rows[first][0] == rows[first - 1][0] + 1:
        prior *= 0.93  # a title above the table rarely has several cells
    few = 1.0 if len(inside) > 2 else 0.9 if len(inside) == 2 else 0.75
    score = agreement**2 * coverage**0.33 * looks * prior * (1 - 0.4 / width) * few
    return ScoredDialect(dialect, score * (1 - broken / 2), width, agreement * coverage, named)


def _stretch(at: Sequence[int]) -> tuple[int, int]:
    """The stretch of rows in which those at the positions `at` prevail the most: a row of the
    width counts 1, another one -1."""
    best = total = 0.0
    start = first = last = at[0]
    previous = at[0] - 1
    for place in at:
        total -= place - previous - 1
        if total <= 0:
            total, start = 0.0, place
        total += 1
        if total > best:
            best, first, last = total, start, place
        previous = place
    return first, last


def _looks(body: Sequence[Sequence[str]], width: int) -> float:
    """How much the cells look like whole values, the columns of one kind the more."""
    some = body[:TYPED_ROWS]
    total = 0.0
    columns = range(min(width, COLUMNS))
    for column in columns:
        kinds = Counter(cell_type(row[column]) for row in some)
        if kinds["empty"] == len(some):
            total += 0.25
            continue
        value = sum(type_score(kind) * count for kind, count in kinds.items()) / len(some)
        value *= 1 - 0.15 * sum(row[column][:1] == " " for row in some) / len(some)
        filled = Counter({kind: n for kind, n in kinds.items() if kind != "empty"})
        top = filled.most_common(1)[0][1] / max(1, filled.total())
        total += value * (0.85 + 0.15 * top)
    return total / len(columns)


def _typed_columns(body: Sequence[Sequence[str]], width: int) -> int:
    some = body[1 : TYPED_ROWS + 1] or body
    return sum(
        1
        for column in range(min(width, COLUMNS))
        if sum(cell_type(row[column]) in TYPED for row in some) * 10 >= 9 * len(some)
    )


def _named(rows: Sequence[Record], names: Sequence[str]) -> float:
    """The share of the contract's names that one of the first rows has, in the best row; one
    name alone, in a row that may be one cell, says nothing."""
    wanted = set(names)
    best = 0.0
    for _, cells, _ in rows[:50]:
        labels = [cell.strip() for cell in cells]
        if labels == list(names):
            return 1.0
        shared = len(wanted.intersection(labels))
        if shared:
            best = max(best, shared / max(len(names), len(labels)))
    return best * 0.9


def _delimiters(
    lines: Sequence[str], names: Sequence[str] | None, given: DialectHints
) -> list[Dialect]:
    """Dialects that differ in their delimiters, for all that occur often enough."""
    if given.delimiter is not None:
        return [Dialect(given.delimiter)]
    some = lines[:300]
    present = Counter(mark for line in some for mark in set(line.rstrip(ENDS)))
    found: list[Dialect] = [Dialect(mark) for mark in ",;\t|" if present[mark]]
    for mark, count in present.items():
        usual = mark in PRIOR or mark in "~^#&!*§¦¬·•"
        if (
            mark.isalnum()
            or mark in NEVER
            or mark in ",;\t|"
            or (mark.isspace() and mark not in PRIOR)
        ):
            continue
        if count >= len(some) * (0.4 if usual else 0.8) and (mark != "," or count > 1):
            found.append(Dialect(mark))
    for mark, count in present.items():
        if mark.isalnum() or mark in "\"'\\.\r\n ()€$£¥%°`«»„“”‘’‹›" or count < len(some) * 0.4:
            continue
        found += [Dialect(longer) for longer in _longer(mark, some)]
        if mark in ",;:|" and sum(mark + " " in line for line in some) * 10 >= 8 * len(some):
            found.append(Dialect(mark + " "))
    found += _blank_runs(some)
    if names and len(names) > 1:
        found += [Dialect(between) for between in _between(names, some)]
    if given.trim is False:
        found = [d for d in found if d.delimiter == d.delimiter.strip(" ") or d.delimiter == " "]
    return [*{(d.delimiter, d.blanks, d.starts): d for d in found}.values(), Dialect("")]


def _longer(mark: str, lines: Sequence[str]) -> list[str]:
    """Delimiters of several characters around `mark`: it repeated, or with the same neighbours
    at nearly all its places."""
    found = []
    for times in (2, 3):
        run = mark * times
        if sum(run in line for line in lines) * 2 >= len(lines):
            found.append(run)
    delimiter = mark
    for _ in range(4):
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        for line in lines:
            pieces = line.rstrip(ENDS).split(delimiter)
            before.update(piece[-1:] for piece in pieces[:-1])
            after.update(piece[:1] for piece in pieces[1:])
        for sides, left in ((before, True), (after, False)):
            neighbour, times = sides.most_common(1)[0] if sides else ("", 0)
            plain = not neighbour or neighbour.isalnum() or neighbour in "\"'-+.($€ \t`«»„“”‘’‹›"
            if not plain and neighbour != mark and times >= 0.97 * sides.total() and times > 1:
                delimiter = neighbour + delimiter if left else delimiter + neighbour
                break
        else:
            break
    return [*found, delimiter] if len(delimiter) > 1 else found


def _blank_runs(lines: Sequence[str]) -> list[Dialect]:
    bare = [line.strip(ENDS + BLANK) for line in lines]
    two = sum(1 for line in bare if "  " in line)
    one = sum(1 for line in bare if " " in line)
    found = []
    if two * 2 >= len(lines):
        found.append(Dialect(" ", blanks=2))
        fixed = _fixed_columns(lines)
        found += [fixed] if fixed else []
    if two and one * 10 >= 7 * len(lines):
        found.append(Dialect(" ", blanks=1))
    return found


def _fixed_columns(lines: Sequence[str]) -> Dialect | None:
    """Columns at fixed places, where all lines have blanks between the same places."""
    bare = [line.rstrip(ENDS) for line in lines if not is_drawn(line)]
    longest = max(map(len, bare), default=0)
    if len(bare) < 3 or longest > MOST_PLACES or any("\t" in line for line in bare):
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
    least half of the lines have it too: a header may have a column without a name there."""
    pattern = re.compile(f"{re.escape(names[0])}(\\W{{1,5}}){re.escape(names[1])}")
    found = {match.group(1) for line in lines[:50] if (match := pattern.search(line))}
    return [
        mark
        for mark in sorted(found)
        if not set(mark) & set("\"'`") and sum(mark in line for line in lines) * 2 >= len(lines)
    ]


def _with_quotes(dialect: Dialect, lines: Sequence[str], given: DialectHints) -> list[Dialect]:
    """The dialect with each quote by which cells are enclosed, and one that is only usual."""
    if given.quote is not None:
        return [given.put(dialect)]
    text = "".join(lines[:500])
    mark = "[ \t]" if dialect.blanks else f"(?:{re.escape(dialect.delimiter) or '(?!)'})[ \t]*"
    found: list[tuple[int, str]] = []
    for quote in QUOTES:
        if quote in dialect.delimiter or quote not in text:
            continue
        mates = (text.count(dialect.delimiter + quote), text.count(quote + dialect.delimiter))
        beside = any(mates) or "\n" + quote in text or text.startswith(quote)
        if not (beside or dialect.blanks or " " + quote in text):
            continue
        opening, closing = re.escape(quote), re.escape(PAIRS.get(quote, quote))
        begun = len(re.findall(rf"(?:^|{mark}){opening}", text, re.MULTILINE))
        enclosed = len(
            re.findall(
                rf"(?:^|{mark}){opening}(?:[^{closing}\\]|{closing}{closing}|\\.)*{closing}"
                rf"(?=[ \t]*(?:[\r\n]|$|{mark}))",
                text,
                re.MULTILINE,
            )
        )
        if enclosed and enclosed * 2 >= begun and (quote in "\"'" or enclosed > 1):
            found.append((enclosed, quote))
        elif quote == '"' and not enclosed and begun * 3 > len(lines[:500]):
            found.append((0, ""))  # so many that are never closed are text
    found.sort(key=lambda each: (-each[0], (*QUOTES, "").index(each[1])))
    quotes = [quote for _, quote in found[:2]]
    if '"' not in quotes and '"' not in dialect.delimiter:
        quotes.append('"')
    return [given.put(replace(dialect, quote=quote)) for quote in quotes]


def _improved(
    scored: ScoredDialect, lines: Sequence[str], names: Sequence[str] | None, given: DialectHints
) -> ScoredDialect:
    """The dialect with blanks beside delimiters taken off, or with an escape, if that explains
    the lines better."""
    dialect = scored.dialect
    best = scored
    mark = dialect.delimiter
    if mark == "|" and given.delimiter is None:
        bare = [line.strip() for line in lines[:300] if not is_drawn(line)]
        framed = [line for line in bare if len(line) > 1 and line[0] == mark == line[-1]]
        if len(framed) * 10 >= len(bare) * 6:
            dialect = replace(dialect, framed=True)
            best = scored = score_dialect(dialect, lines, names)
    if given.trim is None and scored.width > 1 and _padded(dialect, lines):
        trimmed = score_dialect(replace(dialect, trim=True), lines, names)
        if trimmed.rank >= best.rank * 0.9:
            best = trimmed
    return _escaped(best, lines, names, given)


def _padded(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether nearly all delimiters have a blank after them, or nearly all one before them."""
    delimiter = dialect.delimiter
    if dialect.blanks or not delimiter.strip(" "):
        return False
    before = after = left = right = 0
    lines = [line for line in lines[:300] if not is_drawn(line)]
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
    if (after > 0 and right >= 0.95 * after) or (before > 0 and left >= 0.95 * before):
        return True
    return _aligned([line.rstrip(ENDS).split(delimiter) for line in lines])


def _aligned(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each column but the last has cells of one length, filled up with blanks."""
    width = len(rows[0]) if rows else 0
    if len(rows) < 3 or width < 2 or any(len(row) != width for row in rows):
        return False
    blanks = 0
    for column in range(width - 1):
        cells = [row[column] for row in rows]
        if len({len(cell) for cell in cells}) > 1:
            return False
        blanks += sum(cell != cell.strip(BLANK) for cell in cells)
    return blanks > 0


def _escaped(
    scored: ScoredDialect, lines: Sequence[str], names: Sequence[str] | None, given: DialectHints
) -> ScoredDialect:
    """With an escape character, where one stands before quotes or delimiters and rows fit the
    better for it."""
    dialect = scored.dialect
    if given.escape is not None or not (dialect.delimiter or dialect.quote):
        return scored
    text = "".join(lines[:500])
    best = scored
    for escape in ESCAPES:
        if escape in dialect.delimiter or escape == dialect.quote:
            continue
        if escape != "\\" and text.count(escape + dialect.quote) < 2:
            continue
        before_quote = bool(dialect.quote) and escape + dialect.quote in text
        before_mark = bool(dialect.delimiter) and escape + dialect.delimiter in text
        if not (before_quote or before_mark):
            continue
        both = bool(dialect.quote) and dialect.doubled and dialect.quote * 2 in text
        options = [(escape, both)] + ([(escape, not both)] if both else [])
        for mark, doubled in options:
            tried = score_dialect(
                given.put(replace(dialect, escape=mark, doubled=doubled)), lines, names
            )
            always = before_quote and _always_escapes(mark, dialect, text)
            if tried.rank > best.rank * (0.999 if always else 1.001):
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
