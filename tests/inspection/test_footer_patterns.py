"""The pattern of a footer that is proposed takes notes out, and no row."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, opened_context, request_for

from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.report.footer_pattern import footer_pattern, matches_footer

NOTES = [
    "Source: Eurostat, 2024",
    "* provisional",
    "(2 rows)",
    "1) estimated",
    "Note: of a [special] kind? (yes)",
    "Total of 2024",
    "Note: a\nsecond line",
]
TEXTS = {
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "amount", "type": "integer"},
    ]
}


@pytest.mark.parametrize("note", NOTES)
def test_the_advice_of_a_first_version_takes_the_notes_out(inspect: Inspect, note: str) -> None:
    cell = f'"{note}"' if "\n" in note or "," in note else note
    text = f"id,name,amount\n1,a,2\n2,b,3\n{cell}\n"
    first = inspect(text)
    assert first.verdict == "violates"
    pattern = footer_pattern([note])
    stated = {"entrepot:footer": pattern}
    accepted = inspect(text, dialect=stated)
    assert (accepted.verdict, accepted.row_count) == ("conforms", 2), accepted.detail
    further = text.replace("2,b,3", "2,b,3\nSourced,x,y")
    assert "type-error" in {e["code"] for e in errors_of(inspect(further, accepted.schema))}


@pytest.mark.parametrize(
    ("cell", "same", "other"),
    [
        ("Source: Eurostat", "Source: OECD", "Sources of all"),
        ("Note: x", "Note: y", "Notebook"),
        ("Total", "Total", "Total A"),
        ("Total 2024", "Total 2025", "Total"),
        ("All figures are provisional", "All figures are provisional", "Allium"),
        ("(2 rows)", "(317 rows)", "(x rows)"),
        ("https://example.org/a", "https://example.org/a", "https://example.org/b"),
    ],
)
def test_a_pattern_is_narrow(cell: str, same: str, other: str) -> None:
    pattern = footer_pattern([cell])
    assert matches_footer(pattern, cell)
    assert matches_footer(pattern, same)
    assert not matches_footer(pattern, other)


def test_no_pattern_matches_a_blank_cell() -> None:
    assert footer_pattern(["Total", ""]) == ""
    assert footer_pattern([]) == ""


@pytest.fixture
def suggest(tmp_path: Path) -> Callable[[str], Any]:
    def run(content: str) -> Any:
        path = tmp_path / "t.csv"
        path.write_text(content)
        request = replace(request_for(path, schema=TEXTS), suggest=True)
        with opened_context(tmp_path / "scratch", size=request.size) as context:
            return inspect_file(request, context).report.get("suggested")

    return run


@pytest.mark.parametrize("row", ["Notebook", "Total A", "Allium", "Sources", "Standard"])
@pytest.mark.parametrize("note", ["Note: x", "Total", "Source: us", "Stand: Mai", "Totals: 2"])
def test_a_row_above_is_never_taken_for_the_footer(
    inspect: Inspect, suggest: Callable[[str], Any], row: str, note: str
) -> None:
    text = f"name,amount\nPen,1\n{row},2\n{note}\n"
    suggested = suggest(text)
    assert suggested is not None
    accepted = inspect(text, suggested["schema"], dialect=suggested["dialect"])
    assert (accepted.verdict, accepted.row_count) == ("conforms", 2)


@pytest.mark.parametrize("last", ["Note: x\nNote: y,2\nNote: z\n", "Anna Maria Schm\n"])
def test_nothing_is_suggested_where_rows_would_be_lost(
    suggest: Callable[[str], Any], last: str
) -> None:
    assert suggest(f"name,amount\nPen,1\n{last}") is None
