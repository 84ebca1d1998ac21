"""The database of a module's tests, without a server."""

from tests.files.conftest import database

__all__ = ["database"]
