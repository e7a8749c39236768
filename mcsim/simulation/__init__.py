"""Loans × paths × months to pool flows."""
