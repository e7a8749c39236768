"""Whole runs, small: the two shipped campaigns cut down by overrides, and everything that a run stored.

``python -m tests.mcsim.whole_runs FOLDER`` makes one run on ``cuda`` and one on ``numpy`` and compares them; with
``NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1`` in the simulator, in a process of its own: the simulator is chosen at import.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from lxml import etree

import mcsim
from kernels import launch
from kernels.flows import FIELDS
from mcsim import store
from mcsim.backend import choose_backend
from mcsim.configuration import load_settings
from mcsim.data_files import DATA
from mcsim.loans import Loans
from mcsim.market.start import load_market
from mcsim.pipeline import Simulation
from mcsim.results import Run
from mcsim.scenario import Scenario
from mcsim.simulation.stage import CollateralStage
from mcsim.tapes.portfolio import load_portfolio
from mcsim.work import Block

# Six loans of seven years, two of them interest-only and two with two resets within their life (fixed for five years); under
# water, so that many default; 300 paths are one whole block and a part of one.
JUMBO = (
    "campaign=prime_jumbo",
    "paths=300",
    "portfolio.generator.loans=6",
    "portfolio.generator.term=84",
    "portfolio.generator.age_mean=6",
    "portfolio.generator.adjustable_share=0.34",
    "portfolio.generator.interest_only_share=0.34",
    "portfolio.generator.ltv_mean=0.95",
)
CMBS = ("campaign=sec_cmbs", "paths=300")

# For the simulator, which interprets every thread: three loans of a year on two paths.
TINY = (
    "campaign=prime_jumbo",
    "paths=2",
    "portfolio.generator.loans=3",
    "portfolio.generator.term=12",
    "portfolio.generator.age_mean=0",
    "portfolio.generator.adjustable_share=0.34",
    "portfolio.generator.interest_only_share=0.34",
    "portfolio.generator.ltv_mean=0.95",
    "portfolio.liquidation_lag=3",
    "output.report=false",
)


def make_run(folder: Path, *overrides: str) -> Run:
    """A finished run under ``folder``, without a report."""
    return mcsim.run("output.report=false", *overrides, f"output.runs_dir={folder}")


def stored(run: Run) -> dict[str, np.ndarray]:
    """Every array of every group, coordinates included, by its name in the store."""
    return {
        f"{group}/{name}": array.values
        for group in store.groups(run.path)
        for name, array in store.open_group(run.path, group).variables.items()
    }


def same_bits(left: Run, right: Run) -> None:
    """Raises unless the two runs stored the same, to the last bit."""
    a, b = stored(left), stored(right)
    assert a.keys() == b.keys()
    for name, values in a.items():
        np.testing.assert_array_equal(values, b[name], err_msg=name)
        if values.dtype.kind == "f":  # the sign of a zero too
            np.testing.assert_array_equal(np.signbit(values), np.signbit(b[name]), err_msg=name)


class OneCollateral(Simulation):
    """A simulation of one collateral, by itself."""

    @property
    def collateral(self) -> CollateralStage:
        """The one."""
        (one,) = self.collaterals.values()
        return one

    @property
    def loans(self) -> Loans:
        """Its loans."""
        return self.collateral.loans

    def pool(self, block: Block) -> tuple[Scenario, np.ndarray]:
        """Scenarios of a block and the flows of all loans, (month, field, path)."""
        scenario = self.scenario(block)
        return scenario, self.collateral.pool(scenario)

    def pool_and_loans(self, scenario: Scenario) -> tuple[np.ndarray, list[np.ndarray]]:
        """Flows of all loans, and each loan's summed over each 256 paths, (loan, month, field)."""
        return self.collateral.pool_and_loans(scenario)

    def loan(self, block: Block, position: int) -> np.ndarray:
        """Flows of one loan alone on the paths of a block, (month, field, path): what it adds to the pool, to the bit."""
        return self.collateral.loan(self.scenario(block), position)


def simulation(overrides: Sequence[str], loans: Loans | None = None) -> OneCollateral:
    """The simulation stage of a run, without its store; of other loans where they are given."""
    settings = load_settings(overrides)
    chosen = load_portfolio(settings.only_collateral.portfolio).loans if loans is None else loans
    market = load_market(settings)
    by_name = dict.fromkeys(settings.collaterals, chosen)
    return OneCollateral(market.settings, by_name, market.curve, choose_backend(settings.backend, settings.precision))


def pool_flows(overrides: Sequence[str], loans: Loans | None = None) -> dict[str, np.ndarray]:
    """Pool flows of all paths by field, (month, path)."""
    staged = simulation(overrides, loans)
    _, flows = staged.pool(Block(0, staged.settings.paths))
    return {name: flows[:, i] for i, name in enumerate(FIELDS)}


def write_filing(path: Path, n_loans: int = 31, *, backwards: bool = False) -> str:
    """Write the first loans of the shipped filing, with their properties; the override that reads them."""
    tree = etree.parse(DATA / "exh_102_example.xml")
    root = tree.getroot()
    assets = [asset for asset in root if int(asset.findtext("{*}assetNumber").split(".")[0]) <= n_loans]
    root[:] = assets[::-1] if backwards else assets
    tree.write(path)
    return f"portfolio.file={path}"


if __name__ == "__main__":
    # Threads that have no path loop over months and steps too, and the simulator runs them one by one. Three a block leave two
    # idle beside the four paths.
    launch.CUDA_THREADS = 3
    with np.errstate(all="ignore"):  # numpy scalars warn where numpy arrays and devices are silent
        on_cuda, on_numpy = (make_run(Path(sys.argv[1]), *TINY, f"backend={target}") for target in ("cuda", "numpy"))
    same_bits(on_cuda, on_numpy)
    found = stored(on_cuda)
    lost = found["collateral/prime_jumbo/pool/loss"].max()
    sys.stdout.write(f"same bits in {len(found)} arrays, {on_cuda.attributes['backend']}, {lost:.2f} lost\n")
