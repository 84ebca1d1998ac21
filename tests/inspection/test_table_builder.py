"""What programs write every day is read cell for cell, or said to be unsure; never else."""

import csv
import io
import random
from pathlib import Path

import pytest
from tests.inspection.conftest import write_canonical
from tests.inspection.table_builder import MadeTable, made_table

from entrepot.inspection.table import NotTabular


def read(made: MadeTable, folder: Path) -> tuple[list[list[str]], bool]:
    """The rows that the reader understood, and whether it says that it is unsure or refuses."""
    source, target, scratch = folder / "source.csv", folder / "canonical.csv", folder / "scratch"
    source.write_text(made.text, "utf-8", newline="")
    target.unlink(missing_ok=True)
    try:
        detected = write_canonical(source, target, scratch)
    except NotTabular:
        return [], True
    rows = list(csv.reader(io.StringIO(target.read_text("utf-8"), newline="")))
    return rows, detected.unsure


def silent(seed: int, count: int, folder: Path, header: bool, dirty: bool) -> tuple[int, list[str]]:
    """How many of `count` tables are reported as unsure, and those misread without a word."""
    rng = random.Random(seed)
    unsure, wrong = 0, []
    for _ in range(count):
        made = made_table(rng, header, dirty)
        rows, doubt = read(made, folder)
        expected = [made.labels, *made.rows] if header else made.rows
        if rows != expected and not doubt:
            wrong.append(f"{made.text[:400]!r} was read as {rows[:4]!r}")
        unsure += doubt
    return unsure, wrong


@pytest.mark.parametrize("seed", range(4))
def test_no_clean_table_is_misread_in_silence(seed: int, tmp_path: Path) -> None:
    unsure, wrong = silent(seed, 150, tmp_path, header=True, dirty=False)
    assert wrong == []
    assert unsure <= 3


@pytest.mark.parametrize("seed", range(4))
def test_no_framed_table_is_misread_in_silence(seed: int, tmp_path: Path) -> None:
    unsure, wrong = silent(seed, 150, tmp_path, header=True, dirty=True)
    assert wrong == []
    assert unsure <= 15


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("dirty", [False, True])
def test_no_table_of_twenty_thousand_is_misread_in_silence(dirty: bool, tmp_path: Path) -> None:
    unsure, wrong = silent(1_000, 20_000, tmp_path, header=True, dirty=dirty)
    assert wrong == []
    assert unsure <= 200


ONCE_MISREAD = {
    "a row was joined to a header that was whole": (
        "x,no\r\nlow,c\r\nParis,Y\r\n",
        [["x", "no"], ["low", "c"], ["Paris", "Y"]],
    ),
    "rows were joined to a header above a remark": (
        '\r\n"no","Zip"\r\n"Z","C540"\r\n"Y","A577"\r\n* preliminary\r\n',
        [["no", "Zip"], ["Z", "C540"], ["Y", "A577"]],
    ),
    "a label that is a flag elsewhere spoilt the header": (
        'no,Zip,b\r\n"q""",high,"{""a"": 2}"\r\nNA,blue,"{""a"": 5}"\r\n1,apple,"{""a"": 6}"\r\n',
        [["no", "Zip", "b"], ['q"', "high", '{"a": 2}'], ["NA", "blue", '{"a": 5}'],
         ["1", "apple", '{"a": 6}']],
    ),
    "a title of the table's width was its header": (
        "Monthly delivery to partners, all regions\r\nno,value\r\n2022,\r\n2005,\r\n",
        [["no", "value"], ["2022", ""], ["2005", ""]],
    ),
    "a quote alone beside a line end was half a pair": (
        '"n","a","b"\n"1","",""\n"2","""","\n"\n',
        [["n", "a", "b"], ["1", "", ""], ["2", '"', "\n"]],
    ),
    "a quote at a cell's end beside a line end was half a pair": (
        '"n","a","b"\n"1","",""\n"2","0""","\n"\n',
        [["n", "a", "b"], ["1", "", ""], ["2", '0"', "\n"]],
    ),
    "a row with a delimiter in quotes was a comment": (
        'a,b\n//x,"[90.5, 45]"\n',
        [["a", "b"], ["//x", "[90.5, 45]"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ONCE_MISREAD)
def test_what_was_once_misread(how: str, tmp_path: Path) -> None:
    text, rows = ONCE_MISREAD[how]
    cells, _ = read(MadeTable(text, rows[0], rows[1:], ","), tmp_path)
    assert cells == rows
