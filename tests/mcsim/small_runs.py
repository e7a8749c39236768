"""A finished run that takes a second, and what a disk or a stranger may do to its files."""

from __future__ import annotations

from pathlib import Path

SMALL = (
    "campaign=prime_jumbo", "paths=512", "engine.path_block=256", "portfolio.generator.loans=3", "portfolio.generator.term=24",
    "portfolio.generator.age_mean=0", "backend=numpy",
)  # fmt: skip
"""Three loans of two years; on numpy, which compiles nothing; two shards a variable."""


def flip(path: Path, at: float = 1 / 3) -> None:
    """Another bit in one byte of a file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def swap(one: Path, other: Path) -> None:
    """Each takes the other's content."""
    first, second = one.read_bytes(), other.read_bytes()
    assert first != second
    one.write_bytes(second)
    other.write_bytes(first)


def files_of(folder: Path) -> list[Path]:
    """Every file under a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
