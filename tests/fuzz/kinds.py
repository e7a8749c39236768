"""The kinds of input that are damaged: each makes the words of one command from a source of chance."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from mcsim.cli import main as mcsim
from mcsim.conf_dir import config_dir, group_options
from mcsim.configuration import load_settings
from tests.fuzz.damage import NASTY, damage_bytes, damage_text, damage_tree
from tests.mcsim.whole_runs import write_filing

SMALL = ("paths=256", "backend=numpy", "engine=serial", "output.report=false")
FILING = ("run", "campaign=sec_cmbs", *SMALL, "output=pool")
FEW = ("portfolio.generator.loans=3", "portfolio.generator.term=60")
FANNIE = (
    "100000000001|R|OTHER|4.25|200000|360|01/2015|03/2015|80|80|1|35|750|N|P|SF|1|P|CA|900||FRM|||\n"
    "100000000002|R|OTHER|3.75|150000|360|06/2016|08/2016|75|75|1|35|720|N|R|SF|1|P|TX|750||FRM|||\n"
)
"""Two invented loans in Fannie Mae's acquisition layout."""
TABLE = "loan_id,upb,rate,remaining_term,age,ltv,state\nA,250,4.0,300,60,0.7,CA\nB,400,3.75,348,12,0.8,TX\n"
"""Two invented loans in columns of a user's own."""


@dataclass(frozen=True)
class Case:
    """The words of a command, what was done to its input, and what must stand in its answer if it succeeds."""

    words: list[str]
    said: str = ""
    expected: str | None = None


@dataclass(frozen=True)
class Ground:
    """What the cases start from: a filing of three loans, a sound run, and what is printed of its prices."""

    filing: bytes
    run: Path
    prices: str

    @classmethod
    def make(cls, folder: Path) -> Ground:
        """Files under ``folder``."""
        write_filing(folder / "filing.xml", 3)
        runs = folder / "ground"
        if mcsim([*FILING, f"portfolio.file={folder / 'filing.xml'}", f"output.runs_dir={runs}"]):
            raise RuntimeError("the sound run failed")
        run = next(path for path in runs.iterdir() if (path / "COMPLETE").is_file())
        return cls((folder / "filing.xml").read_bytes(), run, price_table(run))


def price_table(run: Path) -> str:
    """Rows of the price table of ``mcsim price``."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        mcsim(["price", str(run)])
    return "\n".join(
        line for line in printed.getvalue().splitlines() if line[:2].strip() and ":" not in line and line[0] != "*"
    )


def filing(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """A filing with damaged bytes or elements."""
    content = (
        damage_bytes(chance, ground.filing) if chance.random() < 0.4 else damage_text(chance, ground.filing.decode()).encode()
    )
    (folder / "tape.xml").write_bytes(content)
    return Case([*FILING, f"portfolio.file={folder / 'tape.xml'}", f"output.runs_dir={folder / 'runs'}"])


def _delimited(chance: random.Random, folder: Path, text: str, *words: str) -> Case:
    content = damage_bytes(chance, text.encode()) if chance.random() < 0.3 else damage_text(chance, text).encode()
    (folder / "tape.txt").write_bytes(content)
    return Case(
        [
            "run",
            "campaign=prime_jumbo",
            *SMALL,
            *words,
            f"portfolio.file={folder / 'tape.txt'}",
            f"output.runs_dir={folder / 'runs'}",
        ]
    )


def fannie(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """An acquisition file with damaged bytes or fields."""
    words = ("portfolio.source=fannie_acquisition", "portfolio.generator=null", "portfolio.cut_off=2019-12-31")
    return _delimited(chance, folder, FANNIE, *words, "rates=flat", "behaviour=static_bma", "portfolio.max_reject_share=0.9")


def table(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """A damaged table of one's own, half the time with a damaged mapping file."""
    mapping = "columns:\n  balance: {column: upb, unit: thousands}\n  note_rate: {column: rate, unit: percent}\n"
    if chance.random() < 0.5:
        mapping = damage_text(chance, mapping)
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8", errors="surrogateescape")
    words = ("portfolio=table", "portfolio.cut_off=2020-12-31", f"portfolio.mapping={folder / 'mapping.yaml'}")
    return _delimited(chance, folder, TABLE, *words, "deal=pass_through", "pricing=none")


def deal(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """A shipped deal with damaged text or values, priced over a sound run."""
    name = chance.choice(group_options()["deal"])
    text = (config_dir() / "deal" / f"{name}.yaml").read_text(encoding="utf-8")
    if chance.random() < 0.7:
        text = yaml.safe_dump(damage_tree(chance, yaml.safe_load(text)), sort_keys=False, allow_unicode=True)
    else:
        text = damage_text(chance, text)
    (folder / "deal.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    return Case(["price", str(ground.run), f"deal={folder / 'deal.yaml'}", "pricing=none"])


def override(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """Overrides with keys and values of every sort, of one of each or of a book; the configuration is read and not run."""
    words = chance.choice([[], ["campaign=book"]])
    tree = load_settings(words).raw if words else yaml.safe_load((ground.run / "config.yaml").read_text(encoding="utf-8"))
    keys = [*_keys(tree), *group_options()]
    for _ in range(chance.randint(1, 3)):
        key = chance.choice(keys) if chance.random() < 0.8 else chance.choice(NASTY)
        sign = chance.choice(["", "", "", "+", "++", "~"])
        words.append(f"{sign}{key}={chance.choice(NASTY)}" if chance.random() < 0.8 else damage_text(chance, f"{sign}{key}=1"))
    # An override, not an option of the command line's own.
    return Case(["run", "--show", *(word for word in words if not word.startswith("-"))])


def _keys(tree: object, where: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return [where]
    inner = [key for name, value in tree.items() for key in _keys(value, f"{where}.{name}" if where else str(name))]
    return [where, *inner] if where else inner


def options(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """A directory of options of one's own, damaged."""
    group = chance.choice(list(group_options()))
    name = chance.choice(group_options()[group])
    text = (config_dir() / group / f"{name}.yaml").read_text(encoding="utf-8")
    place = folder / "mine" / group
    place.mkdir(parents=True)
    (place / "mine.yaml").write_text(damage_text(chance, text), encoding="utf-8", errors="surrogateescape")
    return Case(["run", "--show", "--config-dir", str(folder / "mine"), f"{group}=mine"])


def run_folder(chance: random.Random, ground: Ground, folder: Path) -> Case:
    """A finished run of which a file was changed, cut, lost, exchanged or added."""
    run = folder / ground.run.name
    shutil.copytree(ground.run, run)
    files = sorted(path for path in run.rglob("*") if path.is_file())
    chosen, other = chance.sample(files, 2)
    content = chosen.read_bytes()
    kind = chance.choice(["bytes", "cut", "lost", "exchanged", "emptied", "text"])
    if kind == "bytes":
        chosen.write_bytes(damage_bytes(chance, content))
    elif kind == "cut":
        chosen.write_bytes(content[: chance.randint(0, len(content))])
    elif kind == "lost":
        chosen.unlink()
    elif kind == "exchanged":
        chosen.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif kind == "emptied":
        chosen.write_bytes(b"")
    else:
        chosen.write_bytes(damage_text(chance, content.decode("latin-1")).encode("latin-1", "replace"))
    verb = chance.choice(["price", "price", "info", "report"])
    said = f"{kind}: {chosen.relative_to(run)}, {other.relative_to(run)}"
    return Case([verb, str(run)], said, ground.prices if verb == "price" else None)


KINDS: dict[str, Callable[[random.Random, Ground, Path], Case]] = {
    "deal": deal,
    "fannie": fannie,
    "filing": filing,
    "options": options,
    "override": override,
    "run_folder": run_folder,
    "table": table,
}
