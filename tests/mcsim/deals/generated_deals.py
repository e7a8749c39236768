"""Hypothesis strategy: deals that the language allows, well beyond those anyone would issue."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_RULES = st.sampled_from(["sequential", "pro_rata"])


@st.composite
def deals(draw: st.DrawFn, groups: tuple[str, ...] = ("pool",)) -> dict[str, Any]:
    """A valid deal over ``groups``: every class is paid and written down, every dollar leaves."""
    sources, coupons = _sources(groups), _coupons(groups)
    names = [f"C{i}" for i in range(draw(st.integers(1, 5)))]
    weights = [draw(st.integers(1, 100)) for _ in names]
    over = draw(st.sampled_from([0.0, 0.0, 0.05]))
    classes: dict[str, Any] = {
        name: {"share": (1 - over) * weight / sum(weights), "coupon": draw(coupons)}
        for name, weight in zip(names, weights, strict=True)
    }
    residuals = ["X", "R"]
    classes |= {name: {"coupon": "residual"} for name in residuals}
    fees = {f"fee{i}": {"rate": draw(st.floats(0.0, 0.04))} for i in range(draw(st.integers(0, 2)))}
    accounts = {f"account{i}": draw(_accounts()) for i in range(draw(st.integers(0, 2)))}
    earning = [name for name in names if classes[name]["coupon"] != "none"]
    steps: list[dict[str, Any]] = [{"pay_fee": list(fees), "from": draw(sources)}] if fees else []
    for group in _groups(draw, names):
        due = [name for name in group if name in earning]
        if due:
            steps.append({"pay_interest": due, "from": draw(sources)})
        steps.append({"pay_principal": group, "rule": draw(_RULES), "from": draw(sources)})
    for account in accounts:
        if earning and draw(st.booleans()):
            steps.append({"draw": account, "cover": "interest", "classes": draw(_some(earning))})
        steps.append({"draw": account, "cover": "losses", "classes": draw(_some(names)), "rule": draw(_RULES)})
    steps.append({"write_down": draw(st.permutations(names))})
    steps += [{"fund": account, "from": draw(sources)} for account in accounts]
    steps.append({"release": "X", "from": "interest"})
    steps.append({"release": "R", "from": ["principal", *accounts]})
    return {
        "name": "generated", "groups": list(groups), "overcollateralisation": over,
        "classes": classes, "fees": fees, "accounts": accounts, "steps": steps,
    }  # fmt: skip


def _sources(groups: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Bare words, and lists of the funds of single groups."""
    words: list[Any] = ["interest", "principal", "all", ["principal", "interest"]]
    if len(groups) == 1:
        return st.sampled_from(words)
    funds = [f"{group}.{bucket}" for group in groups for bucket in ("interest", "principal")]
    one_group = [f"{group}.all" for group in groups]
    return st.one_of(st.sampled_from(words + one_group), st.lists(st.sampled_from(funds), min_size=1, unique=True))


def _coupons(groups: tuple[str, ...]) -> st.SearchStrategy[Any]:
    words = ["net_wac", *(f"{group}.net_wac" for group in groups if len(groups) > 1), "none"]
    capped = st.builds(lambda rate, cap: {"rate": rate, "cap": cap}, st.floats(0.0, 0.12), st.sampled_from(words))
    return st.one_of(st.floats(0.0, 0.12), st.sampled_from(words), capped)


def _accounts() -> st.SearchStrategy[dict[str, float]]:
    share = st.floats(0.0, 0.05)
    return st.fixed_dictionaries({"initial": share, "target": share, "floor": share})


def _some(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, unique=True)


def _groups(draw: st.DrawFn, names: list[str]) -> list[list[str]]:
    cuts = [i for i in range(1, len(names)) if draw(st.booleans())]
    return [names[a:b] for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True)]
