"""Read a delimited text.

A text of regular structure is scanned where it lies. One with blank lines, ragged rows,
foreign encodings or odd quotes is first written anew, row by row, into the scratch folder
(`rewrite`), where every row keeps its number, its line and its count of cells.
"""

# ruff: noqa: S608 (SQL is built from expressions; every text in it is quoted by `literal`)

import csv
import io
from dataclasses import replace
from pathlib import Path

from entrepot.inspection.detect import SAMPLE, decode_sample
from entrepot.inspection.dialect import Dialect, decide_dialect
from entrepot.inspection.engine import line_bounds, literal
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import Progress
from entrepot.inspection.rewrite import Rewritten, rewrite
from entrepot.inspection.screen import Lines
from entrepot.inspection.survey import Survey, survey_text
from entrepot.inspection.table import Column, Finding, SourceBroken, Table, TooLarge

MISSING_HEADER = "missing-header"


class Text:
    """A delimited text, surveyed, with its dialect decided; read as it lies or rewritten."""

    def __init__(
        self,
        path: Path,
        media_type: str,
        scratch: Path,
        limits: Limits,
        progress: Progress,
        names: list[str] | None,
    ) -> None:
        self._path = path
        self._media_type = media_type
        self._scratch = scratch
        self._limits = limits
        self._progress = progress
        self.survey = survey_text(path, progress)
        if self.survey.longest_line > limits.line:
            raise TooLarge(
                f"a line of {self.survey.longest_line:,} bytes; {limits.line:,} are read"
            )
        with path.open("rb") as file:
            head = file.read(SAMPLE)
        sample = _sample(head, self.survey)
        self.dialect = decide_dialect(sample, names)
        self.first = _first_record(sample, self.dialect)
        if len(self.first) > limits.columns:
            raise TooLarge(f"{len(self.first):,} columns; {limits.columns:,} are read")

    def regular(self) -> bool:
        """Whether the text can be scanned where it lies, as far as its bytes tell."""
        survey = self.survey
        return (
            survey.encoding == "utf-8"
            and not survey.damaged
            and not survey.blank_lines
            and not survey.nul
            and survey.plain_newlines
            and not any("\n" in label or "\r" in label for label in self.first)
        )

    def lying(self) -> Table:
        """The text as it lies. A scan fails where the structure is not regular after all."""
        dialect, width = self.dialect, len(self.first)
        quoted = self.survey.quotes > 0 or dialect.quote != '"'
        columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(1, width + 1))
        options = {
            "delim": literal(dialect.delimiter),
            "quote": literal(dialect.quote if quoted else ""),
            "escape": literal(dialect.escape if quoted else ""),
            "skip": "1" if dialect.header else "0",
            "new_line": "'\\r\\n'" if self.survey.newline == "\r\n" else "'\\n'",
            "columns": "{" + columns + "}",
            "header": "false",
            "auto_detect": "false",
        } | line_bounds(self._limits.line)
        relation = _read_csv(self._path, options)
        survey, skip = self.survey, 1 if dialect.header else 0
        lines = Lines(
            path=self._path,
            skip=skip,
            count=survey.lines - skip,
            delimiter=dialect.delimiter,
            newline=survey.newline,
            odd=self._scratch / "odd.csv",
            longest=self._limits.line,
            rows_of=lambda path: _read_csv(path, {**options, "skip": "0"}),
        )
        plain = dialect.quote == dialect.escape == '"' and not survey.controls and width > 1
        first = 2 if dialect.header else 1
        line = "_row" if not quoted else "NULL::BIGINT"
        numbered = (
            f"(SELECT *, {line} AS _line FROM "
            f"(SELECT row_number() OVER () + {first - 1} AS _row, * FROM {relation}))"
        )
        embedded = _embedded_newlines(width, self.survey.newline) if quoted else "0"
        table = self._table(relation, numbered, first)
        return replace(table, embedded=embedded, lines=lines if plain else None)

    def rewritten(self) -> Table:
        """The text written anew, whatever its structure. Raises SourceBroken, TooLarge."""
        target = self._scratch / "rewritten.csv"
        try:
            written = rewrite(
                self._path, self.survey, self.dialect, len(self.first), target, self._progress
            )
        except csv.Error as error:
            raise SourceBroken(f"the text cannot be split into rows: {error}") from None
        width = len(self.first)
        names = {"_row": "BIGINT", "_line": "BIGINT", "_cells": "BIGINT", "_extra": "VARCHAR"}
        names |= {f"c{n}": "VARCHAR" for n in range(1, width + 1)}
        options = {
            "delim": "','",
            "quote": "'\"'",
            "escape": "'\"'",
            "new_line": "'\\n'",
            "columns": "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in names.items()) + "}",
            "header": "false",
            "auto_detect": "false",
        } | line_bounds(4 * self._limits.line)
        relation = _read_csv(target, options)
        table = self._table(relation, relation, 2 if self.dialect.header else 1)
        return replace(
            table,
            uneven=True,
            findings=_encoding_findings(written),
            findings_total=written.damaged_rows,
            rejected_by_reader=written.damaged_rows,
        )

    def _table(self, relation: str, numbered: str, first_row: int) -> Table:
        header = self.dialect.header
        labels = self.first if header else [f"column_{n + 1}" for n in range(len(self.first))]
        columns = tuple(Column(label, f"c{n + 1}") for n, label in enumerate(labels))
        survey = self.survey
        description = {
            "format": "csv",
            "encoding": survey.encoding,
            "bom": survey.bom > 0,
            "newline": {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[survey.newline],
            "lines": survey.lines,
            "dialect": self.dialect.describe(),
        }
        return Table(
            columns=columns,
            relation=relation,
            numbered=numbered,
            media_type=self._media_type,
            header=header,
            first_row=first_row,
            description=description,
        )


def _read_csv(path: Path, options: dict[str, str]) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({literal(str(path))}, {settings})"


def _embedded_newlines(width: int, newline: str) -> str:
    """An aggregate that counts the line ends inside cells, so that rows and lines can be
    compared: the engine has been seen to lose rows in silence."""
    mark = "chr(13)" if newline == "\r" else "chr(10)"
    cells = [
        f"coalesce(len(c{n}) - len(replace(c{n}, {mark}, '')), 0)" for n in range(1, width + 1)
    ]
    inside = [f"CASE WHEN contains(c{n}, {mark}) THEN {cell} ELSE 0 END"
              for n, cell in enumerate(cells, start=1)]  # fmt: skip
    return " + ".join(f"coalesce(sum({cell}), 0)" for cell in inside)


def _sample(head: bytes, survey: Survey) -> str:
    if survey.damaged or survey.encoding in ("cp1252", "latin-1"):
        return head[survey.bom :].decode(survey.encoding, "replace")
    return decode_sample(head) or ""


def _first_record(sample: str, dialect: Dialect) -> list[str]:
    """The first record that is not blank, or the first at all; one empty cell if none."""
    try:
        return next(csv.reader(io.StringIO(sample, newline=""), **dialect.reader_options())) or [""]
    except StopIteration:
        return [""]
    except csv.Error as error:
        raise SourceBroken(f"its first row cannot be read: {error}") from None


def _encoding_findings(written: Rewritten) -> tuple[Finding, ...]:
    return tuple(
        Finding("encoding-error", "bytes that are not text in the file's encoding", row, line, at)
        for row, line, at in written.damaged
    )
