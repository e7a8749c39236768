"""The table of variables: the contract of the store, complete and consistent."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kernels.flows import FIELDS
from mcsim.variables import COORDINATES, GROUPS

EVERY = [(group, name, variable) for group, table in GROUPS.items() for name, variable in table.items()]


@pytest.mark.parametrize(("group", "name", "variable"), EVERY, ids=[f"{g}.{n}" for g, n, _ in EVERY])
def test_variable(group, name, variable):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert name not in COORDINATES
    assert set(variable.dims) <= set(COORDINATES)
    assert len(set(variable.dims)) == len(variable.dims)
    assert variable.units in ("1", "USD", "year", "USD year")
    assert np.dtype(variable.dtype) == np.float64
    assert variable.long_name
    # Path is contiguous and last, months before it: a flow along a path is one stride.
    order = ["month", "path"]
    assert list(variable.dims)[len([d for d in variable.dims if d not in order]) :] == [d for d in order if d in variable.dims]


@pytest.mark.parametrize("group", ["pool", "loans", "loan_paths"])
def test_flows_are_the_fields_of_the_kernel_in_its_order(group):
    assert tuple(GROUPS[group]) == tuple(FIELDS)


def test_coordinates():
    for name, variable in COORDINATES.items():
        assert variable.dims == (name,)
        assert variable.dtype in ("int64", "str")
        # xarray would decode a unit like "days since ..." or "hours" into times.
        assert variable.units == "1"
    assert {dim for _, _, variable in EVERY for dim in variable.dims} == set(COORDINATES)
