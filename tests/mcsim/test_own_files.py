"""The worked examples of docs/extending.md that read columns of a table, terms and a model: one new file each, in a copy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


def worked(title: str) -> tuple[str, str]:
    """Place and text of an example of docs/extending.md, by the title of its part."""
    found = re.search(rf"^## {title}\n+`([\w/.]+)`, the one new file.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1], found[2]


EXAMPLES = [worked("A model that reads a column"), worked("Terms of a loan: a ladder of rates")]

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
    for name, text in EXAMPLES:
        (folder / name).write_text(text)
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


def test_the_mapping_of_the_page_is_read(program: Path) -> None:
    shown = re.search(r"```yaml\n(columns:\n  terms: .*?)```", PAGE, re.DOTALL)
    assert shown
    page, whole = yaml.safe_load(shown[1]), yaml.safe_load(MAPPING)
    whole = {part: {**whole[part], **page[part]} for part in whole}
    assert whole != yaml.safe_load(MAPPING) and answer(program, yaml.safe_dump(whole)) == answer(program)


def test_a_column_that_the_table_lacks_is_named(program: Path) -> None:
    for line, reader in (("step", "terms rate_ladder"), ("speed", "prepayment model by_column")):
        short = "".join(text for text in MAPPING.splitlines(keepends=True) if not text.startswith(f"  {line}:"))
        told = answer(program, short)
        assert any(f"{reader} reads '{line}'" in text for text in told), told


def test_what_both_lack_is_told_together_and_leaves_no_folder(program: Path) -> None:
    short = "".join(text for text in MAPPING.splitlines(keepends=True) if not text.startswith(("  step:", "  speed:")))
    (model, terms), runs = answer(program, short), program / "runs"
    assert "prepayment model by_column reads 'speed'" in model and "extra: {speed: {column: NAME}}" in model
    assert "terms rate_ladder reads 'step'" in terms and "extra: {step: {column: NAME}}" in terms and "model" not in terms
    kept = {path for path in runs.iterdir() if path.is_dir() and not (path / "COMPLETE").exists()} if runs.exists() else set()
    assert not kept


def test_a_column_in_percent_is_refused_with_the_unit_to_write(program: Path) -> None:
    """Of the model and the terms, by what they declare."""
    plain = MAPPING.replace("step: {column: Step, unit: percent, range: [-0.05, 0.05]}", "step: Step")
    plain = plain.replace("speed: {column: Speed, unit: percent, range: [0, 1], required: true}", "speed: Speed")
    model, terms = answer(program, plain)
    assert "by_column reads 'speed', the loan's own SMM, per unit, which is 2.0 for the first of 1 of 3 loans (c)" in model
    assert re.search(r"terms rate_ladder reads 'step', .*, which is (0.5|1.0) for the first of 2 of 2 loans", terms), terms
    assert "expected at least -0.05 and at most 0.05" in terms and "extra: {step: {column: NAME, unit: percent}}" in terms


def test_what_is_not_known_is_no_number(program: Path) -> None:
    """The ladder's own loans need its columns; those of level terms do not, as the first test has them."""
    told = answer(
        program,
        MAPPING.replace("codes: {LADDER: rate_ladder, FIXED: level}", "codes: {LADDER: rate_ladder, FIXED: rate_ladder}"),
    )
    assert any("terms rate_ladder reads 'first_step', which is blank for 1 of 3 loans (c)" in line for line in told), told
