"""Messages have a length, whatever is wrong and however much of it."""

from __future__ import annotations

import pickle
import time

import pytest

from mcsim.deals import load_deal
from mcsim.errors import LONGEST_LINE, LONGEST_VALUE, MOST_PROBLEMS, InputError, StoreError, nearest, one_line, shown

SECONDS = 5.0
"""Each takes under .5 s where nothing else runs."""


def test_a_deal_of_twenty_thousand_wrong_steps_answers_shortly() -> None:
    """It answered with 3.4 MB."""
    deal = {
        "name": "d",
        "group": "pool",
        "classes": {"A": {"share": 1.0, "coupon": 0.03}},
        "steps": [{"pay": "A" * 100}] * 20_000,
    }
    started = time.perf_counter()
    with pytest.raises(InputError) as error:
        load_deal(deal, "deal")
    assert time.perf_counter() - started < SECONDS
    lines = str(error.value).splitlines()
    assert len(error.value.problems) >= 20_000
    assert (
        len(lines) == MOST_PROBLEMS + 1
        and lines[-1] == f"and {len(error.value.problems) - MOST_PROBLEMS:,} more; mend these first"
    )
    assert len(str(error.value)) < 21 * LONGEST_LINE


_HUGE = {
    "text": "x" * 10**6,
    "list": [1] * 10**6,
    "mapping": {str(i): i for i in range(10**5)},
    "number": 10**5000,
    "list of one": [10**5000],
    "bytes": b"x" * 10**6,
}


@pytest.mark.parametrize("kind", _HUGE)
def test_a_value_is_shown_shortly(kind: str) -> None:
    value = _HUGE[kind]
    started = time.perf_counter()
    assert len(shown(value)) <= LONGEST_VALUE + 3
    assert time.perf_counter() - started < SECONDS


def test_what_is_short_is_shown_as_it_is() -> None:
    for value in (1.5, -3, "tape (1).xml", [1, 2], {"a": None}, True, 2**64):
        assert shown(value) == repr(value)


def test_a_line_stays_a_line_and_moves_no_terminal() -> None:
    assert one_line("a\nb\x1b[31m\x07") == "a b\\x1b[31m\\x07"
    assert len(one_line("é\x00" * 10_000)) < 4 * LONGEST_LINE
    assert one_line("portfolio.file = 'Crédit.xml': no such file") == "portfolio.file = 'Crédit.xml': no such file"


def test_known_names_are_listed_shortly() -> None:
    known = [f"loan-{i}" for i in range(50_000)]
    assert nearest("?", known).endswith("and 49,980 more") and len(nearest("?", known)) < 400
    assert len(nearest("x" * 10**6, ["a" * 10**5])) < 200


def test_every_error_keeps_its_lines() -> None:
    assert str(StoreError("damaged:\na\nb")) == "damaged:\na\nb"
    error = pickle.loads(pickle.dumps(InputError(["a", "b"])))
    assert error.problems == ["a", "b"] and str(error) == "a\nb" and str(InputError("")) == ""
