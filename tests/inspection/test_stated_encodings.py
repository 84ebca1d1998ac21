"""A stated encoding decides how a text is decoded, through the locked process."""

from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.detect import transcode
from entrepot.inspection.results import Inspection, InspectionRequest
from entrepot.inspection.sandbox.pool import InspectionPool
from entrepot.schemas.reading.encodings import known_encodings, normalize_encoding

TEXTS = {
    "utf-8": "Zürich", "utf-16": "Zürich", "utf-16-le": "Zürich", "utf-16-be": "Zürich",
    "utf-32-be": "Zürich", "utf-7": "Zürich", "cp1252": "5 €–", "latin-1": "Zürich",
    "iso8859-7": "Αθήνα", "cp866": "Москва", "koi8-r": "Москва", "shift_jis": "東京",
    "euc_jp": "東京", "iso2022_jp": "東京", "gbk": "北京", "hz": "北京", "big5": "臺北",
    "euc_kr": "서울", "mac-roman": "Zürich", "cp037": "Zürich", "tis-620": "กรุงเทพ",
}  # fmt: skip
"""By encoding, a cell that only it decodes right."""


def contract(cell: str) -> dict[str, Any]:
    return {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "city", "type": "string", "constraints": {"enum": [cell]}},
        ]
    }


def locked(pool: InspectionPool, path: Path, cell: str, name: str) -> Inspection:
    request = InspectionRequest(
        path, path.name, path.stat().st_size, "given", contract(cell), None, name
    )
    return pool.inspect(request, lambda done, total: None, lambda: False)


def test_each_decodes_its_own_text(pool: InspectionPool, tmp_path: Path) -> None:
    for name, cell in TEXTS.items():
        path = tmp_path / "cities.csv"
        path.write_bytes(f"id,city\n1,{cell}\n2,{cell}\n".encode(name))
        inspection = locked(pool, path, cell, normalize_encoding(name) or "")
        assert (inspection.verdict, inspection.row_count) == ("conforms", 2), (
            name,
            inspection.detail,
        )
        assert inspection.profile["file"]["encoding"].startswith(str(normalize_encoding(name)))


@pytest.mark.parametrize("name", ["iso2022_jp", "hz", "gb18030", "cp424"])
def test_a_text_of_several_blocks(
    inspect: Inspect, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No character and no state is cut in two between the parts that are decoded at a time."""
    monkeypatch.setattr(transcode, "BLOCK_BYTES", 1_000)
    cell = "א" if name == "cp424" else "中国"
    rows = "".join(f"{number},{cell}\n" for number in range(1_000))
    schema = contract(cell)
    inspection = inspect(f"id,city\n{rows}".encode(name), schema, encoding=name)
    assert (inspection.verdict, inspection.row_count) == ("conforms", 1_000), inspection.detail


def test_bytes_that_do_not_fit_are_named_with_their_place(inspect: Inspect) -> None:
    text = b"id,city\n1,a\n2,\x81\n3,a\n4,a\x81\n"
    inspection = inspect(text, contract("a"), encoding="cp1252")
    errors = [e for e in errors_of(inspection) if e["type"] == "encoding-error"]
    assert [(e["rowNumber"], e["lineNumber"], e["byteOffset"]) for e in errors] == [
        (3, 3, 12), (5, 5, 20),
    ]  # fmt: skip
    assert "byte 14" in errors[0]["message"]
    in_json = inspect(b'[{"id": 1},\n {"id": "\x81"}]', contract("a"), encoding="cp1252")
    (error,) = errors_of(in_json)
    assert error["type"] == "encoding-error"
    assert "in 1 place at byte 21 in line 2" in error["message"]


@pytest.mark.parametrize(
    ("mark", "stated", "fits"),
    [
        ("utf-8-sig", "utf-8", True),
        ("utf-8-sig", "cp1252", False),
        ("utf-16", "utf-16", True),
        ("utf-16", "utf-16-le", True),
        ("utf-16", "utf-16-be", False),
        ("utf-16", "utf-8", False),
        ("utf-32", "utf-32", True),
        ("utf-32", "utf-16", False),
    ],
)
@pytest.mark.parametrize("form", ["id,city\n1,a\n", '[{"id": 1, "city": "a"}]'])
def test_a_byte_order_mark_must_agree(
    inspect: Inspect, mark: str, stated: str, fits: bool, form: str
) -> None:
    inspection = inspect(form.encode(mark), contract("a"), encoding=stated)
    if fits:
        assert (inspection.verdict, inspection.row_count) == ("conforms", 1), inspection.detail
        return
    (error,) = errors_of(inspection)
    assert error["type"] == "encoding-error"
    assert f"the contract states {stated}" in error["message"]


def test_a_picture_is_none_whatever_is_stated(inspect: Inspect) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    assert inspect(picture, contract("a"), encoding="cp1252").verdict == "not-tabular"
    noise = bytes(range(256)) * 16
    assert inspect(noise, contract("a"), encoding="latin-1").verdict == "not-tabular"


def test_every_name_that_may_be_stated_is_its_own() -> None:
    names = known_encodings()
    assert {"utf-8", "cp1252", "iso8859-1", "shift_jis", "gb18030", "koi8-r"} <= set(names)
    assert not {"idna", "punycode", "undefined", "rot13", "utf-8-sig"} & set(names)
    for name in names:
        assert normalize_encoding(name) == name
        assert "a".encode(name).decode(name) == "a"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("Windows-1252", "cp1252"), ("latin1", "iso8859-1"), ("ISO-8859-15", "iso8859-15"),
        ("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("SJIS", "shift_jis"), ("ibm437", "cp437"),
        (" cp1252 ", "cp1252"), ("UTF-16LE", "utf-16-le"), ("macroman", "mac-roman"),
        ("rot13", None), ("hex", None), ("zlib", None), ("idna", None), ("", None),
        ("a.b", None), ("../utf_8", None), ("x" * 41, None), ("utf-8\0", None), ("ütf-8", None),
    ],
)  # fmt: skip
def test_names_are_normalized(alias: str, name: str | None) -> None:
    assert normalize_encoding(alias) == name
