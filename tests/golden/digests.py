"""Digests of what a run stored, array by array: what must not change, to the last bit, while the house is rebuilt.

``python -m tests.golden.digests`` prints them as they stand in ``data/digests.yaml``. A change of a model or of a rounding changes
them on purpose: the commit that does so says why. A change of names, files or layout may not.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from mcsim import store
from mcsim.results import Run
from tests.mcsim.whole_runs import make_run

FILE = Path(__file__).with_name("data") / "digests.yaml"
CAMPAIGNS = {
    # All of sec_cmbs; of the jumbo pool as many loans as cross several tiles and two blocks of paths, a part of them adjustable.
    "sec_cmbs": ("campaign=sec_cmbs", "paths=256"),
    "prime_jumbo": ("campaign=prime_jumbo", "paths=300", "portfolio.generator.loans=100", "engine.path_block=256"),
}
DECREMENTS = ("expected", "sampled")


def digests(run: Run) -> dict[str, str]:
    """Stored variable, as ``group/name``, to the beginning of the SHA-256 of its values (little-endian, C order).

    The names are those of the first layout, which had every group at the root: ``collateral/prime_jumbo/pool`` was ``pool``.
    """
    return {
        f"{group.rsplit('/', 1)[-1]}/{name}": _digest(values)
        for group in store.groups(run.path)
        for name, values in sorted(run.group(group).data_vars.items())
    }


def _digest(values: object) -> str:
    array = np.asarray(values)
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()[:16]


def campaign_run(folder: Path, campaign: str, decrement: str, backend: str) -> Run:
    """A finished run of a campaign of :data:`CAMPAIGNS`."""
    return make_run(folder, *CAMPAIGNS[campaign], f"behaviour.decrement={decrement}", f"backend={backend}")


def main() -> None:
    """Print the digests of the ``cpu`` target."""
    with tempfile.TemporaryDirectory() as folder:
        found = {
            campaign: {decrement: digests(campaign_run(Path(folder), campaign, decrement, "cpu")) for decrement in DECREMENTS}
            for campaign in CAMPAIGNS
        }
    yaml.safe_dump(found, sys.stdout, sort_keys=False)


if __name__ == "__main__":
    main()
