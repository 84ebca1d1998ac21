"""Ctrl-Z at the end of a text is the end-of-file mark of CP/M and DOS: the text is read as the same
text without it, by each reader and in each form."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of
from tests.inspection.forms import forms_of

from entrepot.inspection.results import Inspection

MARKS = {
    "one": "\x1a",
    "several": "\x1a" * 70_000,
    "up to the end of a block": "\x1a" + "\0" * 127,
    "of two programs": "\x1a\0\x1a",
    "before a line end": "\x1a\r\n",
}
ROWS = [(n, f"n{n}", n / 2) for n in range(40)]
PLAIN = "id,name,v\n" + "".join(f"{a},{b},{c}\n" for a, b, c in ROWS)
TEXTS = {
    "plain": PLAIN,
    "without a line end": PLAIN[:-1],
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "quoted": "id;name;v\n" + "".join(f'{a};"{b}";"{c}"\n' for a, b, c in ROWS),
    "quoted, without a line end": '"id","name"\n"1","x"\n"2","y"',
    "one column": "name\nab\ncd\nef\n",
    "one column, without a line end": "id\n1\n2\n3",
    "blank lines before it": PLAIN + "\n\n",
    "an empty last cell": "id,name,v\n1,a,2\n2,b,",
    "empty cells beyond the labels": "id,v,\n1,2.5,\n2,3.5,\n",
    "titles": "Report of May\n\n" + PLAIN,
    "letters": "größe;straße\nzwölf Äpfel für Österreich;schöne Grüße\ndaß;müßig\n",
    "longer than a block": PLAIN + PLAIN.split("\n", 1)[1] * 3_000,
    "longer than a block, quoted": "id,name,v\n" + '1,"a, b",2.5\n' * 30_000,
}


JSON: dict[str, tuple[str, dict[str, Any] | None]] = {
    "lines": ('{"a": 1}\n{"a": 2}\n', None),
    "lines, the last without an end": ('{"a": 1}\r\n{"a": 2}', None),
    "one object": ('{"a": 1}', {"itemType": "object"}),
    "an array": ('[{"a": 1}, {"a": 2}]\n', None),
    "an array of arrays": ('[["a"], [1], [2]]', {"itemType": "array"}),
    "an array in an object": ('{"rows": [{"a": 1}]}', {"property": "rows"}),
    "long lines": ('{"a": "' + "x" * 300_000 + '"}\n' * 2, None),
}


def pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Each text with two of the marks, so that each mark is met as often."""
    marks = list(MARKS)
    return [(name, marks[(n + i) % len(marks)]) for n, name in enumerate(texts) for i in (0, 2)]


def facts_of(inspection: Inspection) -> tuple[Any, ...]:
    """All that two inspections of the same records have in common."""
    task = inspection.report["tasks"][0]
    details = {key: inspection.profile["file"].get(key) for key in ("records", "lines", "newline")}
    errors = [(e["code"], e["message"], e.get("byteOffset")) for e in errors_of(inspection)]
    return (
        inspection.verdict,
        inspection.row_count,
        inspection.schema,
        inspection.dialect,
        inspection.detail,
        task["warnings"],
        errors,
        details,
    )


@pytest.mark.parametrize(("name", "mark"), pairs(TEXTS))
def test_a_text_is_read_without_it(inspect: Inspect, name: str, mark: str) -> None:
    text, marked = TEXTS[name], TEXTS[name] + MARKS[mark]
    without, having = inspect(text), inspect(marked)
    assert facts_of(having) == facts_of(without)
    assert (having.profile["file"]["endMark"], without.profile["file"]["endMark"]) == (True, False)
    for mode in ("none", "given"):
        schema = without.schema if mode == "given" else None
        assert facts_of(inspect(marked, schema, mode)) == facts_of(inspect(text, schema, mode))


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp850", "iso2022_jp"]
)
@pytest.mark.parametrize("name", ["letters", "without a line end"])
def test_in_each_encoding(inspect: Inspect, encoding: str, name: str) -> None:
    text = "都市,値\n東京,1\n大阪,2" if encoding == "iso2022_jp" else TEXTS[name]
    stated = None if encoding in ("utf-8-sig", "utf-16", "utf-32") else encoding
    without, having = (
        inspect((text + mark).encode(encoding), encoding=stated) for mark in ("", "\x1a")
    )
    assert without.verdict == "conforms"
    assert facts_of(having) == facts_of(without)


@pytest.mark.parametrize("name", ["plain", "quoted, without a line end", "one column", "titles"])
def test_no_form_has_it(tmp_path: Path, name: str) -> None:
    forms = []
    for mark in ("", "\x1a\x1a\0"):
        folder = tmp_path / f"with {len(mark)}"
        folder.mkdir()
        path = folder / "table.csv"
        path.write_bytes((TEXTS[name] + mark).encode())
        forms.append(forms_of(path, None, folder))
    without, having = forms
    having.agree()
    assert having.parquet == without.parquet
    assert having.canonical == without.canonical
    assert having.stored == without.stored


@pytest.mark.parametrize(
    "text", ["a,b\n1,x\x1a\n2,y\n", "a,b\n1,x\n\x1a\n2,y\n", "a\nx\n\x1a\ny\n"]
)
def test_before_other_text_it_is_a_control_character(inspect: Inspect, text: str) -> None:
    inspection = inspect(text)
    assert inspection.verdict == "violates"
    assert "type-error" in {error["code"] for error in errors_of(inspection)}
    assert not inspection.profile["file"]["endMark"]
    skipping = inspect(text, inspection.schema, dialect={"skipBlankRows": True})
    assert skipping.verdict == "violates"


@pytest.mark.parametrize(("name", "mark"), pairs(JSON))
def test_json_is_read_without_it(inspect: Inspect, name: str, mark: str) -> None:
    text, dialect = JSON[name]
    for encoding in ("utf-8", "utf-16"):
        without, having = (
            inspect((text + end).encode(encoding), name="t.json", dialect=dialect)
            for end in ("", MARKS[mark])
        )
        assert facts_of(having) == facts_of(without)
    assert inspect(text + "\x1a]", name="t.json", dialect=dialect).verdict != "conforms"


@pytest.mark.parametrize("text", ["\x1a", "\n\x1a\0", "\ufeff\x1a"])
def test_nothing_else_is_no_table(inspect: Inspect, text: str) -> None:
    assert inspect(text).verdict == "not-tabular"


@pytest.mark.parametrize("end", ["\0", "\0\0\n", " \n", "\t", "\x0c", "\n \n", "\0" * 5_000])
@pytest.mark.parametrize("text", ["id\n1\n2\n", "name\nab\ncd\n"])
def test_all_records_of_one_column_are_accounted_for(inspect: Inspect, text: str, end: str) -> None:
    """The lines at the end are counted by the same rule as they are judged by."""
    for mode, schema in (("infer", None), ("none", None), ("given", {"fields": [{"name": "id"}]})):
        inspection = inspect(text + end, schema, mode)
        counted = dict(inspection.profile["file"]["records"])
        assert counted.pop("total") == sum(counted.values())
