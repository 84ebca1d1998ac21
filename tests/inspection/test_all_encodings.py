"""Every encoding that Python knows: stated it is read, and not stated it is read, or refused or
doubted in words. The few that are read wrongly without a doubt are listed here."""

from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import Inspect
from tests.inspection.test_encodings import TABLES

from entrepot.inspection.csv.detected import MIN_SURE
from entrepot.inspection.detect.byte_scan import scan_bytes
from entrepot.inspection.detect.detect import detect
from entrepot.inspection.progress import Progress
from entrepot.schemas.reading.encodings import known_encodings

WORDS = {language: words for language, (words, _) in TABLES.items()} | {
    "Kazakh": "Алматы,Қарағанды,Өскемен,Ұлытау,Шымкент,Ақтөбе,Қызылорда,көше",
    "Tajik": "Душанбе,Хуҷанд,кӯча,шаҳр,Тоҷикистон,Қӯрғонтеппа,моҳ,ғарб",
    "Maltese": "Ħamrun,Żebbuġ,Għaxaq,Ċirkewwa,ġnien,Qrendi,żgħir,dgħajsa",
    "Welsh": "Llŷn,Ŵyr,dŵr,tŷ,Cymru,môr,gŵyl,pêl",
}
LANGUAGES = {
    "Japanese": "cp932 shift_jis shift_jis_2004 shift_jisx0213 euc_jp euc_jis_2004 euc_jisx0213 "
    "iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext",
    "Chinese": "gb18030 gbk gb2312 hz",
    "Taiwanese": "big5 big5hkscs cp950",
    "Korean": "euc_kr cp949 johab iso2022_kr",
    "Arabic": "cp720 cp1256 iso8859-6 mac-arabic mac-farsi",
    "Hebrew": "cp856 cp862 cp1255 iso8859-8 cp424",
    "Greek": "cp869 cp737 cp1253 iso8859-7 mac-greek cp875",
    "Ukrainian": "cp1125 koi8-u",
    "Russian": "cp1251 koi8-r iso8859-5 cp866 cp855 mac-cyrillic",
    "Turkish": "cp1254 iso8859-9 cp857 mac-turkish cp1026",
    "Polish": "cp1250 iso8859-2 cp852 mac-latin2",
    "Croatian": "mac-croatian",
    "Romanian": "mac-romanian iso8859-16",
    "Lithuanian": "cp1257 iso8859-13 cp775 iso8859-4",
    "Thai": "cp874 tis-620 iso8859-11",
    "Icelandic": "cp861 mac-iceland iso8859-10",
    "Portuguese": "cp860",
    "French": "cp863",
    "Norwegian": "cp865",
    "Kazakh": "kz1048 ptcp154",
    "Tajik": "koi8-t",
    "Maltese": "iso8859-3",
    "Welsh": "iso8859-14",
}
"""The encodings of each language; all others are those of Western ones."""
SHAPES_ALONE = {"cp864", "cp1006", "ascii"}
"""Encodings of the shapes of Arabic letters, in which no text of Unicode is written, and ASCII."""
READ_WRONGLY = {"kz1048", "koi8-t", "iso8859-3"}
"""Languages of which there are no statistics; their encodings have to be stated."""


def text_in(encoding: str) -> str:
    """A table of cells that the encoding has."""
    language = next((key for key, some in LANGUAGES.items() if encoding in some.split()), "German")
    cells = [
        cell
        for cell in WORDS[language].split(",")
        if cell.encode(encoding, "ignore").decode(encoding) == cell
    ]
    assert any(not cell.isascii() for cell in cells) or encoding in SHAPES_ALONE
    lines = ["id,name", *(f"{number},{cell}" for number, cell in enumerate(cells * 2))]
    return "\n".join([*lines, ""])


def outcome_of(path: Path, encoding: str) -> str:
    """How a text in the encoding is read if nothing is stated."""
    text = text_in(encoding)
    path.write_bytes(text.encode(encoding))
    if detect(path, path.name).kind != "csv":
        return "refused"
    detected = scan_bytes(path, Progress(1)).encoding
    name = encoding if detected.name.startswith(encoding) else detected.name
    if path.read_bytes().decode(name, "replace") == text:
        return "read"
    return "doubted" if detected.sure < MIN_SURE or detected.damaged else "wrong"


def test_what_becomes_of_each(tmp_path: Path) -> None:
    outcomes = {name: outcome_of(tmp_path / "t.csv", name) for name in known_encodings()}
    by_outcome = {each: {n for n, o in outcomes.items() if o == each} for each in outcomes.values()}
    assert by_outcome["wrong"] == READ_WRONGLY
    assert by_outcome["refused"] == {
        "cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140",
    }  # fmt: skip
    assert by_outcome["doubted"] <= {"utf-7", "iso8859-14", "ptcp154"}
    assert len(by_outcome["read"]) >= len(outcomes) - 13


@pytest.mark.parametrize("encoding", known_encodings())
def test_each_is_read_where_it_is_stated(inspect: Inspect, encoding: str) -> None:
    text = text_in(encoding)
    cells = [line.partition(",")[2] for line in text.splitlines()[1:]]
    name: dict[str, Any] = {"name": "name", "type": "string"}
    if cells:
        name["constraints"] = {"enum": cells}
    schema = {"fields": [{"name": "id", "type": "integer"}, name]}
    inspection = inspect(text.encode(encoding), schema, encoding=encoding)
    assert (inspection.verdict, inspection.row_count) == ("conforms", len(cells)), inspection.detail
