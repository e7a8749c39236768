"""Figures of the benchmarks: one record each, merged by name into ``benchmarks/results/latest.json``."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True)
class Record:
    """One figure.

    Attributes
    ----------
    name : str
        Key of the record: a later run with the same name replaces it.
    value, unit : float, str
        What was measured; None where it could not be.
    reference : str
        What it is compared with, measured in the same run.
    ratio : float or None
        ``value`` over the reference.
    bar : str
        What must hold, in words of ``value`` and ``ratio``; or why there is no bar.
    holds : bool or None
        None where there is nothing to hold, or it could not be measured.
    """

    name: str
    value: float | None
    unit: str
    reference: str
    ratio: float | None
    bar: str
    holds: bool | None


def at_least(name: str, value: float, unit: str, bar: float, reference: str = "the bar") -> Record:
    """A figure that must reach ``bar``; its ratio is to the bar."""
    return Record(name, value, unit, reference, value / bar, f"value >= {bar:g}", value >= bar)


def at_most(name: str, value: float, unit: str, bar: float, reference: str = "the bar") -> Record:
    """A figure that must stay within ``bar``; its ratio is to the bar."""
    return Record(name, value, unit, reference, value / bar, f"value <= {bar:g}", value <= bar)


def missing(name: str, unit: str, why: str) -> Record:
    """A figure that could not be measured here."""
    return Record(name, None, unit, why, None, "not measured", None)


def machine() -> dict[str, Any]:
    """Processor, cores, vector width and versions: what the figures hold for."""
    from mcsim import provenance

    try:
        flags = set(re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1).split())  # type: ignore[union-attr]
    except (OSError, AttributeError):
        flags = set()
    return {
        "cpu": provenance.cpu_model(),
        "cores": os.cpu_count(),
        "avx512": "avx512f" in flags,
        "avx2": "avx2" in flags,
        "platform": platform.machine(),
        "python": platform.python_version(),
        "packages": provenance.package_versions(),
        "git": provenance.git_state(),
    }


def write(records: Iterable[Record], path: Path = RESULTS) -> None:
    """Merge ``records`` by name into ``path``; those of other benchmarks stay, each with the machine it was measured on."""
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"records": []}
    merged = {one["name"]: one for one in stored["records"]}
    merged.update({one.name: asdict(one) for one in records})
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), "records": list(merged.values())}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def show(record: Record) -> str:
    """One line of the printed table."""
    value = "-" if record.value is None else f"{record.value:.4g}"
    ratio = record.reference if record.ratio is None else f"{record.ratio:.3g} x {record.reference}"
    mark = {True: "holds", False: "MISSED", None: "-"}[record.holds]
    return f"{record.name:44} {value:>10} {record.unit:24} {ratio:42} {record.bar:22} {mark}"
