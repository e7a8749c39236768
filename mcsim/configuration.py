"""``conf/`` and overrides to :class:`~mcsim.settings.Settings`.

Names map to objects through tables (``kernels.behaviour.KINDS`` and the like); nothing is ever instantiated from text, and no
interpolation reaches outside the configuration.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcsim.composition import change, compose, load_option
from mcsim.conf_dir import option_files
from mcsim.errors import InputError
from mcsim.layouts import home, is_book
from mcsim.merging import OPEN_MAPPINGS, Chosen, apply
from mcsim.overrides import Override, read_overrides
from mcsim.paths import expanded, literal
from mcsim.references import leaf_names, resolved, select
from mcsim.settings import Settings
from mcsim.unread import unused_default
from mcsim.validation import build_settings, check_spreads
from mcsim.yaml_files import read_mapping

LOGGER = logging.getLogger("mcsim")


def load_settings(overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> Settings:
    """Settings of a run.

    Parameters
    ----------
    overrides : sequence of str
        In the language of docs/configuration.md: ``campaign=sec_cmbs``, ``paths=4096``, ``rates.sigma=0.008``,
        ``pricing.spreads.A=0.01``.
    config_dir : path, optional
        A directory of the user's own options, laid out as ``conf/``.

    Raises
    ------
    InputError
        Every unknown key, group, option, model and parameter with the nearest known name, every wrong type and range, every
        setting that would do nothing.

    Examples
    --------
    >>> load_settings(["paths=512", "backend=numpy"]).paths
    512
    """
    found = compose(overrides, config_dir)
    tree = resolved(found.tree, found.problems)
    return build_settings({"campaign": found.campaign, **tree}, found.problems, found.given, found.doubtful)


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Settings of a run that was made before, from its resolved configuration; raises as :func:`load_settings`."""
    return build_settings(config)


def load_deal_config(name: str, config_dir: str | Path | None = None) -> dict[str, Any]:
    """A deal as a dictionary: an option of the group ``deal``, or the path of a YAML file."""
    problems: list[str] = []
    path = literal(name)
    is_file = path is not None and path.endswith((".yaml", ".yml"))
    deal = read_mapping(expanded(str(path))) if is_file else load_option("deal", name, config_dir)
    found = resolved({"deal": deal}, problems)["deal"]
    if problems:
        raise InputError(f"{name}: {problem}" for problem in problems)
    return dict(found)


def repriced(config: Mapping[str, Any], overrides: Sequence[str], config_dir: str | Path | None = None) -> Settings:
    """Settings with which a finished run is priced again: its own but for deals, their spreads, and positions.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration: a book's, or one of each.
    overrides : sequence of str
        Of one of each as :func:`price_choices` takes them; of a book the same within its deals, ``deals.NAME.deal=NAME`` (or a
        YAML file), ``deals.NAME.pricing.spreads.CLASS=VALUE``, and a deal more; of both ``positions.NAME={...}``.
    config_dir : path, optional
        A directory of the user's own options.

    Raises
    ------
    InputError
        As :func:`load_settings`, and for whatever would have to be simulated.
    """
    problems: list[str] = []
    tree, words = copy.deepcopy(dict(config)), []
    of_parts = [text for text in overrides if is_book(config) or str(text).lstrip("+~").startswith("positions")]
    try:
        deal, spreads = price_choices(config, [text for text in overrides if text not in of_parts], config_dir)
        tree |= {"deal": deal} if deal is not None else {}
        tree |= {"pricing": {"spreads": spreads}} if spreads is not None else {}
    except InputError as error:
        problems += error.problems
    for word in _price_words(of_parts, config_dir, problems):
        if word.key.partition(".")[0] in ("deals", "positions"):
            words.append(word)
        else:
            problems.append(
                f"{word.text}: pricing again changes deals and positions only; simulate with `mcsim run {word.text}`"
            )
    change(tree, words, config_dir, problems)
    for name in {word.key.split(".")[1] for word in words if home(word.key) == "deal"}:
        spreads = select(tree, f"deals.{name}.pricing.spreads")
        if isinstance(spreads, dict) and not any(f"{word.key}.".startswith(f"deals.{name}.pricing.") for word in words):
            _drop_strangers(spreads, tree["deals"][name]["deal"], set())
    given = {key: "" for word in words for key in leaf_names(word.value, word.key)}
    return build_settings(resolved(tree, problems), problems, given)


def _price_words(texts: Sequence[str], config_dir: str | Path | None, problems: list[str]) -> list[Override]:
    """Overrides, a deal's file among them as what it holds."""
    words = []
    for text in (text for text in texts if _is_deal_file(text)):
        key, _, name = text.partition("=")
        try:
            words.append(Override(text, key, Chosen(load_deal_config(name, config_dir))))
        except InputError as error:
            problems += error.problems
    return words + read_overrides([text for text in texts if not _is_deal_file(text)], problems)


def price_choices(
    config: Mapping[str, Any], overrides: Sequence[str], config_dir: str | Path | None = None
) -> tuple[dict[str, Any] | None, dict[str, float] | None]:
    """Deal and spreads with which a finished run is priced again.

    Parameters
    ----------
    config : mapping
        The run's resolved configuration.
    overrides : sequence of str
        ``deal=NAME`` (or a YAML file), ``pricing=NAME``, ``deal.KEY=VALUE``, ``pricing.spreads.CLASS=VALUE``.
    config_dir : path, optional
        A directory of the user's own options.

    Returns
    -------
    deal : dict or None
        None where no override touches it.
    spreads : dict or None
        Annual, by class; likewise. A deal of other classes takes the run's spreads where they share a name, and its ``default``.
    """
    problems: list[str] = []
    files = [text for text in overrides if _is_deal_file(text)]
    words = [Override(text, "deal", text.partition("=")[2]) for text in files]
    words += read_overrides([text for text in overrides if text not in files], problems)
    tree = copy.deepcopy(dict(config))
    groups = option_files(config_dir)
    touched, unread = set(), set()
    for word in sorted(words, key=lambda word: "." in word.key):  # an option first, then its keys
        section = word.key.partition(".")[0]
        if section not in ("deal", "pricing"):
            problems.append(f"{word.text}: pricing again changes deal and pricing only; simulate with `mcsim run {word.text}`")
            continue
        touched.add(section)
        if word.key == section and not isinstance(word.value, dict) and word.action != "delete":
            if not _choose(tree, word, config_dir, problems):
                unread.add(section)
        elif section not in unread:  # what its keys mean is the option's
            problems += apply(tree, word, groups)
    tree = resolved(tree, problems)
    if problems:
        raise InputError(problems)
    return _chosen(tree, touched, words)


def _is_deal_file(text: str) -> bool:
    key, _, name = str(text).partition("=")
    return home(key) == "deal" and (literal(name) or "").endswith((".yaml", ".yml"))


def _choose(tree: dict[str, Any], word: Override, config_dir: str | Path | None, problems: list[str]) -> bool:
    """An option in the place of the run's own section; False where it cannot be read."""
    name = str(word.value) if _is_deal_file(word.text) else word.name
    try:
        found = load_deal_config(name, config_dir) if word.key == "deal" else load_option(word.key, name, config_dir)
    except InputError as error:
        problems.extend(error.problems)
        return False
    tree[word.key] = found
    return True


def _chosen(
    tree: Mapping[str, Any], touched: set[str], words: Sequence[Override]
) -> tuple[dict[str, Any] | None, dict[str, float] | None]:
    """What :func:`price_choices` returns."""
    if not touched:
        return None, None
    deal = tree.get("deal") if "deal" in touched else None
    spreads = dict((tree.get("pricing") or {}).get("spreads") or {})
    keys = {word.key for word in words}
    if isinstance(deal, Mapping) and "pricing" not in keys:
        _drop_strangers(spreads, deal, {key.removeprefix(f"{OPEN_MAPPINGS[0]}.") for key in keys})
    if "pricing.spreads.default" in keys and unused_default(spreads, (tree.get("deal") or {}).get("classes")):
        raise InputError("pricing.spreads.default: every class has a spread of its own; leave it out")
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
