"""The deal machine of the ``cuda`` target in the simulator, against numpy."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np

from mcsim.deals import DealFlows, compile_deal, load_deal, run_deal
from tests.mcsim.deals.deal_examples import backend, closing_balances, random_pools, shipped
from tests.mcsim.deals.machine_examples import interpret, random_program


def check_machine(_: str) -> None:
    """Every instruction with and without a flag, over one and three banks, month tables and path rows."""
    for groups in (("X",), ("X", "Y", "Z")):
        example = random_program(random.Random(7), groups, n_instructions=400, n_months=2, n_paths=3)
        np.testing.assert_array_equal(interpret("cuda", example), interpret("numpy", example))


def check_deals(_: str) -> None:
    """A deal of one group and one of two, on more paths than a block has threads."""
    for name in ("reserve_account", "two_groups"):
        deal = load_deal(shipped(name), "simulated")
        program, pools = compile_deal(deal, closing_balances(deal)), random_pools(deal, 1, n_months=3, n_paths=130)
        on_cuda, on_numpy = (run_deal(program, pools, backend(target)) for target in ("cuda", "numpy"))
        for field in fields(DealFlows):
            np.testing.assert_array_equal(getattr(on_cuda, field.name), getattr(on_numpy, field.name))
