"""How the program words what a server reports."""

from typing import Any

import pytest

from entrepot_client import errors
from entrepot_client.cli.explain import explain, rejection_lines
from entrepot_client.cli.failures import ExitStatus
from entrepot_client.models import File

NOT_A_NUMBER = "Line {}, column `amount`: `x` is not a number. Expected a number, such as 17.50."


def stored_file(file_id: str, name: str, path: str | None = None) -> File:
    basic = {"file_id": file_id, "file_name": name, "file_description": "", "entitlement": "rw"}
    more = {"created_at": "2026-11-30T10:20:30+0000", "user_name": "demo:anna", "path": path}
    return File.from_document(basic | more)


@pytest.mark.parametrize(
    ("reference", "what", "path", "advice"),
    [
        ("orders.csv", "the name 'orders.csv'", "sales/orders", "Give an id or a path."),
        ("orders.csv", "the name 'orders.csv'", None, "Give an id."),
        ("sales/orders", "the path 'sales/orders'", "sales/orders", "Give an id."),
        ("be49", "an id that begins with 'be49'", None, "Give an id."),
    ],
)
def test_files_of_one_name_are_listed_with_path_owner_and_date(
    reference: str, what: str, path: str | None, advice: str
) -> None:
    files = tuple(stored_file(f"be49-{number}", "orders.csv", path) for number in (1, 2))
    failure = explain(errors.AmbiguousFile(reference, files))
    assert failure is not None
    assert (failure.what, failure.do) == (f"2 files have {what}.", advice)
    assert failure.table is not None
    assert failure.table.columns == ("id", "path", "owner", "created (UTC)")
    assert failure.table.rows[0] == ("be49-1", path or "", "demo:anna", "2026-11-30 10:20")
    assert failure.figures == {"file_ids": ["be49-1", "be49-2"]}


def test_the_command_that_chooses_one_of_several_files_can_be_pasted() -> None:
    """It is the one that was typed, with an id in the place of the name."""
    files = tuple(stored_file(f"be49-{number}", "my orders.csv") for number in (1, 2))
    error = errors.AmbiguousFile("my orders.csv", files)
    for typed, pasted in (
        (["files", "show", "my orders.csv"], "entrepot files show be49-2"),
        (["push", "a b", "--to", "my orders.csv"], "entrepot push 'a b' --to be49-2"),
        (["push", "a", "--to=my orders.csv"], "entrepot push a --to=be49-2"),
    ):
        failure = explain(error, typed)
        assert failure is not None
        assert failure.do == f"Give an id. For the newest file: `{pasted}`."


def wrong_cell(line: int) -> dict[str, Any]:
    return {"type": "type-error", "fieldName": "amount", "message": NOT_A_NUMBER.format(line)}


def test_each_error_is_shown_once_if_all_fit() -> None:
    listed = [wrong_cell(4), {"type": "unique-error", "message": "Line 4: `2` is not unique."}]
    summary = f"1 of 3 rows breaks the contract. {listed[0]['message']} {listed[1]['message']}"
    what, lines = rejection_lines(summary, listed, 2)
    assert what == "1 of 3 rows breaks the contract."
    assert lines == (listed[0]["message"], listed[1]["message"])


def test_a_single_error_is_in_the_sentence_alone() -> None:
    summary = f"1 of 3 rows breaks the contract. {NOT_A_NUMBER.format(2)}"
    assert rejection_lines(summary, [wrong_cell(2)], 1) == (summary, ())
    assert rejection_lines("The file is not a table.", [], 0) == ("The file is not a table.", ())


def test_errors_that_are_alike_are_counted() -> None:
    listed = [wrong_cell(line) for line in range(2, 12)]
    summary = (
        "200 of 200 rows break the contract. The first of 200 errors of this kind: "
        f"{listed[0]['message']}"
    )
    what, lines = rejection_lines(summary, listed, 200)
    assert what == summary
    assert lines == (listed[1]["message"], listed[2]["message"], "… and 197 more")


@pytest.mark.parametrize(
    ("field", "reason", "example", "what", "advice"),
    [
        (
            "current_password",
            "is wrong.",
            None,
            "The current password is wrong.",
            "Enter it again, or ask an admin for a link that resets it.",
        ),
        (
            "user_name",
            "is the file's owner.",
            None,
            "The user is the file's owner.",
            "The command's `--help` shows an example.",
        ),
        (
            "path",
            "may not end with a dot.",
            "sales/orders",
            "--path may not end with a dot.",
            "For example: --path sales/orders",
        ),
        (
            "where",
            "there is no column 'x'.",
            None,
            "--where: there is no column 'x'.",
            "The command's `--help` shows an example.",
        ),
        (
            "file",
            "is empty; nothing was stored.",
            None,
            "The file is empty; nothing was stored.",
            "Check how the file was made, then send it again.",
        ),
    ],
)
def test_a_wrong_field_has_the_name_of_its_option(
    field: str, reason: str, example: str | None, what: str, advice: str
) -> None:
    document: dict[str, Any] = {"status": 422, "code": "field-invalid", "field": field}
    document["detail"] = f"{field}: {reason}" + (f" Example: {example}" if example else "")
    failure = explain(errors.problem_from(document | ({"example": example} if example else {})))
    assert failure is not None
    assert (failure.what, failure.do) == (what, advice)


@pytest.mark.parametrize(
    ("status", "exit_status"),
    [(404, ExitStatus.FAILED), (418, ExitStatus.FAILED), (401, ExitStatus.NOT_ALLOWED)],
)
def test_a_refusal_without_an_explanation_is_not_of_entrepot(
    status: int, exit_status: ExitStatus
) -> None:
    failure = explain(errors.problem_from_answer(status, "text/html", b"<h1>No</h1>", None))
    assert failure is not None
    assert failure.status is exit_status
    assert ("Check that the endpoint is" in failure.do) == (exit_status is ExitStatus.FAILED)
