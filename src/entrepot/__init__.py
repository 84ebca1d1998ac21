"""A self-hosted, multi-tenant exchange for data files in which every file is a contract."""

__version__: str


def __getattr__(name: str) -> str:
    # The metadata take longer to load than some commands run, and few ask.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("entrepot")
