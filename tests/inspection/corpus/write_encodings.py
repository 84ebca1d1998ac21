"""Texts in other encodings, with stray bytes and with NULs."""

from collections.abc import Iterator

from tests.inspection.corpus.written import Case, plain, table

ASCII = table("""
id|name|qty
1|Ann|4
2|Bo|7
3|Cy|1
""")

WESTERN = table("""
Kunde|Ort|Straße|Umsatz
Müller|Köln|Große Gasse 4|120
Weiß|Düsseldorf|Am Bühl 1|75
Jäger|Zürich|Höhenweg 12|310
Groß|Österfeld|Schloßallee 9|48
""")

FRENCH = table("""
Élève|Âge|Matière|Remarque
Noël|14|Français|très bien
Zoé|15|Géographie|à améliorer
Gaël|14|Mathématiques|déjà noté
Eloïse|16|Théâtre|l’élève hésite
""")

CURRENCY = table("""
article|price|note
desk|€ 120|“solid”
lamp|€ 35|– none –
chair|€ 80|it’s new…
shelf|€ 99|™ oak
""")

POLISH = table("""
miasto|województwo|uwagi
Łódź|łódzkie|święto w środę
Kraków|małopolskie|późna jesień
Gdańsk|pomorskie|żółta łódź
Białystok|podlaskie|ćma i pająk
Częstochowa|śląskie|źródło wody
""")

CZECH = table("""
město|kraj|poznámka
Plzeň|Plzeňský|čerstvé pečivo
Třebíč|Vysočina|příliš žluťoučký kůň
Děčín|Ústecký|úpěl ďábelské ódy
Jičín|Královéhradecký|škoda řeči
""")

RUSSIAN = table("""
город|область|население
Казань|Татарстан|1308660
Омск|Омская область|1125695
Пермь|Пермский край|1034002
Тула|Тульская область|473622
Псков|Псковская область|193082
""")

GREEK = table("""
πόλη|περιοχή|πληθυσμός
Αθήνα|Αττική|643452
Πάτρα|Αχαΐα|170896
Λάρισα|Θεσσαλία|148562
Βόλος|Μαγνησία|85803
""")

TURKISH = table("""
şehir|bölge|açıklama
İstanbul|Marmara|çok kalabalık şehir
Iğdır|Doğu Anadolu|ağaçlı yollar
Muğla|Ege|güzel kıyılar
Şırnak|Güneydoğu|dağlık yer
""")

CHINESE = table("""
编号|城市|备注
1|北京|首都，人口很多
2|上海|最大的港口城市
3|广州|南方的商业中心
4|成都|生活节奏比较慢
""")

JAPANESE = table("""
番号|都市|人口
1|東京|13960000
2|大阪|8838000
3|名古屋|2332000
4|札幌|1973000
""")

EMOJI = table("""
id|mood|text
1|😀|good, I think
2|😢|not “good”
3|🤷|none
""")


def unicode_cases() -> Iterator[Case]:
    """UTF-8, UTF-16 and UTF-32, with and without a byte order mark."""
    yield Case(
        "encodings/utf-8-bom",
        plain(FRENCH, ";").encode("utf-8-sig"),
        (FRENCH,),
        {"encoding": ["utf-8", "utf-8-sig"], "header": True, "findings": []},
    )
    yield Case(
        "encodings/utf-8-bom-quoted-header",
        "\ufeff".encode() + b'"id","name"\r\n"1","Ann"\r\n"2","Bo, jr"\r\n',
        (table("id|name\n1|Ann\n2|Bo, jr"),),
        {"encoding": ["utf-8", "utf-8-sig"], "header": True, "quote": '"'},
    )
    for codec, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        yield Case(
            f"encodings/{codec}-bom",
            mark + plain(WESTERN, "\t", "\r\n").encode(codec),
            (WESTERN,),
            {"encoding": [codec, "utf-16"], "delimiter": "\t", "header": True},
        )
        yield Case(
            f"encodings/{codec}-without-bom",
            plain(WESTERN, ";", "\r\n").encode(codec),
            (WESTERN,),
            {"encoding": [codec, "utf-16"], "delimiter": ";", "header": True},
        )
    yield Case(
        "encodings/utf-16-le-bom-cyrillic",
        b"\xff\xfe" + plain(RUSSIAN, "\t", "\r\n").encode("utf-16-le"),
        (RUSSIAN,),
        {"encoding": ["utf-16-le", "utf-16"], "delimiter": "\t", "header": True},
    )
    yield Case(
        "encodings/utf-16-le-bom-odd-last-byte",
        b"\xff\xfe" + plain(ASCII, ",", "\r\n").encode("utf-16-le") + b"\n",
        (ASCII, [*ASCII, ["\ufffd", "", ""]]),
        {"findings": ["encoding-error"]},
    )
    yield Case(
        "encodings/utf-32-le-bom",
        b"\xff\xfe\x00\x00" + plain(WESTERN, ";").encode("utf-32-le"),
        (WESTERN,),
        {"encoding": ["utf-32-le", "utf-32"], "delimiter": ";"},
    )
    yield Case(
        "encodings/utf-32-be-without-bom",
        plain(ASCII, ",").encode("utf-32-be"),
        (ASCII,),
        {"encoding": ["utf-32-be", "utf-32"], "delimiter": ","},
    )
    yield Case(
        "encodings/utf-8-japanese",
        plain(JAPANESE, ",").encode(),
        (JAPANESE,),
        {"encoding": "utf-8", "header": True, "findings": [], "unsure": False},
    )
    quoted = '"id","mood","text"\n1,😀,"good, I think"\n2,😢,not “good”\n3,🤷,none\n'
    yield Case("encodings/utf-8-astral", quoted.encode(), (EMOJI,), {"encoding": "utf-8"})
    yield Case(
        "encodings/utf-16-be-bom-newlines-in-cells",
        b"\xfe\xff" + 'id,note\r\n1,"a\nb"\r\n2,"say ""ö"""\r\n3,none\r\n'.encode("utf-16-be"),
        ([["id", "note"], ["1", "a\nb"], ["2", 'say "ö"'], ["3", "none"]],),
        {"quote": '"', "header": True},
    )


def codepage_cases() -> Iterator[Case]:
    """One byte per character: what is meant follows from the words alone."""
    latin = ["windows-1252", "cp1252", "iso-8859-1", "latin-1"]
    yield Case(
        "encodings/latin-1-german",
        plain(WESTERN, ";", "\r\n").encode("latin-1"),
        (WESTERN,),
        {"encoding": latin, "delimiter": ";", "header": True},
    )
    yield Case(
        "encodings/windows-1252-french",
        plain(FRENCH, ";", "\r\n").encode("cp1252"),
        (FRENCH,),
        {"encoding": ["windows-1252", "cp1252"], "delimiter": ";"},
    )
    yield Case(
        "encodings/windows-1252-euro-and-quotes",
        plain(CURRENCY, ",", "\r\n").encode("cp1252"),
        (CURRENCY,),
        {"encoding": ["windows-1252", "cp1252"], "delimiter": ","},
    )
    yield Case(
        "encodings/windows-1250-polish",
        plain(POLISH, ";", "\r\n").encode("cp1250"),
        (POLISH,),
        {"encoding": ["windows-1250", "cp1250"], "delimiter": ";"},
    )
    yield Case(
        "encodings/windows-1250-czech",
        plain(CZECH, ",", "\r\n").encode("cp1250"),
        (CZECH,),
        {"encoding": ["windows-1250", "cp1250"], "delimiter": ","},
    )
    yield Case(
        "encodings/windows-1251-russian",
        plain(RUSSIAN, ";", "\r\n").encode("cp1251"),
        (RUSSIAN,),
        {"encoding": ["windows-1251", "cp1251"], "delimiter": ";"},
    )
    for name, codec, truth in (
        ("windows-1253-greek", "cp1253", GREEK),
        ("windows-1254-turkish", "cp1254", TURKISH),
        ("koi8-r-russian", "koi8-r", RUSSIAN),
        ("iso-8859-2-polish", "iso-8859-2", POLISH),
        ("shift-jis-japanese", "shift_jis", JAPANESE),
        ("gb18030-chinese", "gb18030", CHINESE),
    ):
        yield Case(
            f"encodings/{name}",
            plain(truth, ",", "\r\n").encode(codec),
            (truth,),
            {"encoding": codec, "delimiter": ","},
        )
    one = table("id|name|qty\n1|Ann|4\n2|Bo|7\n3|Zoë|1\n4|Di|12")
    yield Case(
        "encodings/latin-1-one-letter",
        plain(one).encode("latin-1"),
        (one,),
        {"encoding": latin, "header": True},
    )
    late = [["n", "word"], *([str(n), "plain"] for n in range(1, 400)), ["400", "café"]]
    yield Case(
        "encodings/latin-1-first-seen-in-the-last-row",
        plain(late).encode("latin-1"),
        (late,),
        {"encoding": latin, "header": True},
    )


def damaged_cases() -> Iterator[Case]:
    """Bytes that no single encoding explains."""
    good = table("""
id|stadt|land|n
1|Köln|Nordrhein|5
2|München|Bayern|6
3|Gießen|Hessen|7
4|Lübeck|Holstein|8
5|Görlitz|Sachsen|9
""")
    utf8 = plain(good, ";").encode()
    broken = [[cell.replace("Lübeck", "L\ufffdbeck") for cell in row] for row in good]
    yield Case(
        "encodings/utf-8-with-one-latin-1-row",
        utf8.replace("Lübeck".encode(), "Lübeck".encode("latin-1")),
        (broken, good),
        {"findings": ["encoding-error"]},
    )
    yield Case(
        "encodings/utf-8-with-a-byte-that-is-no-text",
        utf8.replace(b";Holstein", b";Hol\xffstein"),
        (
            [[cell.replace("Hol", "Hol\ufffd") for cell in row] for row in good],
            [[cell.replace("Hol", "Holÿ") for cell in row] for row in good],
        ),
        {"findings": ["encoding-error"]},
    )
    half = [["id", "note", "n"], *([str(n), "größer", "1"] for n in range(1, 11))]
    tail = [[str(n), "größer", "1"] for n in range(11, 21)]
    lost = [[cell.replace("größer", "gr\ufffd\ufffder") for cell in row] for row in tail]
    yield Case(
        "encodings/two-halves-utf-8-and-windows-1252",
        plain(half).encode() + plain(tail).encode("cp1252"),
        ([*half, *lost], [*half, *tail]),
        {"findings": ["encoding-error"]},
    )
    yield Case(
        "encodings/utf-8-cut-within-a-letter",
        plain(good, ";").rstrip("\n").encode() + "\n6;Köl".encode() + "ñ".encode()[:1],
        (
            [*good, ["6", "Köl\ufffd", "", ""]],
            [*good, ["6", "KölÃ", "", ""]],
        ),
        {"findings": ["encoding-error", "missing-cell"]},
    )
    yield Case(
        "encodings/utf-8-encoded-twice",
        plain(WESTERN, ";").encode().decode("latin-1").encode(),
        ([[cell.encode().decode("latin-1") for cell in row] for row in WESTERN],),
        {"encoding": "utf-8"},
    )
    yield Case(
        "encodings/surrogates-in-utf-8",
        b"id,name,n\n1,Ann,4\n2,B\xed\xa0\x80o,5\n3,Cy,6\n4,Zo\xc3\xab,7\n",
        (
            table("id|name|n\n1|Ann|4\n2|B\ufffd\ufffd\ufffdo|5\n3|Cy|6\n4|Zoë|7"),
            table("id|name|n\n1|Ann|4\n2|B\ufffdo|5\n3|Cy|6\n4|Zoë|7"),
        ),
        {"findings": ["encoding-error"]},
    )


def nul_cases() -> Iterator[Case]:
    """NUL bytes: within a cell, as a cell, and where a disk block was never written."""
    rows = table("id|name|n\n1|An\0n|4\n2|Bo|5\n3|Cy|6")
    without = [[cell.replace("\0", "") for cell in row] for row in rows]
    yield Case("nul/within-a-cell", plain(rows).encode(), (rows, without), {"header": True})
    yield Case(
        "nul/within-a-quoted-cell",
        b'id,name,n\n1,"An\0n, jr",4\n2,Bo,5\n3,Cy,6\n',
        (
            table("id|name|n\n1|An\0n, jr|4\n2|Bo|5\n3|Cy|6"),
            table("id|name|n\n1|Ann, jr|4\n2|Bo|5\n3|Cy|6"),
        ),
        {"header": True},
    )
    empty = table("id|name|n\n1|\0|4\n2|Bo|5\n3|\0|6")
    none = [[cell.replace("\0", "") for cell in row] for row in empty]
    yield Case("nul/as-empty-cells", plain(empty).encode(), (empty, none), {"header": True})
    yield Case("nul/block-at-the-end", plain(ASCII).encode() + bytes(512), (ASCII,))
    padded = table("id|name|n\n1|Ann\0\0\0|4\n2|Bo\0\0\0\0|5\n3|Cy\0\0\0\0|6")
    shaved = [[cell.rstrip("\0") for cell in row] for row in padded]
    yield Case("nul/padded-fields", plain(padded, ";").encode(), (padded, shaved))
