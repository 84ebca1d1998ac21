"""Labels that most files use."""

import pytest

from entrepot.inspection.csv.header_detection import USUAL_LABEL


@pytest.mark.parametrize(
    "label",
    ["id", "order_id", "Order Date", "unit-price", "first.name", "phone 2", "__id", "e-mail"],
)
def test_a_usual_label(label: str) -> None:
    assert USUAL_LABEL.fullmatch(label)


@pytest.mark.parametrize("label", ["_" * 5_000 + "true", "a-" * 5_000 + "!", "a" * 5_000, "x_true"])
def test_any_other_label_is_judged_at_once(label: str) -> None:
    """Underscores were matched in twice as many ways with each of them: 66 took a minute."""
    assert USUAL_LABEL.fullmatch(label) is None
