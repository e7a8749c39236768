"""The deal of the benchmark pays what the pool brings, in order."""

from __future__ import annotations

import pytest

pytest.importorskip("numba_cuda", reason="the cuda target needs numba-cuda (extra cuda13)")

import numpy as np

from benchmarks.on_device.deal import _inputs, pool, sequential
from kernels.flows import FIELDS
from kernels.ops import make_ops
from kernels.waterfall_machine import Span
from kernels.waterfall_paths import build_waterfall


def test_principal_is_paid_one_class_after_the_other() -> None:
    n_months, n_paths, balance = 120, 3, 1e6
    deal, flows = sequential(4, balance), pool(n_months, n_paths, balance)
    out = np.zeros(deal.wiring.stores.size * n_months * n_paths)
    run = build_waterfall(make_ops("numpy", "float64"))
    run(*deal[:-1], Span(n_months, n_paths, 0, n_paths), _inputs(flows), np.repeat(deal.closing, n_paths), out)
    interest, principal, left = out.reshape(4, 3, n_months, n_paths).transpose(1, 0, 2, 3)
    paid = flows.reshape(n_months, len(FIELDS), n_paths)[:, FIELDS.index("scheduled_principal")]
    np.testing.assert_allclose(principal.sum(axis=0), paid, rtol=1e-12)  # sums of four numbers
    assert (left[0, 25:] == 0).all() and (left[1, :25] == 250_000).all() and (left[3, -1] < 1e-6).all()
    np.testing.assert_allclose(interest[:, 0].sum(axis=0), balance * 0.05 / 12, rtol=1e-12)
