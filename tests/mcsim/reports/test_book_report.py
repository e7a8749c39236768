"""The report and the terminal's tables of a book: every collateral, every deal, the positions and their total."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcsim import store
from mcsim.console import position_lines
from mcsim.errors import InputError
from mcsim.instruments import INSTRUMENTS
from mcsim.reports.assumptions import (
    BALLOONS,
    FULL_VALUE,
    INDEPENDENT,
    SPREAD,
    assumptions_of_positions,
    inputs_of_positions,
    position_assumptions,
)
from mcsim.reports.report import collect, write_report
from mcsim.reports.statistics import position_value_paths
from mcsim.results import Run
from tests.mcsim.reports.test_report import Reader, read
from tests.mcsim.tiny_book import WHOLE, book, run_book


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny book: two collaterals, three deals, a whole-loan position and a piece of a class."""
    return run_book(tmp_path_factory.mktemp("runs"), book())


@pytest.fixture(scope="module")
def page(run: Run) -> tuple[Reader, str]:
    return read(write_report(run))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are what takes the time."""
    monkeypatch.setattr("mcsim.reports.charts._svg", lambda *of: "")


def test_every_part_has_its_section(page: tuple[Reader, str]) -> None:
    found = re.findall(r"<h2>(.*?)(?: <small>.*?)?</h2>", page[1])
    assert [title for title in found if title != "Warnings of the run"] == [
        "Positions", "Deal first", "Deal both", "Deal second", "Collateral homes", "Collateral shops", "Scenarios", "Checks",
        "What went in",
    ]  # fmt: skip
    assert "2 collaterals, 3 deals, 2 positions" in page[1]


def test_ids_are_unique_and_the_contents_lead_somewhere(page: tuple[Reader, str]) -> None:
    ids = [value for _, name, value in page[0].attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for tag, name, value in page[0].attributes if tag == "a" and name == "href"]
    assert len(links) == 9 and {link[1:] for link in links} <= set(ids)


def test_the_total_is_that_of_the_paths(run: Run, page: tuple[Reader, str]) -> None:
    total = run.position_values["value"].values.sum(axis=0)
    error = total.std(ddof=1) / math.sqrt(total.size)
    assert run.positions.attrs["total_value"] == pytest.approx(total.mean(), rel=1e-14)
    assert run.positions.attrs["total_value_standard_error"] == pytest.approx(error, rel=1e-12)
    row = re.search(r"<tfoot><tr><th scope=\"row\">All positions</th>(.*?)</tr>", page[1], flags=re.S)
    assert row is not None
    cells = [cell.strip("\N{FIGURE SPACE}") for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[1])]
    assert cells[3] == f"{total.mean():,.0f}" and cells[4] == f"{error:,.0f}"
    tile = re.search(r"<span>Value of all positions</span><b><small>USD</small> ([\d.]+) m</b><em>± ([\d.]+) m", page[1])
    assert tile and float(tile[1]) == pytest.approx(total.mean() / 1e6, abs=error / 1e6)
    alone = np.sqrt((run.positions["value_standard_error"].values ** 2).sum())
    assert f"Were they independent it would be USD {alone:,.0f}." in page[1]


def test_whole_loans_by_hand_from_the_stored_flows(run: Run) -> None:
    """Net interest, principal and recoveries of the stored pool at the stored factors and 200 bp: no code of the program's."""
    pool = run.collateral["shops"].pool.sum("group")
    cash = sum(
        pool[name]
        for name in (
            "interest", "advanced_interest", "scheduled_principal", "advanced_principal", "prepaid_principal", "recovery",
        )
    ) - pool["servicing_fee"]  # fmt: skip
    factor = run.scenarios["discount_factor"].sel(month=pool["month"]) * np.exp(-0.02 * pool["month"] / 12)
    value = (cash * factor).sum("month").values
    held = run.positions.sel(position="whole")
    # The flows are float32, of which the store has what was valued; sums in float64.
    assert float(held["value"]) == pytest.approx(value.mean(), rel=1e-12)
    assert float(held["value_standard_error"]) == pytest.approx(value.std(ddof=1) / math.sqrt(value.size), rel=1e-9)


def test_checks_name_their_part_and_hold(run: Run, undrawn: None) -> None:
    content = collect(run)
    labels = [check.label for check in content["checks"]]
    assert labels[:4] == [
        f"homes: {name}"
        for name in ("Performing balance", "Foreclosure balance", "Pool over its life", "Signs of the pool's flows")
    ]
    assert labels[-1] == "positions: Prices" and "both: Pool to deal" in labels
    assert content["failed"] == []


def test_a_wrong_number_of_one_part_is_told_by_its_name(run: Run, undrawn: None) -> None:
    again = Run(run.path)
    pool = again.collateral["shops"].pool.load()
    pool["interest"][{"month": 3, "path": 5}] += 10.0
    assert {check.label for check in collect(again)["failed"]} == {
        "both: Pool to deal", "second: Pool to deal", "positions: Prices",
    }  # fmt: skip


def test_what_is_held_and_how_is_said(page: tuple[Reader, str]) -> None:
    assert "<small>100 % of shops, whole loan</small>" in page[1] and "<small>35 % of first/A1, deal class</small>" in page[1]
    assert "Over collateral homes and collateral shops." in page[1]


def test_an_instrument_that_was_taken_away_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(INSTRUMENTS, "whole_loan")
    with pytest.raises(InputError, match="positions.whole.instrument = 'whole_loan': the run has it, and mcsim no more"):
        position_value_paths(run)


def test_two_positions_of_one_instrument_differ_in_their_inputs() -> None:
    strip = {"instrument": "strip", "inputs": {"spread": 0.04, "stripped": 0.8}}
    config = {"positions": {"a": strip, "b": {**strip, "inputs": {"spread": 0.04, "stripped": 0.5}}, "whole": WHOLE}}
    assert inputs_of_positions(config) == ["a: strip, stripped 0.8", "b: strip, stripped 0.5"]


def test_a_book_without_flows_still_reports(tmp_path: Path, undrawn: None) -> None:
    config = book(paths=20)
    config["output"] = {**config["output"], "flows": False}
    html = read(write_report(run_book(tmp_path, config)))[1]
    assert "All positions" in html and "output=pool" in html


STRIP = {"instrument": "deal_class", "of": "first/X", "share": 0.5, "method": "spread", "inputs": {"spread": 0.1}}


@pytest.mark.parametrize(
    ("parts", "headline"),
    [
        ({"positions": {"x": STRIP}}, "Value of all positions"),
        ({"positions": {}}, "<span>Deals</span><b>3</b>"),
        ({"deals": {}, "positions": {"whole": WHOLE}}, "Value of all positions"),
        ({"deals": {}, "positions": {}}, "<span>Collaterals</span><b>2</b>"),
    ],
)
def test_a_book_of_other_parts(tmp_path: Path, undrawn: None, parts: dict[str, Any], headline: str) -> None:
    """A strip alone, whose balances add up to none; no positions; no deals; nothing but loans."""
    html = read(write_report(run_book(tmp_path, book(paths=8, **parts))))[1]
    assert headline in html
    if "x" in parts.get("positions", {}):
        row = re.search(r"<tfoot><tr><th scope=\"row\">All positions</th><td>(.*?)</td>", html)
        tile = re.search(r"Value of all positions</span><b><small>USD</small> ([\d,]+)</b><em>± ([\d.]+) standard", html)
        assert row and row[1] == "" and tile and 1e4 < float(tile[1].replace(",", "")) < 1e5


def test_the_terminal_has_a_table_of_the_positions(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    title, head, whole, piece, total, *notes = position_lines(run.positions, "positions")
    assert head.split()[:3] == ["position", "share,", "%"]
    assert whole.split()[:2] == ["whole", "100"] and piece.split()[:2] == ["piece", "35"] and total.split()[0] == "all"
    assert f"{run.positions.attrs['total_value']:,.0f}" in total
    assert [note.removeprefix("* ") for note in notes] == run.positions.attrs["assumptions"]


def test_assumptions_of_positions_name_whom_they_hold_of() -> None:
    one = ({"behaviour": {"default": {"model": "cdr"}}}, {"portfolio": '{"balloon_share": 0.4}'})
    other = ({"behaviour": {"default": {"model": "ltv_hazard"}}}, {})
    assert position_assumptions({"a": one}) == [INDEPENDENT, BALLOONS, FULL_VALUE, SPREAD]
    assert position_assumptions({"a": one, "b": other})[:2] == [
        "a: loans" + INDEPENDENT[5:], "a: a" + BALLOONS[1:],
    ]  # fmt: skip
    assert position_assumptions({"a": one, "b": other})[2:] == [FULL_VALUE, SPREAD]


@pytest.mark.parametrize(
    ("of", "first"), [("shops", INDEPENDENT), ("homes", FULL_VALUE), ("second/PT", INDEPENDENT), ("first/A1", FULL_VALUE)]
)
def test_positions_rest_on_what_they_are_of(run: Run, of: str, first: str) -> None:
    """Shops default by a fixed rate, homes by their prices; what nobody holds is not spoken of."""
    config = {**run.config, "positions": {"held": {"of": of}}}
    assert assumptions_of_positions(config, run.attributes)[0] == first


def test_the_store_has_what_the_table_says(run: Run) -> None:
    assert {"positions/prices", "positions/path_values"} <= set(store.groups(run.path))
