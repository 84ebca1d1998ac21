"""Whether other hosts of the installation run with other settings than this one."""

from sqlalchemy import text

from entrepot.db.engine import Database
from entrepot.settings import Settings
from entrepot.settings.shared import PREFIX, different_settings

RUNNING = text(
    "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() "
    "AND starts_with(application_name, :prefix)"
)
"""Each process of a server has the mark of its settings as its name in PostgreSQL."""


def find_other_settings(settings: Settings, database: Database) -> list[str]:
    """The settings that some running host has otherwise; none on SQLite, which has one host."""
    if settings.embedded:
        return []
    with database.reading() as conn:
        marks = conn.scalars(RUNNING, {"prefix": PREFIX}).all()
    return sorted({name for mark in marks for name in different_settings(settings, mark)})


def explain_other_settings(names: list[str]) -> str:
    """A sentence for an operator."""
    return (
        f"Another host runs with other values of {', '.join(names)}. Set the same on every host "
        "and restart those: else it depends on the host what is taken and how it is judged"
    )
