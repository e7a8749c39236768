"""While walls move, both campaigns store the same bits: `numpy` and `cpu`, in both decrements."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.golden.digests import CAMPAIGNS, DECREMENTS, FILE, campaign_run, digests

PINNED = yaml.safe_load(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@pytest.mark.parametrize("decrement", DECREMENTS)
@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_same_bits(tmp_path: Path, campaign: str, decrement: str, backend: str) -> None:
    assert digests(campaign_run(tmp_path, campaign, decrement, backend)) == PINNED[campaign][decrement]
