"""One shard as bytes: the zarr v3 format ``sharding_indexed``, encoded in one go and written by one call.

zarr encodes a shard through its event loop, a thread pool and several copies: on these arrays that took twice the time of the
codec itself (docs/adr/0010). The format is small and fixed by the specification (zarr v3 core codecs, ``sharding_indexed``
1.0): the encoded chunks one after the other, then an index of their offsets and lengths, then the index's CRC-32C. The bytes
are those that zarr itself would write.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc  # type: ignore[import-untyped,unused-ignore]

from mcsim.store.layout import Layout

BLOSC: dict[str, Any] = {"typesize": 8, "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}
"""How a chunk of eight-byte numbers is compressed, before its CRC-32C. The shuffle puts bytes of equal weight side by side: the
zero bytes of a widened float32 are runs then. The checksum comes after the compression, so that a damaged byte is found before
blosc sees it."""

_COMPRESS = Blosc(**{**BLOSC, "shuffle": Blosc.SHUFFLE}).encode
_ABSENT = 2**64 - 1
"""Offset and length, in the index, of a chunk that is not there: one that lies wholly beyond the last path."""


def encode_shard(values: np.ndarray, layout: Layout) -> list[bytes]:
    """The pieces of a shard's file, in order.

    Parameters
    ----------
    values : array
        What the shard holds, of a dtype that casts to float64; shorter than ``layout.shards`` at the end of an axis.
    layout : Layout
        Shape of a shard and of its chunks.
    """
    counts = tuple(shard // chunk for shard, chunk in zip(layout.shards, layout.chunks, strict=True))
    index = np.full((*counts, 2), _ABSENT, "<u8")
    pieces, offset = [], 0
    for at in sorted(itertools.product(*map(range, counts)), key=lambda at: _morton(at, counts)):
        part = values[tuple(slice(i * width, (i + 1) * width) for i, width in zip(at, layout.chunks, strict=True))]
        if not part.size:
            continue
        encoded = _COMPRESS(_whole_chunk(part, layout.chunks))
        index[at] = offset, len(encoded) + 4
        offset += len(encoded) + 4
        pieces += [encoded, _checksum(encoded)]
    table = index.tobytes()
    return [*pieces, table, _checksum(table)]


def write_shard(path: Path, pieces: list[bytes]) -> None:
    """Write a shard's file. It takes its name when it is whole: a run that is killed leaves no half shard under that name.

    Raises
    ------
    OSError
        With the shard's path, if it cannot be written: no room, no permission. Nothing is left then.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        try:
            file = partial.open("wb")
        except FileNotFoundError:  # the variable's first shard
            path.parent.mkdir(parents=True, exist_ok=True)
            file = partial.open("wb")
        with file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def _whole_chunk(part: np.ndarray, chunk: tuple[int, ...]) -> np.ndarray:
    """A contiguous chunk; what lies beyond the last path is NaN."""
    if part.shape == chunk:
        return np.ascontiguousarray(part, np.float64)
    whole = np.full(chunk, np.nan)
    whole[tuple(slice(0, size) for size in part.shape)] = part
    return whole


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", google_crc32c.value(data))


def _morton(at: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """Place of a chunk in zarr's order: the bits of its coordinates interleaved, lowest first, first axis first."""
    places = ((bit, axis) for bit in range(max(counts).bit_length()) for axis, n in enumerate(counts) if (n - 1) >> bit)
    return sum((at[axis] >> bit & 1) << place for place, (bit, axis) in enumerate(places))
