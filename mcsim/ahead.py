"""Compiling the deal stage's kernels in a process of its own while the simulation's are compiled here.

numba compiles on one thread at a time, and a first run has nothing in the cache: the second core would idle for a quarter of a
minute. What the other process compiles reaches this one through the disk cache; if it fails, the stage compiles as ever.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from kernels.flows import FIELDS
from mcsim.backend import Backend
from mcsim.deals.checks import load_deal
from mcsim.deals.compiler import compile_deal
from mcsim.deals.waterfall import is_compiled
from mcsim.priced_deal import PricedDeal

_DEAL = {
    "name": "ahead",
    "group": "pool",
    "classes": {"A": {"share": 1.0, "coupon": "net_wac"}, "R": {"coupon": "residual"}},
    "steps": [
        {"pay_interest": "A", "from": "interest"},
        {"pay_principal": "A", "rule": "sequential", "from": "principal"},
        {"write_down": "A"},
        {"release": "R", "from": "all"},
    ],
}


@contextmanager
def compiling_ahead(backend: Backend) -> Iterator[None]:
    """While the block runs, compile the deal's kernels elsewhere if they are not in the cache; wait for them at its end."""
    if backend.target != "cpu" or is_compiled():
        yield
        return
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-m", "mcsim.ahead"], **quiet) as process:  # type: ignore[call-overload]
        try:
            yield
        except BaseException:
            process.kill()
            raise


def compile_now() -> None:
    """Run a deal of one class on one path: its kernels are then in the cache."""
    backend = Backend("cpu", "float64", "ahead")
    program = compile_deal(load_deal(_DEAL, "ahead"), 100.0)
    priced = PricedDeal(program, {"default": 0.0}, backend)
    priced.add(0, {"pool": np.ones((1, len(FIELDS), 1))}, np.ones((2, 1)))


if __name__ == "__main__":
    compile_now()
