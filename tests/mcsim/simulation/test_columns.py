"""A model that reads a column of the loans and rows of the scenario; terms that read columns; what is refused beforehand."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kernels import behaviour
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import SHARE, Parameter, Range
from kernels.flows import FIELDS
from kernels.loan_terms import TILE, Count, KnownBeforehand
from kernels.observables import MARKET_ROWS
from kernels.terms import TERMS
from mcsim.backend import choose_backend
from mcsim.errors import InputError
from mcsim.loans import Loans, make_loans
from mcsim.scenario import Scenario
from mcsim.settings import Behaviour, ModelChoice, Portfolio
from mcsim.simulation.columns import Reader, loan_columns
from mcsim.simulation.prepare import PreparedLoans, check_loans, horizon, prepare_loans
from mcsim.simulation.simulator import LoanSimulator

PORTFOLIO = Portfolio("test", "generator", None, "2020-12-31", 0.0, 0.0, 12, "principal_and_interest")
N, PATHS = 5, 3
STATIC = Behaviour(
    ModelChoice("smm", {"smm": [0.0]}), ModelChoice("mdr", {"mdr": [0.0]}), ModelChoice("fixed", {"severity": [0.2]}), "expected"
)  # fmt: skip


def build_by_column(ops: Any) -> Any:
    """SMM: base x column + short rate + regional price / 100."""
    hundredth = ops.real(0.01)

    @ops.function
    def smm(seen, parameters):  # type: ignore[no-untyped-def]
        return parameters.base * seen.dti + seen.short_rate + hundredth * seen.home_price_index

    return smm


BY_COLUMN = Model(build_by_column, {"base": Parameter("per unit of dti", SHARE)}, ("dti", "short_rate", "home_price_index"))
BEHAVIOUR = Behaviour(
    ModelChoice("by_column", {"base": 0.1}), ModelChoice("mdr", {"mdr": [0.0]}), ModelChoice("fixed", {"severity": [0.2]}), "expected"
)  # fmt: skip


def loans(extra: dict[str, Any] | None = None, **columns: Any) -> Loans:
    """New 3-year loans at 6%, one in Texas."""
    known = {
        "loan_id": [f"L{i}" for i in range(N)], "balance": 1e5, "original_balance": 1e5, "ltv": 0.8, "note_rate": 0.06,
        "servicing_rate": 0.0, "age": 0, "maturity": 36, "amortisation": 36, "interest_only": 0, "day_count": "30/360",
        "region": ["CA"] * (N - 1) + ["TX"], "property_type": "single_family", **columns,
    }  # fmt: skip
    return make_loans(datetime.date(2020, 12, 31), known, extra)


def prepared(of: Loans, precision: str = "float64", chosen: Behaviour | None = None) -> PreparedLoans:
    return prepare_loans(of, PORTFOLIO, ("CA", "TX"), horizon(of, PORTFOLIO), precision, chosen)


def scenario(n_months: int) -> Scenario:
    """Short rate by month and path, prices by region."""
    grid = np.linspace(0.01, 0.02, (n_months + 1) * PATHS).reshape(n_months + 1, PATHS)
    market = {name: grid if name == "short_rate" else np.full_like(grid, np.nan) for name in MARKET_ROWS}
    return Scenario(0, ("CA", "TX"), market | {"home_price_index": np.stack([np.ones_like(grid), np.full_like(grid, 2.0)])})


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_a_model_reads_a_column_and_the_scenario(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first month's prepayments of each loan, by hand: (balance less scheduled principal) x SMM."""
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", BY_COLUMN)
    dti = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    of = loans({"dti": dti})
    simulator = LoanSimulator(prepared(of, chosen=BEHAVIOUR), BEHAVIOUR, 1, choose_backend(target, "float64"))
    paths = scenario(simulator.loans.n_months)
    payment = 1e5 * 0.005 / (1 - 1.005**-36)
    for i in range(N):
        smm = 0.1 * of.extra["dti"][i] + paths.short_rate[0] + 0.01 * (2.0 if of.region[i] == "TX" else 1.0)
        found = simulator.loan(paths, i)[0, FIELDS.index("prepaid_principal")]
        np.testing.assert_allclose(found, (1e5 - (payment - 500)) * smm, rtol=1e-12)
    alone = sum(simulator.loan(paths, i) for i in range(N))
    np.testing.assert_allclose(simulator.pool(paths), alone, rtol=1e-12)


def build_by_income(ops: Any) -> Any:
    """MDR: base x column."""

    @ops.function
    def mdr(seen, parameters):  # type: ignore[no-untyped-def]
        return parameters.base * seen.income

    return mdr


BY_INCOME = Model(build_by_income, {"base": Parameter("per unit of income", SHARE)}, ("income",))


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_each_model_reads_its_own_columns_of_each_loan(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second model's column is the second of two, the loans are of two tiles: the first month of the pool, by hand."""
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", BY_COLUMN)
    monkeypatch.setitem(behaviour.DEFAULT, "by_income", BY_INCOME)
    n, chosen = TILE + 8, replace(BEHAVIOUR, default=ModelChoice("by_income", {"base": 0.01}))
    dti, income = np.linspace(0.1, 0.9, n) ** 2, np.linspace(3, 1, n)
    of = loans(
        {"dti": dti, "income": income}, loan_id=[f"L{i}" for i in range(n)], region="CA", balance=np.arange(1, n + 1) * 1e3
    )
    simulator = LoanSimulator(prepared(of, chosen=chosen), chosen, 1, choose_backend(target, "float64"))
    paths = scenario(simulator.loans.n_months)
    first = dict(zip(FIELDS, simulator.pool(paths)[0], strict=True))
    unpaid = of.balance * (1 - (0.005 / (1 - 1.005**-36) - 0.005))
    smm = 0.1 * of.extra["dti"][:, None] + paths.short_rate[0] + 0.01
    np.testing.assert_allclose(first["prepaid_principal"], unpaid @ smm, rtol=1e-12)
    np.testing.assert_allclose(first["defaulted_balance"], of.balance @ (0.01 * of.extra["income"]), rtol=1e-12)


def test_a_column_that_the_loans_lack_is_refused_by_model_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", BY_COLUMN)
    with pytest.raises(InputError, match=r"prepayment model by_column reads 'dti', .*did you mean 'dtii'\?; give the column"):
        prepared(loans({"dtii": 0.3}), chosen=BEHAVIOUR)
    with pytest.raises(InputError, match=r"reads 'dti', which is blank for 2 of 5 loans \(L\d, L\d\); give each a number"):
        prepared(loans({"dti": [0.1, np.nan, 0.2, np.nan, 0.3]}), chosen=BEHAVIOUR)


def test_a_text_is_no_column_of_numbers_and_all_problems_come_together() -> None:
    readers = [
        Reader("default model a", ("region", "score"), {}, "b"),
        Reader("severity model b", ("balance", "number"), {}, "a"),
    ]
    with pytest.raises(InputError) as told:
        loan_columns(loans(), readers)
    assert [problem.split(",")[0] for problem in told.value.problems] == [
        "default model a reads 'region'", "default model a reads 'score'", "severity model b reads 'number'",
    ]  # fmt: skip


DTI = {"dti": Parameter("debt to income, per unit", Range(0, 1.5))}


def test_a_column_outside_of_its_declared_range_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends are in; a column that nothing is said of takes any number."""
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", replace(BY_COLUMN, columns=DTI))
    assert len(prepared(loans({"dti": [0, 0.1, 0.2, 0.3, 1.5]}), chosen=BEHAVIOUR)) == N
    for wrong, told in ((35, "35.0"), (-0.1, "-0.1")):
        with pytest.raises(InputError) as error:
            prepared(loans({"dti": [0.1, wrong, 0.2, wrong, 0.3]}), chosen=BEHAVIOUR)
        (line,) = error.value.problems
        assert line.startswith("prepayment model by_column reads 'dti', debt to income, per unit, which is ")
        assert (
            f"which is {told} for the first of 2 of 5 loans (L" in line
            and "; expected at least 0 and at most 1.5: say the unit" in line
        )
        assert "extra: {dti: {column: NAME, unit: percent}} in its mapping (docs/tapes.md)" in line
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", BY_COLUMN)
    assert len(prepared(loans({"dti": 35}), chosen=BEHAVIOUR)) == N


def test_of_multiples_each_is_looked_at() -> None:
    quarters = {"score": Parameter("in quarters", Range(0, 1000, step=5))}
    with pytest.raises(InputError, match=r"which is 703.0 for the first of 1 of 5 loans .* columns: \{score: \{column: NAME"):
        loan_columns(loans(score=[700, 703, 705, 710, 715]), [Reader("model a", ("score",), quarters, "another")])


LADDER = KnownBeforehand(
    lambda read, month: np.where(month < read.first_step, read.note_rate, read.stepped_rate),
    reads=("note_rate", "first_step", "stepped_rate"),
)


def test_a_ladder_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """3% for a year, then 6%: the payment is computed anew for the 24 months left, by the closed form; level loans beside it."""
    monkeypatch.setitem(TERMS, "ladder", LADDER)
    terms = ["level", "level", "ladder", "ladder", "level"]
    of = loans({"first_step": 13, "stepped_rate": [0, 0, 0.06, 0.06, 0]}, note_rate=0.03, terms=terms)
    found = prepared(of)
    rows = found.counts[:, Count.NOTE_RATE_ROW]
    assert len(found.note_rates) == 2 and (rows >= 0).all() and len({*rows[of.terms == "ladder"]}) == 1
    ladder = int(np.flatnonzero(of.terms == "ladder")[0])
    assert found.note_rates[rows[ladder]].tolist() == [0.03] * 12 + [0.06] * (found.n_months - 12)
    first = 1e5 * 0.0025 / (1 - 1.0025**-36)
    balance = found.balances[ladder]
    assert balance[12] == pytest.approx(1e5 * 1.0025**12 - first * (1.0025**12 - 1) / 0.0025, rel=1e-12)
    second = balance[12] * 0.005 / (1 - 1.005**-24)
    paid = found.principal_rates[ladder, 12:36] * balance[12:36] + balance[12:36] * 0.005
    np.testing.assert_allclose(paid, second, rtol=1e-11)
    level = prepared(loans(note_rate=0.03))
    np.testing.assert_array_equal(found.balances[of.terms == "level"], level.balances[of.terms == "level"])


def test_a_ladder_pays_the_rate_of_its_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interest of a loan that nobody leaves: a twelfth of that month's rate on its scheduled balance."""
    monkeypatch.setitem(TERMS, "ladder", LADDER)
    of = loans({"first_step": 13, "stepped_rate": 0.06}, note_rate=0.03, terms="ladder")
    chosen = replace(BEHAVIOUR, prepayment=ModelChoice("smm", {"smm": [0.0]}))
    simulator = LoanSimulator(prepared(of, chosen=chosen), chosen, 1, choose_backend("numpy", "float64"))
    interest = simulator.loan(scenario(simulator.loans.n_months), 0)[:36, FIELDS.index("interest"), 0]
    rates = np.repeat([0.03, 0.06], [12, 24])
    np.testing.assert_allclose(interest, simulator.loans.balances[0, :36] * rates / 12, rtol=1e-12)


STEPPED = KnownBeforehand(
    lambda read, month: read.note_rate + read.step * ((month - 1) // 12), reads=("note_rate", "step"),
    columns={"step": Parameter("a year", Range(-5, 5))},
)  # fmt: skip


@pytest.mark.parametrize(
    ("step", "told", "month"), [(4.0, "4.06", 13), (-0.05, "-0.04", 25), (0.1, "0.26", 25), (-0.061, "-0.001", 13)]
)
def test_terms_that_make_no_note_rate_are_refused(step: float, told: str, month: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step in percent, or one that takes the rate below 0 or above the tapes' limit: the first month in which it does."""
    monkeypatch.setitem(TERMS, "stepped", STEPPED)
    of = loans({"step": [0.0, step, 0.001, step, 0.0]}, terms="stepped")
    expected = f"terms stepped make a note rate of {told} for loan {of.loan_id[np.argmax(of.extra['step'] == step)]} in month {month},"
    for run in (lambda: prepared(of), lambda: check_loans(of, PORTFOLIO, STATIC)):
        with pytest.raises(InputError) as error:
            run()
        (line,) = error.value.problems
        assert line.startswith(expected) and "and of 2 of 5 loans" in line and "at least 0 and at most 0.25" in line
        assert "extra: {step: {column: NAME, unit: percent}}" in line


def test_a_rate_counts_while_the_loan_lives_and_is_a_number_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four loans end in month 12, one in month 120: what terms say of the four later is no matter, unless it is no number."""
    short, long = [12] * (N - 1), 120
    of = loans(
        {"step": 0.1}, note_rate=0.0, terms=["stepped"] * (N - 1) + ["level"], maturity=[*short, long], amortisation=long
    )
    monkeypatch.setitem(TERMS, "stepped", STEPPED)
    assert len(prepared(of)) == N  # 0.3 from month 37 on, past maturity and liquidation
    broken = KnownBeforehand(lambda read, month: np.where(month < 100, read.note_rate, np.nan), reads=("note_rate",))
    monkeypatch.setitem(TERMS, "stepped", broken)
    with pytest.raises(
        InputError, match=r"terms stepped make a note rate of nan for loan L\d in month 100, and of 4 of 4 loans"
    ):
        prepared(of)


def test_what_models_and_terms_lack_is_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what to write, and with what else can be done about it."""
    monkeypatch.setitem(behaviour.PREPAYMENT, "by_column", BY_COLUMN)
    monkeypatch.setitem(TERMS, "stepped", STEPPED)
    with pytest.raises(InputError) as error:
        check_loans(loans(terms=["stepped", "stepped", "level", "levl", "level"]), PORTFOLIO, BEHAVIOUR)
    model, unknown, terms = error.value.problems
    assert model.startswith("prepayment model by_column reads 'dti', ") and model.endswith(
        "choose a model that does not read it"
    )
    assert "give the column with the table, extra: {dti: {column: NAME}} in its mapping (docs/tapes.md)" in model
    assert unknown.startswith("terms 'levl' of 1 loans") and terms.startswith("terms stepped reads 'step', ")
    assert terms.endswith("give these loans other terms") and "extra: {step: {column: NAME}}" in terms
    with pytest.raises(ValueError, match=r"columns \['step'\] are declared and not read"):
        replace(STEPPED, reads=("note_rate",))


def test_unknown_terms_are_refused() -> None:
    of = replace(loans(), terms=np.array(["level", "laddr", "level", "laddr", "level"]))
    with pytest.raises(InputError, match=r"terms 'laddr' of 2 loans; known: adjustable, level"):
        prepared(of)
