"""What an inspection costs grows with a hostile file or contract, and not with its square.

Each kind is inspected at one size and at four times that, with all that goes with it: the Parquet
or the rejected rows, and a way out of a rejection. Four times the size may take up to `MOST` times
the CPU: where it took the square, it would take sixteen times as much.
"""

import string
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, opened_context
from tests.inspection.growing.all_kinds import KINDS
from tests.inspection.growing.growing_kind import GrowingKind
from tests.inspection.test_xlsx import MAIN, RELATED, raw_book, raw_sheet

from entrepot.inspection.check.type_candidates import candidates_like
from entrepot.inspection.csv.cell_types import cell_type
from entrepot.inspection.inspect_version import inspect_version
from entrepot.inspection.results import FormFiles, InspectionRequest

MEASUREMENTS = 5
"""Of both files, at most."""
GROWTH = 4
MOST = 7.0
"""Times the CPU. The engine plans a table of four times the columns in six times the time."""
FREE_SECONDS = 0.3
"""So much more is noise."""
ROWS = '<row><c t="str"><v>a</v></c></row><row><c><v>1</v></c></row>'
ONCE_SLOW = [
    *("quotes that never close", "delimiters within quotes", "an open text in JSON"),
    *("columns of JSON", "an attribute", "a namespace", "a long number format"),
    *("fields", "Parquet: columns of texts", "Arrow: columns of texts"),
    "Parquet: lists in one another",
]
"""Kinds that took the square of their size, or are next to one that did."""
ALL = [
    pytest.param(name, marks=() if name in ONCE_SLOW else pytest.mark.long)
    for name in sorted(KINDS)
]


def seconds_for(path: Path, contract: dict[str, Any] | None = None) -> float:
    """The CPU of an inspection with everything that it may make."""
    size = path.stat().st_size
    request = InspectionRequest(
        path,
        path.name,
        size,
        "infer" if contract is None else "given",
        contract,
        suggest=contract is not None,
        forms="by-verdict",
    )
    with opened_context(path.parent / "scratch", size=size) as context:
        started = time.process_time()
        inspect_version(request, FormFiles(path.parent), context, lambda part, rest: None)
        return time.process_time() - started


def seconds_at(folder: Path, kind: GrowingKind, size: int) -> float:
    """The CPU of a file of that kind and size, in a folder of its own."""
    folder.mkdir()
    path = folder / kind.file_name
    path.write_bytes(kind.content(size))
    return seconds_for(path, kind.contract(size) if kind.contract is not None else None)


@pytest.mark.parametrize("kind", ALL)
def test_a_kind(tmp_path: Path, kind: str) -> None:
    grown = KINDS[kind]
    seconds_at(tmp_path / "first", grown, max(1, grown.size // 20))  # what is loaded at first use
    once, large = 0.0, float("inf")
    for number in range(MEASUREMENTS):
        # Other processes can make each longer, and nothing makes one shorter: the small file takes
        # as long as it ever took, which may be beside them, and the large one as little.
        once = max(once, seconds_at(tmp_path / f"small-{number}", grown, grown.size))
        large = min(large, seconds_at(tmp_path / f"large-{number}", grown, GROWTH * grown.size))
        if large < MOST * once + FREE_SECONDS:
            return
    pytest.fail(f"{once} and {large} seconds")


def test_what_was_once_slow_is_a_kind() -> None:
    assert set(ONCE_SLOW) <= KINDS.keys()


def test_a_format_that_all_styles_share(tmp_path: Path) -> None:
    """It is read once, however many styles name it: a long one costs no more than a short one."""

    def book(name: str, code: str) -> Path:
        styles = (
            f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="170" formatCode="{code}"/>'
            "</numFmts><cellXfs>" + '<xf numFmtId="170"/>' * 20_000 + "</cellXfs></styleSheet>"
        )
        plain = raw_book(tmp_path / f"plain-{name}", raw_sheet(ROWS), styles=styles)
        relation = f'<Relationship Id="r2" Type="{RELATED}/styles" Target="styles.xml"/>'
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(tmp_path / name, "w") as target:
            for part in source.namelist():
                content = source.read(part).decode()
                if part.endswith(".rels"):
                    content = content.replace("</Relationships>", f"{relation}</Relationships>")
                target.writestr(part, content)
        return tmp_path / name

    short, long = book("short.xlsx", "0"), book("long.xlsx", "[" * 1_000)
    seconds_for(long)  # what is loaded at the first use
    assert seconds_for(long) < MOST * seconds_for(short) + FREE_SECONDS


def test_a_long_namespace_is_refused(inspect: Inspect, tmp_path: Path) -> None:
    """The parser writes it before each name that is in it."""
    for prefix in ("", ":q"):
        sheet = raw_sheet(f'<a xmlns{prefix}="{"u" * 1_001}"/>{ROWS}')
        inspection = inspect(raw_book(tmp_path / "t", sheet))
        assert inspection.verdict == "resource-limit"
        assert "a namespace of 1,001 characters" in inspection.detail


SIGNS = string.punctuation + "a1é §"
ENDS = ("", ",", "\t", "\x01")
"""What may come last: some patterns fail only there, and are tried again from the start."""


@pytest.mark.parametrize("sign", SIGNS)
def test_cells_of_few_characters(sign: str) -> None:
    """Two characters in turn, for every two: a pattern that can split them in many ways would not
    end. Of 294 bytes with 200 low lines in a row, one took all the time of an inspection."""
    for other in SIGNS:
        for end in ENDS:
            cell = "1." + (sign + other) * 120 + end
            cell_type(cell)
            for candidate in candidates_like([cell]):
                candidate.count_misfits({cell: 1}, 1)
                candidate.without_known_evidence([cell])
