"""Byte ranges, judged by RFC 9110, section 14, and by reading every byte by its offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import RangeNotSatisfiable
from entrepot.http.downloads.ranges import MAX_RANGES, Span, requested_spans


def spans(field: str | None, size: int = 10_000) -> list[tuple[int, int]]:
    return [(span.start, span.stop) for span in requested_spans(field, size)]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        # the examples of RFC 9110, section 14.1.2, for a representation of 10,000 bytes
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10_000)]),
        ("bytes=9500-", [(9500, 10_000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10_000)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10_000)]),
        ("bytes=500-600,601-999", [(500, 1000)]),
        ("bytes=500-700,601-999", [(500, 1000)]),
        # cut to the end
        ("bytes=0-", [(0, 10_000)]),
        ("bytes=9999-99999", [(9999, 10_000)]),
        ("bytes=-99999", [(0, 10_000)]),
        ("bytes=0-" + "9" * 6000, [(0, 10_000)]),
        ("bytes=-" + "9" * 6000, [(0, 10_000)]),
        ("bytes=" + "0" * 6000 + "5-5", [(5, 6)]),
        # what lies beyond is left out, as long as something does not
        ("bytes=0-0,20000-", [(0, 1)]),
        ("bytes=0-0,-0", [(0, 1)]),
        # order of the request; overlapping and touching parts are one
        ("bytes=100-199,0-49", [(100, 200), (0, 50)]),
        ("bytes=100-199,0-49,150-300", [(100, 301), (0, 50)]),
        ("bytes=100-199,0-49,40-120", [(0, 200)]),
        ("bytes=500-500,0-10,5-499", [(0, 501)]),
        ("bytes=0-9,11-20", [(0, 10), (11, 21)]),
        # lists may have empty elements, units any case
        ("bytes=,, 0-0 ,\t5-5,", [(0, 1), (5, 6)]),
        ("BYTES=1-2", [(1, 3)]),
    ],
)
def test_satisfiable(field: str, expected: list[tuple[int, int]]) -> None:
    assert spans(field) == expected


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=2-1",
        "bytes=0-1,2-1",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes=0x1-2",
        "bytes=1_0-20",
        "bytes=١-٢",
        "bytes=0-1;2-3",
        "bytes=0-1, bytes=2-3",
        "rows=0-1",
        "seconds=0-1",
    ],
)
def test_ignored(field: str | None) -> None:
    assert spans(field) == []


def test_too_many_are_ignored() -> None:
    most = ",".join(f"{10 * n}-{10 * n}" for n in range(MAX_RANGES))
    assert len(spans(f"bytes={most}")) == MAX_RANGES
    assert spans(f"bytes={most},9000-9001") == []
    assert spans("bytes=" + "0-," * 100_000) == []


@pytest.mark.parametrize("field", ["bytes=10000-", "bytes=-0", "bytes=10000-,20000-30000,-0"])
def test_unsatisfiable(field: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        spans(field)
    assert caught.value.size == 10_000


@pytest.mark.parametrize("field", ["bytes=0-", "bytes=-1", "bytes=5-6"])
def test_nothing_has_no_parts(field: str) -> None:
    assert spans(field, size=0) == []


def test_content_range() -> None:
    assert Span(0, 500).content_range(1234) == "bytes 0-499/1234"
    assert len(Span(5, 8)) == 3


SPECS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda t: f"{min(t)}-{max(t)}"),
        st.integers(0, 60).map(lambda n: f"{n}-"),
        st.integers(0, 60).map(lambda n: f"-{n}"),
    ),
    min_size=1,
    max_size=8,
)


def bytes_of(spec: str, size: int) -> set[int]:
    first, last = spec.split("-")
    if not first:
        return set(range(size)[-int(last) :]) if int(last) else set()
    return set(range(int(first), min(int(last) + 1, size) if last else size))


@given(specs=SPECS, size=st.integers(1, 50))
def test_exactly_the_bytes_asked_for_once_each(specs: list[str], size: int) -> None:
    expected = set().union(*(bytes_of(spec, size) for spec in specs))
    try:
        result = requested_spans("bytes=" + ",".join(specs), size)
    except RangeNotSatisfiable:
        assert not expected
        return
    offsets = [offset for span in result for offset in range(span.start, span.stop)]
    assert set(offsets) == expected
    assert len(offsets) == len(expected)
    for span in result:
        assert span.start - 1 not in expected
        assert span.stop not in expected
    places = [
        min(n for n, spec in enumerate(specs) if bytes_of(spec, size) & {*range(s.start, s.stop)})
        for s in result
    ]
    assert places == sorted(places)


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    for field in (text, f"bytes={text}"):
        try:
            result = requested_spans(field, 100)
        except RangeNotSatisfiable:
            continue
        assert all(0 <= span.start < span.stop <= 100 for span in result)
