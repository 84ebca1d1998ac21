"""Move an installation from the embedded SQLite to an empty PostgreSQL."""
