"""``conf/`` and overrides to :class:`~mcsim.settings.Settings`. With the command line, the only module that sees Hydra.

Names map to objects through tables (``kernels.behaviour.KINDS`` and the like); nothing is ever instantiated from text, and no
interpolation reaches outside the configuration.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mcsim.conf_dir import CONFIG_NAME, config_dir, extra_dir, group_options
from mcsim.errors import InputError, nearest
from mcsim.overrides import (
    OPEN_MAPPINGS,
    RESOLVER,
    has_key,
    opened,
    option_problem,
    parse_overrides,
    sweep_problem,
    unknown_key,
)
from mcsim.settings import Settings
from mcsim.validation import build_settings, check_spreads

HYDRA_VERSION = "1.3"

LARGEST_DEAL_FILE = 1_000_000
"""Bytes. The largest shipped deal has under 3,000: such a file is something else, given by mistake."""

LOGGER = logging.getLogger("mcsim")


def load_settings(overrides: Sequence[str] = (), extra: str | Path | None = None) -> Settings:
    """Settings of a run.

    Parameters
    ----------
    overrides : sequence of str
        Hydra overrides: ``campaign=sec_cmbs``, ``paths=4096``, ``rates.sigma=0.008``, ``pricing.spreads.A=0.01``.
    extra : path, optional
        A directory of the user's own options, laid out as ``conf/``; of two with the same
        name the shipped one counts.

    Raises
    ------
    InputError
        Every unknown key, group, option, model and parameter with the nearest known name, every wrong type and range.

    Examples
    --------
    >>> load_settings(["paths=512", "backend=numpy"]).paths
    512
    """
    config, problems = _compose(list(overrides), extra)
    return settings_from(config, OmegaConf.select(config, "hydra.runtime.choices.campaign"), problems)


def settings_from(config: DictConfig, campaign: str | None, problems: Sequence[str] = ()) -> Settings:
    """Settings from a composed configuration, with or without its ``hydra`` node, and the name of its campaign."""
    found = list(problems)
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    return build_settings({"campaign": campaign, **_resolved(own, found)}, found)


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Settings of a run that was made before, from its resolved configuration; raises as :func:`load_settings`."""
    return build_settings(config)


def load_deal_config(name: str, extra: str | Path | None = None) -> dict[str, Any]:
    """A deal as a dictionary: an option of the group ``deal``, or the path of a YAML file."""
    if name.endswith((".yaml", ".yml")):
        return _read_yaml(Path(name))
    return _load_option("deal", name, extra)


def price_choices(
    config: Mapping[str, Any], overrides: Sequence[str], extra: str | Path | None = None
) -> tuple[dict[str, Any] | None, dict[str, float] | None]:
    """Deal and spreads with which a finished run is priced again.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration.
    overrides : sequence of str
        ``deal=NAME`` (or a YAML file), ``pricing=NAME``, ``deal.KEY=VALUE``, ``pricing.spreads.CLASS=VALUE``.

    Returns
    -------
    deal : dict or None
        None where no override touches it.
    spreads : dict or None
        Annual, by class; likewise. A deal of other classes takes the run's spreads where they share a name, and its ``default``.
    """
    problems: list[str] = []
    sections: dict[str, Any] = {}
    parsed = sorted(parse_overrides(overrides), key=lambda o: "." in o.key_or_group)
    for override in parsed:
        section, _, rest = override.key_or_group.partition(".")
        if section not in ("deal", "pricing"):
            line = override.input_line
            problems.append(f"{line}: pricing again changes deal and pricing only; simulate with `mcsim run {line}`")
        elif override.is_sweep_override():
            problems.append(sweep_problem(override))
        else:
            _collect(problems, sections, config, override, section, rest, extra)
    if problems:
        raise InputError(problems)
    deal, pricing = sections.get("deal"), sections.get("pricing")
    if deal is None and pricing is None:
        return None, None
    spreads = dict((config["pricing"] if pricing is None else pricing).get("spreads", {}))
    if deal is not None and "pricing" not in (o.key_or_group for o in parsed):
        named = {o.key_or_group.removeprefix("pricing.spreads.") for o in parsed}
        _drop_strangers(spreads, deal, named)
    return deal, check_spreads(spreads)


def _drop_strangers(spreads: dict[str, Any], deal: Mapping[str, Any], named: set[str]) -> None:
    """Takes away spreads of classes that the deal does not have, unless they were ``named`` now: those are mistakes to tell."""
    classes = deal.get("classes")
    if not isinstance(classes, Mapping):
        return
    strangers = [name for name in spreads if name not in classes and name != "default" and name not in named]
    for name in strangers:
        del spreads[name]
    if strangers:
        LOGGER.info(
            "the run's spreads of %s are not of this deal's classes; default is %s",
            ", ".join(strangers),
            spreads.get("default"),
        )


def _collect(
    problems: list[str],
    sections: dict[str, Any],
    config: Mapping[str, Any],
    override: Override,
    section: str,
    rest: str,
    extra: str | Path | None,
) -> None:
    """One override of :func:`price_choices` into ``sections``."""
    if not rest:
        name = str(override.value())
        try:
            sections[section] = load_deal_config(name, extra) if section == "deal" else _load_option(section, name, extra)
        except InputError as error:
            problems.extend(error.problems)
        return
    tree = OmegaConf.create({section: sections.get(section, config[section])})
    key = override.key_or_group
    if OmegaConf.select(tree, key) is None and not key.startswith(OPEN_MAPPINGS) and not override.is_add():
        problems.append(unknown_key(tree, key))
        return
    OmegaConf.update(tree, key, override.value(), merge=True)
    resolved = _resolved(tree, problems)
    sections[section] = resolved.get(section, {})


@contextmanager
def _hydra(extra: str | Path | None) -> Iterator[list[str]]:
    """Hydra on ``conf/``; yields the override that adds the user's directory. Leaves a Hydra that runs already as it was."""
    backup = get_gh_backup()
    GlobalHydra.instance().clear()
    search = [f"hydra.searchpath=['file://{extra_dir(extra)}']"] if extra else []
    for file in sorted((extra_dir(extra) / "deal").glob("*.yaml")) if extra else []:
        _check_deal_file(file)
    try:
        with initialize_config_dir(str(config_dir()), job_name="mcsim", version_base=HYDRA_VERSION):
            yield search
    finally:
        restore_gh_from_backup(backup)


def _compose(overrides: list[str], extra: str | Path | None) -> tuple[DictConfig, list[str]]:
    """The composed configuration, and the problems of the overrides that could not be part of it."""
    parsed = parse_overrides(overrides)
    problems = [sweep_problem(o) for o in parsed if o.is_sweep_override()]
    kept = [o for o in parsed if not o.is_sweep_override()]
    with _hydra(extra) as search:
        try:
            return _hydra_compose([*search, *_words(kept)]), problems
        except InputError as error:
            found, good = _diagnose(kept, search, group_options(extra))
            if not found:
                raise InputError([*problems, *error.problems]) from error
        try:
            return _hydra_compose([*search, *_words(good)]), problems + found
        except InputError as error:
            raise InputError([*problems, *found]) from error


def _words(overrides: Sequence[Override]) -> list[str]:
    return [word for override in overrides for word in opened(override)]


def _hydra_compose(overrides: list[str]) -> DictConfig:
    try:
        return compose(CONFIG_NAME, overrides=overrides, return_hydra_config=True)
    except Exception as error:  # Hydra, OmegaConf and bare ValueErrors: all say something about what was given
        raise InputError(_first_lines(error)) from error


def _diagnose(
    overrides: list[Override], search: list[str], groups: Mapping[str, list[str]]
) -> tuple[list[str], list[Override]]:
    """What is wrong with each override, and those with nothing wrong. Hydra's own keys are left to Hydra."""
    problems: list[str] = []
    good = [o for o in overrides if o.key_or_group.startswith(("hydra.", "hydra/"))]
    chosen = [o for o in overrides if o.key_or_group in groups and not o.is_delete()]
    for override in chosen:
        options = groups[override.key_or_group]
        if str(override.value()) in options:
            good.append(override)
        else:
            problems.append(option_problem(override, options))
    try:
        tree = _hydra_compose([*search, *(str(o.input_line) for o in good)])
    except InputError as error:
        return [*problems, *error.problems], good
    for override in overrides:
        key = override.key_or_group
        if override in good or override in chosen:
            continue
        free = override.is_add() or override.is_force_add() or key.startswith(OPEN_MAPPINGS)
        if free or key in groups or has_key(tree, key):
            good.append(override)
        else:
            problems.append(unknown_key(tree, key))
    return problems, good


def _resolved(config: DictConfig, problems: list[str]) -> dict[str, Any]:
    """Plain dictionaries with interpolations resolved; what may not or cannot be resolved goes to ``problems``."""
    plain = OmegaConf.to_container(config, resolve=False)
    outside = [f"{where} = {text!r}: reads outside the configuration; write the value itself" for where, text in _calls(plain)]
    if outside:
        raise InputError([*problems, *outside])
    try:
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise InputError([*problems, _first_lines(error)]) from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _calls(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _calls(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _calls(inner, f"{where}[{position}]")
    elif isinstance(value, str) and RESOLVER.search(value):
        yield where, value


def _load_option(group: str, name: str, extra: str | Path | None) -> dict[str, Any]:
    options = group_options(extra).get(group, [])
    if name not in options:
        raise InputError(f"{group}={name}: no such option{nearest(name, options)}")
    with _hydra(extra) as search:
        config = _hydra_compose([*search, f"{group}={name}"])
    problems: list[str] = []
    section = _resolved(OmegaConf.masked_copy(config, [group]), problems)[group]
    return dict(section)


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a deal in YAML")
    _check_deal_file(path)
    try:
        config = OmegaConf.load(path)
    except Exception as error:  # the YAML reader raises its own family of errors
        raise InputError(f"{path}: cannot be read as YAML: {_first_lines(error)}") from error
    if not isinstance(config, DictConfig):
        raise InputError(f"{path}: expected a mapping of keys, as in conf/deal/")
    return _resolved(config, [])


def _check_deal_file(path: Path) -> None:
    """Refuses what would grow in reading. Nested aliases (``*a``) repeat what they stand for: ten lines become ten billion."""
    size = path.stat().st_size
    if size > LARGEST_DEAL_FILE:
        raise InputError(f"{path}: {size:,} bytes; a deal has at most {LARGEST_DEAL_FILE:,}")
    try:
        text = path.read_text(encoding="utf-8")
        if "${" in text:
            raise InputError(
                f"{path}: holds '${{'; a deal takes no interpolations, which can grow likewise; write the value out"
            )
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, (yaml.AnchorToken, yaml.AliasToken)):
                line, sign = token.start_mark.line + 1, "&" if isinstance(token, yaml.AnchorToken) else "*"
                raise InputError(
                    f"{path}: line {line}: {sign}{token.value}: a deal takes no anchors and aliases; write the value out"
                )
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {_first_lines(error)}") from error


def _first_lines(error: BaseException) -> str:
    """An error of Hydra or of the YAML reader as one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        return " ".join(filter(None, [error.context and f"{error.context}:", error.problem])) + where
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
