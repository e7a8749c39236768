"""Where the configuration is, and what it offers. Knows folders only, neither YAML nor Hydra: pages of help read it too.

An option is found in a list of the files that there are: no name a user writes becomes part of a path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcsim.errors import InputError, nearest
from mcsim.paths import expanded, path_problem

CONFIG_NAME = "config"

CAMPAIGN = "campaign"


@dataclass(frozen=True)
class OptionFile:
    """The file of an option. ``own``: in a user's directory; ``hidden``: a user's file of the same name, which does not count."""

    path: Path
    own: bool = False
    hidden: Path | None = None


def config_dir() -> Path:
    """The shipped configuration: package data where mcsim is installed, ``conf/`` of the repository in a checkout.

    Raises
    ------
    InputError
        Neither is there.
    """
    package = Path(__file__).resolve().parent
    for place in (package / "conf", package.parent / "conf"):
        if (place / f"{CONFIG_NAME}.yaml").is_file():
            return place
    raise InputError(f"the configuration is not there: no {CONFIG_NAME}.yaml in {package / 'conf'}; install mcsim again")


def extra_dir(extra: str | Path) -> Path:
    """A user's own directory of options, absolute.

    Raises
    ------
    InputError
        It is no directory, or holds what a directory of options cannot: a primary configuration, or groups of Hydra's own, which
        could run code.
    """
    text = str(extra)
    problem = path_problem(text)
    if not problem:
        path = Path(expanded(text)).absolute()
        try:
            if path.is_dir():
                _check_extra(path)
                return path
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
    raise InputError(
        f"--config-dir {text}: {problem or 'no such directory; expected one'} laid out as conf/, such as {text}/deal/mine.yaml"
    )


def _check_extra(path: Path) -> None:
    problems = []
    if (path / f"{CONFIG_NAME}.yaml").exists():
        problems.append(
            f"{path / CONFIG_NAME}.yaml: not read, the primary configuration is mcsim's; keep what it sets as "
            f"{path}/campaign/NAME.yaml and choose campaign=NAME"
        )
    if (path / "hydra").exists():
        problems.append(f"{path / 'hydra'}: refused; option files hold settings of mcsim, nothing of Hydra's own")
    problems += _unread_problems(path)
    if problems:
        raise InputError(problems)


def _unread_problems(path: Path) -> Iterator[str]:
    """Files by whose place or ending they would be options, but for a mistyped name: they would be passed over."""
    groups = _shipped()
    above = [place for place in (path, *(path / group for group in groups)) if place.is_dir()]
    for folder in sorted({below for place in above for below in place.iterdir() if below.is_dir()}):
        group = folder.relative_to(path).as_posix()
        files = sorted(file.name for file in folder.glob("[!.]*.y*ml") if file.suffix in (".yaml", ".yml"))
        if group not in groups and group != "hydra" and not folder.name.startswith(".") and files:
            yield f"{folder}: no group of options has this name, {files[0]} would not be read{nearest(group, groups)}"
        elif group in groups:
            for name in (name for name in files if name.endswith(".yml")):
                yield f"{folder / name}: would not be read; an option's file ends in .yaml, rename it"


def _shipped() -> dict[str, dict[str, OptionFile]]:
    """The options that ship, by group and name."""
    root = config_dir()
    found: dict[str, dict[str, OptionFile]] = {}
    for file in sorted(root.rglob("*.yaml")):
        if file.parent != root:
            found.setdefault(file.parent.relative_to(root).as_posix(), {})[file.stem] = OptionFile(file)
    return found


def option_files(extra: str | Path | None = None) -> dict[str, dict[str, OptionFile]]:
    """The file of every option, by group and name (``behaviour/prepayment`` is a group within one).

    A user's directory adds options to the groups there are. Of two with one name the shipped one counts.
    """
    found = _shipped()
    own = extra_dir(extra) if extra else None
    for group in found if own else ():
        for file in sorted((own / group).glob("[!.]*.yaml")):  # type: ignore[operator]
            shipped = found[group].get(file.stem)
            found[group][file.stem] = OptionFile(shipped.path, hidden=file) if shipped else OptionFile(file, own=True)
    return dict(sorted(found.items()))


def group_options(extra: str | Path | None = None) -> dict[str, list[str]]:
    """Names of the options of every group."""
    return {group: sorted(files) for group, files in option_files(extra).items()}
