"""What an inspection costs grows with a hostile file, and not with its square.

Each file is inspected at one size and at twice that. Twice the size may take up to `MOST` times
the CPU: where it took the square, it would take four times as much.
"""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.inspection.conftest import Inspect
from tests.inspection.test_xlsx import MAIN, RELATED, raw_book, raw_sheet

MEASUREMENTS = 3
"""Of the larger file, at most."""
TINY = 10
MOST = 3.0
FREE_SECONDS = 0.3
"""So much more is noise."""
ROWS = '<row><c t="str"><v>a</v></c></row><row><c><v>1</v></c></row>'
OPENING = f'<worksheet xmlns="{MAIN}"'
FILES: dict[str, tuple[str, int, Callable[[int], bytes]]] = {
    "quotes that never close": ("t.csv", 200_000, lambda n: b'a,b\n1,"x\n' + b"1,x\n" * n),
    "a quote in each line": ("t.csv", 200_000, lambda n: b"a,b\n" + b'1,"x\n' * n),
    "quotes alone": ("t.csv", 500_000, lambda n: b"a,b\n" + b'"' * (n | 1) + b",1\n"),
    "delimiters within quotes": ("t.csv", 300_000, lambda n: b"a;b\n" + b'";"' * n + b"\n"),
    "line ends of all kinds": ("t.csv", 50_000, lambda n: b"a,b\n" + b"1,2\r3,4\r\n5,6\n" * n),
    "an open text in JSON": ("t.json", 200_000, lambda n: b'[{"a":"' + b"x,\n" * n),
    "blanks in JSON": ("t.json", 1_000_000, lambda n: b'[{"a":1}' + b"\n" * n + b"]"),
    "quotes in JSON": ("t.json", 500_000, lambda n: b'[{"a":"' + b'\\"' * n + b'"}]'),
    "columns of JSON": (
        "t.json",
        60,
        lambda n: json.dumps([{f"k{i}": i * row for i in range(n)} for row in range(20)]).encode(),
    ),
    "objects that begin": ("t.jsonl", 100_000, lambda n: b'{"a":1}\n' + b"[\n" * n),
}
SHEETS: dict[str, tuple[int, Callable[[int], str]]] = {
    "an attribute": (400_000, lambda n: raw_sheet(f'<row spans="{"9" * n}"/>{ROWS}')),
    "attributes": (
        20_000,
        lambda n: raw_sheet("<row " + " ".join(f'a{i}="1"' for i in range(n)) + f"/>{ROWS}"),
    ),
    "a namespace": (
        10_000,
        lambda n: raw_sheet('<q:a q:b="1"/>' * n + ROWS).replace(
            OPENING, f'{OPENING} xmlns:q="{"u" * n}"'
        ),
    ),
    "elements in one another": (
        50_000,
        lambda n: raw_sheet("<a>" * n + "</a>" * n + ROWS),
    ),
    "references to characters": (
        200_000,
        lambda n: raw_sheet(f'<row><c t="str"><v>{"&amp;" * n}</v></c></row>{ROWS}'),
    ),
}


def seconds(inspect: Inspect, path: Path) -> float:
    started = time.process_time()
    inspect(path)
    return time.process_time() - started


def assert_linear(inspect: Inspect, tiny: Path, small: Path, large: Path) -> None:
    seconds(inspect, tiny)  # what is loaded at the first use
    once = seconds(inspect, small)
    most = MOST * once + FREE_SECONDS
    twice = seconds(inspect, large)
    for _ in range(MEASUREMENTS - 1):
        if twice < most:
            break
        # The least of several: other processes can make one longer, and nothing makes it shorter.
        twice = min(twice, seconds(inspect, large))
    assert twice < most, (once, twice)


@pytest.mark.parametrize("factor", [1, pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", FILES)
def test_a_text(inspect: Inspect, tmp_path: Path, kind: str, factor: int) -> None:
    name, size, content = FILES[kind]
    tiny, small, large = (tmp_path / f"{word}-{name}" for word in ("tiny", "small", "large"))
    tiny.write_bytes(content(TINY))
    small.write_bytes(content(factor * size))
    large.write_bytes(content(2 * factor * size))
    assert_linear(inspect, tiny, small, large)


@pytest.mark.parametrize("factor", [1, pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", SHEETS)
def test_a_workbook(inspect: Inspect, tmp_path: Path, kind: str, factor: int) -> None:
    size, sheet = SHEETS[kind]
    tiny = raw_book(tmp_path / "tiny.xlsx", sheet(TINY))
    small = raw_book(tmp_path / "small.xlsx", sheet(factor * size))
    large = raw_book(tmp_path / "large.xlsx", sheet(2 * factor * size))
    assert_linear(inspect, tiny, small, large)


def test_a_format_that_all_styles_share(inspect: Inspect, tmp_path: Path) -> None:
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

    short = book("short.xlsx", "0")
    assert_linear(inspect, short, short, book("long.xlsx", "[" * 1_000))


def test_a_long_namespace_is_refused(inspect: Inspect, tmp_path: Path) -> None:
    """The parser writes it before each name that is in it."""
    for prefix in ("", ":q"):
        sheet = raw_sheet(f'<a xmlns{prefix}="{"u" * 1_001}"/>{ROWS}')
        inspection = inspect(raw_book(tmp_path / "t", sheet))
        assert inspection.verdict == "resource-limit"
        assert "a namespace of 1,001 characters" in inspection.detail
