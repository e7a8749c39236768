"""Hypothesis strategy: deals that the language allows, well beyond those anyone would issue."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_SOURCES = st.sampled_from(["interest", "principal", "all", ["principal", "interest"]])
_RULES = st.sampled_from(["sequential", "pro_rata"])
_COUPONS = st.one_of(
    st.floats(0.0, 0.12),
    st.sampled_from(["net_wac", "none"]),
    st.builds(lambda rate, cap: {"rate": rate, "cap": cap}, st.floats(0.0, 0.12), st.sampled_from(["net_wac", "none"])),
)


@st.composite
def deals(draw: st.DrawFn) -> dict[str, Any]:
    """A valid deal: every class is paid and written down, every dollar leaves."""
    names = [f"C{i}" for i in range(draw(st.integers(1, 5)))]
    weights = [draw(st.integers(1, 100)) for _ in names]
    over = draw(st.sampled_from([0.0, 0.0, 0.05]))
    classes: dict[str, Any] = {
        name: {"share": (1 - over) * weight / sum(weights), "coupon": draw(_COUPONS)}
        for name, weight in zip(names, weights, strict=True)
    }
    residuals = ["X", "R"]
    classes |= {name: {"coupon": "residual"} for name in residuals}
    fees = {f"fee{i}": {"rate": draw(st.floats(0.0, 0.04))} for i in range(draw(st.integers(0, 2)))}
    accounts = {f"account{i}": draw(_accounts()) for i in range(draw(st.integers(0, 2)))}
    earning = [name for name in names if classes[name]["coupon"] != "none"]
    steps: list[dict[str, Any]] = [{"pay_fee": list(fees), "from": draw(_SOURCES)}] if fees else []
    for group in _groups(draw, names):
        due = [name for name in group if name in earning]
        if due:
            steps.append({"pay_interest": due, "from": draw(_SOURCES)})
        steps.append({"pay_principal": group, "rule": draw(_RULES), "from": draw(_SOURCES)})
    for account in accounts:
        if earning and draw(st.booleans()):
            steps.append({"draw": account, "cover": "interest", "classes": draw(_some(earning))})
        steps.append({"draw": account, "cover": "losses", "classes": draw(_some(names)), "rule": draw(_RULES)})
    steps.append({"write_down": draw(st.permutations(names))})
    steps += [{"fund": account, "from": draw(_SOURCES)} for account in accounts]
    steps.append({"release": "X", "from": "interest"})
    steps.append({"release": "R", "from": ["principal", *accounts]})
    return {
        "name": "generated", "group": "pool", "overcollateralisation": over,
        "classes": classes, "fees": fees, "accounts": accounts, "steps": steps,
    }  # fmt: skip


def _accounts() -> st.SearchStrategy[dict[str, float]]:
    share = st.floats(0.0, 0.05)
    return st.fixed_dictionaries({"initial": share, "target": share, "floor": share})


def _some(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, unique=True)


def _groups(draw: st.DrawFn, names: list[str]) -> list[list[str]]:
    cuts = [i for i in range(1, len(names)) if draw(st.booleans())]
    return [names[a:b] for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True)]
