"""A self-hosted, multi-tenant exchange for data files in which every file is a contract."""

from importlib.metadata import version

__version__ = version("entrepot")
