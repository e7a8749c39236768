"""Where the configuration is, and what it offers. Knows folders only, not Hydra: pages of help read it too."""

from __future__ import annotations

from pathlib import Path

from mcsim.errors import InputError

CONFIG_NAME = "config"


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
    """A user's own directory of options, absolute; raises :class:`InputError` where it is none."""
    path = Path(extra).expanduser().resolve()
    if not path.is_dir():
        raise InputError(
            f"--config-dir {extra}: no such directory; expected one laid out as conf/, such as {extra}/deal/mine.yaml"
        )
    return path


def group_options(extra: str | Path | None = None) -> dict[str, list[str]]:
    """Options of every group, by the group's name (``behaviour/prepayment`` is a group within one)."""
    options: dict[str, set[str]] = {}
    for root in [config_dir(), *([extra_dir(extra)] if extra else [])]:
        for file in root.rglob("*.yaml"):
            group = file.parent.relative_to(root).as_posix()
            if group != ".":
                options.setdefault(group, set()).add(file.stem)
    return {group: sorted(names) for group, names in sorted(options.items())}
