"""Where a contract's dialect says that the header is, and what is wrong if it is not there."""

from collections.abc import Sequence
from dataclasses import replace

from entrepot.inspection.csv.contract.rows import RowRules
from entrepot.inspection.csv.header_detection import BODY_ROWS, column_kinds
from entrepot.inspection.csv.layout import (
    MIN_NAMES_SHARE,
    Layout,
    join_labels,
    rows_with_names,
    without_mark,
)
from entrepot.inspection.csv.lexer import Record
from entrepot.inspection.report.record_faults import COMMENT
from entrepot.schemas.table_dialect import TableDialect
from entrepot_client.counts import counted

GIVEN_ROWS = "the dialect of the contract says where the header is"
FIRST_ROW = "the contract does not say where the header is: it is expected in the first row"
NO_HEADER = "the dialect of the contract says that there is no header"


def contract_layout(
    records: Sequence[Record],
    names: Sequence[str],
    requested: TableDialect | None,
    rules: RowRules,
) -> Layout:
    """The layout that the dialect states.

    Where the header is missing from its place but another record has the contract's names, the
    layout is that record's, so that the rows below are judged too, and `misplaced` says so.
    """
    cells = [record[1] for record in records]
    if requested is not None and requested.header is False:
        return _make_layout(cells, (), 0, tuple(names), NO_HEADER)
    stated = requested.header_rows if requested is not None else None
    rows = tuple(number - 1 for number in stated) if stated else (_first_record(records, rules),)
    present = tuple(place for place in rows if place < len(records))
    labels = _labels(cells, present, requested, names) if present == rows else []
    reason = GIVEN_ROWS if stated else FIRST_ROW
    known = set(names)
    # Columns may be missing or renamed, which is reported; half of the names are a header.
    if len(known.intersection(label.strip() for label in labels)) >= MIN_NAMES_SHARE * len(known):
        return _make_layout(cells, rows, rows[-1] + 1, _without_blank_last(labels, names), reason)
    elsewhere = rows_with_names(cells, names)
    if elsewhere is not None and elsewhere != rows:
        labels = _labels(cells, elsewhere, requested, names)
        layout = _make_layout(cells, elsewhere, elsewhere[-1] + 1, tuple(labels), reason)
        return replace(layout, misplaced=_misplaced(rows, elsewhere, bool(stated)))
    if present != rows:
        layout = _make_layout(cells, present, len(cells), tuple(names), reason)
        return replace(layout, misplaced=_absent(rows, len(records)))
    return _make_layout(cells, rows, rows[-1] + 1, tuple(labels) or ("",), reason)


def _first_record(records: Sequence[Record], rules: RowRules) -> int:
    """The record of the header where the dialect names none: the first one, past what the dialect
    takes out."""
    for place, (_, cells, error) in enumerate(records):
        comment = error is COMMENT or place + 1 in rules.comment_rows
        if not comment and (cells or not rules.skip_blank):
            return place
    return 0


def _labels(
    cells: Sequence[list[str]],
    rows: Sequence[int],
    requested: TableDialect | None,
    names: Sequence[str],
) -> list[str]:
    """The labels of the header; where it is a comment by its mark, without that, if the contract's
    first name has none. A label of blanks is blank, unless an earlier contract has it as a name."""
    joint = requested.header_join if requested is not None else None
    labels = join_labels([cells[n] for n in rows], " " if joint is None else joint)
    if names and labels[0] != names[0] and without_mark(labels[0]) == names[0]:
        labels[0] = names[0]
    known = set(names)
    return [label if label.strip() or label in known else "" for label in labels]


def _without_blank_last(labels: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Last columns without a label are none, unless the contract has fields for them."""
    beyond = "".join(labels[len(names) :])
    return tuple(labels if beyond.strip() else labels[: len(names)])


def _make_layout(
    cells: Sequence[list[str]],
    header: tuple[int, ...],
    start: int,
    labels: tuple[str, ...],
    reason: str,
) -> Layout:
    body = [row for row in cells[start : start + BODY_ROWS] if any(row)]
    beyond = cells[header[-1]][len(labels) :] if header else []
    spare = 0 if "".join(beyond).strip() else len(beyond)
    kinds = column_kinds(body, len(labels))
    return Layout(header, start, labels, kinds, 1.0, (reason,), spare_columns=spare, stated=True)


def _misplaced(rows: Sequence[int], elsewhere: Sequence[int], stated: bool) -> str:
    change = "set" if stated else "add"
    where = "in" if stated else "to"
    places = [place + 1 for place in elsewhere]
    return (
        f"the header is in {_rows(places)}, the contract expects it in"
        f" {_rows([place + 1 for place in rows])}. Move the table there, or"
        f' {change} "headerRows": {places} {where} the dialect of the contract'
    )


def _absent(rows: Sequence[int], total: int) -> str:
    return (
        f"the contract expects the header in {_rows([place + 1 for place in rows])};"
        f" {counted(total, 'row')} were read for it"
    )


def _rows(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"row {numbers[0]:,}"
    return f"rows {', '.join(f'{number:,}' for number in numbers)}"
