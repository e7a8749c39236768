"""Conventions of the market that more than one stage counts by."""

from __future__ import annotations

MONTHS_A_YEAR = 12
COUPONS_A_YEAR = 2
"""US Treasury notes, whose constant-maturity yields the mortgage rule and the indices are."""
DAY_COUNTS = ("30/360", "actual/360", "actual/365")
"""Names, as a tape has them; in the order of the rows of the accrual table."""
