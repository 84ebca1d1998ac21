"""The regular expressions of the program take time in proportion to what they are matched with.

Files, contracts and requests of strangers are matched with them, and Python's `re` tries each way
in which a text can be split: a pattern that can read the same characters in two of its parts takes
the square of their number, or never ends. Each pattern of a module is matched, by the methods that
the code calls, with its own characters and pairs of them in long repetition.
"""

import importlib
import inspect
import pkgutil
import random
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import entrepot
import entrepot_client
from entrepot.inspection.preview import page
from entrepot.inspection.preview.filter_ast import FilterRefused
from entrepot.schemas.model import Affix, Field
from entrepot.schemas.numbers import affix_pattern, without_affixes

SIZE, GROWTH = 1_500, 4
MOST = 9.0
"""Times the CPU for `GROWTH` times the size: the square would be sixteen times."""
FREE_SECONDS = 0.01
"""So much is noise: a linear pattern takes a tenth of a millisecond."""
LONGEST = 1.0
"""Seconds after which a match does not end."""
MAX_PAIRS, MAX_CHARACTERS = 40, 16
ENDS = ("\x01", "1", '"', "")
"""What comes last: some patterns fail only there."""
BOUNDED = {
    ("entrepot.inspection.check.type_candidates", "AFFIXED"): 100,
    ("entrepot.inspection.csv.cell_types", "KIND"): 256,
    ("entrepot.inspection.csv.tabular", "MARKUP"): 500,
    ("entrepot.inspection.formats.xlsx_dates", "NOT_SHOWN"): 255,
}
"""Patterns that are matched with texts of at most so many characters."""
METHODS = ("fullmatch", "match", "search", "findall", "finditer", "sub", "split")
MEMBERS = {
    op.CATEGORY_DIGIT: "1",
    op.CATEGORY_WORD: "a_1",
    op.CATEGORY_SPACE: " \n",
    op.CATEGORY_NOT_SPACE: "a.",
    op.CATEGORY_NOT_WORD: " -",
    op.CATEGORY_NOT_DIGIT: "a ",
}


def modules() -> Iterator[Any]:
    for package in (entrepot, entrepot_client):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                yield importlib.import_module(module.name)


def patterns() -> list[Any]:
    """Each pattern of a module by its name there, with the methods that are called on it."""
    known: dict[tuple[Any, int], tuple[str, str, re.Pattern[Any]]] = {}
    methods: dict[tuple[Any, int], set[str]] = {}
    for module in modules():
        named = {n: v for n, v in vars(module).items() if isinstance(v, re.Pattern)}
        source = inspect.getsource(module) if named else ""
        for name, value in named.items():
            key = value.pattern, value.flags
            known.setdefault(key, (module.__name__, name, value))
            calls = re.findall(rf"\b{name}\.({'|'.join(METHODS)})\b", source)
            methods.setdefault(key, set()).update(calls)
    return [
        pytest.param(module, name, value, sorted(methods[key]) or METHODS, id=f"{module}.{name}")
        for key, (module, name, value) in sorted(known.items(), key=lambda each: each[1][:2])
    ]


def characters(tree: Any) -> Iterator[str]:
    """Characters that the parts of a pattern match."""
    for kind, argument in tree:
        if kind in (op.LITERAL, op.NOT_LITERAL):
            yield chr(argument)
        elif kind is op.ANY:
            yield "a"
        elif kind is op.RANGE:
            yield from map(chr, argument)
        elif kind is op.CATEGORY:
            yield from MEMBERS.get(argument, "")
        elif kind is op.NEGATE:
            yield from "a1 "
        elif kind is op.IN:
            yield from characters(argument)
        elif kind is op.BRANCH:
            for each in argument[1]:
                yield from characters(each)
        elif kind is op.ATOMIC_GROUP:
            yield from characters(argument)
        elif isinstance(argument, tuple):  # repetitions, groups, assertions
            yield from characters(argument[-1])


def pumps(pattern: "re.Pattern[Any]") -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    choice = random.Random(0)
    single = sorted(set(characters(tree)))
    single = choice.sample(single, min(len(single), MAX_CHARACTERS))
    pairs = [first + second for first in single for second in single if first != second]
    return single + choice.sample(pairs, min(len(pairs), MAX_PAIRS))


def _interrupt(*_: object) -> None:
    raise TimeoutError


def seconds_for(match: Callable[[Any], object], text: str | bytes) -> float:
    """The CPU of a match, or `LONGEST`."""
    before = signal.signal(signal.SIGVTALRM, _interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    started = time.process_time()
    try:
        result = match(text)
        if isinstance(result, Iterator):
            list(result)
    except TimeoutError:
        return LONGEST
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return time.process_time() - started


def is_slow(match: Callable[[Any], object], text_of: Callable[[int], str | bytes]) -> bool:
    """Whether a longer text takes more than its share, in the best of several measurements."""
    for _ in range(3):
        large = seconds_for(match, text_of(GROWTH))
        if large >= LONGEST:
            return True
        if large < MOST * seconds_for(match, text_of(1)) + FREE_SECONDS:
            return False
    return True


def slow_texts(
    pattern: "re.Pattern[Any]", methods: Sequence[str], size: int = SIZE
) -> Iterator[tuple[str, str]]:
    """The methods and the pumps with which a pattern is slow."""
    some = pumps(pattern)
    whole = [("", pump, end) for pump in some for end in ENDS]
    begun = [(begin, pump, ENDS[0]) for pump in some[:MAX_CHARACTERS] for begin in some[:4]]
    is_text = isinstance(pattern.pattern, str)

    def text_of(begin: str, pump: str, end: str, times: int) -> str | bytes:
        text = begin + pump * (times * size // len(pump)) + end
        return text if is_text else text.encode("latin-1", "replace")

    for method in methods:
        match = getattr(pattern, method)
        match = partial(match, "" if is_text else b"") if method == "sub" else match
        for parts in (*whole, *begun):
            if is_slow(match, partial(text_of, *parts)):
                yield method, parts[0] + parts[1]
                break


@pytest.mark.parametrize(("module", "name", "pattern", "methods"), patterns())
def test_a_pattern(
    module: str, name: str, pattern: "re.Pattern[Any]", methods: Sequence[str]
) -> None:
    size = BOUNDED.get((module, name), GROWTH * SIZE) // GROWTH
    assert list(slow_texts(pattern, methods, size)) == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(?:\w+[ _.-])*(?:id|name)", "fullmatch"),
        (r"[^\s,]*[^\x00-\x7f\s][^\s,]*", "findall"),
        (r"\s*(-?)\s*([^,\"]+?)\s*(?:,|$)", "match"),
        (r"\d[\d ]*\s*%?", "fullmatch"),
        (r"\D*$", "sub"),
    ],
)
def test_a_slow_pattern_is_noticed(pattern: str, method: str) -> None:
    assert list(slow_texts(re.compile(pattern), [method]))


AFFIXED = ["5 %", "\u00a05%\u202f", "5%%", "%", "", "5", " ", "1 0 %", "% 5"]


@pytest.mark.parametrize(
    "affix", [Affix("", "%"), Affix("€", ""), Affix("€", "%"), Affix("%", "%")]
)
@pytest.mark.parametrize("text", [*AFFIXED, "€ 5 %", "€5", "€", "€%", "5 €"])
def test_an_affix_is_taken_off_as_in_the_engine(affix: Affix, text: str) -> None:
    """Python's `re` would take the fourth power of the blanks."""
    field = Field("", "number", bare_number=False, affix=affix)
    match = re.fullmatch(affix_pattern(affix), text, re.ASCII)
    assert without_affixes(text, field) == (match[1] if match else "")
    assert without_affixes(" " * 100_000 + "x", field) == ""


@pytest.mark.parametrize(
    ("text", "bare"), [("ca 5 km", "5"), ("-5\n", "-5"), ("x", ""), ("5a" * 3, "5a5a5"), ("", "")]
)
def test_any_text_around_a_number_is_taken_off(text: str, bare: str) -> None:
    field = Field("", "number", bare_number=False)
    assert without_affixes(text, field) == bare
    assert without_affixes("5" + "a" * 100_000 + "5a", field).endswith("a5")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, -b ,c d", [("a", False), ("b", True), ("c d", False)]),
        ('-"a,b" , "c""d"', [("a,b", True), ('c"d', False)]),
        ("-", [("-", False)]),
        ('"-a"', [("-a", False)]),
    ],
)
def test_names_of_columns(text: str, names: list[tuple[str, bool]]) -> None:
    assert page._names(text, "columns") == names


@pytest.mark.parametrize("text", [",", "a,,b", '"a', '"a"b', f'a,{" " * 300}"'])
def test_what_is_not_names_of_columns(text: str) -> None:
    with pytest.raises(FilterRefused):
        page._names(text, "columns")
