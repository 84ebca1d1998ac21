"""Texts whose bytes are all ASCII, or all EBCDIC, and are letters of other scripts."""

from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.csv.byte_offsets import offsets_of_lines
from entrepot.inspection.detect import byte_scan
from entrepot.inspection.detect.byte_scan import scan_bytes
from entrepot.inspection.detect.ebcdic import looks_like_ebcdic
from entrepot.inspection.detect.encoding import Encoding
from entrepot.inspection.progress import Progress

TEXTS = {
    "iso2022_jp": "東京,きょうと,カタカナ,大阪府",
    "iso2022_jp_1": "東京,丂丄丅",
    "iso2022_jp_2": "東京,北京广州,서울,Αθήνα,Zürich",
    "iso2022_jp_3": "東京,〳ゔ",
    "iso2022_jp_2004": "東京,俱〳",
    "iso2022_jp_ext": "東京,ｶﾀｶﾅ",
    "iso2022_kr": "서울,부산,대구",
    "hz": "北京,上海广州,人民路5号",
}
"""By encoding, cells that need its escape sequences."""
ASCII = {
    "a path": "~/data,x~y\n~{a,b\n",
    "words between marks": "~{name~},~{day~}\n~{city~},x\n",
    "terminal colours": "\x1b[1mbold\x1b[0m,x\n",
    "phone": "+41441234567,+1-800-555\n",
    "zone": "2024-01-01T00:00:00+0100,x\n",
    "formula": "a+b-c,C++\n",
    "exponent": "1e+05,2E+3\n",
    "base64": "ab+cdEFgh/12==,+abcdefg\n",
    "words": "Google+Ads,C+Big data\n",
    "a plus sign": "+,-\nA+,B-\n",
}
"""Plain texts with signs that other encodings have as marks."""
UTF_7 = {
    "german": "Zürich,Größe",
    "one letter": "Müller,x",
    "french": "Hélène,café au lait",
    "greek": "Αθήνα,οδός",
    "russian": "Москва,улица",
    "japanese": "東京,大阪",
    "sign": "3,50 €",
}


def table(cells: str, rows: int = 3) -> str:
    words = cells.split(",")
    lines = [f"{number},{word}" for number in range(rows) for word in words]
    return "\n".join(["id,name", *lines, ""])


def encoding_in(path: Path, data: bytes) -> Encoding:
    path.write_bytes(data)
    return scan_bytes(path, Progress(len(data))).encoding


@pytest.mark.parametrize("name", TEXTS)
def test_escape_sequences_and_hz_are_read(inspect: Inspect, name: str) -> None:
    text = table(TEXTS[name])
    inspection = inspect(text.encode(name))
    assert inspection.verdict == "conforms", inspection.detail
    file = inspection.profile["file"]
    assert text.encode(name).decode(file["encoding"]) == text
    assert file["encodingConfidence"] == 1.0


@pytest.mark.parametrize("name", TEXTS)
def test_the_first_sequence_may_come_late(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(byte_scan, "BLOCK_BYTES", 1_000)
    text = "id,name\n" + "1,x\n" * 2_000 + table(TEXTS[name])
    detected = encoding_in(tmp_path / "t.csv", text.encode(name))
    assert text.encode(name).decode(detected.name) == text


@pytest.mark.parametrize("name", ASCII)
def test_plain_ascii_stays_as_it_is(tmp_path: Path, name: str) -> None:
    data = f"a,b\n{ASCII[name]}".encode()
    assert encoding_in(tmp_path / "t.csv", data) == Encoding("utf-8")


@pytest.mark.parametrize("name", UTF_7)
def test_utf_7_is_suspected_and_never_read_by_itself(inspect: Inspect, name: str) -> None:
    text = table(UTF_7[name]).replace("3,50", "3.50")
    data = text.encode("utf-7")
    first = inspect(data)
    (error,) = (each for each in errors_of(first) if each["code"] == "unsure-reading")
    assert "its encoding may be utf-8 or utf-7" in error["message"]
    assert 'State the encoding: "utf-7", or "utf-8"' in error["message"]
    free = inspect(data, mode="none")
    assert free.profile["file"]["encoding"] == "utf-8"
    assert any("may be utf-7" in each for each in free.profile["file"]["warnings"])
    stated = inspect(data, encoding="utf-7")
    assert stated.verdict == "conforms", stated.detail
    plain = inspect(data, encoding="utf-8")
    assert plain.verdict == "conforms", plain.detail
    assert not any("utf-7" in each for each in plain.profile["file"]["warnings"])


@pytest.mark.parametrize("mixed", ["~{VP~},~x\n", "~{VP~}~~~{zzz,y\n"])
def test_tildes_that_hz_does_not_have_leave_doubt(inspect: Inspect, mixed: str) -> None:
    rows = "~{VP9z~},1\n" * 3
    first = inspect(f"name,n\n{rows}{mixed}")
    assert [each["code"] for each in errors_of(first)] == ["unsure-reading"]
    assert "may be utf-8 or hz" in first.detail


EBCDIC = ("cp037", "cp273", "cp500", "cp1026", "cp1140")


@pytest.mark.parametrize("end", ["\n", "\x85", "\r\n", "\r\x85"])
@pytest.mark.parametrize("name", EBCDIC)
def test_ebcdic_is_refused_with_advice_and_read_where_it_is_stated(
    inspect: Inspect, name: str, end: str
) -> None:
    data = table("Zurich,Bern").replace("\n", end).encode(name)
    refused = inspect(data)
    assert refused.verdict == "not-tabular"
    assert "a text in EBCDIC; state its encoding, such as cp037" in refused.detail
    schema = {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "name", "constraints": {"enum": ["Zurich", "Bern"]}},
        ]
    }
    stated = inspect(data, schema, encoding=name)
    assert (stated.verdict, stated.row_count) == ("conforms", 6), stated.detail


def test_places_in_ebcdic(inspect: Inspect, tmp_path: Path) -> None:
    for end in ("\n", "\x85", "\r\n"):
        data = f"id,name{end}1,a{end}x,b{end}".encode("cp500")
        schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "name"}]}
        (error,) = errors_of(inspect(data, schema, encoding="cp500"))
        assert (error["lineNumber"], error["byteOffset"]) == (3, 10 + 2 * len(end))
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xc1\x25\x0a\xc1\x15\xc1")
    assert offsets_of_lines(path, [1, 2, 3], 0, "cp037") == {1: 0, 2: 2, 3: 5}


@pytest.mark.parametrize(
    "data",
    [
        "Москва;Казань;улица".encode("cp1251"),
        "МОСКВА".encode("cp1251") * 3,
        "Αθήνα;Πάτρα".encode("cp1253"),
        "ירושלים;חיפה".encode("cp1255"),
        "東京;大阪;京都".encode("shift_jis"),
        "北京;上海;广州".encode("gbk"),
        "서울;부산;대구".encode("euc_kr"),
        bytes(range(128, 256)),
        "é".encode("latin-1") * 9,
        b"id,name\n1,\xe4\n",
    ],
)
def test_texts_of_few_words_are_not_ebcdic(data: bytes) -> None:
    assert not looks_like_ebcdic(data)


def test_korean_is_read_beyond_the_first_block(inspect: Inspect, monkeypatch: Any) -> None:
    """The set of characters is stated once, at the beginning."""
    from entrepot.inspection.detect import transcode

    monkeypatch.setattr(transcode, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(transcode, "STEP_BYTES", 50)
    text = table("서울,부산", 500).encode("iso2022_kr")
    sound = inspect(text)
    assert (sound.verdict, sound.row_count) == ("conforms", 1_000), sound.detail
    damaged = inspect(text.replace(b"\x0e<-?o\x0f", b"\x0e<-\xff\x0f", 1), encoding="iso2022_kr")
    assert [each["code"] for each in errors_of(damaged)] == ["encoding-error"]


def test_json_is_utf_8_unless_stated(inspect: Inspect) -> None:
    data = '[{"id": 1, "name": "東京"}]'.encode("iso2022_jp")
    assert inspect(data, name="t.json").verdict != "conforms"
    assert inspect(data, name="t.json", encoding="iso2022_jp").verdict == "conforms"
