"""Scenarios: paths of rates and home prices."""
