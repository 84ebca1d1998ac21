"""Workbooks, Parquet, Arrow and compressed files that grow in one construct each."""

import gzip
import io
import sys
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.inspection.growing.growing_kind import GrowingKind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
OPENING = f'<worksheet xmlns="{MAIN}"'
XF_DATE, XF_OWN = '<xf numFmtId="14"/>', '<xf numFmtId="170"/>'
ROWS = '<row><c t="str"><v>a</v></c></row><row><c><v>1</v></c></row>'


def relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="r{number}" Type="{RELATED}/{kind}" Target="{target}"/>'


def workbook(sheet: str, relations: str = "", sheets: str = "", **parts: str) -> bytes:
    """A workbook by hand: `sheet` is the XML of its only worksheet, `parts` are others."""
    files = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>'
        f'<sheet name="S" sheetId="1" r:id="r1"/>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
        f"{relation(1, 'worksheet', 'worksheets/sheet1.xml')}{relations}</Relationships>",
        "xl/worksheets/sheet1.xml": sheet,
    } | {f"xl/{name}.xml": content for name, content in parts.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return out.getvalue()


def sheet_of(cells: str, before: str = "", after: str = "", names: str = "") -> str:
    return f"{OPENING}{names}>{before}<sheetData>{cells}</sheetData>{after}</worksheet>"


def sheet(size: int, cells: Callable[[int], str]) -> GrowingKind:
    return GrowingKind("t.xlsx", size, lambda n: workbook(sheet_of(cells(n))))


def book(size: int, content: Callable[[int], bytes]) -> GrowingKind:
    return GrowingKind("t.xlsx", size, content)


def many(n: int, text: str) -> str:
    """`n` times the text, with the number of each in place of `@`."""
    return "".join(text.replace("@", str(i)) for i in range(n))


def letters(column: int) -> str:
    """The name of a column of a sheet, from 0."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def shared(strings: str, cells: str) -> bytes:
    return workbook(
        sheet_of(cells),
        relation(2, "sharedStrings", "sharedStrings.xml"),
        sharedStrings=f'<sst xmlns="{MAIN}">{strings}</sst>',
    )


def styled(styles: str, cells: str) -> bytes:
    return workbook(
        sheet_of(cells),
        relation(2, "styles", "styles.xml"),
        styles=f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
    )


XLSX: dict[str, GrowingKind] = {
    "an attribute": sheet(200_000, lambda n: f'<row spans="{"9" * n}"/>{ROWS}'),
    "attributes": sheet(10_000, lambda n: "<row " + many(n, 'a@="1" ') + f"/>{ROWS}"),
    "a namespace": book(
        5_000,
        lambda n: workbook(
            sheet_of('<q:a q:b="1"/>' * n + ROWS, names=f' xmlns:q="{"u" * min(n, 999)}"')
        ),
    ),
    "namespaces": book(5_000, lambda n: workbook(sheet_of(ROWS, names=many(n, ' xmlns:q@="u@"')))),
    "namespaces in one another": sheet(
        1_000,
        lambda n: (
            many(n, '<q@:a xmlns:q@="u@">')
            + many(n, "")
            + "".join(f"</q{i}:a>" for i in reversed(range(n)))
            + ROWS
        ),
    ),
    "elements in one another": sheet(25_000, lambda n: "<a>" * n + "</a>" * n + ROWS),
    "references to characters": sheet(
        100_000, lambda n: f'<row><c t="str"><v>{"&amp;" * n}</v></c></row>{ROWS}'
    ),
    "comments of XML": sheet(50_000, lambda n: "<!-- x -->" * n + ROWS),
    "a comment of XML": sheet(500_000, lambda n: f"<!-- {'x' * n} -->{ROWS}"),
    "instructions of XML": sheet(50_000, lambda n: "<?x y?>" * n + ROWS),
    "character data": sheet(
        20_000, lambda n: f'<row><c t="str"><v>{"<![CDATA[x]]>" * n}</v></c></row>{ROWS}'
    ),
    "pieces of a text": sheet(
        20_000,
        lambda n: f'<row><c t="inlineStr"><is>{"<r><t>x</t></r>" * n}</is></c></row>{ROWS}',
    ),
    "texts in cells": sheet(
        5_000, lambda n: many(n, '<row><c t="inlineStr"><is><t>x@</t></is></c></row>')
    ),
    "a long text in a cell": sheet(
        200_000, lambda n: f'<row><c t="str"><v>{"x" * n}</v></c></row>{ROWS}'
    ),
    "a long number in a cell": sheet(50_000, lambda n: f"{ROWS}<row><c><v>{'1' * n}</v></c></row>"),
    "long numbers in cells": sheet(
        3_000, lambda n: ROWS + f"<row><c><v>{'1' * 300}</v></c></row>" * n
    ),
    "rows of numbers": sheet(10_000, lambda n: ROWS + many(n, "<row><c><v>@</v></c></row>")),
    "columns of a sheet": sheet(
        1_000,
        lambda n: (
            "<row>" + many(n, '<c t="str"><v>c@</v></c>') + "</row>"
            f"<row>{many(n, '<c><v>@</v></c>')}</row>"
        ),
    ),
    "rows that are apart": sheet(
        1_000,
        lambda n: (
            many(n, "") + "".join(f'<row r="{1 + 50 * i}"><c><v>1</v></c></row>' for i in range(n))
        ),
    ),
    "rows out of order": sheet(
        5_000, lambda n: "".join(f'<row r="{n - i}"><c><v>1</v></c></row>' for i in range(n))
    ),
    "a row that is repeated": sheet(5_000, lambda n: '<row r="2"><c><v>1</v></c></row>' * n + ROWS),
    "cells out of order": sheet(
        1_000,
        lambda n: (
            "<row>"
            + "".join(f'<c r="{letters(n - i)}1" t="str"><v>c{i}</v></c>' for i in range(n))
            + "</row>"
            + ROWS
        ),
    ),
    "a cell that is repeated": sheet(
        20_000, lambda n: "<row>" + '<c r="A1"><v>1</v></c>' * n + f"</row>{ROWS}"
    ),
    "cells far to the right": sheet(
        300,
        lambda n: "".join(
            f'<row><c><v>1</v></c><c r="{letters(2_000)}{i + 1}"><v>1</v></c></row>'
            for i in range(n)
        ),
    ),
    "a diagonal": sheet(
        200,
        lambda n: "".join(
            f'<row r="{i + 1}"><c r="{letters(i)}{i + 1}"><v>1</v></c></row>' for i in range(n)
        ),
    ),
    "long references": sheet(5_000, lambda n: ROWS + f'<row><c r="{"A" * n}1"><v>1</v></c></row>'),
    "formulas": sheet(5_000, lambda n: ROWS + "<row><c><f>A1+A2</f><v>1</v></c></row>" * n),
    "a long formula": sheet(
        200_000, lambda n: ROWS + f"<row><c><f>{'A1+' * n}1</f><v>1</v></c></row>"
    ),
    "faults in cells": sheet(5_000, lambda n: ROWS + '<row><c t="e"><v>#N/A</v></c></row>' * n),
    "empty rows": sheet(50_000, lambda n: ROWS + "<row/>" * n + ROWS),
    "empty cells": sheet(
        50_000, lambda n: ROWS + f"<row>{'<c/>' * min(n, 9_000)}</row>" + "<row><c/></row>" * n
    ),
    "merged cells": book(
        5_000,
        lambda n: workbook(
            sheet_of(
                ROWS,
                after="<mergeCells>"
                + "".join(f'<mergeCell ref="A{i}:B{i}"/>' for i in range(1, n))
                + "</mergeCells>",
            )
        ),
    ),
    "merged cells that overlap": book(
        2_000,
        lambda n: workbook(
            sheet_of(
                many(n, '<row><c t="str"><v>x@</v></c><c><v>@</v></c></row>'),
                after="<mergeCells>"
                + "".join(f'<mergeCell ref="A1:XFD{i + 1}"/>' for i in range(n))
                + "</mergeCells>",
            )
        ),
    ),
    "columns of a layout": book(
        10_000,
        lambda n: workbook(
            sheet_of(
                ROWS, before="<cols>" + many(n, '<col min="@" max="16384" hidden="1"/>') + "</cols>"
            )
        ),
    ),
    "hidden rows": sheet(5_000, lambda n: ROWS + '<row hidden="1"><c><v>1</v></c></row>' * n),
    "dimensions": book(
        20_000,
        lambda n: workbook(sheet_of(ROWS, before='<dimension ref="A1:XFD1048576"/>' * n)),
    ),
    "links": book(
        10_000,
        lambda n: workbook(
            sheet_of(
                ROWS, after="<hyperlinks>" + many(n, '<hyperlink ref="A@"/>') + "</hyperlinks>"
            )
        ),
    ),
    "shared texts": book(10_000, lambda n: shared(many(n, "<si><t>x@</t></si>"), ROWS)),
    "shared texts that are used": book(
        5_000,
        lambda n: shared(
            many(n, "<si><t>x@</t></si>"), many(n, '<row><c t="s"><v>@</v></c></row>')
        ),
    ),
    "a long shared text": book(
        1_000,
        lambda n: shared(
            f"<si><t>{'x' * 10 * n}</t></si>", ROWS + '<row><c t="s"><v>0</v></c></row>' * 10
        ),
    ),
    "pieces of a shared text": book(
        20_000, lambda n: shared(f"<si>{'<r><t>x</t></r>' * n}</si>", ROWS)
    ),
    "shared texts without text": book(50_000, lambda n: shared("<si/>" * n, ROWS)),
    "shared texts that are not there": book(
        5_000, lambda n: shared("<si/>", ROWS + many(n, '<row><c t="s"><v>@</v></c></row>'))
    ),
    "styles": book(
        10_000,
        lambda n: styled(f"<cellXfs>{XF_DATE * n}</cellXfs>", ROWS),
    ),
    "styles that are used": book(
        3_000,
        lambda n: styled(
            f"<cellXfs>{XF_DATE * n}</cellXfs>",
            ROWS + many(n, '<row><c s="@"><v>@</v></c></row>'),
        ),
    ),
    "number formats": book(
        5_000,
        lambda n: styled(
            "<numFmts>" + many(n, '<numFmt numFmtId="@" formatCode="yyyy-mm@"/>') + "</numFmts>"
            "<cellXfs>" + many(n, '<xf numFmtId="@"/>') + "</cellXfs>",
            ROWS,
        ),
    ),
    "a long number format": book(
        20_000,
        lambda n: styled(
            f'<numFmts><numFmt numFmtId="170" formatCode="{"[" * n}"/></numFmts>'
            f"<cellXfs>{XF_OWN * 100}</cellXfs>",
            ROWS,
        ),
    ),
    "quotes in a number format": book(
        20_000,
        lambda n: styled(
            f'<numFmts><numFmt numFmtId="170" formatCode="{"&quot;y" * n}"/></numFmts>'
            f"<cellXfs>{XF_OWN * 100}</cellXfs>",
            ROWS,
        ),
    ),
    "dates in cells": book(
        5_000,
        lambda n: styled(
            '<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>',
            ROWS + many(n, '<row><c s="1"><v>@.5</v></c></row>'),
        ),
    ),
    "sheets": book(
        2_000,
        lambda n: workbook(
            sheet_of(ROWS),
            many(n, relation(2, "worksheet", "worksheets/sheet1.xml").replace("r2", "s@")),
            many(n, '<sheet name="T@" sheetId="1@" r:id="s@"/>'),
        ),
    ),
    "relations": book(
        10_000,
        lambda n: workbook(sheet_of(ROWS), many(n, relation(2, "x", "y").replace("r2", "s@"))),
    ),
    "parts of a package": book(
        1_000, lambda n: workbook(sheet_of(ROWS), **{f"p{i}": "x" for i in range(n)})
    ),
}


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def arrow(tables: Iterable[pa.Table], stream: bool = False) -> bytes:
    """A file of the tables, which have one schema, a batch each."""
    out, opened = io.BytesIO(), None
    for table in tables:
        if opened is None:
            create = pa.ipc.new_stream if stream else pa.ipc.new_file
            opened = create(out, table.schema)
        opened.write_table(table)
    assert opened is not None
    opened.close()
    return out.getvalue()


def wide(n: int, value: Any = 1, name: str = "c") -> pa.Table:
    return pa.table({f"{name}{i}": [value] * 3 for i in range(n)})


def nested(n: int, value: Any = 1) -> pa.Table:
    """Structs in one another."""
    array = pa.array([value])
    for _ in range(n):
        array = pa.StructArray.from_arrays([array], names=["a"])
    return pa.table({"a": array})


def lists(n: int) -> pa.Table:
    """Lists in one another."""
    array = pa.array([1])
    for _ in range(n):
        array = pa.ListArray.from_arrays([0, 1], array)
    return pa.table({"a": array})


def struct_of(n: int) -> pa.Table:
    return pa.table({"a": [{f"k{i}": i for i in range(n)}] * 3})


def with_metadata(n: int) -> pa.Table:
    return pa.table({"a": [1]}).replace_schema_metadata({f"k{i}": "v" for i in range(n)})


BINARY_TABLES: dict[str, tuple[int, Callable[[int], pa.Table]]] = {
    "columns of numbers": (300, wide),
    "columns of texts": (150, lambda n: wide(n, "x")),
    "columns of lists": (150, lambda n: wide(n, [1, 2])),
    "columns of structs": (150, lambda n: wide(n, {"a": 1, "b": "x"})),
    "columns of long names": (150, lambda n: wide(n, 1, "x" * 500)),
    "a struct of many": (300, struct_of),
    # pyarrow writes at most 64 levels.
    "structs in one another": (15, nested),
    "lists in one another": (15, lists),
    "a long list": (100_000, lambda n: pa.table({"a": [[1] * n]})),
    "lists": (20_000, lambda n: pa.table({"a": [[1, 2]] * n})),
    "a long text": (1_000_000, lambda n: pa.table({"a": ["x" * n, "y"]})),
    "distinct texts": (50_000, lambda n: pa.table({"a": [f"x{i}" for i in range(n)]})),
    "one text": (300_000, lambda n: pa.table({"a": ["x"] * n})),
    "bytes": (50_000, lambda n: pa.table({"a": [b"\xff\x00"] * n})),
    "numbers": (300_000, lambda n: pa.table({"a": range(n)})),
    "maps": (
        5_000,
        lambda n: pa.table(
            {"a": pa.array([[("k", 1), ("l", 2)]] * n, pa.map_(pa.string(), pa.int64()))}
        ),
    ),
    "a long map": (
        20_000,
        lambda n: pa.table(
            {"a": pa.array([[(f"k{i}", i) for i in range(n)]], pa.map_(pa.string(), pa.int64()))}
        ),
    ),
    "moments": (
        50_000,
        lambda n: pa.table({"a": pa.array(range(n), pa.timestamp("ns", "Europe/Berlin"))}),
    ),
    "metadata": (5_000, with_metadata),
    "a long value of metadata": (
        500_000,
        lambda n: pa.table({"a": [1]}).replace_schema_metadata({"k": "v" * n}),
    ),
    "columns and rows": (50, lambda n: pa.table({f"c{i}": range(2_000) for i in range(n)})),
}
PARQUET: dict[str, GrowingKind] = {
    f"Parquet: {name}": GrowingKind(
        "t.parquet",
        size,
        lambda n, make=make: parquet(make(n)),  # type: ignore[misc]
    )
    for name, (size, make) in BINARY_TABLES.items()
} | {
    "Parquet: groups of rows": GrowingKind(
        "t.parquet", 300, lambda n: parquet(pa.table({"a": range(n)}), row_group_size=1)
    ),
    "Parquet: groups of rows and columns": GrowingKind(
        "t.parquet",
        15,
        lambda n: parquet(pa.table({f"c{i}": range(50) for i in range(n)}), row_group_size=1),
    ),
    "Parquet: pages": GrowingKind(
        "t.parquet",
        5_000,
        lambda n: parquet(
            pa.table({"a": [f"x{i}" for i in range(n)]}),
            data_page_size=1,
            write_batch_size=1,
            use_dictionary=False,
        ),
    ),
}
ARROW: dict[str, GrowingKind] = {
    f"Arrow: {name}": GrowingKind(
        "t.arrow",
        size,
        lambda n, make=make: arrow([make(n)]),  # type: ignore[misc]
    )
    for name, (size, make) in BINARY_TABLES.items()
} | {
    "Arrow: batches": GrowingKind(
        "t.arrow", 1_000, lambda n: arrow(pa.table({"a": [i]}) for i in range(n))
    ),
    "Arrow: batches of a stream": GrowingKind(
        "t.arrows", 1_000, lambda n: arrow((pa.table({"a": [i]}) for i in range(n)), True)
    ),
    "Arrow: empty batches": GrowingKind(
        "t.arrow",
        1_000,
        lambda n: arrow(pa.table({"a": pa.array([], pa.int64())}) for _ in range(n)),
    ),
    "Arrow: batches and columns": GrowingKind(
        "t.arrow", 15, lambda n: arrow(wide(n) for _ in range(50))
    ),
    "Arrow: a dictionary": GrowingKind(
        "t.arrow",
        20_000,
        lambda n: arrow(
            [pa.table({"a": pa.array([f"x{i}" for i in range(n)]).dictionary_encode()})]
        ),
    ),
    "Arrow: dictionaries of a stream": GrowingKind(
        "t.arrows",
        300,
        lambda n: arrow(
            (pa.table({"a": pa.array([f"x{i}"]).dictionary_encode()}) for i in range(n)), True
        ),
    ),
}

PACKED: dict[str, GrowingKind] = {
    "members of gzip": GrowingKind(
        "t.csv.gz", 3_000, lambda n: gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n") * n
    ),
    "empty members of gzip": GrowingKind(
        "t.csv.gz", 5_000, lambda n: gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"") * n
    ),
    "a long name in gzip": GrowingKind(
        "t.csv.gz",
        500_000,
        lambda n: (
            b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"x" * n + b"\0" + gzip.compress(b"a\n1\n")[10:]
        ),
    ),
    "zeros after gzip": GrowingKind(
        "t.csv.gz", 1_000_000, lambda n: gzip.compress(b"a,b\n1,2\n") + b"\0" * n
    ),
    "rows in gzip": GrowingKind(
        "t.csv.gz", 100_000, lambda n: gzip.compress(b"a,b\n" + b"1,2\n" * n)
    ),
    "blanks in gzip": GrowingKind(
        "t.csv.gz", 2_000_000, lambda n: gzip.compress(b"a,b\n1," + b" " * n)
    ),
    "frames of Zstandard": GrowingKind(
        "t.csv.zst", 5_000, lambda n: zstd.compress(b"a,b\n") + zstd.compress(b"1,2\n") * n
    ),
    "frames that are skipped": GrowingKind(
        "t.csv.zst",
        20_000,
        lambda n: b"\x50\x2a\x4d\x18\0\0\0\0" * n + zstd.compress(b"a,b\n1,2\n"),
    ),
    "rows in Zstandard": GrowingKind(
        "t.csv.zst", 100_000, lambda n: zstd.compress(b"a,b\n" + b"1,2\n" * n)
    ),
}
