"""Table of the regions' dynamics: what ships, and what a bad table gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcsim.errors import InputError
from mcsim.scenarios.dynamics import load_dynamics

HEADER = "region,mean_growth_annual,beta_quarterly,residual_sd_quarterly,residual_ar1\n"
NATION = "US,0.03,1,0,0\n"


def test_all_regions_ship() -> None:
    table = load_dynamics("home_price_dynamics.csv")
    assert len(table) == 52
    nation = table["US"]
    assert (nation.beta_quarterly, nation.residual_sd_quarterly, nation.residual_ar1) == (1, 0, 0)
    assert table["CA"].beta_quarterly == 1.92947


def test_a_table_may_say_state_as_those_of_before_do(tmp_path: Path) -> None:
    path = tmp_path / "dynamics.csv"
    path.write_text(HEADER.replace("region", "state") + NATION)
    assert set(load_dynamics(str(path))) == {"US"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("region,beta\nUS,1\n", "columns region, beta; expected region, mean_growth_annual"),
        (HEADER + NATION + NATION, "row 3: region 'US' stands twice"),
        (HEADER + NATION + "CA,0.03,1,0.01,1.0\n", "row 3: CA: residual_ar1 1.0; expected a stationary process"),
        (HEADER + NATION + "CA,0.03,1,-0.01,0.5\n", "residual_sd_quarterly -0.01"),
        (HEADER + NATION + "CA,0.03,x,0.01,0.5\n", "row 3: 'CA,0.03,x,0.01,0.5'; expected a region and 4 numbers"),
        (HEADER + NATION + "CA,0.03,nan,0.01,0.5\n", "CA: a value is not finite"),
        (HEADER + NATION + "Cal,0.03,1,0.01,0.5\n", "region 'Cal'; expected two capital letters"),
        (HEADER + "CA,0.03,1,0.01,0.5\n", "no row for US"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "dynamics.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_dynamics(str(path))
    assert expected in str(error.value)
