"""A book in a user's directory: two collaterals, a deal over both and one over one, a position of whole loans and one of a class."""

from __future__ import annotations

from pathlib import Path

from mcsim.configuration import load_settings
from mcsim.settings import Settings

JOINT = """
name: joint
groups: [homes, offices]
classes: {PT: {share: 1.0, coupon: net_wac}, R: {coupon: residual}}
steps:
  - {pay_interest: PT, from: interest}
  - {pay_principal: PT, rule: sequential, from: principal}
  - {write_down: PT}
  - {release: R, from: all}
"""

BOOK = """
collaterals:
  jumbo: {portfolio: {option: prime_jumbo, cut_off: "2017-11-13"}, behaviour: richard_roll_ltv}
  offices: {portfolio: {option: sec_cmbs, liquidation_lag: 23}, behaviour: {option: commercial_static, prepayment: psa}}
deals:
  both: {deal: joint, groups: {homes: jumbo, offices: offices}, pricing: {spreads: {default: 0.02}}}
  first: {deal: senior_subordinate, groups: {pool: jumbo}, pricing: senior_subordinate}
positions:
  whole: {instrument: whole_loan, of: jumbo, share: 1.0, method: spread, inputs: {spread: 0.02}}
  piece: {instrument: deal_class, of: first/B1, share: 0.35, method: spread, inputs: {spread: 0.05}}
"""

FILES = {"campaign/mine.yaml": BOOK, "deal/joint.yaml": JOINT}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def book(own: Path, *words: str) -> Settings:
    return load_settings(["campaign=mine", *words], own)
