"""A filter's tree as SQL for the engine: text of ours, names quoted, every value a parameter."""

from typing import Any

from entrepot.inspection.preview.filter_ast import (
    All,
    Between,
    Compare,
    FilterColumn,
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
from entrepot.inspection.sql import Sql, identifier, sql


def filter_sql(term: Term) -> tuple[Sql, list[Any]]:
    """The condition, and the values of its parameters in their order."""
    values: list[Any] = []
    return _sql(term, values), values


def _sql(term: Term, values: list[Any]) -> Sql:  # noqa: PLR0911 (a row per kind of term)
    match term:
        case Compare(column, op, other):
            return f"{_name(column)} {op} {_operand(other, values)}"
        case Between(column, low, high):
            ends = f"{_operand(low, values)} AND {_operand(high, values)}"
            return f"{_name(column)} BETWEEN {ends}"
        case In(column, among):
            listed = ", ".join(_operand(value, values) for value in among)
            return f"{_name(column)} IN ({listed})"
        case IsNull(column):
            return f"{_name(column)} IS NULL"
        case Like(column, pattern, escape, folded):
            values.append(pattern)
            tail = sql("")
            if escape is not None:
                values.append(escape)
                tail = sql(" ESCAPE ?")
            return f"{_name(column)} {'ILIKE' if folded else 'LIKE'} ?{tail}"
        case Holds(column, part, where):
            values.append(part)
            return f"{'starts_with' if where == 'start' else 'contains'}({_name(column)}, ?)"
        case IsTrue(column):
            return _name(column)
        case Not(inner):
            return f"NOT ({_sql(inner, values)})"
        case All(terms):
            return " AND ".join(f"({_sql(each, values)})" for each in terms)
        case Some(terms):
            return " OR ".join(f"({_sql(each, values)})" for each in terms)


def _operand(operand: Value | FilterColumn, values: list[Any]) -> Sql:
    if isinstance(operand, FilterColumn):
        return _name(operand)
    values.append(operand.text)
    return f"CAST(? AS {operand.sql_type})"


def _name(column: FilterColumn) -> Sql:
    return identifier(column.name)
