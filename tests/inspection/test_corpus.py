"""Every file of the corpus comes back cell for cell, and what is known of it is reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, write_canonical
from tests.inspection.corpus import make
from tests.inspection.corpus.known import FACTS, HERE, Known, known_cases, rows
from tests.inspection.corpus.written import canonical

from entrepot.inspection.table import NotTabular

CASES = known_cases()
TABLES = [case for case in CASES if case.tabular]
OTHERS = [case for case in CASES if not case.tabular]
NOT_YET = {
    "unseen/blood-units-row": "a row of units is not joined to the header",
    "unseen/circuit-parts-with-count": "closing notes with a delimiter are kept as rows",
    "unseen/gps-sentences": "two kinds of ragged rows are split at the wrong mark",
    "unseen/league-table-aligned": "a single blank within an aligned label",
    "unseen/logger-percent-comments": "a single blank between aligned columns",
    "unseen/oecd-header-of-four-rows": "the fourth header row is data",
    "unseen/sas-print": "a centred listing",
    "unseen/semicolons-in-decimals": "semicolons as decimal marks",
    "unseen/sheet-not-at-the-corner": "a title spread over cells is the header",
    "unseen/stata-list": "a box with row numbers outside",
    "unseen/tide-table-aligned": "titles with wide gaps set the columns",
    "unseen/weather-fixed-units": "a row of units below aligned labels",
}
"""What is not read right yet, and why; each test says so as soon as it is."""
SHOWN = 8
"""Rows that differ are shown up to this many."""


def each(cases: list[Known]) -> Any:
    def param(case: Known) -> Any:
        reason = NOT_YET.get(case.name)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        return pytest.param(case, id=case.name, marks=marks)

    return pytest.mark.parametrize("case", [param(case) for case in cases])


def name_of(path: Path) -> str:
    """The case that a file of the corpus belongs to."""
    stem = path.name.removesuffix(".json").removesuffix(".csv").split(".truth")[0]
    return f"{path.parent.name}/{stem}"


def read(case: Known, tmp_path: Path) -> tuple[bytes, dict[str, Any]]:
    """What the reader understood, and what it says of it."""
    target, scratch = tmp_path / "canonical.csv", tmp_path / "scratch"
    detected = write_canonical(case.path, target, scratch)
    return target.read_bytes(), detected.describe()


def difference(canonical: bytes, truth: bytes) -> str:
    """Where two canonical CSVs differ, row by row; empty if they are the same."""
    if canonical == truth:
        return ""
    have, want = rows(canonical), rows(truth)
    if have == want:
        return (
            f"the cells are right, but not quoted minimally:\n{canonical[:600]!r}\n{truth[:600]!r}"
        )
    lines = [f"{len(have)} rows instead of {len(want)}"]
    for number in range(max(len(have), len(want))):
        is_, should = have[number : number + 1], want[number : number + 1]
        if is_ != should:
            lines += [
                f"row {number + 1} is        {is_}"[:400],
                f"row {number + 1} should be {should}"[:400],
            ]
        if len(lines) > 2 * SHOWN:
            lines.append("…")
            break
    return "\n".join(lines)


def test_corpus_is_whole() -> None:
    assert len(CASES) >= 200
    assert [case.name for case in TABLES if not case.truths] == []
    assert [case.name for case in OTHERS if case.truths] == []
    assert {fact for case in CASES for fact in case.facts} <= FACTS
    names = {case.name for case in CASES}
    stray = [
        path for path in HERE.glob("*/*.*") if path.suffix != ".pyc" and name_of(path) not in names
    ]
    assert stray == []


def test_truths_are_canonical() -> None:
    for case in TABLES:
        for truth in case.truths:
            assert canonical(rows(truth)) == truth, case.name
        assert len(set(case.truths)) == len(case.truths), case.name


def test_made_files_are_what_make_writes() -> None:
    changed = [
        path.name
        for case in make.cases()
        for path, content in case.files()
        if not path.exists() or path.read_bytes() != content
    ]
    assert changed == []


@each(TABLES)
def test_cells(case: Known, tmp_path: Path) -> None:
    canonical, _ = read(case, tmp_path)
    differences = [difference(canonical, truth) for truth in case.truths]
    assert "" in differences, f"{case.name}: {differences[0]}"


@each(OTHERS)
def test_no_table(case: Known, tmp_path: Path) -> None:
    with pytest.raises(NotTabular):
        read(case, tmp_path)


SAID: dict[str, Callable[[dict[str, Any]], Any]] = {
    "encoding": lambda facts: facts["encoding"],
    "delimiter": lambda facts: facts["dialect"]["delimiter"],
    "quote": lambda facts: facts["dialect"]["quote"],
    "header": lambda facts: facts["dialect"]["header"],
    "header_rows": lambda facts: len(facts["headerRows"]),
    "unsure": lambda facts: facts["unsure"],
    "other_tables": lambda facts: len(facts["tables"]),
}
"""Where the description of a reading says each fact."""


@each([case for case in TABLES if case.facts.keys() & SAID.keys() and case.name not in NOT_YET])
def test_facts(case: Known, tmp_path: Path) -> None:
    _, facts = read(case, tmp_path)
    wrong = {
        fact: (SAID[fact](facts), case.facts[fact])
        for fact in SAID.keys() & case.facts.keys()
        if not case.accepts(fact, SAID[fact](facts))
    }
    assert wrong == {}, f"{case.name}: (said, known) by fact: {wrong}; reading: {facts}"


@each([case for case in TABLES if "findings" in case.facts and case.name not in NOT_YET])
def test_findings(case: Known, inspect: Inspect) -> None:
    report = inspect(case.path, mode="none").report
    kinds = {count["type"] for count in report["tasks"][0]["errorCounts"]}
    known = set(case.facts["findings"])
    assert kinds >= known, case.name
    assert known or not kinds, case.name
