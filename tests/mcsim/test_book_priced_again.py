"""A finished book priced again from its store: each deal, positions that it holds and new ones, from Python and the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcsim.cli import main
from mcsim.conf_dir import config_dir
from mcsim.errors import InputError
from mcsim.pipeline import Simulation
from mcsim.results import Run
from tests.mcsim.tiny_book import HOMES, PIECE, WHOLE, book, cash_of, run_book
from tests.mcsim.whole_runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny book."""
    return run_book(tmp_path_factory.mktemp("runs"), book())


# --- positions ---


def test_positions_are_valued_in_passing(run: Run) -> None:
    """A share of a class at the class's own spread is that share of its value; whole loans are worth their discounted cash."""
    positions, prices = run.positions, run.deals["first"].prices
    assert positions.position.values.tolist() == ["whole", "piece"]
    piece, whole = (float(positions.value.sel(position=name)) for name in ("piece", "whole"))
    assert piece == pytest.approx(0.35 * float(prices.value.sel(tranche="A1")), rel=1e-14)
    pool = run.collateral["shops"].pool.isel(group=0)
    discount = run.scenarios.discount_factor.sel(month=pool.month) * np.exp(-0.02 * pool.month / 12)
    # 30 months of float64 sums in another order; cash below the fee in no month.
    assert whole == pytest.approx(float((cash_of(pool) * discount).sum("month").mean("path")), rel=1e-12)
    assert positions.attrs["total_value"] == pytest.approx(piece + whole, rel=1e-14)
    assert positions.attrs["total_value_standard_error"] > 0


def test_a_new_position_over_stored_flows_simulates_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*unused: object) -> None:
        raise AssertionError("simulated")

    monkeypatch.setattr(Simulation, "__init__", refuse)
    again = run.value({"whole": WHOLE, "piece": PIECE})
    for name in again:
        np.testing.assert_array_equal(again[name], run.positions[name], err_msg=str(name))
    assert again.attrs["total_value"] == run.positions.attrs["total_value"]
    half = run.value({"mine": {**WHOLE, "share": 0.5}, "other": {**PIECE, "of": "both/M"}})
    assert float(half.value.sel(position="mine")) == float(run.positions.value.sel(position="whole")) / 2
    with pytest.raises(InputError, match=r"positions\.mine\.of = 'hoems'.*did you mean 'homes'"):
        run.value({"mine": {**WHOLE, "of": "hoems"}})


# --- priced again ---


def test_each_deal_is_priced_again_from_the_store(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*unused: object) -> None:
        raise AssertionError("simulated")

    monkeypatch.setattr(Simulation, "__init__", refuse)
    for deal in run.deals.values():
        again = deal.price()
        for name in again:
            np.testing.assert_array_equal(again[name], deal.prices[name], err_msg=str(name))
        assert again.attrs["assumptions"] == deal.prices.attrs["assumptions"]
    with pytest.raises(InputError, match=r"has 3 deals: first, both, second; ask for one: run\.deals\['first'\]\.price"):
        run.price()
    other = run.deals["first"].price(deal="pass_through", spread=0.01)
    assert other.tranche.values.tolist() == ["PT", "R"]
    # Of shops no loan has a balloon or sees a common factor: each deal says what its own collateral takes for granted.
    independent = "Loans default independently of one another: no common factor of the property market."
    assert independent in run.deals["second"].prices.attrs["assumptions"]
    assert independent not in run.deals["first"].prices.attrs["assumptions"]


def test_what_one_of_each_would_answer_names_what_there_is(run: Run) -> None:
    for wanted in ("pool", "loans"):
        with pytest.raises(
            InputError, match=rf"2 collaterals: homes, shops; ask for one: run\.collateral\['homes'\]\.{wanted}"
        ):
            getattr(run, wanted)
    for wanted in ("tranches", "path_values", "prices"):
        with pytest.raises(InputError, match=rf"3 deals: first, both, second; ask for one: run\.deals\['first'\]\.{wanted}"):
            getattr(run, wanted)
    with pytest.raises(InputError, match="no collateral 'hoems'; did you mean 'homes'"):
        _ = run.collateral["hoems"]
    with pytest.raises(InputError, match="no deal 'frist'; did you mean 'first'"):
        _ = run.deals["frist"]


# --- on the command line ---


def test_a_book_is_priced_again_on_the_command_line(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(*words: str) -> tuple[int, str, str]:
        code = main(["price", str(run.path), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, _ = answer()
    assert code == 0 and all(f"{run.run_id}: {part}" in out for part in ("first", "both", "second", "positions"))
    code, out, _ = answer(
        "positions.mine={instrument: whole_loan, of: homes, share: 0.5, method: spread, inputs: {spread: 0.01}}"
    )
    assert code == 0 and "mine" in out and "piece" not in out and f"{run.run_id}: first" not in out
    code, out, _ = answer("positions.piece.inputs.spread=0.05")
    assert code == 0 and "500" in out and "whole" not in out
    code, out, err = answer("deals.second.pricing.spreads.PT=0.0213", "deals.first.deal=pass_through")
    assert code == 0 and "213" in out and out.count("\nPT ") == 2 and "are not of this deal's classes" in err
    mine = tmp_path / "mine.yaml"
    mine.write_text((config_dir() / "deal" / "pass_through.yaml").read_text().replace("PT", "ONE"))
    code, out, _ = answer(f"deals.second.deal={mine}")
    assert code == 0 and "\nONE " in out
    for word, said in {
        "paths=3": "simulate with `mcsim run paths=3`",
        "deals.frist.pricing.spreads.A1=0.01": "did you mean 'first'",
        "deals.first.deal=pass_trough": "did you mean 'pass_through'",
        "positions.piece.of=first/A9": "no such class",
        "positions.mine.share=0.3": "unknown key",
    }.items():
        code, out, err = answer(word)
        assert code == 2 and said in err and "Traceback" not in err, (word, err)


def test_a_position_over_a_run_of_one_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Priced afterwards, or held from the start: the same table."""
    run = make_run(tmp_path, *HOMES, "paths=8", "backend=numpy")
    words = "positions.mine={instrument: whole_loan, of: prime_jumbo, share: 0.5, method: spread, inputs: {spread: 0.01}}"
    assert main(["price", str(run.path), words]) == 0
    after = capsys.readouterr().out.splitlines()[1:]
    assert "mine" in after[1] and "all positions" in after[2]
    held = make_run(tmp_path, *HOMES, "paths=8", "backend=numpy", words)
    assert main(["price", str(held.path)]) == 0
    assert capsys.readouterr().out.splitlines()[-len(after) :] == after
    assert float(held.positions.value[0]) == float(run.value(held.config["positions"]).value[0])
