"""Wide and long texts, faults far behind what a sample shows, and bytes that are not text."""

from collections.abc import Iterator
from typing import Any

from tests.inspection.corpus.written import Case, Rows, plain, table


def large_cases() -> Iterator[Case]:
    """Wide rows and long cells."""
    wide = [[f"c{n}" for n in range(300)]] + [
        [str(row * n % 97) for n in range(300)] for row in range(1, 9)
    ]
    facts = {"header": True, "unsure": False, "findings": []}
    yield Case("shapes/300-columns", plain(wide).encode(), (wide,), facts)
    short = [list(row) for row in wide]
    cut = [*short[:5], short[5][:290], *short[6:]]
    short[5] = short[5][:290] + [""] * 10
    yield Case(
        "shapes/300-columns-one-row-short",
        plain(cut, ";").encode(),
        (short,),
        {"delimiter": ";", "findings": ["missing-cell"]},
    )
    text = "Lorem ipsum, dolor; sit amet. " * 1200
    long = [["id", "essay", "n"], ["1", text, "5"], ["2", "short", "6"], ["3", "", "7"]]
    quoted = f'id,essay,n\n1,"{text}",5\n2,short,6\n3,,7\n'
    yield Case("shapes/one-cell-of-36-kb", quoted.encode(), (long,), {"header": True})
    lines = "a line of a letter, with a comma\n" * 400
    letter = [["id", "letter", "n"], ["1", lines, "5"], ["2", "none", "6"], ["3", "", "7"]]
    quoted = f'id,letter,n\n1,"{lines}",5\n2,none,6\n3,,7\n'
    yield Case("shapes/400-lines-in-one-cell", quoted.encode(), (letter,), {"header": True})
    late = [["id", "note"], *([str(n), "plain"] for n in range(1, 1500)), ["1500", "a, b"]]
    first_quote = plain(late[:-1]) + '1500,"a, b"\n'
    yield Case("quotes/first-quote-in-row-1500", first_quote.encode(), (late,), {"quote": '"'})
    ragged = [["id", "a", "b"], *([str(n), "x", "y"] for n in range(1, 900))]
    extra = [*ragged, ["900", "x", "y", "surplus"], ["901", "x", "y"]]
    yield Case(
        "ragged/first-long-row-at-900",
        plain(extra, ";").encode(),
        (extra,),
        {"delimiter": ";", "findings": ["extra-cell"]},
    )


def late_cases() -> Iterator[Case]:
    """A regular text whose only fault lies far behind what a sample would show."""
    body = [["id", "name", "qty"], *([str(n), f"n{n % 17}", str(n % 5)] for n in range(1, 1501))]
    head, tail = body[:1201], body[1201:]
    before, after = plain(head), plain(tail)

    def late(name: str, between: str, rows: Rows, end: str = "", **facts: Any) -> Case:
        content = f"{before}{between}{after}{end}".encode()
        return Case(f"late/{name}", content, ([*head, *rows, *tail],), {"header": True} | facts)

    yield late("unclosed-quote", '9,"open,1\n', table('9|"open|1'))
    yield late(
        "unclosed-quote-before-quoted", '9,"open,1\n8,"a, b",2\n', table('9|"open|1\n8|a, b|2')
    )
    yield late("stray-quote", '9,5" pipe,1\n', table('9|5" pipe|1'))
    yield late("multiline-cell", '9,"a\nb\n\nc",1\n', [["9", "a\nb\n\nc", "1"]], quote='"')
    yield late("blank-line", "\n", [["", "", ""]], findings=["blank-row"])
    yield late("short-row", "9,x\n", table("9|x|"), findings=["missing-cell"])
    yield late("long-row", "9,a, b,1\n", table("9|a| b|1"), findings=["extra-cell"])
    yield late("decimal-comma-quoted", '9,x,"1,5"\n', table("9|x|1,5"), quote='"')
    yield late("footnote", "", [], end="\nSource: own survey, 2024\n")
    yield late(
        "second-table", "", [], end="\n\nCities\nplace,lat\nOslo,59.9\nTurin,45.1\n", other_tables=1
    )
    wrong = [*head, ["9", "L\ufffdbeck", "1"], *tail]
    right = [*head, ["9", "Lübeck", "1"], *tail]
    content = plain([["0", "Köln", "0"]]).encode()
    text = before.encode() + content + "9,Lübeck,1\n".encode("cp1252") + after.encode()
    first = ["0", "Köln", "0"]
    yield Case(
        "late/one-latin-1-row",
        text,
        tuple([*rows[:1201], first, *rows[1201:]] for rows in (wrong, right)),
        {"findings": ["encoding-error"]},
    )


def binary_cases() -> Iterator[Case]:
    """Bytes that are not text at all, whatever the file is called."""
    facts = {"verdict": "not-tabular"}
    noise = bytes(n * n * 31 % 251 ^ n % 256 for n in range(700))
    yield Case("not-tabular/image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + noise, (), facts)
    yield Case("not-tabular/noise", noise, (), facts)
    yield Case("not-tabular/nul-bytes-only", bytes(256), (), facts)
    yield Case("not-tabular/empty", b"", (), facts)
