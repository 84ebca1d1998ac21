"""Each decision on a text, and how it is reported: profile, report, rows, lines and offsets."""

import random
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import (
    Inspect,
    errors_of,
    opened_context,
    places,
    request_for,
    write_canonical,
)

from entrepot.inspection.context import TableRequest
from entrepot.inspection.csv.direct_scan import can_scan_directly, prove_regular
from entrepot.inspection.csv.reader import CsvText
from entrepot.inspection.csv.source import prepare
from entrepot.inspection.detect.byte_scan import scan_bytes
from entrepot.inspection.detect.transcode import transcode
from entrepot.inspection.limits import MIB
from entrepot.inspection.progress import Progress
from entrepot.inspection.results import InspectionRequest
from entrepot.inspection.table import NotTabular, TooLarge
from entrepot.schemas.table_dialect import parse_dialect

AB = {"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}]}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """read(content, names=None, dialect=None): the canonical CSV as text, and the reading."""

    def run(content: str | bytes, names: Any = None, dialect: Any = None) -> tuple[str, Any]:
        path, target, scratch = tmp_path / "t.csv", tmp_path / "c.csv", tmp_path / "scratch"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        stated = parse_dialect(dialect) if dialect is not None else None
        detected = write_canonical(path, target, scratch, stated, names)
        return target.read_bytes().decode().replace("\r\n", "\n"), detected

    return run


def test_what_the_profile_says(inspect: Inspect) -> None:
    text = "Report\n\na;b\n1;x\n2;y\n\nSource: us\n"
    inspection = inspect(text, mode="none")
    facts = inspection.profile["file"]
    assert facts["dialect"]["delimiter"] == ";"
    assert (facts["headerRows"], facts["firstRow"], facts["lastRow"]) == ([3], 4, 5)
    assert [(part["firstRow"], part["text"]) for part in facts["outside"]] == [
        (1, "Report"), (7, "Source: us"),
    ]  # fmt: skip
    assert facts["encoding"] == "utf-8"
    assert facts["confidence"] > 0.6
    assert facts["reasons"]
    warnings = inspection.report["tasks"][0]["warnings"]
    assert [warning.split(":")[0] for warning in warnings] == [
        "Row 1 does not belong to the table",
        "Row 7 does not belong to the table",
    ]
    assert inspection.report["valid"]
    assert inspection.row_count == 2


def test_rows_are_counted_as_they_lie_in_the_file(inspect: Inspect) -> None:
    text = 'Title\n\na,b\n1,"x\ny"\nq,z\n2\n'
    titled = {"headerRows": [3]}
    checked = inspect(text, AB, dialect=titled)
    places = [(e["type"], e["rowNumber"], e["lineNumber"], e["byteOffset"])
             for e in errors_of(checked)]  # fmt: skip
    assert places == [
        ("type-error", 5, 6, text.index("q,z")), ("missing-cell", 6, 7, text.index("2\n")),
    ]  # fmt: skip
    big = "Title\n\na,b\n" + "1,x\n" * 70_000 + "q,z\n"
    checked = inspect(big, AB, dialect=titled)
    assert [(e["rowNumber"], e["lineNumber"], e["byteOffset"]) for e in errors_of(checked)] == [
        (70_004, 70_004, big.index("q,z"))
    ]


@pytest.mark.parametrize("titles", [["t"] * 100, ["t"] * 5_999, ['"t\nu"', "", "v"] * 40])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_titles_above_a_stated_header_say_nothing_of_the_delimiter(
    inspect: Inspect, titles: list[str], delimiter: str
) -> None:
    stated = {"headerRows": [len(titles) + 1]}
    rows = [delimiter.join(row) for row in (("a", "b"), ("1", "x"), ("q", "z"))]
    checked = inspect("\n".join([*titles, *rows, ""]), AB, dialect=stated)
    errors = [(e["code"], e["rowNumber"]) for e in errors_of(checked)]
    assert errors == [("type-error", len(titles) + 3)], checked.detail


@pytest.mark.parametrize("cell", ['"x" y', '"x "y"', '"x ""y"', '"x ""y"""', '"x""'])
@pytest.mark.parametrize("stated", [{"doubleQuote": False}, None])
def test_text_after_a_quote_is_an_error_where_none_is_doubled(
    inspect: Inspect, cell: str, stated: dict[str, Any] | None
) -> None:
    """Such a cell lost its quotes, and was published."""
    rows = ["1,x"] if stated else [f'{n},"say \\"{n}\\" loud"' for n in range(5)]
    checked = inspect("\n".join(["a,b", *rows, f"7,{cell}", ""]), AB, dialect=stated)
    errors = [(e["code"], e["rowNumber"]) for e in errors_of(checked)]
    doubled = stated is None and '""' in cell  # unstated, a file may have escapes and doubled ones
    assert doubled or errors == [("broken-quote", len(rows) + 2)], checked.detail


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be", "cp1252"])
def test_offsets_in_every_encoding(encoding: str, newline: str, inspect: Inspect) -> None:
    lines = ["a,b", "1,äਊ" if encoding.startswith("utf") else "1,ä", "q,ö", "3,x", "r,z"]
    raw = newline.join(lines).encode(encoding)
    checked = inspect(raw, AB)
    assert [(e["rowNumber"], e["lineNumber"]) for e in errors_of(checked)] == [(3, 3), (5, 5)]
    name = "utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")
    for error, line in zip(errors_of(checked), ("q,ö", "r,z"), strict=True):
        assert raw[error["byteOffset"] :].startswith(line.encode(name))


def test_undecodable_bytes_are_placed(inspect: Inspect) -> None:
    raw = b"a,b\n1,\xc3\xa4\n" + b'2,"x\ny \xff z"\n' + b"3,\xff\xff\n4,\xc3\xb6\n"
    inspection = inspect(raw)
    places = [(e["type"], e["rowNumber"], e["lineNumber"], e["byteOffset"])
             for e in errors_of(inspection)]  # fmt: skip
    assert places == [
        ("encoding-error", 3, 3, raw.index(b'2,"')), ("encoding-error", 4, 5, raw.index(b"3,")),
    ]  # fmt: skip
    assert f"the first at byte {raw.index(0xFF)}" in errors_of(inspection)[0]["note"]
    assert inspection.profile["file"]["undecodable"] == 3
    assert inspection.row_count == 4


def test_many_undecodable_bytes(tmp_path: Path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    source.write_bytes(b"\xff\n" * 150_000 + "ä".encode())
    damage = transcode(source, "utf-8", 0, target, Progress(1))
    assert damage.total == 150_000
    assert target.read_text() == "\ufffd\n" * 150_000 + "ä"
    assert damage.places[:2] == ((1, 0), (2, 2))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be", "cp1252", "shift_jis"])
def test_transcoding_in_blocks(size: int, encoding: str, tmp_path: Path) -> None:
    letter = "日" if encoding == "shift_jis" else "é"
    text = "a" * size + letter + "\n" + letter * 10
    source, target = tmp_path / "s", tmp_path / "t"
    source.write_bytes(text.encode(encoding))
    assert transcode(source, encoding, 0, target, Progress(1)).total == 0
    assert target.read_text() == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("nom;ville\nAndré;Orléans\nZoé;Besançon\n", "cp1252"),
        ("Name;Straße\nJürgen;Weißweg 5\nMüller;Am Bühl 1\n", "cp1252"),
        ("imię;miasto\nŁukasz;Łódź\nPaweł;Kraków\nMałgorzata;Gdańsk\n", "cp1250"),
        ("jméno;město\nJiří;Plzeň\nŽofie;České Budějovice\n", "iso8859-2"),
        ("имя;город\nИван;Москва\nМария;Санкт-Петербург\n", "cp1251"),
        ("имя;город\nИван;Москва\nМария;Санкт-Петербург\n", "koi8-r"),
        ("όνομα;πόλη\nΓιώργος;Αθήνα\nΜαρία;Θεσσαλονίκη\n", "cp1253"),
        ("名前;都市\n田中;東京\n鈴木さん;大阪のまち\n", "shift_jis"),
        ("姓名;城市\n张伟;北京\n李娜;上海\n", "gb18030"),
    ],
)
def test_encodings_that_are_not_unicode(text: str, encoding: str, read: Any) -> None:
    rows, detected = read(text.encode(encoding))
    assert rows == text.replace(";", ",")
    assert detected.describe()["encoding"] == detected.encoding.name


def test_a_contract_tells_header_and_delimiter(read: Any) -> None:
    text = "x;1\ny;2\nkey;value\na;3\n"
    rows, detected = read(text, names=["key", "value"])
    assert (rows, detected.header_rows) == ("key,value\na,3\n", (3,))
    rows, _ = read("a;b,c\n1;2,3\n", names=["a;b", "c"])
    assert rows == "a;b,c\n1;2,3\n"
    rows, _ = read("k%v\n1%2\n3%4\n", names=["k", "v"])
    assert rows == "k,v\n1,2\n3,4\n"
    rows, detected = read("1,x\n2,y\n", ["column_1", "column_2"], {"header": False})
    assert (rows, detected.header_rows) == ("1,x\n2,y\n", ())


@pytest.mark.parametrize(
    ("content", "dialect", "expected"),
    [
        ("a;b,c\n1;2,3\n", {"delimiter": ","}, "a;b,c\n1;2,3\n"),
        ("a b\n1 2\n", {"delimiter": ","}, "a b\n1 2\n"),
        ("x,y\nz,w\n", {"header": False}, "x,y\nz,w\n"),
        ("1,2\n3,4\n", {"header": True}, "1,2\n3,4\n"),
        ("t\nx,y\nu,v\n1,2\n", {"headerRows": [2, 3]}, "x u,y v\n1,2\n"),
        ("x,y\nu,v\n1,2\n", {"headerRows": [1, 2], "headerJoin": "_"}, "x_u,y_v\n1,2\n"),
        ("a,b\n1,'x,y'\n2,z\n", {"quoteChar": "'"}, 'a,b\n1,"x,y"\n2,z\n'),
        ("a,b\n1,'x'\n2,z\n", {"quoteChar": ""}, "a,b\n1,'x'\n2,z\n"),
        ('a,b\n1,"x!"y"\n2,z\n', {"escapeChar": "!"}, 'a,b\n1,"x""y"\n2,z\n'),
        ("a,b\nxx 1\n1,2\n", {"commentChar": "xx"}, "a,b\n1,2\n"),
        ('a,b\n1,2\n"#x",y\n#z\n', {"commentChar": "#"}, 'a,b\n1,2\n"#x",y\n'),
        ('a\n1\n"#x"\n#z\n', {"commentChar": "#"}, 'a\n1\n"#x"\n'),
        ("a,b\n1,x\\\ny\n2,z\n", {"escapeChar": "\\"}, 'a,b\n1,"x\ny"\n2,z\n'),
        ("a,b\nx\\\ny,1\n2,z\n", {"escapeChar": "\\"}, 'a,b\n"x\ny",1\n2,z\n'),
        ("a,b\n1,x\\\\\n2,z\n", {"escapeChar": "\\"}, "a,b\n1,x\\\n2,z\n"),
        ("a,b\n1,x\\\n2,z\n", {}, "a,b\n1,x\\\n2,z\n"),
        ("a,b\n1,2\n3,4\n", {"commentRows": [2]}, "a,b\n3,4\n"),
        ("a, b\n1,2\n", {"skipInitialSpace": True}, "a,b\n1,2\n"),
        ("a, b\n1, 2\n", {"skipInitialSpace": False}, "a, b\n1, 2\n"),
        ("a;b\r1;2\r", {"lineTerminator": "\r"}, "a,b\n1,2\n"),
    ],
)
def test_a_given_dialect_is_kept(content: str, dialect: Any, expected: str, read: Any) -> None:
    assert read(content, dialect=dialect)[0] == expected


def test_a_given_dialect_reaches_the_inspection(tmp_path: Path) -> None:
    from entrepot.inspection.inspect import inspect_file

    path = tmp_path / "t.csv"
    path.write_text("a;b,c\n1;2,3\n")
    request = request_for(path)
    request = InspectionRequest(**{**vars(request), "dialect": {"delimiter": ";"}})
    with opened_context(tmp_path / "scratch") as context:
        inspection = inspect_file(request, context)
    assert inspection.schema is not None
    assert [field["name"] for field in inspection.schema["fields"]] == ["a", "b,c"]


def test_what_is_not_sure_is_reported(inspect: Inspect, read: Any) -> None:
    text = "a1;b1,c1;d1\na2;b2,c2;d2\na3;b3,c3;d3\n"
    _, detected = read(text)
    assert detected.unsure
    warnings = inspect(text, mode="none").report["tasks"][0]["warnings"]
    assert any("is not sure" in warning for warning in warnings)
    assert not read("id,name\n1,x\n2,y\n3,z\n")[1].unsure


def test_other_tables_are_named(inspect: Inspect) -> None:
    inspection = inspect("a,b\n1,x\n2,y\n\nc,d,e\n1,2,3\n4,5,6\n", mode="none")
    assert inspection.row_count == 2
    assert inspection.profile["file"]["tables"] == [
        {"firstRow": 5, "lastRow": 7, "lineNumber": 5, "columns": 3, "text": "c | d | e"}
    ]
    assert any("Another table" in w for w in inspection.report["tasks"][0]["warnings"])


def test_a_stray_quote_is_reported(inspect: Inspect) -> None:
    inspection = inspect('a,b\n1,"x\n2,y\n3,"z"\n')
    assert places(inspection) == [("source-error", 2, None)]
    assert inspection.row_count == 3
    assert [(e["lineNumber"], e["byteOffset"]) for e in errors_of(inspection)] == [(2, 4)]


def test_rows_swallowed_by_the_scan_are_noticed(inspect: Inspect) -> None:
    """Two stray quotes that together look like one cell of many lines, which the engine takes."""
    rows = [f"{n},x,y" for n in range(40_000)]
    rows[39_000], rows[39_050] = '39000,"x,y', '39050,x",y'
    inspection = inspect("a,b,c\n" + "\n".join(rows) + "\n", mode="none")
    assert inspection.row_count == 40_000
    assert places(inspection) == [("source-error", 39_002, None)]


def test_many_blank_rows(read: Any) -> None:
    rows, _ = read("a,b\n" + "1,2\n\n" * 30_000)
    assert rows.count("1,2\n") == 30_000


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 30))]
)
def test_newlines_within_quotes_are_counted(seed: int, tmp_path: Path) -> None:
    """The count by the proof agrees with what a plain reader finds."""
    import csv
    import io

    chance = random.Random(seed)
    rows = [["a", "b"]] + [[str(n), "plain words"] for n in range(30_000)]
    for _ in range(chance.randrange(1, 40)):
        at = chance.randrange(12_000, len(rows))
        rows[at][1] = chance.choice(['x "y" z', "one\ntwo", '"\n"', ", \n\n ,", '""'])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    path = tmp_path / "t.csv"
    path.write_text(text.getvalue(), newline="")
    with opened_context(tmp_path / "scratch") as context:
        source = prepare(TableRequest(path), context)
    known = sum(cell.count("\n") for row in rows for cell in row)
    assert prove_regular(source) == known


def test_regular_texts_are_scanned_where_they_lie(tmp_path: Path) -> None:
    for number, text in enumerate([
        "a,b\n1,2\n", "Title\n\na,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n\r\n\r\n", "a;b\n1;'x;y'\n2;'z'\n",
        "a||b\n1||2\n", "ä,b\n1,2\n".encode("utf-16"), "ä,b\nö,2\n".encode("cp1252"),
        "a\n1\n2\n", '"a","b"\n"1","x\ny"\n',
    ]):  # fmt: skip
        path = tmp_path / f"{number}.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with opened_context(tmp_path / f"s{number}") as context:
            reader = CsvText(TableRequest(path), "text/csv", context)
            table = reader.scan_in_place()
            assert table is not None, text
            query = f"SELECT count(*) FROM {table.relation}"
            rows = context.engine.execute(query).fetchall()[0][0]
            assert reader.complete(rows, table.embedded()), text


@pytest.mark.parametrize("text", ["a\n1\n\n2\n", "a,b\n1\n", "a,b\n1,2\nNote: x\n", "a,b\r1,2\r"])
def test_irregular_texts_are_not(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, newline="")
    with opened_context(tmp_path / "scratch") as context:
        assert not can_scan_directly(prepare(TableRequest(path), context), context.engine)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"%PDF-1.7\n", b'{"a": 1}\n'])
def test_no_table_has_no_canonical_form(content: bytes, read: Any) -> None:
    with pytest.raises(NotTabular):
        read(content)


def test_limits(read: Any, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        read(",".join("abc"[n % 3] for n in range(20_000)) + "\n1\n")
    with pytest.raises(TooLarge):
        read("a,b\n" + "x" * (17 * MIB) + ",1\n")


def test_the_byte_scan_counts_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for raw, lines, blank, end in [
        (b"a\nb\n", 2, 0, "LF"), (b"a\r\nb", 2, 0, "CRLF"), (b"a\rb\r\r", 3, 1, "CR"),
        (b"a\nb\r\nc\n\n\n", 5, 2, "mixed"), (b"a", 1, 0, "none"), (b"a\n\x1a", 2, 1, "LF"),
    ]:  # fmt: skip
        path.write_bytes(raw)
        byte_scan = scan_bytes(path, Progress(1))
        assert (byte_scan.lines, byte_scan.blank_at_end, byte_scan.line_end) == (
            lines,
            blank,
            end,
        ), raw


@pytest.mark.parametrize(
    ("place", "newline"),
    [
        (1, "\n"),
        (90_000, "\r\n"),
        (100_000, "\n"),
        pytest.param(1, "\r\n", marks=pytest.mark.long),
        pytest.param(90_000, "\n", marks=pytest.mark.long),
        pytest.param(100_000, "\r\n", marks=pytest.mark.long),
    ],
)
@pytest.mark.slow
def test_a_repeated_header_is_reported(place: int, newline: str, inspect: Inspect) -> None:
    lines = [f"{n},x" for n in range(100_000)]
    lines.insert(place, "a,b")
    inspection = inspect(newline.join(["a,b", *lines]), mode="none")
    assert inspection.row_count == 100_001
    warnings = [w for w in inspection.report["tasks"][0]["warnings"] if "repeated" in w]
    assert len(warnings) == 1
    assert f"(row {place + 2:,})" in warnings[0]
    lines[place] = "a,b,"
    inspection = inspect(newline.join(["a,b", *lines]), mode="none")
    assert not any("repeated" in w for w in inspection.report["tasks"][0]["warnings"])


@pytest.mark.parametrize(("padding", "count"), [(1, 0), (4_096, 0), (4_097, 1), (100_000, 1)])
@pytest.mark.parametrize("header", ["a,b\n1,x\n2,y\n", "a\n1\n2\n"])
def test_padding_at_the_end(header: str, padding: int, count: int, inspect: Inspect) -> None:
    inspection = inspect(header.encode() + bytes(padding), mode="none")
    errors = [error for error in errors_of(inspection) if error["type"] == "source-error"]
    assert len(errors) == count
    warned = any("padding" in w for w in inspection.report["tasks"][0]["warnings"])
    assert warned == (not count)


def test_rows_of_very_unequal_length_are_unsure(read: Any) -> None:
    for mark in ",;\t|":
        rows = ["a", f"b{mark}c", f"d{mark}e{mark}f"] * 20
        assert read("\n".join(rows))[1].unsure
    assert not read("price\n" + "1,5\n2,25\n10\n" * 9)[1].unsure


def test_lines_that_look_like_rows_within_a_cell(inspect: Inspect) -> None:
    text = 'a,b,c\n1,2,3\n4,x,"begun\n5,6,7\n8,9,10\nended"\n' + "1,2,3\n" * 20
    inspection = inspect(text, mode="none")
    assert (inspection.row_count, places(inspection)) == (22, [])
    assert any("kept as one cell" in w for w in inspection.report["tasks"][0]["warnings"])


def test_lines_taken_for_comments_have_a_warning(inspect: Inspect) -> None:
    """Unless the mark was given, since then everybody knows of them."""
    lines = ["a,b", *(f"{n},x" for n in range(9)), "# a remark", "9,x", "# another", "10,x"]
    content = "\n".join(lines) + "\n"
    rows = inspect(content, mode="none")
    assert (rows.verdict, rows.row_count) == ("conforms", 11)
    (warning,) = rows.report["tasks"][0]["warnings"]
    assert "begin with '#'" in warning
    assert warning.endswith(": 2 (row 11, 13).")
    assert inspect(content, AB).row_count == 13
    quiet = inspect(content, AB, dialect={"commentChar": "#"})
    assert (quiet.row_count, quiet.report["tasks"][0]["warnings"]) == (11, [])
