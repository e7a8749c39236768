"""The manual says what the reader does: its fields, its example, its limits."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from mcsim import yaml_files
from mcsim.tapes import recognise, text_table
from mcsim.tapes.table_fields import FIELDS, REQUIRED, UNITS
from mcsim.tapes.table_mapping import SECTIONS, read_mapping

DOCS = Path(__file__).parents[3] / "docs"
MANUAL = (DOCS / "tapes.md").read_text(encoding="utf-8")


def test_every_field_is_in_the_manual_as_it_is() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in MANUAL.splitlines()
        if re.match(r"\| `\w+` \| [a-z]", line)
    ]
    told = {row[0].strip("`"): row[1:] for row in rows if row[0].strip("`") not in SECTIONS}
    assert list(told) == list(FIELDS)
    for name, (units, meaning, without) in told.items():
        spec = FIELDS[name]
        others = ", ".join(f"`{other}`" for other in spec.instead)
        assert meaning == spec.meaning, name
        if spec.kind in UNITS:
            assert units == ", ".join(UNITS[spec.kind]), name
        head = "**required**" if name in REQUIRED else spec.without or "required of adjustable loans"
        assert without in (head, f"{head}, or {others}", f"{head}; or {others}"), name


def test_the_mapping_in_the_manual_is_the_one_of_the_example() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    assert yaml.safe_load(block) == yaml.safe_load((DOCS / "examples" / "loans.yaml").read_text(encoding="utf-8"))
    assert read_mapping(yaml.safe_load(block)) == read_mapping(str(DOCS / "examples" / "loans.yaml"))


def test_the_limits_in_the_manual() -> None:
    limits = MANUAL.rpartition("## Limits")[2]
    assert recognise.MOST_BYTES == 256 * 2**20
    assert recognise.MOST_LINE == 64 * 2**10
    assert (recognise.MOST_LINES, text_table.MOST_COLUMNS, text_table.MOST_CELLS) == (10**7, 2_000, 2 * 10**8)
    assert yaml_files.LARGEST_FILE == 10**6
    for words in ("256 MiB", "64 KiB", "10 million", "2,000", "200 million", "1 MB"):
        assert words in limits
