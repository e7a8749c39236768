"""Throughput of the store: pool flows of path blocks written as a run writes them, against the codec alone."""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loans import make_inputs, make_run
from benchmarks.records import Record
from kernels.loan_month import FIELDS
from kernels.ops import LANES
from mcsim import store
from mcsim.store.layout import plan
from mcsim.variables import GROUPS

BLOCKS = 8
"""Path blocks written: 65 MB, so that the start of the thread pool no longer counts."""
ROUNDS = 5
MEGABYTE = 1e6


def _flows() -> Any:
    """Real flows, for compression depends on them: (field, month, path) float64."""
    pool = make_run("cpu", "float32", "expected", LANES, make_inputs("float32", LANES, n_loans=32))()
    return np.ascontiguousarray(pool.transpose(1, 0, 2))


def _write(folder: Path, flows: Any) -> float:
    """Seconds to write all blocks, the layout not counted."""
    where = folder / store.STORE_NAME
    store.create_store(where, {})
    months, paths = range(1, flows.shape[1] + 1), range(BLOCKS * LANES)
    store.create_group(where, "pool", {"group": ["pool"], "month": months, "path": paths}, LANES)
    start = time.perf_counter()
    for block in range(BLOCKS):
        store.write_block(where, "pool", block * LANES, {name: flows[None, i] for i, name in enumerate(FIELDS)})
    return time.perf_counter() - start


def _chunks(flows: Any) -> list[Any]:
    """The chunks of one block as the store cuts them."""
    sizes = {"group": 1, "month": flows.shape[1], "path": BLOCKS * LANES}
    pieces = []
    for i, name in enumerate(FIELDS):
        layout = plan(GROUPS["pool"][name], sizes, LANES)
        cuts = [range(0, n, c) for n, c in zip(flows.shape[1:], layout.chunks[1:], strict=True)]
        months, lanes = layout.chunks[1:]
        pieces += [np.ascontiguousarray(flows[i, m : m + months, p : p + lanes]) for m, p in itertools.product(*cuts)]
    return pieces


def _encode(pieces: list[Any]) -> tuple[float, int]:
    """Seconds and bytes of all blocks' chunks through zstd level 1 and crc32c, on one thread, nothing written."""
    from google_crc32c import value
    from numcodecs.zstd import compress  # type: ignore[import-untyped,unused-ignore]

    start, size = time.perf_counter(), 0
    for _ in range(BLOCKS):
        for piece in pieces:
            encoded = compress(piece, 1)
            value(bytes(encoded))
            size += len(encoded)
    return time.perf_counter() - start, size


def measure() -> list[Record]:
    """Write rate, and how far the files are smaller than the arrays; no bar: the rate is the disk's as much as ours."""
    flows = _flows()
    pieces, megabytes = _chunks(flows), BLOCKS * flows.nbytes / MEGABYTE
    writes, codecs = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            writes.append(_write(Path(folder), flows))
        codecs.append(_encode(pieces))
    codec = megabytes / min(t for t, _ in codecs)
    rate = megabytes / min(writes)
    packed = codecs[0][1] / (BLOCKS * flows.nbytes)
    return [
        Record("store, write of pool flows", rate, "MB/s", f"codec alone, {codec:.0f} MB/s", rate / codec, "none", None),
        Record("store, bytes after compression", packed, "of float64", "float64", packed, "none", None),
    ]
