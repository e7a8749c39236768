"""What a stranger adds: terms and a model that read columns of a table, one new file each, in a copy of the program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

LADDER = '''"""A ladder of rates: the note rate rises by a step once a year, up to a ceiling."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.loan_terms import KnownBeforehand


def note_rate(loans: Any, month: int) -> Any:
    """Annual, of each loan."""
    steps = np.maximum(np.floor((month - loans.first_step) / 12) + 1, 0)
    return np.minimum(loans.note_rate + steps * loans.step, loans.ceiling)


TERMS = KnownBeforehand(note_rate, reads=("note_rate", "first_step", "step", "ceiling"))
'''

MODEL = '''"""Prepayment by a column of the loans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.behaviour.model import Model
from kernels.behaviour.parameter import NOT_NEGATIVE, Parameter
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """A multiple of the column."""

    @ops.function
    def smm(seen, parameters):  # type: ignore[no-untyped-def]
        return parameters.multiple * seen.speed

    return smm


MODEL = Model(build, {"multiple": Parameter("SMM a unit of the column", NOT_NEGATIVE)}, reads=("speed",))
'''

TABLE = """Loan,UPB,Coupon,Term,Age,LTV,State,IO,First,Step,Cap,Speed,Type
a,200000,4.0,48,0,70,CA,48,13,0.50,5.25,1.0,LADDER
b,300000,5.0,48,0,70,TX,48,7,1.00,99,0.5,LADDER
c,100000,6.0,48,0,70,CA,48,,,,2.0,FIXED
"""

MAPPING = """
columns:
  loan_id: Loan
  balance: UPB
  note_rate: {column: Coupon, unit: percent}
  remaining_term: Term
  ltv: {column: LTV, unit: percent}
  interest_only: IO
  terms: {column: Type, codes: {LADDER: rate_ladder, FIXED: level}}
  servicing_rate: {value: 0}
extra:
  first_step: {column: First, unit: months, range: [1, null]}
  step: {column: Step, unit: percent, range: [-0.05, 0.05]}
  ceiling: {column: Cap, unit: percent}
  speed: {column: Speed, unit: percent, range: [0, 1], required: true}
"""

RUN = """
import json, sys
import mcsim
from mcsim.errors import InputError
try:
    run = mcsim.run(*sys.argv[1:])
except InputError as error:
    print(json.dumps(error.problems))
else:
    flows = run.pool.interest, run.pool.prepaid_principal
    print(json.dumps([flow.mean("path").values.ravel().tolist() for flow in flows]))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with two new files, and the table beside it."""
    folder = tmp_path_factory.mktemp("program")
    for part in ("kernels", "mcsim", "conf"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "kernels/terms/rate_ladder.py").write_text(LADDER)
    (folder / "kernels/behaviour/prepayment/by_column.py").write_text(MODEL)
    (folder / "loans.csv").write_text(TABLE)
    return folder


def answer(program: Path, mapping: str = MAPPING) -> list:  # type: ignore[type-arg]
    """Interest and prepayment by month, or what is wrong."""
    (program / "loans.yaml").write_text(mapping)
    chosen = (
        "campaign=prime_jumbo", "portfolio=table", f"portfolio.file={program}/loans.csv", "portfolio.cut_off=2020-12-31",
        f"portfolio.mapping={program}/loans.yaml", "behaviour=static_bma", "behaviour.default={model: mdr, parameters: {mdr: [0.0]}}",
        "behaviour.prepayment={model: by_column, parameters: {multiple: 1.0}}", "paths=16", "backend=numpy", "precision=float64",
        "output.report=false", f"output.runs_dir={program}/runs", "portfolio.advances=none",
    )  # fmt: skip
    command = [sys.executable, "-c", RUN, *chosen]
    environment = {**os.environ, "PYTHONPATH": str(program)}
    done = subprocess.run(command, cwd=program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_a_ladder_and_a_model_of_columns_pay_what_they_say(program: Path) -> None:
    """Interest only, no default: balance times rate in force over twelve; the balance shrinks by the loan's own speed."""
    interest, prepaid = answer(program)
    month = np.arange(1, 49)
    expected, left = np.zeros(48), np.zeros(48)
    for balance, rate, first, step, cap, speed in (
        (200_000, 0.04, 13, 0.005, 0.0525, 0.01), (300_000, 0.05, 7, 0.01, 0.99, 0.005), (100_000, 0.06, 999, 0.0, 0.06, 0.02),
    ):  # fmt: skip
        start = balance * (1 - speed) ** (month - 1)
        in_force = np.array([min(rate + step * sum(m >= first + 12 * k for k in range(9)), cap) for m in month])
        expected += start * in_force / 12
        left += np.where(month < 48, start * speed, 0)
    np.testing.assert_allclose(interest[:48], expected, rtol=1e-12)  # sums of three loans in float64
    np.testing.assert_allclose(prepaid[:47], left[:47], rtol=1e-12)


def test_a_column_that_the_table_lacks_is_named(program: Path) -> None:
    for line, reader in (("step", "terms rate_ladder"), ("speed", "prepayment model by_column")):
        short = "".join(text for text in MAPPING.splitlines(keepends=True) if not text.startswith(f"  {line}:"))
        told = answer(program, short)
        assert any(f"{reader} reads '{line}'" in text for text in told), told


def test_what_is_not_known_is_no_number(program: Path) -> None:
    """The ladder's own loans need its columns; those of level terms do not, as the first test has them."""
    told = answer(
        program,
        MAPPING.replace("codes: {LADDER: rate_ladder, FIXED: level}", "codes: {LADDER: rate_ladder, FIXED: rate_ladder}"),
    )
    assert any("terms rate_ladder reads 'first_step', which is blank for 1 of 3 loans (c)" in line for line in told), told
