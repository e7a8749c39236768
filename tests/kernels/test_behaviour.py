"""Every behavioural model: against an independent Python form, its range and direction, and the same bits on numpy and cpu."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kernels import behaviour
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import SHARE, Parameter, Range
from kernels.behaviour.severity.ltv_severity import MOST_ERROR
from kernels.flows import FIELDS
from kernels.observables import OBSERVABLES
from kernels.ops import PRECISIONS, Ops
from tests import oracle
from tests.elementwise import model_rate, others_of
from tests.kernel_driver import FULL, Block, Loan, Models, same_paths

ROLL, HAZARD, SEVERITY = FULL.prepayment[1], FULL.default[1], FULL.severity[1]
PARAMETERS = {"richard_roll": ROLL, "ltv_hazard": HAZARD, "ltv_severity": SEVERITY}
ALL = [(kind, name) for kind, models in behaviour.KINDS.items() for name in models]

rate = st.floats(0.001, 0.25)
observables = st.lists(st.tuples(rate, rate, st.floats(0, 1), st.floats(0, 5)), min_size=1, max_size=30)
"""Note rate, mortgage rate, balance factor, ltv."""
months = st.tuples(st.integers(1, 480), st.integers(1, 480), st.integers(0, 11))
"""Month, age, calendar month."""


def parameters(kind: str, name: str) -> tuple[float, ...]:
    """The model's parameters of the tests; for one that is not listed, small numbers."""
    model = behaviour.KINDS[kind][name]
    return PARAMETERS.get(name, tuple(0.01 * (i + 1) for i in range(max(3, len(model.parameters)))))


def evaluate(
    kind: str,
    name: str,
    rows: Sequence[tuple[float, ...]],
    when: tuple[int, int, int],
    others: dict[str, float] | None = None,
    **where: str,
) -> np.ndarray:
    """The model over rows of observables, and over what else it reads."""
    note, market, factor, ltv = (np.array(c) for c in zip(*rows, strict=True))
    target, precision = where.get("target", "numpy"), where.get("precision", "float64")
    return model_rate(target, precision, kind, name, parameters(kind, name), note, market, factor, ltv, *when, others=others)


def one_of_each_build() -> list[tuple[str, str]]:
    """Models that share their function (vectors) once."""
    builds = {behaviour.KINDS[kind][name].build: (kind, name) for kind, name in ALL}
    return list(builds.values())


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("kind", "name"), one_of_each_build())
def test_numpy_and_cpu_agree_to_the_last_bit(kind: str, name: str, precision: str) -> None:
    @settings(max_examples=30, deadline=None)
    @given(observables, months)
    def check(rows: list[tuple[float, ...]], when: tuple[int, int, int]) -> None:
        on_numpy, on_cpu = (evaluate(kind, name, rows, when, target=t, precision=precision) for t in ("numpy", "cpu"))
        np.testing.assert_array_equal(on_numpy.view(np.uint8), on_cpu.view(np.uint8))

    check()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_rates_lie_between_zero_and_one(kind: str, name: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(observables, months)
    def check(rows: list[tuple[float, ...]], when: tuple[int, int, int]) -> None:
        value = evaluate(kind, name, rows, when)
        assert np.all((value >= 0) & (value <= 1))

    check()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_registry_says_what_each_parameter_means(kind: str, name: str) -> None:
    model = behaviour.KINDS[kind][name]
    assert model.parameters and all(parameter.meaning.strip() for parameter in model.parameters.values())
    assert not any(
        parameter.table for parameter in list(model.parameters.values())[:-1]
    )  # a table takes the rest of the array
    assert name.isidentifier()


@settings(max_examples=60, deadline=None)
@given(observables, months)
def test_full_set_equals_the_independent_form(rows: list[tuple[float, ...]], when: tuple[int, int, int]) -> None:
    annual = evaluate("prepayment", "richard_roll", rows, when)
    forms = (
        ([oracle.monthly(float(x)) for x in annual], oracle.richard_roll(ROLL)),
        (evaluate("default", "ltv_hazard", rows, when), oracle.ltv_hazard(HAZARD)),
    )
    for value, form in forms:
        expected = [form(*when, *row) for row in rows]
        # A few units in the last place of each elementary function, magnified where level and arctangent nearly cancel.
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("kind", "name"), [("prepayment", "smm"), ("default", "cdr"), ("severity", "fixed")])
def test_vectors_hold_their_last_value(kind: str, name: str) -> None:
    values = [0.01, 0.02, 0.03]
    found = [model_rate("numpy", "float64", kind, name, values, 0.0, 0.0, 0.0, 0.0, month=m)[0] for m in (1, 2, 3, 4, 400)]
    assert found == [0.01, 0.02, 0.03, 0.03, 0.03]


REAL = ("note_rate", "mortgage_rate", "balance_factor", "ltv")


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_model_depends_on_what_it_reads_and_on_nothing_else(kind: str, name: str, target: str) -> None:
    """What it reads shows in the rate as a NaN: never a 0, a floor or a cap. What it does not read changes no bit.

    A name that is no observable is a column of the loans: one that is nearly an observable, and not declared, is misspelt.
    """
    model = behaviour.KINDS[kind][name]
    reads = model.observes
    for column in set(model.column_names) - {*model.columns}:
        near = difflib.get_close_matches(column, OBSERVABLES, n=1, cutoff=0.75)
        assert not near, (
            f"{name} reads {column!r}: {near[0]!r}? A column of the loans is declared: columns={{{column!r}: ...}}"
        )
    row, when = (0.05, 0.04, 0.9, 0.8), (7, 30, 4)
    plain = evaluate(kind, name, [row], when, target=target)
    assert np.isfinite(plain).all()
    for position, observable in enumerate(REAL):
        changed = tuple(np.nan if i == position else value for i, value in enumerate(row))
        found = evaluate(kind, name, [changed], when, target=target)
        assert np.isnan(found).all() if observable in reads else found == plain, observable
    for position, observable in enumerate(("month", "age", "calendar_month")):
        others = [tuple(other if i == position else value for i, value in enumerate(when)) for other in (1, 2, 3, 11)]
        moved = [evaluate(kind, name, [row], other, target=target) != plain for other in others]
        assert any(moved) == (observable in reads), observable
    for other in others_of(model):
        assert np.isnan(evaluate(kind, name, [row], when, {other: np.nan}, target=target)).all(), other


def test_a_model_that_reads_a_column_or_a_rate_of_the_scenario_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a contributor adds: the table of models is all that the tests above go by."""

    def build(ops: Ops) -> Callable[..., Any]:
        clip, zero, one, forty = ops.clip, ops.real(0), ops.real(1), ops.real(40)

        @ops.function
        def smm(seen, parameters):  # type: ignore[no-untyped-def]
            return clip(parameters.base * (forty - seen.dti) * seen.short_rate * seen.second_lien, zero, one)

        return smm

    declared = {"dti": Parameter("debt to income, percent", Range(20, 60))}
    model = Model(
        build, {"base": Parameter("SMM", SHARE)}, ("dti", "short_rate", "second_lien"), bounded=True, columns=declared
    )
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", model)
    case = ("prepayment", "by_column")
    for target in ("numpy", "cpu"):
        test_a_model_depends_on_what_it_reads_and_on_nothing_else(*case, target)
    test_numpy_and_cpu_agree_to_the_last_bit(*case, "float32")
    test_rates_lie_between_zero_and_one(*case)
    assert evaluate(*case, [(0.05, 0.04, 0.9, 0.8)] * 4, (1, 1, 0), {"short_rate": 1.0, "second_lien": 1.0}).tolist() == [
        pytest.approx(0.01 * (40 - dti)) if dti < 40 else 0 for dti in (30, 40, 50, 60)
    ]
    monkeypatch.setitem(behaviour.PREPAYMENT, "misspelt", replace(model, reads=("dti", "short_rat", "second_lien")))
    with pytest.raises(AssertionError, match=r"misspelt reads 'short_rat': 'short_rate'\?"):
        test_a_model_depends_on_what_it_reads_and_on_nothing_else("prepayment", "misspelt", "numpy")
    with pytest.raises(pytest.fail.Exception, match="prepayment model .* is in none of SETS"):
        test_every_model_is_compared_in_both_decrements()
    with pytest.raises(ValueError, match=r"columns \['dti'\] are declared and not read; the model reads \['second_lien'\]"):
        replace(model, reads=("second_lien",))


def test_annual_models_say_so() -> None:
    annual = {(kind, name) for kind, name in ALL if behaviour.KINDS[kind][name].annual}
    assert {("prepayment", "cpr"), ("prepayment", "psa"), ("prepayment", "richard_roll")} <= annual
    assert {("default", "cdr"), ("default", "sda")} <= annual
    assert not {("prepayment", "smm"), ("default", "mdr"), ("default", "ltv_hazard")} & annual
    assert not any(kind == "severity" for kind, _ in annual)


@settings(max_examples=100, deadline=None)
@given(months, rate, st.floats(0, 1), st.lists(rate, min_size=2, max_size=20))
def test_more_incentive_never_prepays_less(
    when: tuple[int, int, int], note: float, factor: float, markets: list[float]
) -> None:
    rows = [(note, market, factor, 0.8) for market in sorted(markets, reverse=True)]
    value = evaluate("prepayment", "richard_roll", rows, when)
    assert np.all(np.diff(value) >= -1e-15)  # atan is exact to 5 units in the last place of about 1: not monotone beyond


@settings(max_examples=100, deadline=None)
@given(months, st.lists(st.floats(0, 5), min_size=2, max_size=20))
def test_higher_ltv_never_defaults_less_nor_loses_less(when: tuple[int, int, int], ltvs: list[float]) -> None:
    rows = [(0.05, 0.05, 1.0, ltv) for ltv in sorted(ltvs)]
    assert np.all(np.diff(evaluate("default", "ltv_hazard", rows, when)) >= -1e-15)
    severity = evaluate("severity", "ltv_severity", rows, when)
    assert np.all(np.diff(severity) >= -2 * MOST_ERROR)  # two values of the polynomial


def test_refinancing_curve_at_its_centre() -> None:
    """Fully seasoned, no burnout, January: at the centre of the arctangent CPR = level x multiplier of January."""
    level, centre, january = ROLL[0], ROLL[3], ROLL[8]
    value = model_rate("numpy", "float64", "prepayment", "richard_roll", ROLL, 0.05 * centre, 0.05, 1.0, 0.8, month=1, age=30)
    assert value[0] == pytest.approx(level * january, rel=1e-14)


def test_hazard_at_its_pivot() -> None:
    base, _, pivot, ramp = HAZARD[:4]
    for age, share in ((ramp / 2, 0.5), (ramp, 1.0), (10 * ramp, 1.0)):
        value = model_rate("numpy", "float64", "default", "ltv_hazard", HAZARD, 0.05, 0.05, 1.0, pivot, age=int(age))
        assert value[0] == pytest.approx(base * share, rel=1e-15)


SETS = {
    "full": FULL,
    "curves": Models(("psa", (8.0,)), ("sda", (20.0,)), ("fixed", (0.35,))),
    "annual vectors": Models(("cpr", (0.1, 0.2, 0.3, 0.25)), ("cdr", (0.02, 0.1)), ("fixed", (0.1, 0.4))),
    "monthly vectors": Models(("smm", (0.02, 0.03)), ("mdr", (0.0, 0.01)), ("fixed", (0.2,))),
}
"""Every model that ships once; speeds high enough that each month sees some loans of 20,000 leave."""


def test_every_model_is_compared_in_both_decrements() -> None:
    used = {k: {getattr(m, k)[0] for m in SETS.values()} for k in behaviour.KINDS}
    for kind, models in behaviour.KINDS.items():
        for name in {*models} - used[kind]:
            pytest.fail(
                f"{kind} model {name} is in none of SETS above: add an entry, {name!r} with parameters, and two other models"
            )
        assert used[kind] <= {*models}, f"SETS names {used[kind] - {*models}}, of which there is no {kind} model"


@pytest.mark.parametrize("name", SETS)
def test_mean_of_sampled_equals_expected(name: str) -> None:
    """One scenario on every path: the paths differ by their draws alone, so their mean estimates ``expected``.

    Each month of each field in which at least 25 paths have the flow and 25 have not (so that the mean is near normal), and each
    field's total over the months, gives a z. The largest must stay below the bound that one of so many independent normals
    passes with probability 1e-4 (Bonferroni). The seed is fixed. It sees a rate that is 10% off, or a hazard that depends on the
    draws; that the sampled share of even draws is the rate to one part in 100,000 is test_loan_month.py's.
    """
    n, n_months = 20_000, 36
    paths = same_paths(n_months, n, seed=4)
    loan = Loan(ltv=0.95, age=20, maturity=36, amortisation=240, interest_only=3, last_default=33, lag=3, number=2**40 + 17)
    chosen = SETS[name]
    expected = Block((loan,), same_paths(n_months, 1, seed=4), chosen).run("numpy", "float64")[:, :, 0]
    draws = Models(chosen.prepayment, chosen.default, chosen.severity, "sampled")
    sampled = Block((loan,), paths, draws).run("numpy", "float64")
    hit = (sampled != 0).sum(2)
    enough = (hit >= 25) & (hit <= n - 25)
    z = (sampled.mean(2) - expected)[enough] / (sampled.std(2)[enough] / np.sqrt(n))
    totals = sampled.sum(0)
    z_total = (totals.mean(1) - expected.sum(0)) / (totals.std(1) / np.sqrt(n))
    every = np.abs(np.concatenate([z, z_total]))
    assert enough.sum() > 150 and len(z_total) == len(FIELDS)
    assert every.max() < stats.norm.isf(1e-4 / 2 / len(every)), np.argmax(every)
