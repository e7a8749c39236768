"""Throughput of the store: pool flows of path blocks written as a run writes them, against what limits it."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loans import make_pool, make_run
from benchmarks.records import Record
from kernels.flows import FIELDS
from kernels.ops import LANES
from mcsim import store
from mcsim.store.layout import plan
from mcsim.store.shard import BLOSC
from mcsim.variables import GROUPS

BLOCKS = 16
"""Path blocks written: 130 MB."""
ROUNDS = 7
MEGABYTE = 1e6
WRITE_BAR = 0.8
"""Of the codec alone (the issue's own)."""


def _flows() -> Any:
    """Real flows, for compression depends on them: (field, month, path) float64."""
    pool = make_run("cpu", "float32", "expected", LANES, make_pool("float32", LANES, n_loans=32))()
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


def _encode(pieces: list[Any], compress: Callable[[Any], bytes], folder: Path | None = None) -> tuple[float, int]:
    """Seconds and bytes of all blocks' chunks through a codec and crc32c, on one thread; with ``folder`` each into a file."""
    from google_crc32c import value

    for number in range(len(pieces) if folder else 0):
        (folder / f"{number}").mkdir()  # as the store: a folder a variable
    start, size = time.perf_counter(), 0
    for block in range(BLOCKS):
        for number, piece in enumerate(pieces):
            encoded = compress(piece)
            value(encoded)
            size += len(encoded)
            if folder is not None:
                (folder / f"{number}" / f"{block}").write_bytes(encoded)
    return time.perf_counter() - start, size


def measure() -> list[Record]:
    """Write rate against the codec alone, and against the store's codec with its bytes in plain files; what is saved in size."""
    from numcodecs.blosc import Blosc  # type: ignore[import-untyped,unused-ignore]
    from numcodecs.zstd import compress  # type: ignore[import-untyped,unused-ignore]

    flows = _flows()
    pieces, megabytes = _chunks(flows), BLOCKS * flows.nbytes / MEGABYTE
    blosc = Blosc(**{**BLOSC, "shuffle": Blosc.SHUFFLE}).encode
    writes, zstds, bloscs, files = [], [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            writes.append(_write(Path(folder), flows))
        zstds.append(_encode(pieces, lambda piece: compress(piece, 1)))
        bloscs.append(_encode(pieces, blosc))
        with tempfile.TemporaryDirectory() as folder:
            files.append(_encode(pieces, blosc, Path(folder)))
    rate, zstd, codec, plain = (
        megabytes / min(times) for times in (writes, *([t for t, _ in x] for x in (zstds, bloscs, files)))
    )
    packed = bloscs[0][1] / (BLOCKS * flows.nbytes)
    reference = f"zstd level 1 alone, {zstd:.0f} MB/s"
    limit = f"its codec and plain files, {plain:.0f} MB/s (codec alone {codec:.0f})"
    bar = f"ratio >= {WRITE_BAR}"
    return [
        Record("store, write of pool flows", rate, "MB/s", reference, rate / zstd, bar, rate / zstd >= WRITE_BAR),
        Record("store, write over what the disk allows", rate, "MB/s", limit, rate / plain, "none: the disk's", None),
        Record("store, bytes after compression", packed, "of float64", "float64", packed, "none", None),
    ]
