from datetime import timedelta

import pytest

from entrepot_client.cli.sizes import format_size, parse_size, parse_span


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100000", 100_000),
        ("1", 1),
        ("500kB", 500_000),
        ("100MB", 100_000_000),
        ("10 gb", 10_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("2k", 2000),
        ("64MiB", 67_108_864),
        ("18 bytes", 18),
        ("1 byte", 1),
        ("1,234,567 bytes", 1_234_567),
        (str(2**63 - 1), 2**63 - 1),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "1e3",
        "12MBs",
        "MB",
        "1,5GB",
        "0.1",
        "1.000",
        "1,50",
        "10iB",
        str(2**63),
        "9" * 400,
    ],
)
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        parse_size(text)


def test_spans() -> None:
    assert parse_span("90d") == timedelta(days=90)
    assert parse_span("12H") == timedelta(hours=12)
    assert parse_span("2w") == timedelta(weeks=2)
    for wrong in ("", "90", "0d", "-1d", "1.5h", "d", "9" * 30 + "w"):
        with pytest.raises(ValueError, match=r"\."):
            parse_span(wrong)


def test_sizes_for_people() -> None:
    assert format_size(999) == "999 bytes"
    assert format_size(1_234_567) == "1.2 MB"
    assert format_size(100_000) == "100 kB"
