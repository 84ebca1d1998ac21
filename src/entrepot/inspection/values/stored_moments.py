"""Dates and datetimes that a format stores, as values of the one type where the file has the other.

A datetime at midnight is a date, as Frictionless has it: pandas has no other type for dates. A cell
of a workbook is a number of days, and only its number format says whether a time is shown: there a
date is a datetime too. A moment with a zone is not a date: each zone has another one.
"""

from dataclasses import replace

from entrepot.inspection.sql import Sql, literal
from entrepot.inspection.table import CellKind, Column, Storage
from entrepot.schemas.model import Field

MIDNIGHT = "T00:00:00"


def with_stored_moments(column: Column, field: Field, storage: Storage) -> Column:
    """The column with its dates and datetimes as values of the field's type."""
    text = column.text
    if field.type == "date" and storage in ("columns", "workbook") and not column.zoned:
        day = f"left({text}, -{len(MIDNIGHT)})"
        dates = f"CASE WHEN ends_with({text}, {literal(MIDNIGHT)}) THEN {day} ELSE {text} END"
        return _with_kind(column, "datetime", "date", dates)
    if field.type == "datetime" and storage == "workbook":
        return _with_kind(column, "date", "datetime", f"{text} || {literal(MIDNIGHT)}")
    return column


def _with_kind(column: Column, stored: CellKind, kind: CellKind, text: Sql) -> Column:
    """The column with its cells of the kind `stored` as `text`, of the kind `kind`."""
    if column.kind == stored:
        return replace(column, text=f"({text})", kind=kind)
    if column.kind is not None:
        return column
    is_stored = f"{column.kind_sql} = {literal(stored)}"
    return replace(
        column,
        text=f"(CASE WHEN {is_stored} THEN {text} ELSE {column.text} END)",
        kind_sql=f"(CASE WHEN {is_stored} THEN {literal(kind)} ELSE {column.kind_sql} END)",
    )
