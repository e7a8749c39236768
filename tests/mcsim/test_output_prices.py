"""``output=prices``: prices and values by path alone, and what is said where flows are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernels.flows import FIELDS
from mcsim import store
from mcsim.cli import main
from mcsim.errors import InputError
from mcsim.results import Run
from mcsim.variables import GROUPS
from tests.mcsim.whole_runs import JUMBO, make_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The same run with its flows and without, two blocks on two threads."""
    folder = tmp_path_factory.mktemp("runs")
    overrides = (*JUMBO, "backend=numpy", "engine.threads=2")
    return make_run(folder, *overrides), make_run(folder, *overrides, "output=prices")


def test_prices_are_the_same_and_nothing_else_is_kept(runs: tuple[Run, Run]) -> None:
    whole, small = runs
    deal = "deals/senior_subordinate"
    assert store.groups(small.path) == (f"{deal}/path_values", f"{deal}/prices")
    for group in ("path_values", "prices"):
        for name in GROUPS[group]:
            left, right = getattr(whole, group)[name].values, getattr(small, group)[name].values
            np.testing.assert_array_equal(left, right, err_msg=name)
    size = [sum(f.stat().st_size for f in run.folder.store.rglob("*") if f.is_file()) for run in runs]
    assert size[1] < size[0] / 10
    assert small.verify() > 0


def test_values_by_path_give_the_error_bars(runs: tuple[Run, Run]) -> None:
    """Mean and standard error over paths by numpy; the average life as a ratio of means."""
    run = runs[1]
    values, prices = run.path_values, run.prices
    paths = values.value.transpose("tranche", "path").values
    n = paths.shape[1]
    # 300 terms of float64 in another order.
    np.testing.assert_allclose(prices.value, paths.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(prices.value_standard_error, paths.std(axis=1, ddof=1) / np.sqrt(n), rtol=1e-10)
    paid = values.principal.mean("path") > 0
    life = (values.principal_years.mean("path") / values.principal.mean("path")).where(paid, drop=True)
    np.testing.assert_allclose(prices.wal.where(paid, drop=True), life, rtol=1e-12)


def test_values_by_path_are_those_of_the_flows(runs: tuple[Run, Run]) -> None:
    """Of a class whose flows are stored: discounted by hand."""
    whole = runs[0]
    flows = whole.tranches
    spread = whole.prices.spread
    factor = whole.scenarios.discount_factor.sel(month=flows.month) * np.exp(-spread * flows.month / 12)
    by_hand = ((flows.interest_paid + flows.principal_paid) * factor).sum("month").transpose("tranche", "path")
    # 84 months in another order, and an exponential of our own that is right to 1e-13.
    np.testing.assert_allclose(whole.path_values.value.transpose("tranche", "path"), by_hand, rtol=1e-11, atol=1e-6)


def test_what_was_not_kept_is_said(runs: tuple[Run, Run], capsys: pytest.CaptureFixture[str]) -> None:
    run = runs[1]
    for group in ("pool", "scenarios", "tranches"):
        with pytest.raises(
            InputError, match=rf"kept no {group}: it holds deals/\S+/path_values, deals/\S+/prices; .*output\.flows=true"
        ):
            getattr(run, group)
    with pytest.raises(InputError, match="kept no pool to price again.*output=pool"):
        run.price(spread=0.01)
    assert main(["price", str(run.path)]) == 2
    said = capsys.readouterr().err
    assert "kept no pool" in said and "Traceback" not in said


def test_a_loan_is_simulated_again_all_the_same(runs: tuple[Run, Run]) -> None:
    whole, small = runs
    loan = str(np.asarray(_loans(small))[0])
    left, right = whole.regenerate(loan, 299), small.regenerate(loan, 299)
    for name in FIELDS:
        np.testing.assert_array_equal(left[name], right[name])


def _loans(run: Run) -> list[str]:
    from mcsim.configuration import settings_of
    from mcsim.tapes.portfolio import load_portfolio

    settings = settings_of(run.config)
    return load_portfolio(settings.only_collateral.portfolio, settings.seed).loans.loan_id.tolist()


def test_the_report_shows_what_there_is(runs: tuple[Run, Run]) -> None:
    page = Path(runs[1].report()).read_text(encoding="utf-8")
    assert "Convergence of the mean price" in page and "Distribution over paths" in page
    assert "The run kept prices and the classes" in page
    assert "Primary mortgage rate" not in page and "Performing balance" not in page
    assert ">holds<" in page and ">fails<" not in page
