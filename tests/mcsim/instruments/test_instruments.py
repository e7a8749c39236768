"""What instruments declare, and whole loans against a deal that passes everything through."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.behaviour.parameter import SHARE, Parameter
from kernels.flows import FIELDS
from mcsim import instruments
from mcsim.deals import compile_deal, load_deal, run_deal
from mcsim.errors import InputError
from mcsim.instruments import INSTRUMENTS, deal_class
from mcsim.instruments.instrument import COLLATERAL, Instrument, collected, performing_before, streams_of
from mcsim.streams import ClassFlows, Streams, pool_flows
from mcsim.valuation.methods import METHODS
from tests.mcsim.deals.deal_examples import backend, random_pool, shipped

POOL = 1e8


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instrument_says_what_it_is(name: str) -> None:
    instrument = INSTRUMENTS[name]
    assert instrument.meaning.endswith(".") and instrument.source
    for key, taken in instrument.inputs.items():
        assert taken.meaning and str(taken.range), key
        assert not any(key in method.inputs for method in METHODS.values()), f"{key}: a method's input has this name"


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_streams_follow_the_flows(name: str) -> None:
    """Of the shape of the flows, twice as much of twice as much, and the flows are left as they were."""
    instrument = INSTRUMENTS[name]
    inputs = {
        key: (max(r.lowest, 0.0) + min(r.highest, 1.0)) / 2 for key, r in ((k, p.range) for k, p in instrument.inputs.items())
    }
    if instrument.of == COLLATERAL:
        flows = pool_flows(random_pool(seed=8, n_months=12, n_paths=5))
    else:
        flows = ClassFlows(*np.random.default_rng(8).uniform(0, 1e6, (len(ClassFlows._fields), 1, 12, 5)))
    before = [np.array(flow) for flow in flows]
    once = instrument.streams(flows, inputs)
    twice = instrument.streams(type(flows)(*(2 * flow for flow in flows)), inputs)
    for part, values in vars(once).items():
        assert values.shape == flows[0].shape, part
        np.testing.assert_array_equal(getattr(twice, part), 2 * values, err_msg=part)
    for flow, was in zip(flows, before, strict=True):
        np.testing.assert_array_equal(flow, was)


def test_they_are_found_by_their_files() -> None:
    assert {"deal_class", "whole_loan"} <= INSTRUMENTS.keys() and "instrument" not in INSTRUMENTS


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"of": "loans"}, "expected 'class' or 'collateral'"),
        ({"meaning": ""}, "meaning and its source"),
        ({"source": ""}, "meaning and its source"),
        ({"inputs": {"ladder": Parameter("rates", table=True)}}, "'ladder' of an instrument is a table"),
    ],
)
def test_a_declaration_that_cannot_be(wrong: dict[str, object], expected: str) -> None:
    given = {"of": COLLATERAL, "streams": lambda flows, inputs: flows, "meaning": "Something.", "source": "a book", **wrong}
    with pytest.raises(ValueError, match=expected):
        Instrument(**given)


@pytest.mark.parametrize("fee", [True, False])
def test_whole_loans_are_what_a_pass_through_pays(fee: bool) -> None:
    """Month by month and path by path: a deal of one class and a residual hands on all that its loans bring."""
    pool = random_pool(seed=3, n_months=36, n_paths=50)
    pool[:, FIELDS.index("servicing_fee")] *= fee
    whole = INSTRUMENTS["whole_loan"].streams(pool_flows(pool), {})
    paid = run_deal(compile_deal(load_deal(shipped("pass_through"), "test"), POOL), pool, backend("numpy"))
    of_classes = deal_class.streams(paid)
    cash = (of_classes.interest + of_classes.principal).sum(axis=0)
    # Sums of amounts up to 1e8 USD in float64: a millionth of a cent.
    np.testing.assert_allclose((whole.interest + whole.principal)[0], cash, rtol=0, atol=1e-6)
    # What losses take from the class, they take from the owner of the loans. A fee above the interest of a month, of which the
    # pool has some, the deal takes from principal: the class is short of it.
    losses, written_down = whole.write_down[0].sum(axis=0), of_classes.write_down[0].sum(axis=0)
    assert (losses <= written_down + 0.005).all()  # the deal is right to half a cent
    assert fee != np.allclose(losses, written_down, rtol=0, atol=0.005)


def test_whole_loans_return_or_lose_the_balance() -> None:
    pool = random_pool(seed=4, n_months=24, n_paths=9)
    whole = INSTRUMENTS["whole_loan"].streams(pool_flows(pool), {})
    left = pool[-1, FIELDS.index("balance")] + pool[-1, FIELDS.index("foreclosure_balance")]
    np.testing.assert_allclose((whole.principal + whole.write_down).sum(axis=1)[0] + left, POOL, rtol=1e-13)


def test_a_fee_above_the_interest_is_taken_from_principal_and_no_further() -> None:
    """100 of interest less 130 of fee leaves 20 of 50 principal; a month of interest 10, principal 5 and fee 40 pays nothing."""
    pool = np.zeros((2, len(FIELDS), 1))
    for field, values in {"interest": (100, 10), "servicing_fee": (130, 40), "scheduled_principal": (50, 5)}.items():
        pool[:, FIELDS.index(field), 0] = values
    funds = collected(pool_flows(pool))
    assert funds.interest.ravel().tolist() == [-30, -5] and funds.principal.ravel().tolist() == [50, 5]


def test_what_performs_at_the_start_of_a_month_is_what_the_month_before_left() -> None:
    pool = random_pool(seed=5, n_months=24, n_paths=9)
    before, flows = performing_before(pool_flows(pool)), pool_flows(pool)
    # Sums of four amounts up to 1e8 USD in float64: a millionth of a cent.
    np.testing.assert_allclose(before[:, 1:], flows.balance[:, :-1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(before[:, 0], POOL, rtol=1e-13)


def test_streams_of_what_is_given() -> None:
    interest = np.ones((1, 3, 2))
    only = Streams.of(interest=interest)
    assert only.interest is interest and not only.principal.any() and only.write_down.shape == interest.shape
    with pytest.raises(ValueError, match="streams of nothing"):
        Streams.of()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            lambda flows, inputs: Streams.of(flows.interest[..., 1:]),
            r"interest of its streams has shape \(1, 12, 4\), float64",
        ),
        (lambda flows, inputs: Streams.of(flows.interest.sum()), r"interest of its streams has shape \(\), float64; expected"),
        (lambda flows, inputs: Streams.of(flows.interest.astype(str)), r"interest of its streams has shape \(1, 12, 5\), <U"),
        (lambda flows, inputs: Streams(flows.interest, 0, flows.loss), r"principal of its streams has shape \(\), int"),
        (lambda flows, inputs: flows.interest, r"its streams are array\(.*; expected Streams\.of"),
        (lambda flows, inputs: Streams.of(flows.interst), "AttributeError: .*'interst'; expected .* among balance, "),
        (lambda flows, inputs: Streams.of(inputs["part"] * flows.interest), "KeyError: 'part'; .* of inputs among share: "),
        (lambda flows: Streams.of(flows.interest), "TypeError: "),
    ],
)
def test_streams_that_cannot_be_are_told_by_their_file(made: Any, expected: str) -> None:
    wrong = Instrument(COLLATERAL, made, "Something.", "a book", {"share": Parameter("part", SHARE)})
    flows = pool_flows(random_pool(seed=8, n_months=12, n_paths=5))
    with pytest.raises(InputError, match=expected) as told:
        streams_of("mine", wrong, flows, {"share": 0.5, "spread": 0.02})
    assert str(told.value).startswith("mcsim/instruments/mine.py: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "import no_such_module\n",
            "mine.py, line 1: cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("x = 1\nINSTRUMENT = (\n", "mine.py: cannot be imported: SyntaxError: "),
        ("\nINSTRUMENT = missing\n", "mine.py, line 2: cannot be imported: NameError: "),
        (
            "from mcsim.instruments.instrument import Instrument\nINSTRUMENT = Instrument('loans', None, 'A.', 'b')\n",
            "mine.py, line 2: cannot be imported: ValueError: an instrument of 'loans': expected 'class' or 'collateral'",
        ),
        ("INSTRUMNET = 1\n", "mine.py: has no INSTRUMENT; expected "),
        ("INSTRUMENT = 1\n", "mine.py: its INSTRUMENT is no Instrument; expected "),
    ],
)
def test_a_file_that_is_no_instrument_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    """All of them together; what begins with an underscore is the files' own."""
    folder = tmp_path / "mcsim" / "instruments"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(text, encoding="utf-8")
    (folder / "other_one.py").write_text("1 / 0\n", encoding="utf-8")
    (folder / "_shared.py").write_text("", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "mcsim.instruments.mine", raising=False)  # of the case before
    monkeypatch.setattr(instruments, "__path__", [*instruments.__path__, str(folder)])
    with pytest.raises(InputError) as told:
        instruments.found()
    assert len(told.value.problems) == 2 and expected in told.value.problems[0]
    assert "other_one.py, line 1: cannot be imported: ZeroDivisionError" in told.value.problems[1]
