"""From a resolved configuration to :class:`~mcsim.settings.Settings`: every problem is found before any is reported."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from kernels.behaviour import KINDS
from kernels.behaviour.parameter import Parameter
from mcsim.consistency import consistency_problems
from mcsim.errors import InputError, first_of, nearest, shown
from mcsim.layouts import PATH_SETTINGS, OneOfEach, home, is_book
from mcsim.paths import expanded, path_problem
from mcsim.ranges import RANGES
from mcsim.settings import ModelChoice, Settings
from mcsim.unread import unread
from mcsim.values import BAD, BUILDS, choice_problem, range_problem, type_problem, unknown, values_of

_FEW = 2  # missing keys that are told one by one


def build_settings(
    raw: Mapping[str, Any],
    problems: list[str] | None = None,
    given: Mapping[str, str] | None = None,
    doubtful: Collection[str] = (),
) -> Settings:
    """Checked settings of a run.

    Parameters
    ----------
    raw : mapping
        The resolved configuration: plain dictionaries, lists and scalars. ``campaign`` is the campaign's name, ``backend`` a
        mapping with ``name``; the other keys are the fields of :class:`~mcsim.settings.Settings`.
    problems : list of str, optional
        Problems that were found before, to be reported with those found here.
    given : mapping, optional
        The keys that are the user's own, and the file of each (empty for an override): refused where the choice at hand
        would not read them.
    doubtful : collection of str
        Sections in which another option stands for one that could not be read: it is not held against what was given.

    Raises
    ------
    InputError
        One line for every unknown or missing key, wrong type, value out of range, unknown model or parameter, setting that
        would do nothing.
    """
    found = list(problems or [])
    silent, told = unread(raw, given or {}, doubtful)
    found += told
    found += [f"{where}: the key is refused; configuration names models, it never builds objects" for where in _targets(raw)]
    others: list[str] = []
    book = is_book(raw)
    values = _section(Settings if book else OneOfEach, _with_backend_name(raw, found), "", others)
    said = {problem.partition(" = ")[0] for problem in found if " = " in problem}
    found += [line for line in others if not line.startswith(silent) and line.partition(" = ")[0] not in said]
    found = _told_where_given(found, given or {})
    if not found:
        settings = Settings(**values, raw=dict(raw)) if book else OneOfEach(**values).book(dict(raw))
        found += consistency_problems(settings)
        if not found:
            return settings
    raise InputError(found)


def _told_where_given(problems: list[str], given: Mapping[str, str]) -> list[str]:
    """Without those of keys that only follow one that was given, ``${market_date}``, and are wrong as it is."""
    parts = [line.partition(" = ") for line in problems]
    mine = {said for name, _, said in parts if said and name in given}
    return [line for line, (name, _, said) in zip(problems, parts, strict=True) if name in given or said not in mine]


def check_spreads(spreads: Mapping[str, Any]) -> dict[str, float]:
    """Spreads by class as floats; raises :class:`InputError` for what is not a number in range."""
    problems: list[str] = []
    values = _value(dict(spreads), dict[str, float], "pricing.spreads", problems)
    if problems:
        raise InputError(problems)
    return typing.cast("dict[str, float]", values)


def _with_backend_name(raw: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """``backend: {name: cpu}`` as ``backend: cpu``; drops what is not the settings'."""
    plain = {key: value for key, value in raw.items() if key != "raw"}
    backend = plain.get("backend")
    if isinstance(backend, Mapping):
        problems += unknown(backend, ["name"], "backend")
        plain["backend"] = backend.get("name")
    return plain


def _targets(value: Any, where: str = "") -> Iterator[str]:
    """Where the refused keys are."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = f"{where}.{key}" if where else str(key)
            if BUILDS.fullmatch(str(key)):
                yield name
            yield from _targets(inner, name)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _targets(inner, f"{where}[{position}]")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _section(cls: type, raw: Any, where: str, problems: list[str]) -> dict[str, Any]:
    """Values of the fields of ``cls``; what is wrong with them goes to ``problems``."""
    if not isinstance(raw, Mapping):
        problems.append(f"{where} = {shown(raw)}: expected a section of keys{_instead(cls, where)}")
        return {}
    fields = {f.name: f for f in dataclasses.fields(cls) if f.name != "raw"}
    problems += unknown(raw, list(fields), where)
    values, missing = {}, []
    for name, field in fields.items():
        inner = f"{where}.{name}" if where else name
        if name in raw:
            values[name] = _value(raw[name], _hints(cls)[name], inner, problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            missing.append(inner)
    if len(missing) > _FEW:  # an option file that builds on no other
        build_on = ", or let an option of your own build on another, defaults: [NAME, _self_]"
        problems.append(
            f"{where}: {len(missing)} keys are missing: {first_of(missing)}; give each a value"
            f"{'' if home(where).endswith('.*') else build_on}"
        )
    else:
        problems += [f"{name}: missing; give it a value with {name}=VALUE" for name in missing]
    return values


def _instead(cls: type, where: str) -> str:
    """What to give where a section is none: the keys of a part of a book, elsewhere an option."""
    if home(where).endswith(".*"):
        return f": {', '.join(f.name for f in dataclasses.fields(cls))}"
    return f"; choose an option of the group with {where}=NAME"


def _value(value: Any, hint: Any, where: str, problems: list[str]) -> Any:
    """``value`` as its type, or a problem."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        if value is None:
            return None
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        sections = [option for option in options if typing.get_origin(option) is dict]
        hint = sections[0] if sections and isinstance(value, Mapping) else options[0]
    if hint is ModelChoice:
        return _model(value, where, problems)
    if dataclasses.is_dataclass(hint):
        before = len(problems)
        values = _section(typing.cast(type, hint), value, where, problems)
        return BAD if len(problems) > before else typing.cast(Any, hint)(**values)
    if typing.get_origin(hint) is dict:
        return _mapping(value, typing.get_args(hint)[1], where, problems)
    problem = type_problem(value, hint) or choice_problem(value, where) or range_problem(value, RANGES.get(home(where)))
    if home(where) in PATH_SETTINGS and not problem:
        problem = path_problem(value)
        value = value if problem else expanded(value)
    if problem:
        problems.append(f"{where} = {shown(value)}: {problem}")
        return BAD
    return float(value) if hint is float else value


def _mapping(value: Any, inner: Any, where: str, problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{where} = {shown(value)}: expected a section of keys")
        return BAD
    if inner is Any:
        return dict(value)
    if dataclasses.is_dataclass(inner):
        return {str(key): _value(item, inner, f"{where}.{key}", problems) for key, item in value.items()}
    out = {}
    for key, item in value.items():
        problem = type_problem(item, inner) or range_problem(item, RANGES.get(f"{home(where)}.*"))
        if problem:
            problems.append(f"{where}.{key} = {shown(item)}: {problem}")
        else:
            out[str(key)] = inner(item)
    return out


def _model(raw: Any, where: str, problems: list[str]) -> Any:
    """One behavioural model: a known name, and exactly its own parameters."""
    kind = where.rpartition(".")[2]
    known = KINDS[kind]
    if not isinstance(raw, Mapping):
        problems.append(
            f"{where} = {shown(raw)}: expected a section with model and parameters; choose one with behaviour/{kind}=NAME"
        )
        return BAD
    before = len(problems)
    problems += unknown(raw, ["model", "parameters"], where)
    model, given = raw.get("model"), raw.get("parameters", {})
    if not isinstance(model, str) or model not in known:
        problems.append(f"{where}.model = {shown(model)}: unknown {kind} model{nearest(_text(model), known)}")
        return BAD
    if not isinstance(given, Mapping):
        problems.append(
            f"{where}.parameters = {shown(given)}: expected a section of keys: {', '.join(known[model].parameters)}"
        )
        return BAD
    own = known[model].parameters
    if given and not set(given) & set(own):
        names = ", ".join(map(str, given))
        problems.append(
            f"{where}.model = {shown(model)}: takes {', '.join(own)}, not {names}; choose a model with its parameters "
            f"by behaviour/{kind}=NAME"
        )
        return BAD
    parameters = values_of(given, own, f"{where}.parameters", problems)
    if len(problems) == before:
        problems += _crossed(own, parameters, f"{where}.parameters")
    return BAD if len(problems) > before else ModelChoice(model, parameters)


def _crossed(own: Mapping[str, Parameter], values: Mapping[str, Any], where: str) -> list[str]:
    """Bounds that must not cross: a lowest above the highest would give the highest, without a word."""
    return [
        f"{where}.{name} = {shown(values[name])}: expected at most {other}, {shown(values[other])}"
        for name, parameter in own.items()
        if (other := parameter.at_most) and values[name] > values[other]
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)
