"""Several pollutions at once: one table, written in many dialects, amid many surroundings."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.inspection.corpus.written import Case, Rows

LABELS = ["Nr", "Größe", "Bemerkung", "Datum", "Betrag"]
BODY: Rows = [
    ["1", "12,5", "schön; hell | neu", "05.01.2024", "1.234,56"],
    ["2", "7,25", 'Rohr 3/4" lang', "17.01.2024", "12,00"],
    ["3", "", "zwei\nZeilen", "28.02.2024", "-3,10"],
    ["4", "100,0", "Müller, Köln", "03.12.2024", ""],
    ["5", "3,5", "", "29.02.2024", "0,99"],
    ["6", "8,0", "it's ok: 12:30", "31.12.2024", "7.000.000,00"],
]
ABOVE = {
    "": "",
    "title": "Lagerliste{end}{end}",
    "comments": "# Lagerliste, Januar{end}# erstellt: heute; von: Köhler{end}",
    "pairs": "Bericht:{d}Lager{end}Stand:{d}31.12.2024{end}{end}",
    "blank": "{end}{end}",
}
BELOW = {
    "": "",
    "note": "{end}Quelle: Lager Köln{end}",
    "end": "{end}{end}Ende der Liste{end}Seite 1 von 1{end}",
    "blank": "{d}{d}{d}{d}{end}{d}{d}{d}{d}{end}",
    "table": "{end}Ort{d}Zahl{end}Köln{d}5{end}Bonn{d}7{end}Trier{d}2{end}",
}


@dataclass(frozen=True)
class Mix:
    """How the table is written. `escape` stands before a quote in a cell, `every` quotes all."""

    encoding: str
    delimiter: str
    quote: str = '"'
    escape: str = ""
    every: bool = False
    end: str = "\n"
    above: str = ""
    below: str = ""
    units: bool = False
    damage: str = ""
    header: bool = True

    def name(self) -> str:
        """The mix in words, as the name of its file."""
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "^": "caret"}
        quotes = {'"': "", "'": "single-quotes", "`": "backticks"}
        ends = {"\n": "", "\r": "cr", "\r\n": "crlf"}
        words = [
            self.encoding,
            names.get(self.delimiter, "double-" + names.get(self.delimiter[0], "")),
            quotes[self.quote],
            "backslashes" if self.escape == "\\" else "",
            ends[self.end],
            f"{self.above}-above" if self.above else "",
            f"{self.below}-below" if self.below else "",
            "units" if self.units else "",
            self.damage,
            "" if self.header else "no-header",
        ]
        return "combined/" + "-".join(word for word in words if word)

    def written(self, cell: str) -> str:
        """A cell as this dialect writes it."""
        special = (self.quote, self.delimiter[0], "\n", "\r", self.escape or self.quote)
        if not self.every and not any(mark in cell for mark in special):
            return cell
        inner = cell.replace("\\", "\\\\") if self.escape else cell
        escape = self.escape or self.quote
        return self.quote + inner.replace(self.quote, escape + self.quote) + self.quote

    def line(self, row: list[str]) -> str:
        """A row as this dialect writes it."""
        return self.delimiter.join(self.written(cell) for cell in row) + self.end

    def case(self) -> Case:
        """The file with its truth."""
        body = [[cell.replace("\n", self.end) for cell in row] for row in BODY]
        top = [LABELS] if self.header else []
        labels = list(top)
        if self.units:
            top = [LABELS, ["", "mm", "", "", "EUR"]]
            labels = [["Nr", "Größe mm", "Bemerkung", "Datum", "Betrag EUR"]]
        lines = [self.line(row) for row in [*top, *body]]
        at = len(top) + 3
        truth, findings = [*labels, *body], []
        if self.damage:
            extra, text = self._damaged()
            truth.insert(len(labels) + 3, extra)
            lines.insert(at, text)
            findings = {"short": ["missing-cell"], "long": ["extra-cell"]}.get(self.damage, [])
        around = {"end": self.end, "d": self.delimiter}
        text = ABOVE[self.above].format(**around) + "".join(lines)
        text += BELOW[self.below].format(**around)
        facts = {"delimiter": self.delimiter, "header": self.header, "quote": self.quote}
        if self.below == "table":
            facts["other_tables"] = 1
        if findings:
            facts["findings"] = findings
        return Case(self.name(), text.encode(self.encoding), (truth,), facts)

    def _damaged(self) -> tuple[list[str], str]:
        row = ["9", "1,0", "Probe", "01.03.2024", "5,00"]
        if self.damage == "short":
            return [*row[:3], "", ""], self.line(row[:3])
        if self.damage == "long":
            return [*row, "zu viel"], self.line([*row, "zu viel"])
        text = self.delimiter.join([self.written(cell) for cell in row[:2]])
        rest = self.delimiter.join([self.written(cell) for cell in row[3:]])
        stray = f"{self.quote}Probe"
        return (
            [*row[:2], stray, *row[3:]],
            f"{text}{self.delimiter}{stray}{self.delimiter}{rest}{self.end}",
        )


MIXES = (
    Mix("utf-8", ";", above="title", below="note"),
    Mix("utf-8", ";", above="pairs", damage="unclosed"),
    Mix("utf-8", ",", every=True, end="\r\n", above="comments"),
    Mix("utf-8", ",", every=True, damage="unclosed"),
    Mix("utf-8", "\t", end="\r", below="note"),
    Mix("utf-8", "|", quote="'", above="title", damage="short"),
    Mix("utf-8", "||", above="title", below="end"),
    Mix("utf-8", "^", quote="`", every=True, below="table"),
    Mix("utf-8", ";", escape="\\", every=True, above="blank", below="blank"),
    Mix("utf-8", ";", units=True, above="title", below="note", damage="long"),
    Mix("utf-8", ";", header=False, above="title", below="note"),
    Mix("utf-8-sig", ";", end="\r\n", units=True, below="table"),
    Mix("utf-8-sig", ",", escape="\\", damage="short", below="end"),
    Mix("cp1252", ";", end="\r\n", above="pairs", below="note"),
    Mix("cp1252", ";", end="\r\n", every=True, above="title", damage="unclosed"),
    Mix("cp1252", "\t", quote="'", end="\r\n", units=True, below="blank"),
    Mix("cp1252", "|", end="\r", above="comments", below="table"),
    Mix("cp1252", ";;", damage="short", below="note"),
    Mix("utf-16", "\t", end="\r\n", above="title", below="end"),
    Mix("utf-16", ";", end="\r\n", quote="'", every=True, damage="long"),
    Mix("utf-16", ",", escape="\\", every=True, units=True, above="comments"),
    Mix("utf-32", ";", above="pairs", below="table", damage="unclosed"),
)


def combined_cases() -> Iterator[Case]:
    """Every mix."""
    for mix in MIXES:
        yield mix.case()
