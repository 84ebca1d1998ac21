"""Errors can be pickled, and made again from a text as dask does."""

import inspect
import pickle
from collections.abc import Iterator
from dataclasses import fields

import pytest

from entrepot_client import Rejected, errors
from entrepot_client.models import Task
from entrepot_client.report import Report


def subclasses(error_class: type[errors.ClientError]) -> Iterator[type[errors.ClientError]]:
    for each in error_class.__subclasses__():
        yield each
        yield from subclasses(each)


CLASSES = [
    each for each in subclasses(errors.ClientError) if each.__module__.startswith("entrepot")
]
ERRORS = [
    errors.NoSuchFile(reference="geo/c"),
    errors.NoSuchVersion("be49", "geo", None),
    errors.Unreachable("https://files.example.com", "refused", refused=True),
    errors.problem_from({"status": 413, "detail": "Too large.", "limit": 9}, retry_after=1.5),
    Rejected(
        Task.from_document({"task_id": "be49", "status": "failed"}),
        Report.from_document({"tasks": [{"summary": "1 of 3 rows breaks the contract."}]}),
    ),
]


@pytest.mark.parametrize("error_class", CLASSES)
def test_an_error_is_made_again_from_a_text(error_class: type[errors.ClientError]) -> None:
    assert Rejected in CLASSES
    required = [
        each.annotation
        for each in list(inspect.signature(error_class.__init__).parameters.values())[1:]
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert required not in ([str], ["str"]), "one text alone is a message: make it a keyword"
    again = error_class("It failed: no answer.")
    assert type(again) is error_class
    assert str(again) == str(pickle.loads(pickle.dumps(again))) == "It failed: no answer."
    assert repr(again)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_pickled_with_its_fields(error: errors.ClientError) -> None:
    error.add_note("while reading")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.args) == (type(error), str(error), error.args)
    assert [getattr(copy, each.name) for each in fields(error)] == [
        getattr(error, each.name) for each in fields(error)
    ]
    assert copy.__notes__ == ["while reading"]
    assert str(type(error)(f"In a task: {error}")) == f"In a task: {error}"
