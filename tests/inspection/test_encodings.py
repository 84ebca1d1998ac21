"""The encoding of short tables, in the code pages of many languages, and of signs alone.

How often it is found over large numbers of cells, `python -m bench --only encodings` measures; what
stands here must never be read otherwise.
"""

from pathlib import Path

import pytest
from tests.inspection.conftest import Inspect, errors_of

from entrepot.inspection.csv.detected import MIN_SURE
from entrepot.inspection.detect.byte_scan import scan_bytes
from entrepot.inspection.detect.encoding import Encoding, guess_encoding
from entrepot.inspection.progress import Progress

WEST = ("cp1252", "latin-1", "iso8859-15", "mac-roman", "cp850")
CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac-latin2")
BALTIC = ("cp1257", "iso8859-13", "cp775")
CYRILLIC = ("cp1251", "koi8-u", "iso8859-5", "mac-cyrillic")
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "English": ("café,naïve plan,résumé,Zoë,façade,jalapeño,entrée,Brontë", WEST),
    "German": ("Müller,Größe,Köln,Straße,Länge,Präsident,Übung,schön", (*WEST, "cp437")),
    "French": ("Hélène,élève,garçon,hôtel,Noël,à côté,prénom,déjà", (*WEST, "cp437")),
    "Spanish": ("niño,años,corazón,España,José,día,teléfono,pingüino", (*WEST, "cp437")),
    "Portuguese": ("São Paulo,ação,você,três,coração,Conceição,água,João", WEST),
    "Italian": ("città,perché,università,più,lunedì,è vero,qualità,però", WEST),
    "Dutch": ("België,coördinatie,geïnteresseerd,één,Curaçao,reünie,patiënt,zoëven", WEST),
    "Danish": ("København,rødgrød,Århus,søster,mælk,smørrebrød,æble,på", WEST),
    "Swedish": ("Göteborg,smörgås,Malmö,älg,Västerås,år,räksmörgås,Åsa", WEST),
    "Norwegian": ("Tromsø,blåbær,Ålesund,sjø,gård,grønn,Bodø,vær", WEST),
    "Finnish": ("Hämeenlinna,yö,äiti,Jyväskylä,pöytä,työ,päivä,Seinäjoki", WEST),
    "Icelandic": ("Þórður,Reykjavík,Guðrún,ísland,maður,þjóð,Sæmundur,við", WEST[:3]),
    "Catalan": ("Barceloneta,català,què,nació,Gràcia,això,número,plaça", WEST),
    "Polish": ("Łódź,Kraków,Gdańsk,żółty,święto,Wałęsa,ćwierć,mąż", CENTRAL),
    "Czech": ("Plzeň,Příbram,Český Krumlov,žlutý,kůň,děti,Třebíč,šest", CENTRAL),
    "Slovak": ("Košice,Žilina,ľudia,štvrtok,dĺžka,kôň,Prešov,mäso", CENTRAL),
    "Hungarian": ("Győr,őszibarack,Székesfehérvár,tűz,körte,hűség,Pécs,ünnep", CENTRAL),
    "Croatian": ("Šibenik,Čakovec,Samobor,život,kuća,Županja,mačka,šuma", CENTRAL),
    "Slovenian": ("Kočevje,Škofja Loka,življenje,češnja,Žalec,miška,hiša,včeraj", CENTRAL),
    "Romanian": ("Timişoara,Iaşi,ţară,pâine,Bucureştilor,înainte,copiă,mâine", CENTRAL[:3]),
    "Lithuanian": ("Šiauliai,Panevėžys,žmogus,ąžuolas,čia,Žemaitija,šuo,Kėdainiai", BALTIC),
    "Latvian": ("Rēzekne,Jūrmala,Cēsis,ķirbis,ģimene,šķūnis,Liepāja,ļoti", BALTIC),
    "Estonian": ("Võru,Pärnu,õun,Jõgeva,töö,ülikool,Põltsamaa,šokolaad", BALTIC),
    "Turkish": ("İstanbul,Muğla,şehir,çiçek,ığdır,Eskişehir,gün,ağaç", ("cp1254", "cp857")),
    "Russian": ("Москва,Казань,улица,Иванов,область,Пермь,город,ёлка", (*CYRILLIC, "cp866")),
    "Ukrainian": ("Київ,Львів,місто,вулиця,Запоріжжя,їжак,Івано,область", CYRILLIC),
    "Bulgarian": ("София,Пловдив,Шумен,област,улица,Търново,къща,Бургас", CYRILLIC),
    "Greek": ("Αθήνα,Θεσσαλονίκη,Πάτρα,οδός,Ηράκλειο,νησί,Λάρισα,ώρα", ("cp1253", "cp737")),
    "Hebrew": ("חיפה,ירושלים,תל אביב,רחוב,אילת,נתניה,שלום,באר שבע", ("cp1255", "iso8859-8")),
    "Arabic": ("القاهرة,بغداد,شارع,الرياض,مدينة,دمشق,محمد,عمان", ("cp1256", "iso8859-6")),
    "Thai": ("กรุงเทพ,เชียงใหม่,ถนน,ภูเก็ต,สวัสดี,จังหวัด,น้ำ,อำเภอ", ("cp874",)),
    "Japanese": ("東京,大阪,きょうと,名古屋市,カタカナ,福岡県,横浜,さっぽろ", ("cp932", "euc_jp")),
    "Chinese": ("北京,上海,广州市,深圳,人民路,中国,重庆,南京", ("gb18030", "gbk")),
    "Taiwanese": ("臺北市,高雄,新竹縣,臺中,中華路,花蓮,國民,學校", ("big5",)),
    "Korean": ("서울,부산,대구시,인천,광주,대전,한국,경기도", ("cp949", "euc_kr")),
}
"""Eight cells of each language, and code pages that have their letters."""
SIGNS = (
    "20 °C", "3,50 €", "Hélène", "0 µg/m³", "5 €", "Œuvre", "Š", "it’s", "½ l", "10 × 20", "Ø 5 mm",
    "£5", "50 m²", "“quoted”", "a – b", "… etc", "© 2020", "20°C", "±5", "São Tomé", "Zoë", "Ø",
    "5 ‰", "Müller", "§ 5", "1º", "¿Qué?", "45°", "é", "Å", "50 €/m²", "«Bonjour»", "25 µm", "€",
)  # fmt: skip
LATE = "".join(f"{n};plain text {n};x\n" for n in range(5_000))


def found_in(path: Path, data: bytes) -> Encoding:
    path.write_bytes(data)
    return scan_bytes(path, Progress(len(data))).encoding


@pytest.mark.parametrize("language", TABLES)
def test_a_short_table_in_each_code_page_of_a_language(tmp_path: Path, language: str) -> None:
    words, pages = TABLES[language]
    text = "id,name\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words.split(",")))
    for page in pages:
        detected = found_in(tmp_path / "t.csv", text.encode(page))
        assert text.encode(page).decode(detected.name) == text, (page, detected)
        assert not detected.damaged


@pytest.mark.parametrize("form", ["{}\n", "id,v\n1,{}\n", "name;n\nalpha;1\n{};3\n", LATE + "{}\n"])
def test_a_western_sign_alone(tmp_path: Path, form: str) -> None:
    for sign in SIGNS:
        text = form.format(sign)
        detected = found_in(tmp_path / "t.csv", text.encode("cp1252"))
        assert text.encode("cp1252").decode(detected.name) == text, (sign, detected)


@pytest.mark.parametrize(
    "form", ["Ø 8 mm", "Ø5", "Maß (Ø 8 mm)", "8,5 Ø", "Rohr Ø12 für Öl", "Ø Größe"]
)
def test_the_letter_that_stands_for_a_diameter(tmp_path: Path, form: str) -> None:
    text = f"id;size\n1;Länge\n2;{form}\n3;für\n"
    for page in WEST:
        detected = found_in(tmp_path / "t.csv", text.encode(page))
        assert text.encode(page).decode(detected.name) == text, (page, detected)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("language", ["German", "Russian", "Greek", "Thai", "Japanese", "Korean"])
def test_utf_16_without_a_mark(tmp_path: Path, language: str, encoding: str) -> None:
    words = TABLES[language][0].split(",")
    for text in ("".join(f"{word}\n" for word in words), f"id;name\r\n1;{words[0]}\r\n"):
        assert found_in(tmp_path / "t.csv", text.encode(encoding)).name == encoding


@pytest.mark.parametrize("data", [b"a,b\n1\0,2\n", b"a\0b\0\n\xe9\0\n1,2\n3,4\n", b"x\n\0\0\0\0"])
def test_a_text_with_zeros_is_not_utf_16(tmp_path: Path, data: bytes) -> None:
    assert not found_in(tmp_path / "t.csv", data).name.startswith("utf-16")


def test_a_guess_names_what_else_it_may_be(tmp_path: Path) -> None:
    detected = found_in(tmp_path / "t.csv", "id,v\n1,Œuvre\n".encode("cp1252"))
    assert detected.name == "cp1252"
    assert detected.sure < MIN_SURE
    assert "cp1250" in detected.rivals
    sure = found_in(tmp_path / "t.csv", "Łódź\nŚwiętokrzyskie\nżółw\nPoznań\n".encode("cp1250"))
    assert (sure.name, sure.sure, sure.rivals) == ("cp1250", 1.0, ())


def test_bytes_that_are_of_no_language_have_an_encoding_too() -> None:
    for data in (bytes(range(128, 256)) * 250, b"\xff\xfe\xfd" * 9, b"\x81" * 30_000):
        detected = guess_encoding(data, set(data))
        assert data.decode(detected.name, "replace")


CASES = Path(__file__).parent / "cases"
DELIVERED = {
    "contract/enc_shift_jis.csv": "shift_jis",
    "contract/enc_gbk.csv": "gbk",
    "contract/enc_euc_kr.csv": "euc_kr",
    "contract/enc_cp1254.csv": "cp1254",
    "contract/enc_macroman.csv": "mac-roman",
    "contract/enc_cp1252_oe.csv": "cp1252",
    "reading/19b-late-utf8.csv": "utf-8",
    "reading/19c-cp850.csv": "cp850",
    "reading/19d-crlf-lf-latin1.csv": "latin-1",
    "reading/19e-mac-roman.csv": "mac-roman",
    "reading/54-gbk.csv": "gbk",
    "reading/55-win1250.csv": "cp1250",
    "reading/57-euro1252.csv": "cp1252",
    "reading/87-euro-cp1252.csv": "cp1252",
    "reading/89-microgram-cp1252.csv": "cp1252",
    "reading/101-sjis.csv": "cp932",
    "reading/102-fr-cp1252.csv": "cp1252",
}


@pytest.mark.parametrize("file", DELIVERED)
def test_a_delivery_that_was_refused_or_misread(inspect: Inspect, file: str) -> None:
    inspection = inspect(CASES / file)
    assert inspection.verdict == "conforms", inspection.detail
    data = (CASES / file).read_bytes()
    encoding = inspection.profile["file"]["encoding"]
    assert data.decode(encoding) == data.decode(DELIVERED[file])
    warned = [each for each in inspection.profile["file"]["warnings"] if "is a guess" in each]
    assert bool(warned) == (inspection.profile["file"]["encodingConfidence"] < MIN_SURE)


def test_a_byte_that_is_no_utf_8_after_a_mark_is_damage(inspect: Inspect) -> None:
    inspection = inspect(CASES / "reading/19a-bom-then-latin1.csv", mode="none")
    assert inspection.profile["file"]["encoding"] == "utf-8"
    assert inspection.profile["file"]["undecodable"] == 1


SURROGATES = b"\xed\xa0\xbd\xed\xb8\x80"
"""A character as some programs write it, which is not UTF-8."""


@pytest.mark.parametrize(
    ("words", "damage", "before"),
    [
        ("ö", b"\xe4", 60_000),
        ("北京", b"\xe4", 60_000),
        ("ö", SURROGATES, 3),
        ("北京", SURROGATES, 3),
        ("x", SURROGATES, 3),
    ],
)
def test_damage_wherever_it_stands_is_named(
    inspect: Inspect, words: str, damage: bytes, before: int
) -> None:
    rows = f"1,{words}\n".encode() * before
    schema = {"fields": [{"name": "n", "type": "integer"}, {"name": "t"}]}
    inspection = inspect(b"n,t\n" + rows + b"2," + damage + b"\n" + rows, schema)
    assert [(each["code"], each["rowNumber"]) for each in errors_of(inspection)] == [
        ("encoding-error", before + 2)
    ]


@pytest.mark.parametrize("page", ["cp1252", "cp1251", "koi8-r", "cp866", "cp850", "gb18030"])
def test_damaged_utf_8_and_a_code_page_are_told_apart(tmp_path: Path, page: str) -> None:
    words = {"cp1251": "рад", "koi8-r": "рад", "cp866": "рада", "gb18030": "北京"}.get(page, "für")
    whole = "".join(f"{n};{words};{words} {words}\n" for n in range(9))
    assert found_in(tmp_path / "t.csv", whole.encode(page)).name != "utf-8"
    damaged = whole.encode().replace(b"8;", b"8;\xff\x80", 1)
    detected = found_in(tmp_path / "t.csv", damaged)
    assert (detected.name, detected.damaged) == ("utf-8", True)


@pytest.mark.parametrize("before", ["Zoë", "北京", "Ещё", "a😀"])
@pytest.mark.parametrize("last", ["é", "京", "ё", "😀"])
def test_a_text_that_ends_within_a_character_is_utf_8(
    inspect: Inspect, before: str, last: str
) -> None:
    schema = {"fields": [{"name": "n", "type": "integer"}, {"name": "t"}]}
    for cut in range(1, len(last.encode())):
        inspection = inspect(f"n,t\n1,{before}\n2,x{last}".encode()[:-cut], schema)
        assert inspection.profile["file"]["encoding"] == "utf-8"
        assert [(e["code"], e["rowNumber"]) for e in errors_of(inspection)] == [
            ("encoding-error", 3)
        ]


@pytest.mark.parametrize(
    ("end", "encoding"),
    [
        *((word.encode()[:-1], "utf-8") for word in ("xü", "Grö", "Muñ")),
        *((word.encode("cp1252"), "cp1252") for word in ("café", "è", "CAFÉ", "città", "Groß")),
    ],
)
def test_a_last_byte_that_is_the_only_one_beyond_ascii(
    tmp_path: Path, end: bytes, encoding: str
) -> None:
    """It may be a letter of a code page, or the first half of one in UTF-8."""
    assert found_in(tmp_path / "t.csv", b"n,t\n1,Berlin\n2," + end).name == encoding
