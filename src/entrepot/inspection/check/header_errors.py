"""Check the labels of a table: against a contract's fields, or without a contract."""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from entrepot.inspection.check.field_matching import labels_in_contract, match_of
from entrepot.inspection.check.header_differences import (
    UNICODE_FORM,
    compare_header,
    is_near,
    spelling_difference,
)
from entrepot.inspection.report.quoting import quoted
from entrepot.inspection.report.report import problem
from entrepot.inspection.report.sentence import Statement
from entrepot.inspection.table import Table
from entrepot.inspection.values.delimiters import USUAL, WITH_COLON
from entrepot.inspection.values.made_up_names import is_made_up
from entrepot.schemas.model import TableSchema
from entrepot.schemas.parse_field import MAX_NAME_CHARS
from entrepot_client.counts import counted

MAX_NAMES = 5
"""Names of the contract that one sentence lists."""
MAX_EARLIER = 20
"""Positions of the same label that an error lists."""
ADVICE = "Remove the column."
NAME = f"a name of at most {MAX_NAME_CHARS:,} characters without NUL"


def check_header(table: Table, schema: TableSchema) -> tuple[list[dict[str, Any]], frozenset[int]]:
    """The errors of the header, and the columns whose cells are not checked.

    Where order counts, these are the columns that do not stand where the contract has them: the
    field at their place is not theirs.
    """
    if table.misplaced_header:
        return [_misplaced(table, Statement(table.misplaced_header))], frozenset()
    if match_of(table, schema) != "exact":
        return _wrapped(table, schema) or _check_names(table, schema), frozenset()
    labels, names = list(table.labels), [field.name for field in schema.fields]
    if table.header and (undivided := _undivided(table, names)):
        return [undivided], frozenset({1})
    unnamed = {
        n
        for n, (label, name) in enumerate(zip(labels, names, strict=False))
        if not table.header or (not label.strip() and is_made_up(name, n + 1))
    }
    for n in unnamed:  # without a header, or as inference names a column that has no label
        labels[n] = names[n]
    if not table.header:
        labels[len(names) :] = ["" for _ in labels[len(names) :]]
    differences = compare_header(labels, names, ordered=True)
    header = _Header(table, schema, ordered=True)
    moved = {n: place for n, place in differences.moved.items() if n != place}
    errors = [header.moved(n, place) for n, place in moved.items()]
    errors += [header.other_name(n, place) for n, place in differences.pairs.items()]
    errors += [header.other_name(n, None) for n in differences.inserted]
    errors += [header.missing(place, place + 1) for place in differences.removed]
    errors.sort(key=lambda error: error["fieldNumber"])
    # A name in another spelling, and a column without one, still stand for the field at the place.
    alike = {n for n, place in differences.pairs.items() if n == place}
    alike = {n for n in alike if n in differences.misspelled or not labels[n]}
    alike |= {n for n, pair in enumerate(zip(labels, names, strict=False)) if pair[0] == pair[1]}
    return errors, frozenset(n + 1 for n in range(len(labels)) if n not in alike)


def _wrapped(table: Table, schema: TableSchema) -> list[dict[str, Any]]:
    """The error of one JSON object that has the rows in one of its values, and no column."""
    unsure, names = table.first_version.unsure, {field.name for field in schema.fields}
    if not (table.by_name and unsure and names.isdisjoint(table.labels)):
        return []
    return [_misplaced(table, Statement(unsure, advice=table.first_version.unsure_advice))]


def _undivided(table: Table, names: Sequence[str]) -> dict[str, Any] | None:
    """The error of a header that is one cell, in which the names stand with another delimiter
    between them than the contract's."""
    if len(table.labels) != 1 or len(names) < 2:
        return None
    for mark in WITH_COLON:
        if [part.strip(" \"'") for part in table.labels[0].split(mark)] == list(names):
            reason = f"the names stand in one cell, with {quoted(mark)} between them"
            # Where no other delimiter was read, only quotes can keep the names in one cell.
            read_by = table.description.get("dialect", {}).get("delimiter")
            advice = (
                f'Write the delimiter of the contract, or state "delimiter": {json.dumps(mark)}'
                " in the dialect."
            )
            if read_by is not None and mark in (read_by or USUAL):
                advice = "Write quotes around each cell, or none, instead of around the whole line."
            stated = Statement(reason, advice=advice)
            return problem("unmatched-header", "", stated, **_header_places(table))
    return None


def check_labels(table: Table) -> list[dict[str, Any]]:
    """The faults of a header without a contract: none at all, blank or doubled names."""
    if not table.header:
        reason = "the first row holds values, not column names"
        return [_misplaced(table, Statement(reason, "a row with the names of the columns"))]
    header = _Header(table, TableSchema(()), ordered=True)
    errors = (header.label_error(n, None) for n in range(len(table.labels)))
    return [error for error in errors if error is not None]


def _check_names(table: Table, schema: TableSchema) -> list[dict[str, Any]]:
    """The errors of a header whose labels name the fields in any order."""
    match = match_of(table, schema)
    names = [field.name for field in schema.fields]
    labels = labels_in_contract(table, names)
    may_add = match in ("subset", "partial")
    may_lack = {
        place
        for place, field in enumerate(schema.fields)
        if match in ("superset", "partial") and not schema.requires_column(field)
    }
    differences = compare_header(labels, names, ordered=False)
    header = _Header(table, schema, ordered=False)
    errors = [
        header.other_name(n, place)
        for n, place in differences.pairs.items()
        if not (may_add and place in may_lack)
    ]
    known = frozenset(names)
    errors += [
        header.other_name(n, None)
        for n in differences.inserted
        if labels[n] in known or not may_add
    ]
    errors.sort(key=lambda error: error["fieldNumber"])
    if match == "partial" and known.isdisjoint(labels):
        errors.append(_unmatched(table, names))
    missing = [place for place in differences.removed if place not in may_lack]
    return errors + [
        header.missing(place, number) for number, place in enumerate(missing, len(labels) + 1)
    ]


class _Header:
    """Makes the errors of one header. Positions of labels and places of fields count from 0."""

    def __init__(self, table: Table, schema: TableSchema, ordered: bool) -> None:
        self._table = table
        self._names = [field.name for field in schema.fields]
        self._ordered = ordered
        self._earlier = _earlier(table.labels)

    def label_error(self, position: int, place: int | None) -> dict[str, Any] | None:
        """What is wrong with a label by itself: blank, or doubled."""
        label, earlier = self._table.labels[position], self._earlier[position]
        expected = "" if place is None else quoted(self._names[place])
        if not label:
            stated = Statement("the column has no name", expected or "a name")
            if place is None and self._names:
                reason = "a column without a name was inserted, the contract does not have it"
                stated = Statement(reason, advice=ADVICE)
            return self._error("blank-label", stated, position, place)
        if reason := _unfit_as_name(label):
            stated = Statement(f"{quoted(label)} {reason}", expected or NAME)
            return self._error("incorrect-label", stated, position, place)
        if not earlier:
            return None
        numbers = ", ".join(f"{number:,}" for number in earlier)
        columns = "columns" if len(earlier) > 1 else "column"
        stated = Statement(
            f"{quoted(label)} is also the name of {columns} {numbers}",
            expected or "a name that no other column has",
        )
        return self._error("duplicate-label", stated, position, place)

    def other_name(self, position: int, place: int | None) -> dict[str, Any]:
        """The error of a label that is not a name of the contract; `place` is the field that it
        seems to stand for."""
        if not self._table.header:
            reason = f"the table has {counted(len(self._table.labels), 'column')}"
            stated = Statement(reason, counted(len(self._names), "column"))
            return self._error("extra-label", stated, position, None)
        label = self._table.labels[position]
        named_alone = place is None and not self._ordered  # then a column without a name is extra
        if (label or not named_alone) and (own := self.label_error(position, place)):
            return own
        if place is None:
            column = f"the column {quoted(label)}" if label else "a column without a name"
            reason = f"{column} was inserted, the contract does not have it"
            return self._error("extra-label", Statement(reason, advice=ADVICE), position, None)
        name = self._names[place]
        if difference := spelling_difference(label, name):
            code, reason = "misspelled-label", f"differs from {quoted(name)} only in {difference}"
            if difference == UNICODE_FORM:
                reason += f" ({_form_of(label)}, not {_form_of(name)})"
        elif self._ordered and not is_near(label, name):
            code, reason = "incorrect-label", "is not the name in the contract"
        else:
            code, reason = "renamed-label", f"seems to be {quoted(name)}, renamed"
        stated = Statement(f"{quoted(label)} {reason}", quoted(name))
        return self._error(code, stated, position, place)

    def moved(self, position: int, place: int) -> dict[str, Any]:
        """The error of a column that stands elsewhere in the contract."""
        reason = f"the column {quoted(self._table.labels[position])} was moved"
        stated = Statement(reason, f"it as column {place + 1:,}")
        return self._error("moved-label", stated, position, place)

    def missing(self, place: int, number: int) -> dict[str, Any]:
        """The error of a field without a column; `number` is what the report counts it as."""
        name = self._names[place]
        expected = f"it as column {place + 1:,}" if self._ordered else "it at any place"
        stated = Statement(f"the column {quoted(name)} is missing", expected)
        places = _header_places(self._table)
        return problem(
            "missing-label", "", stated, **places, label="", fieldName=name, fieldNumber=number
        )

    def _error(
        self, code: str, stated: Statement, position: int, place: int | None
    ) -> dict[str, Any]:
        return problem(
            code,
            "",
            stated,
            **_header_places(self._table),
            label=self._table.labels[position],
            fieldName="" if place is None else self._names[place],
            fieldNumber=position + 1,
        )


def _header_places(table: Table) -> dict[str, Any]:
    return {"rowNumbers": list(table.header_rows), "lineNumber": table.header_line}


def _misplaced(table: Table, stated: Statement) -> dict[str, Any]:
    return problem("missing-header", "", stated, **_header_places(table))


def _unmatched(table: Table, names: Sequence[str]) -> dict[str, Any]:
    listed = ", ".join(map(quoted, names[:MAX_NAMES]))
    more = ", …" if len(names) > MAX_NAMES else ""
    stated = Statement("no column of the header is in the contract", f"some of {listed}{more}")
    return problem("unmatched-header", "", stated, **_header_places(table))


def _earlier(labels: Sequence[str]) -> list[list[int]]:
    """For each label the positions (from 1) of the same one before it."""
    positions: dict[str, list[int]] = {}
    earlier = []
    for number, label in enumerate(labels, start=1):
        before = positions.setdefault(label, [])
        earlier.append(before[:MAX_EARLIER])
        before.append(number)
    return earlier


def _unfit_as_name(label: str) -> str:
    """Why no field of a schema can have this name, if so."""
    if "\0" in label:
        return "has the character NUL"
    long = len(label) > MAX_NAME_CHARS
    return f"has {counted(len(label), 'character')}, more than {MAX_NAME_CHARS:,}" if long else ""


def _form_of(text: str) -> str:
    if unicodedata.is_normalized("NFC", text):
        return "NFC"
    return "NFD" if unicodedata.is_normalized("NFD", text) else "neither NFC nor NFD"
