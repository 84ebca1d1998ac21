"""What is wrong with a field is a whole sentence, on the pages and in the program."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot_client.field_sentences import VERBS, field_sentence

SOURCES = Path("src/entrepot")
AFTER_A_COLON = {
    "a", "admin", "at", "choose", "it", "one", "only", "paste", "send", "the", "there",
}  # fmt: skip
"""How a reason begins that is read behind `Ends:`; any other word is a verb of the field."""


def literal_reasons() -> Iterator[tuple[str, str]]:
    """The texts of reasons in the source, with the file that has each."""
    for path in sorted(SOURCES.rglob("*.py")):
        text = path.read_text()
        if "FieldInvalid" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(func=ast.Name("FieldInvalid"), args=[_, reason, *_]):
                    yield from leading_text(reason, path)
                case ast.Call(func=ast.Name("FieldInvalid"), keywords=keywords):
                    for keyword in keywords:
                        if keyword.arg == "reason":
                            yield from leading_text(keyword.value, path)
                case ast.Assign([ast.Name("reason")], reason):
                    yield from leading_text(reason, path)


def leading_text(reason: ast.expr, path: Path) -> Iterator[tuple[str, str]]:
    match reason:
        case ast.Constant(str(text)) if not text.endswith("."):
            pass  # the reason of something else, which is not a sentence
        case ast.Constant(str(text)) | ast.JoinedStr([ast.Constant(str(text)), *_]):
            yield text, path.name
        case ast.BinOp(left=left):
            yield from leading_text(left, path)


def test_every_reason_continues_its_field_or_stands_behind_a_colon() -> None:
    reasons = list(literal_reasons())
    assert len(reasons) > 60
    unknown = {
        (text, file)
        for text, file in reasons
        if text[:1].islower()
        and not text.startswith(VERBS)
        and text.split()[0] not in AFTER_A_COLON
    }
    assert unknown == set()


@pytest.mark.parametrize(
    ("name", "reason", "sentence"),
    [
        ("User", "is unknown.", "User is unknown."),
        ("the user", "must be one user.", "The user must be one user."),
        ("Ends", "choose one of the list.", "Ends: choose one of the list."),
        ("the user", "There is no user `a:b`.", "There is no user `a:b`."),
        ("`user_name`", "must be one user.", "`user_name` must be one user."),
        ("--size-limit", "must be a size.", "--size-limit must be a size."),
    ],
)
def test_a_sentence_has_the_name_of_its_field(name: str, reason: str, sentence: str) -> None:
    assert field_sentence(name, reason) == sentence
