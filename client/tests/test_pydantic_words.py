"""What pydantic says of wrong values never reaches a person in its own words."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from client_peer import Program
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FutureDatetime,
    StrictBool,
    TypeAdapter,
    ValidationError,
)

from entrepot_client.pydantic_words import plain_words


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


WRONG: tuple[tuple[Any, Any], ...] = (
    (int, "x"),
    (int, "9" * 5_000),
    (int, 1.5),
    (float, "x"),
    (StrictBool, "x"),
    (bool, "x"),
    (str, 1),
    (UUID, "x"),
    (date, "x"),
    (datetime, "x"),
    (AwareDatetime, "2026-01-31T08:00:00"),
    (FutureDatetime, "2025-01-31T08:00:00"),
    (list[int], 1),
    (dict[str, int], 1),
    (Body, 1),
    (Body, {}),
    (Body, {"name": "a", "other": 1}),
    (Literal["a", "b"], "c"),
    (Annotated[int, Field(ge=1)], 0),
    (Annotated[int, Field(gt=1)], 0),
    (Annotated[int, Field(le=1)], 2),
    (Annotated[int, Field(lt=1)], 2),
    (Annotated[str, Field(min_length=2)], "x"),
    (Annotated[str, Field(max_length=1)], "xx"),
    (Annotated[str, Field(pattern="^a$")], "x"),
    (Annotated[list[int], Field(min_length=1)], []),
    (Annotated[list[int], Field(max_length=1)], [1, 2]),
)


@pytest.mark.parametrize(("kind", "value"), WRONG)
def test_each_message_continues_the_name_of_its_field(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(value)
    words = plain_words(raised.value.errors()[0]["msg"])
    assert words.startswith(("must ", "is ", "has ", "does "))
    assert not any(each in words for each in ("Input", "should", "parse", "dictionary", "item"))


def test_our_own_messages_stay() -> None:
    assert plain_words("names no column") == "names no column"
    assert plain_words("Value error, is a day of the past") == "is a day of the past"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("files", "versions", "a.csv", "--limit", "0"), "'--limit': must be 1 or more."),
        (("files", "restore", "a.csv", "x"), "'VERSION': must be a whole number."),
    ],
)
def test_the_program_says_it_in_our_words(
    program: Program, arguments: tuple[str, ...], words: str
) -> None:
    result = program(*arguments)
    assert result.status == 2
    assert words in result.err
