import pytest

from entrepot_client.cli.terminal.table import cell_width
from entrepot_client.cli.terminal.wrapping import wrap

ID = "53c9c295-83f4-4754-a781-cd03841c806f"
COMMAND = f"`entrepot push 'my orders.csv' --to {ID} --description 'twelve words or so'`"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_a_sentence_fits_and_nothing_that_is_copied_is_broken(width: int) -> None:
    names = f"the file 'my orders.csv' with the id {ID}, kept until 2026-12-08 10:00"
    text = f"Correct {names}; then run {COMMAND}. The report is at https://files.example.com/r."
    lines = wrap(text, width)
    assert " ".join(lines) == text
    for whole in (
        ID,
        COMMAND,
        "'my orders.csv'",
        "2026-12-08 10:00",
        "https://files.example.com/r.",
    ):
        assert any(whole in line for line in lines), lines
    assert all(cell_width(line) <= width or line.startswith(COMMAND) for line in lines)


def test_items_and_details_continue_below_their_text() -> None:
    assert wrap("- " + "word " * 9 + "end", 26) == [
        "- word word word word word",
        "  word word word word end",
    ]
    assert wrap("  " + "word " * 6 + "end", 26) == ["  word word word word word", "  word end"]


def test_a_long_name_in_quotes_is_wrapped_and_an_apostrophe_is_not_a_quote() -> None:
    assert max(map(cell_width, wrap("'" + "word " * 40 + "'", 60))) <= 60
    assert max(map(cell_width, wrap("The account's files and the readers' files " * 4, 60))) <= 60


def test_line_breaks_stay_and_a_command_alone_is_not_wrapped() -> None:
    assert wrap("one\n\ntwo", 80) == ["one", "", "two"]
    line = f"entrepot report {ID} --version 2 --rows rejected.csv --format json"
    assert wrap(line, 40) == [line]
