"""Read a filter: the condition of an SQL WHERE clause, of which little is allowed.

Parsed by sqlglot as DuckDB's SQL. What its tree may have in it is listed here, node by node and
argument by argument; all else is refused, whatever the parser comes to know. Comparisons,
AND, OR, NOT, IN, BETWEEN, IS NULL, LIKE and ILIKE with ESCAPE, starts_with and contains; columns
of the table and literals. `docs/reference/previews.md` tells the language.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from entrepot.inspection.preview.filter_ast import (
    All,
    Between,
    Columns,
    Compare,
    Comparison,
    FilterColumn,
    FilterRefused,
    Holds,
    In,
    IsNull,
    IsTrue,
    Like,
    Not,
    Some,
    Term,
    Value,
)
from entrepot.inspection.preview.filter_literals import Misfit, read_number, typed_value

MAX_CHARS = 4_000
"""Characters of an expression."""
MAX_TOKENS = 1_000
MAX_DEPTH = 32
"""Parentheses, and NOTs, within one another: the parser calls itself for each."""
COMPARISONS: dict[type[exp.Expression], tuple[Comparison, Comparison]] = {
    exp.EQ: ("=", "="),
    exp.NEQ: ("<>", "<>"),
    exp.LT: ("<", ">"),
    exp.LTE: ("<=", ">="),
    exp.GT: (">", "<"),
    exp.GTE: (">=", "<="),
}
"""Each as it is, and as it is with the sides exchanged."""
VALUE = "a value"
CONDITION = "a condition such as `column = 1`, with AND, OR, NOT and parentheses"
Literal = str | bool | Decimal


def parse_filter(text: str, columns: Columns) -> Term:
    """The condition as a tree over `columns`.

    Raises FilterRefused: `expression-invalid`, `unknown-column`, `type-mismatch`.
    """
    _check_size(text)
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb", into=exp.Condition)
        return _FilterReader(text, columns).term(tree, 0)
    except ParseError as error:
        raise _unparsed(text, error) from None
    except SqlglotError:
        raise _wrong(len(text), "the end of a text or a name that was begun") from None
    except RecursionError:
        raise _wrong(1, f"no more than {MAX_DEPTH} conditions within one another") from None


def _check_size(text: str) -> None:
    """Bound what the parser recurses into, and refuse what it would pass over in silence."""
    if len(text) > MAX_CHARS:
        raise _wrong(MAX_CHARS + 1, f"no more than {MAX_CHARS:,} characters")
    try:
        tokens = sqlglot.tokenize(text, dialect="duckdb")
    except SqlglotError:
        raise _wrong(len(text), "the end of a text or a name that was begun") from None
    if not tokens:
        raise _wrong(1, CONDITION)
    if len(tokens) > MAX_TOKENS:
        raise _wrong(tokens[MAX_TOKENS].start + 1, f"no more than {MAX_TOKENS:,} words and signs")
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.comments:
            raise _wrong(token.start + 1, "no comment")
        if token.text == ";":
            raise _wrong(token.start + 1, "one condition, without a semicolon")
        if depth > MAX_DEPTH:
            expected = f"no more than {MAX_DEPTH} parentheses within one another"
            raise _wrong(token.start + 1, expected)


class _FilterReader:
    """Makes terms of nodes that are allowed."""

    def __init__(self, text: str, columns: Columns) -> None:
        self._text = text
        self._columns = columns

    def term(self, node: Any, depth: int) -> Term:
        """The node as a condition. Raises FilterRefused."""
        if depth > MAX_DEPTH:
            raise _wrong(_place(node), f"no more than {MAX_DEPTH} conditions within one another")
        kind = type(node)
        if kind in (exp.And, exp.Or):
            self._only(node, "this", "expression")
            terms = tuple(self.term(each, depth + 1) for each in _chain(node, kind))
            return All(terms) if kind is exp.And else Some(terms)
        if kind is exp.Paren:
            self._only(node, "this")
            return self.term(node.this, depth + 1)
        if kind is exp.Not:
            self._only(node, "this")
            return Not(self.term(node.this, depth + 1))
        if kind in COMPARISONS:
            return self._compare(node)
        reader = self._readers().get(kind)
        if reader is None:
            raise _wrong(_place(node), CONDITION)
        return reader(node)

    def _readers(self) -> dict[type[exp.Expression], Callable[[Any], Term]]:
        return {
            exp.Between: self._between,
            exp.In: self._in,
            exp.Is: self._is,
            exp.Like: self._like,
            exp.ILike: self._like,
            exp.Escape: self._escape,
            exp.StartsWith: self._holds,
            exp.Contains: self._holds,
            exp.Column: self._true,
        }

    def _compare(self, node: Any) -> Term:
        self._only(node, "this", "expression")
        left, right = node.this, node.expression
        op, turned = COMPARISONS[type(node)]
        if not isinstance(left, exp.Column):
            left, right, op = right, left, turned
        column = self._column(left)
        if not isinstance(right, exp.Column):
            return Compare(column, op, self._value(column, right))
        other = self._column(right)
        if other.stored_as != column.stored_as or column.kind == "other":
            raise _misfit(right, column, f"it is compared to {other.name}, {other.stored_as}")
        return Compare(column, op, other)

    def _between(self, node: Any) -> Term:
        self._only(node, "this", "low", "high")
        column = self._column(node.this)
        low, high = node.args["low"], node.args["high"]
        return Between(column, self._value(column, low), self._value(column, high))

    def _in(self, node: Any) -> Term:
        self._only(node, "this", "expressions")
        column = self._column(node.this)
        if not node.expressions:
            raise _wrong(_place(node), "at least one value in the parentheses after IN")
        return In(column, tuple(self._value(column, each) for each in node.expressions))

    def _is(self, node: Any) -> Term:
        self._only(node, "this", "expression")
        if type(node.expression) is not exp.Null:
            raise _wrong(_place(node), "IS NULL or IS NOT NULL")
        return IsNull(self._column(node.this))

    def _like(self, node: Any, escape: str | None = None) -> Term:
        self._only(node, "this", "expression", "negate")
        column = self._text_column(node.this)
        pattern = self._string(node.expression)
        if escape is not None and _ends_escaped(pattern, escape):
            raise _wrong(_place(node.expression), "a character after the one that escapes")
        made = Like(column, pattern, escape, type(node) is exp.ILike)
        return Not(made) if node.args.get("negate") else made

    def _escape(self, node: Any) -> Term:
        self._only(node, "this", "expression")
        if type(node.this) not in (exp.Like, exp.ILike):
            raise _wrong(_place(node), "ESCAPE after LIKE or ILIKE")
        escape = self._string(node.expression)
        if len(escape) != 1 or not escape.isascii() or escape in "%_":
            raise _wrong(_place(node.expression), "one ASCII character after ESCAPE, not % or _")
        return self._like(node.this, escape)

    def _holds(self, node: Any) -> Term:
        self._only(node, "this", "expression")
        column = self._text_column(node.this)
        where: Any = "start" if type(node) is exp.StartsWith else "anywhere"
        return Holds(column, self._string(node.expression), where)

    def _true(self, node: Any) -> Term:
        column = self._column(node)
        if column.kind != "boolean":
            raise _misfit(node, column, "alone it is not a condition; compare it to something")
        return IsTrue(column)

    def _text_column(self, node: Any) -> FilterColumn:
        column = self._column(node)
        if column.kind != "text":
            raise _misfit(node, column, "LIKE, starts_with and contains are for texts")
        return column

    def _column(self, node: Any) -> FilterColumn:
        if type(node) is not exp.Column:
            raise _wrong(_place(node), "a column's name")
        self._only(node, "this")
        name = node.this
        if type(name) is not exp.Identifier:
            raise _wrong(_place(node), "a column's name")
        self._only(name, "this", "quoted")
        return self._columns.find(name.name, "where", _place(name))

    def _value(self, column: FilterColumn, node: Any) -> Value:
        if type(node) is exp.Null:
            raise _wrong(_place(node), f"{VALUE}; for a missing one say `{column.name} IS NULL`")
        try:
            return typed_value(column, self._literal(node))
        except Misfit as misfit:
            raise _misfit(node, column, str(misfit)) from None

    def _literal(self, node: Any) -> Literal:
        match node:
            case exp.Neg():
                self._only(node, "this")
                number = self._literal(node.this) if type(node.this) is exp.Literal else None
                if not isinstance(number, Decimal):
                    raise _wrong(_place(node), "a number after the minus")
                return -number
            case exp.Boolean():
                return bool(node.this)
            case exp.Literal():
                self._only(node, "this", "is_string")
                return str(node.this) if node.is_string else read_number(str(node.this))
            case _:
                raise _wrong(_place(node), f"{VALUE}: a number, a text in quotes, TRUE or FALSE")

    def _string(self, node: Any) -> str:
        if type(node) is not exp.Literal or not node.is_string:
            raise _wrong(_place(node), "a text in single quotes")
        return str(node.this)

    def _only(self, node: Any, *names: str) -> None:
        """Refuse a node that says more than what is read of it."""
        for name, value in node.args.items():
            if name not in names and value not in (None, False, []):
                raise _wrong(_place(node), CONDITION)


def _chain(node: Any, kind: Any) -> list[Any]:
    """The operands of `a AND b AND c`, which is nested as deep as it is long."""
    operands = []
    while type(node) is kind:
        operands.append(node.expression)
        node = node.this
    return [node, *reversed(operands)]


def _ends_escaped(pattern: str, escape: str) -> bool:
    """Whether the escape stands before nothing, where the engine fails."""
    return (len(pattern) - len(pattern.rstrip(escape))) % 2 == 1


def _place(node: Any) -> int:
    """Where a node is, as a character's position from 1: that of its first word that has one, or
    of what is around it."""
    while node is not None:
        starts = [each.meta["start"] for each in node.walk() if "start" in each.meta]
        if starts:
            return int(min(starts)) + 1
        node = node.parent
    return 1


def _wrong(position: int, expected: str) -> FilterRefused:
    return FilterRefused(
        "expression-invalid",
        f"where: expected {expected} at character {position}.",
        position=position,
        expected=expected,
    )


def _misfit(node: Any, column: FilterColumn, reason: str) -> FilterRefused:
    return FilterRefused(
        "type-mismatch",
        f"where: {column.name} is {column.stored_as}; {reason}.",
        parameter="where",
        column=column.name,
        column_type=column.stored_as,
        position=_place(node),
    )


def _unparsed(text: str, error: ParseError) -> FilterRefused:
    """What the parser says, in words of this language; it names the last word that it read."""
    first = error.errors[0] if error.errors else {}
    tokens = sqlglot.tokenize(text, dialect="duckdb")
    named = first.get("line"), first.get("col")
    last = next((each for each in tokens if (each.line, each.col) == named), tokens[-1])
    description = str(first.get("description", ""))
    if "missing for" in description:
        return _wrong(min(last.end + 2, len(text)), "a value, a column or a condition")
    if description.startswith("Expecting"):
        return _wrong(last.end + 1, "a closing parenthesis")
    return _wrong(last.start + 1, "AND, OR or the end of the expression")
