"""A book of two collaterals under different models: each part is what it is alone, whatever stands beside it and however it is cut."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mcsim
from mcsim import records, store
from mcsim.cli import main
from mcsim.errors import IncompleteRunError, InputError
from mcsim.pipeline import _OpenBlock
from mcsim.results import Run
from mcsim.simulation import simulator, stage
from mcsim.work import Block, Item
from tests.mcsim.tiny_book import alone, book, cash_of, run_book, staged_book
from tests.mcsim.whole_runs import same_bits, stored

RunOf = Callable[..., Run]


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """``run_of(precision="float64", ...)``: the tiny book with these keys, run once."""
    folder = tmp_path_factory.mktemp("runs")

    @lru_cache(maxsize=None)
    def made(output: tuple[tuple[str, Any], ...], shared: tuple[tuple[str, Any], ...]) -> Run:
        config = book(**dict(shared))
        return run_book(folder, {**config, "output": {**config["output"], **dict(output)}})

    return lambda output=(), **shared: made(tuple(output), tuple(sorted(shared.items())))


@pytest.fixture(scope="module")
def run(run_of: RunOf) -> Run:
    """The tiny book."""
    return run_of()


def parts_of(run: Run, *names: str) -> dict[str, np.ndarray]:
    """Every array below the places of these names."""
    return {name: values for name, values in stored(run).items() if name.split("/")[1] in names}


def same_parts(left: Run, right: Run, *names: str) -> None:
    """Raises unless both runs stored the same of these parts, to the last bit."""
    a, b = parts_of(left, *names), parts_of(right, *names)
    assert a.keys() == b.keys() and a
    for name, values in a.items():
        np.testing.assert_array_equal(values, b[name], err_msg=name)


# --- one result ---


def test_its_store_has_a_place_for_each_part(run: Run) -> None:
    assert run.groups == (
        "collateral/homes/pool", "collateral/shops/pool",
        *(f"deals/{deal}/{group}" for deal in ("both", "first", "second") for group in ("path_values", "prices", "tranches")),
        "positions/path_values", "positions/prices", "scenarios",
    )  # fmt: skip
    assert (list(run.collateral), list(run.deals)) == (["homes", "shops"], ["first", "both", "second"])
    homes, shops = run.collateral["homes"], run.collateral["shops"]
    assert (homes.pool.sizes["month"], shops.pool.sizes["month"]) == (47, 30), "each has its own horizon"
    assert run.scenarios.sizes["month"] == 48 and {"NY", "NV"} < set(run.scenarios.region.values.tolist())
    assert float(homes.pool.loss.max()) > 0 and float(shops.pool.loss.max()) > 0
    assert (homes.attributes["loans"], shops.attributes["loans"], run.attributes["loans"]) == (5, 4, 9)
    assert run.deals["second"].tranches.tranche.values.tolist() == ["PT", "R"]


@pytest.mark.parametrize("collateral", ["homes", "shops"])
def test_each_collateral_alone_is_what_it_is_in_the_book(tmp_path: Path, run: Run, collateral: str) -> None:
    """Fewer regions, a shorter horizon, no other pool beside it: the same draws, flows and prices to the last bit."""
    apart = run_book(tmp_path, alone(book(), collateral))
    assert apart.scenarios.sizes != run.scenarios.sizes
    same_parts(apart, run, collateral, *apart.deals)
    for name in run.deals[next(iter(apart.deals))].prices:
        np.testing.assert_array_equal(apart.prices[name], run.deals[next(iter(apart.deals))].prices[name])


def test_numpy_and_cpu_agree_to_the_last_bit(run_of: RunOf) -> None:
    """In float64, in which other tests compile both combinations of models."""
    same_bits(*(run_of(precision="float64", backend=(("name", target),)) for target in ("numpy", "cpu")))


CUT = 64
"""Loans of a superblock, for the tests: two tiles."""


@pytest.fixture
def many_superblocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A book of 150 and 4 loans, the first in three superblocks."""
    for module in (simulator, stage):
        monkeypatch.setattr(module, "SUPERBLOCK", CUT)
    config = book(paths=40, precision="float64")  # sums of a few float32 numbers are exact, in any order
    homes = config["collaterals"]["homes"]
    generator = {**homes["portfolio"]["generator"], "loans": 150, "term": 12, "age_mean": 0}
    portfolio = {**homes["portfolio"], "generator": generator}
    config["collaterals"] = {**config["collaterals"], "homes": {**homes, "portfolio": portfolio}}
    config["output"] = {**config["output"], "loans": "mean"}
    return config


def test_one_block_of_paths_is_spread_over_threads_by_superblocks(tmp_path: Path, many_superblocks: dict[str, Any]) -> None:
    """Serial, two threads and more threads than items: the same bits, means of the loans too."""
    config, runs = many_superblocks, []
    for engine in ({"name": "serial"}, {"threads": 2}, {"threads": 7}):
        runs.append(run_book(tmp_path, {**config, "engine": {**config["engine"], **engine}}))
    for other in runs[1:]:
        same_bits(runs[0], other)
    assert float(runs[0].collateral["homes"].loans.interest.min()) > 0, "of every loan"


def test_items_are_whole_superblocks_where_threads_would_idle(many_superblocks: dict[str, Any]) -> None:
    simulation = staged_book(many_superblocks)
    cut = [(item.collateral, item.first_loan, item.n_loans) for item in simulation.items()]
    assert cut == [("homes", 0, CUT), ("homes", CUT, CUT), ("homes", 2 * CUT, 22), ("shops", 0, 4)]
    assert len({hash(item) for item in simulation.items()}) == 4, "frozen"
    serial = staged_book({**many_superblocks, "engine": {**many_superblocks["engine"], "name": "serial"}})
    assert [(item.collateral, item.n_loans) for item in serial.items()] == [("homes", 150), ("shops", 4)]
    assert serial.loan_month_paths == simulation.loan_month_paths


def test_pieces_join_in_the_order_of_the_loans_whatever_that_of_the_threads() -> None:
    """(0.1 + 0.2) + 0.3 is another float64 than 0.1 + (0.2 + 0.3)."""
    block = Block(0, 1)
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        opened, parts = _OpenBlock(None, block, [("a", 0), ("a", 1), ("a", 2)]), (0.1, 0.2, 0.3)  # type: ignore[arg-type]
        last = [opened.add(Item("a", k, 1, block), np.array([parts[k]])) for k in order]
        assert last == [False, False, True] and opened.pools["a"][0] == (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


@pytest.mark.parametrize("engine", [{"name": "serial"}, {"threads": 3}, {"path_block": 1024}], ids=str)
def test_threads_and_blocks_do_not_change_a_bit(tmp_path: Path, run: Run, engine: dict[str, Any]) -> None:
    config = book()
    same_bits(run_book(tmp_path, {**config, "engine": {**config["engine"], **engine}}), run)


def test_a_deal_over_both_pays_out_all_that_both_pay_in(run: Run) -> None:
    """In every month of every path: collections are both pools' cash, and are paid to the classes; shops end before homes do."""
    flows = run.deals["both"].tranches.load()
    pools = [cash_of(collateral.pool.isel(group=0)) for collateral in run.collateral.values()]
    cash = sum(xr.align(*pools, join="outer", fill_value=0.0))
    total = float(flows.collections.sum())
    np.testing.assert_allclose(flows.collections, cash.transpose(*flows.collections.dims), rtol=0, atol=1e-9 * total)
    paid = flows.interest_paid.sum("tranche") + flows.principal_paid.sum("tranche")
    np.testing.assert_allclose(paid.transpose(*flows.collections.dims), flows.collections, rtol=0, atol=1e-9 * total)
    assert flows.sizes["month"] == 47
    assert float(run.deals["both"].prices.original_balance.sum()) == pytest.approx(run.attributes["pool_balance"], rel=1e-12)


# --- loans ---


def test_a_loan_again_alone_is_its_row_of_the_loans_kept(run_of: RunOf) -> None:
    run = run_of(output=(("loans", "paths"),))
    for collateral in run.collateral.values():
        kept = collateral.loan_paths
        assert kept.loss.dims == ("loan", "month", "path") and collateral.loans is not None
        again = collateral.regenerate(str(kept.loan.values[1]), 299)
        for name in again:
            np.testing.assert_array_equal(again[name], kept.isel(loan=1, path=299)[name], err_msg=str(name))
    with pytest.raises(InputError, match=r"'G00000001' in each of homes, shops; ask for one: run\.collateral\['homes'\]"):
        run.regenerate("G00000001", 0)
    fifth = run.regenerate("G00000005", 7)  # homes alone has a fifth
    np.testing.assert_array_equal(fifth.balance, run.collateral["homes"].loan_paths.balance.sel(loan="G00000005", path=7))


def test_prices_alone_are_the_same(run_of: RunOf, run: Run) -> None:
    small = run_of(output=(("flows", False),))
    assert [group.split("/")[-1] for group in small.groups] == ["path_values", "prices"] * 4
    for name, deal in run.deals.items():
        np.testing.assert_array_equal(small.deals[name].prices.value, deal.prices.value)
    with pytest.raises(InputError, match="kept no pool to price again"):
        small.deals["first"].price(spread=0.01)
    with pytest.raises(InputError, match=r"kept no collateral/homes/pool: it holds .*output\.flows=true"):
        _ = small.collateral["homes"].pool


# --- stopped, damaged, refused ---


def test_a_book_that_stopped_shows_what_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcsim.priced_book import PricedBook

    add = PricedBook.add

    def stop(self: PricedBook, first_path: int, *block: Any) -> None:
        if first_path:
            raise KeyboardInterrupt
        add(self, first_path, *block)

    monkeypatch.setattr(PricedBook, "add", stop)
    config = book()
    with pytest.raises(KeyboardInterrupt):
        run_book(tmp_path, {**config, "engine": {**config["engine"], "name": "serial"}})
    with pytest.raises(IncompleteRunError):
        mcsim.open_run("latest", tmp_path)
    run = mcsim.open_run("latest", tmp_path, complete=False)
    assert run.deals["second"].tranches.sizes["path"] == 256 and run.deals["second"].tranches.attrs["paths_missing"] == 44
    assert not [group for group in store.groups(run.path) if group.endswith("/prices")]
    assert main(["info", str(run.path)]) == 3


def test_info_tells_of_every_part(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(run.path)]) == 0
    said = capsys.readouterr().out
    for part in ("store/collateral/shops/pool", "store/deals/second/prices"):
        assert part in said
    assert main(["verify", str(run.path)]) == 0
    text = repr(run)
    assert "deal first" in text and "deal second" in text and "PT" in text
    assert "<caption>deal second</caption>" in run._repr_html_()


def test_rejects_are_kept_a_collateral(tmp_path: Path) -> None:
    """In files of the layout that a run of one has; a tape that is refused is told with its collateral."""
    table = tmp_path / "loans.csv"
    table.write_text(
        "loan_id,balance,note_rate,remaining_term,age,ltv,state\n1,-5,0.04,30,60,0.7,CA\n2,5000,0.04,30,60,0.7,CA\n"
    )
    config = book(paths=2)
    shops = config["collaterals"]["shops"]
    portfolio = {**shops["portfolio"], "source": "table", "file": str(table), "generator": None, "max_reject_share": 0.5}
    config["collaterals"] = {**config["collaterals"], "shops": {**shops, "portfolio": portfolio}}
    run = run_book(tmp_path / "runs", config)
    assert sorted(path.name for path in run.path.glob("rejects*")) == ["rejects.homes.csv", "rejects.shops.csv"]
    (reject,) = records.read_rejects(run.path)
    assert reject["collateral"] == "shops" and reject["loan_id"] == "1"
    assert run.collateral["shops"].attributes["rejected_rows"] == run.attributes["rejected_rows"] == 1
    portfolio["max_reject_share"] = 0.0
    with pytest.raises(InputError, match=r"collateral shops: .*1 of 2 rows are rejected"):
        run_book(tmp_path / "more", config)
    (folder,) = (tmp_path / "more").iterdir()
    assert len(records.read_rejects(folder)) == 1


def test_cut_offs_that_differ_are_refused_before_anything_runs(tmp_path: Path) -> None:
    config = book(market_date="2020-12-31")
    shops = config["collaterals"]["shops"]
    portfolio = {**shops["portfolio"], "cut_off": "2019-12-31"}
    config["collaterals"] = {**config["collaterals"], "shops": {**shops, "portfolio": portfolio}}
    with pytest.raises(InputError, match=r"cut.off"):
        run_book(tmp_path, config)
