"""Rejected rows are written with the reading that was judged: that of a first version, which is
stricter than that of a file without a contract, and that of JSON without a sound line."""

from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of, opened_context

from entrepot.inspection.convert.convert import convert_file
from entrepot.inspection.results import ConversionRequest, Inspection

FIRST_VERSIONS = {
    "prose in front": "A note on this file\n\nid,name\n1,x\n2,y\nTotal,,\n",
    "broken JSON": '{"a":1,}\n{"b":}\n',
    "html": "<table>\n<tr><td>a</td><td>b</td></tr>\n</table>\n",
    "no header": "Ann,3\nBob,4\nCy,5\n",
    "repeated header": "id,name\n1,x\nid,name\n2,y\n",
    "two tables": "id,name\n1,x\n\na,b,c\n1,2,3\n4,5,6\n",
    "ragged": "id,name\n1,x\n2,y,z\n3\n",
    "one text": "The quick brown fox, it jumps.\nAnd more, of it.\n",
    "comment": "id,name\n# a comment\n1,x\n",
}


def rejected_rows(path: Path, inspection: Inspection, scratch: Path, mode: Any) -> str:
    target = scratch / "report.csv"
    request = ConversionRequest(
        path, path.name, path.stat().st_size, "rejected", inspection.schema or {}, mode,
        inspection.row_count or 0, inspection.dialect,
    )  # fmt: skip
    with opened_context(scratch / "rejected") as context:
        made = convert_file(request, target, context)
    assert made.verdict == "made", made.detail
    return target.read_bytes().decode()


@pytest.mark.parametrize("name", FIRST_VERSIONS)
def test_a_first_version(inspect: Inspect, tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(FIRST_VERSIONS[name])
    inspection = inspect(path)
    if inspection.verdict == "conforms":
        return
    text = rejected_rows(path, inspection, tmp_path, "infer")
    for error in errors_of(inspection):
        assert error["message"].replace('"', '""') in text or error["message"] in text


WRONG: dict[str, tuple[bytes, str]] = {
    "half a pair": (rb'{"a": "\ud800", "b": 1}', "`\\ud800` is half of a character"),
    "the other half": (rb'{"a": "\udc00x", "b": 1}', "`\\udc00` is half of a character"),
    "halves apart": (rb'{"a": "\ud83d \ude00", "b": 1}', "`\\ud83d` is half of a character"),
    "half in a name": (rb'{"a": "", "\\\uDbff": 1}', "`\\uDbff` is half of a character"),
    "half behind a pair": (rb'{"a": "\ud83d\ude00\ud83d"}', "`\\ud83d` is half of a character"),
}
SOUND = [
    rb'{"a": "\ud83d\ude00", "b": 1}',
    rb'{"a": "\\ud800", "b": 1}',
    rb'{"a": "\u00e4", "b": 1}',
]
FORMS = {
    "lines": (b'{"a": "x", "b": 1}\n', b"\n", "t.jsonl"),
    "array": (b'[{"a": "x", "b": 1},\n', b"]", "t.json"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WRONG)
def test_halves_of_surrogate_pairs_are_named(inspect: Inspect, form: str, name: str) -> None:
    before, behind, file = FORMS[form]
    content, sentence = WRONG[name]
    schema = {"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "integer"}]}
    inspection = inspect(before + content + behind, schema, name=file)
    assert inspection.verdict in ("violates", "source-error")
    (error,) = errors_of(inspection)
    assert error["message"].lower().startswith("line 2: ")
    assert sentence in error["message"]
    assert sentence in inspection.detail


@pytest.mark.parametrize("form", FORMS)
def test_whole_characters_are_read(inspect: Inspect, form: str) -> None:
    before, behind, file = FORMS[form]
    for content in SOUND:
        assert inspect(before + content + behind, name=file).verdict == "conforms"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xf8\x88\x80\x80\x80"])
def test_bytes_that_are_no_utf8_are_placed(inspect: Inspect, form: str, wrong: bytes) -> None:
    before, behind, file = FORMS[form]
    inspection = inspect(before + b'{"a": "' + wrong + b'", "b": 1}' + behind, name=file)
    assert inspection.verdict == "source-error"
    assert "bytes that are not text in utf-8" in inspection.detail
    assert f"at byte {len(before) + 7:,} in line 2" in inspection.detail


CONTRACT = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]}
EMPTY: list[tuple[str, dict[str, Any] | None]] = [
    ("[]", None), (" [\n] ", None), ('{"d": []}', {"property": "d"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "dialect"), EMPTY)
@pytest.mark.parametrize("match", ["exact", "equal", "subset", "superset", "partial"])
def test_an_empty_array_is_a_table_without_rows(
    inspect: Inspect, text: str, dialect: dict[str, Any] | None, match: str
) -> None:
    schema = {**CONTRACT, "fieldsMatch": match}
    inspection = inspect(text, schema, name="t.json", dialect=dialect)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 0), inspection.detail
    few = inspect(text, {**schema, "entrepot:minRows": 1}, name="t.json", dialect=dialect)
    assert [error["code"] for error in errors_of(few)] == ["no-rows"]
    assert inspect(text, name="t.json", dialect=dialect).verdict == "not-tabular"


@pytest.mark.parametrize("text", ["{}\n{}\n", "[{}, {}]"])
def test_objects_without_keys_are_blank_rows(inspect: Inspect, text: str) -> None:
    name = "t.json" if text.startswith("[") else "t.jsonl"
    assert {error["code"] for error in errors_of(inspect(text, CONTRACT, name=name))} == {
        "blank-row"
    }


@pytest.mark.parametrize(
    ("text", "name", "dialect", "sentence"),
    [
        (
            "a,b\n1,x\n",
            "t.csv",
            {"delimiter": ";"},
            "Line 1: the names stand in one cell, with `,` between them. Write the delimiter of the"
            ' contract, or state "delimiter": "," in the dialect.',
        ),
        (
            '{"count": 1, "next": null, "results": [{"a": 1, "b": "x"}]}',
            "t.json",
            None,
            'The file is one JSON object, whose "results" has objects that may be the rows. Add'
            ' "property": "results" to the dialect',
        ),
        ("a,b\n1,x,\n", "t.csv", None, "Remove the delimiters at the end of the row."),
        ('[{"a": 1, "b": "x"}, {"a": 2, "b": "y', "t.json", None, "it is cut off within"),
        ('[{"a": 1, "b": "x"}, {"a": 2,', "t.json", None, "it is cut off within"),
    ],
)
def test_a_sentence_says_what_to_change(
    inspect: Inspect, text: str, name: str, dialect: dict[str, Any] | None, sentence: str
) -> None:
    rejected = inspect(text, CONTRACT, name=name, dialect=dialect)
    assert rejected.verdict in ("violates", "source-error")
    assert sentence in rejected.detail
    assert len(errors_of(rejected)) == 1


@pytest.mark.parametrize("mark", [", ", "; "])
@pytest.mark.parametrize("place", range(5))
def test_one_delimiter_in_a_list_of_texts_is_text(inspect: Inspect, mark: str, place: int) -> None:
    """A header without a row is not another reading."""
    lines = ["no mark here", "nor there", "none", "some words", "the last"]
    lines[place] = lines[place].replace(" ", mark)
    inspection = inspect("\n".join(["remark", *lines]) + "\n")
    assert inspection.verdict == "conforms", inspection.detail
