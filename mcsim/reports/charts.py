"""Charts of the report, as SVG text that stands inside the page.

Colours are told apart by the colour-blind: the blues differ in lightness, the mean is the vermilion of Okabe and Ito,
*Color Universal Design* (2008). Text stays text, in the page's own typeface.
"""

from __future__ import annotations

import io
import itertools
import logging
import math
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcsim.reports.statistics import Array, Convergence, Fan

INK, MUTED, GRID = "#1a2733", "#566573", "#dfe5ea"
OUTER, INNER, MIDDLE = "#c9dcee", "#8fb8dd", "#0b4f8a"
MEAN = "#d55e00"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "axes.edgecolor": "#9aa7b2",
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.labelsize": "medium",
    "xtick.labelsize": "medium",
    "ytick.labelsize": "medium",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": "medium",
    "legend.labelcolor": INK,
}

PANEL_COLUMNS = 3

# Width and height in inches, and type size in points: so that type is 9 to 14 pixels high on pages of 800 to 1280 pixels.
WIDE, HALF = (9.2, 2.9, 8.2), (5.2, 2.75, 8.8)
_ROW_HEIGHT = 1.75
_MOST_DECIMALS = 12
_SAME = 1e-9
"""Part of a value: what differs by less is one value on every path, rounding apart."""
_LONG_LABEL = 6
"""Characters; five labels that are longer do not stand side by side under a panel."""


def fan_chart(
    name: str, fan: Fan, scale: float, unit: str, alt: str, from_zero: bool = True, size: tuple[float, float, float] = HALF
) -> str:
    """Bands of 5-95 % and 25-75 % of the paths, the median and the mean, by year. ``scale`` multiplies the values."""

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        low, lower, middle, upper, high = fan.percentiles * scale
        # rasterised alpha would print badly: the bands are opaque and lie one on the other
        axes.fill_between(fan.years, low, high, color=OUTER, linewidth=0, label="5–95 % of paths")
        axes.fill_between(fan.years, lower, upper, color=INNER, linewidth=0, label="25–75 %")
        axes.plot(fan.years, middle, color=MIDDLE, linewidth=1.6, label="median")
        axes.plot(fan.years, fan.mean * scale, color=MEAN, linewidth=1.4, linestyle=(0, (4, 2)), label="mean")
        axes.set_xlabel("years from the cut-off")
        axes.set_ylabel(unit)
        axes.set_xlim(0, math.ceil(fan.years[-1]))
        if from_zero:
            axes.set_ylim(bottom=0)
        _axes(axes)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, columnspacing=1.4, handlelength=1.6, borderaxespad=0)

    return _svg(name, size, draw, alt)


def convergence_chart(
    name: str, panels: dict[str, Convergence], scales: dict[str, float], units: dict[str, str], alt: str
) -> str:
    """A panel a class: the mean over the first n paths with its 95 % band, against n."""

    def draw(axes: Any, key: str) -> None:
        c, scale = panels[key], scales[key]
        mean, half = c.mean * scale, 1.96 * c.standard_error * scale  # 1.96: 95 % of a normal
        axes.fill_between(c.counts, mean - half, mean + half, color=OUTER, linewidth=0)
        axes.axhline(mean[-1], color=MEAN, linewidth=1, linestyle=(0, (4, 2)))
        axes.plot(c.counts, mean, color=MIDDLE, linewidth=1.5)
        if np.ptp([mean - half, mean + half]) <= _SAME * max(abs(mean[-1]), 1.0):
            axes.set_ylim(mean[-1] - 0.5, mean[-1] + 0.5)
        axes.set_xscale("log")
        axes.set_xlim(c.counts[0], c.counts[-1])
        ticks = [4**k for k in range(2, 16) if c.counts[0] <= 4**k <= c.counts[-1]]
        axes.set_xticks(ticks, [f"{t:,}" for t in ticks])
        axes.minorticks_off()

    return _panels(name, list(panels), draw, "paths", units, alt)


def distribution_chart(name: str, values: dict[str, Array], units: dict[str, str], alt: str) -> str:
    """A panel a class: the share of paths by value, and the mean."""

    def draw(axes: Any, key: str) -> None:
        x = values[key]
        low, high = np.percentile(x, [0.5, 99.5])
        if high - low <= _SAME * max(abs(high), 1.0):  # one value on every path: any width will do
            low, high = low - 0.5, high + 0.5
        bins = np.linspace(low, high, 31)
        # the outermost bars hold the tails, so that the shares add to one
        counts, _ = np.histogram(np.clip(x, low, high), bins)
        axes.bar(
            bins[:-1], 100 * counts / x.size, width=np.diff(bins), align="edge", color=INNER, edgecolor="white", linewidth=0.4
        )
        axes.axvline(x.mean(), color=MEAN, linewidth=1.4, linestyle=(0, (4, 2)))

    y_units = dict.fromkeys(values, "% of paths")
    return _panels(name, list(values), draw, units, y_units, alt)


def _panels(
    name: str,
    keys: list[str],
    draw_one: Callable[[Any, str], None],
    x_units: str | dict[str, str],
    y_units: dict[str, str],
    alt: str,
) -> str:
    """Small multiples, three in a row; a unit is named once a row where it does not change."""
    rows = math.ceil(len(keys) / PANEL_COLUMNS)

    def draw(figure: Any) -> None:
        for i, key in enumerate(keys):
            axes = figure.add_subplot(rows, PANEL_COLUMNS, i + 1)
            draw_one(axes, key)
            axes.set_title(key)
            axes.set_xlabel(x_units if isinstance(x_units, str) else x_units[key])
            if i % PANEL_COLUMNS == 0 or y_units[key] != y_units[keys[i - 1]]:
                axes.set_ylabel(y_units[key])
            _axes(axes)
            _thin_out(axes)

    return _svg(name, (WIDE[0], _ROW_HEIGHT * rows, WIDE[2]), draw, alt)


def _axes(axes: Any) -> None:
    """Upwards at most six ticks and lines to read across; on both axes the decimals that the step needs, no powers of ten."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylim(*axes.get_ylim())
    for axis in [axes.yaxis, *([axes.xaxis] if axes.get_xscale() == "linear" else [])]:
        formatter: Any = FuncFormatter(lambda tick, _: tick_label(tick, [tick]))
        formatter.format_ticks = lambda ticks: [tick_label(tick, ticks) for tick in ticks]
        axis.set_major_formatter(formatter)
    axes.set_axisbelow(True)
    axes.grid(axis="y")


def _thin_out(axes: Any) -> None:
    """Fewer ticks to the right in a panel where their labels are long."""
    from matplotlib.ticker import MaxNLocator

    if axes.get_xscale() != "linear":
        return
    low, high = axes.get_xlim()
    ticks = axes.xaxis.get_major_locator().tick_values(low, high)
    longest = max(len(tick_label(tick, ticks)) for tick in ticks)
    axes.xaxis.set_major_locator(MaxNLocator(4 if longest <= _LONG_LABEL else 2))


def tick_label(tick: float, ticks: Sequence[float]) -> str:
    """The tick with the fewest decimals that write every one of evenly spaced ``ticks`` as it is.

    >>> [tick_label(tick, [96, 97.5, 99]) for tick in (96, 97.5, 99)]
    ['96.0', '97.5', '99.0']
    """
    step = min((b - a for a, b in itertools.pairwise(sorted(ticks)) if b > a), default=1.0)
    # a thousandth of the step: what a sum of steps is off by, and no label shows
    enough = (n for n in range(_MOST_DECIMALS) if all(abs(round(t, n) - t) <= 1e-3 * step for t in ticks))
    text = f"{tick:,.{next(enough, _MOST_DECIMALS)}f}"
    return text.replace("-", "\N{MINUS SIGN}") if any(c in "123456789" for c in text) else text.replace("-", "")


def _svg(name: str, size: tuple[float, float, float], draw: Callable[[Any], None], alt: str) -> str:
    """The figure's SVG element: no size of its own, no ids but those it refers to, and a text for those who cannot see it."""
    matplotlib = _matplotlib()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # From matplotlib's own defaults: a user's matplotlibrc must not change a report.
    style: Any = {**dict[Any, Any](matplotlib.rcParamsDefault), **_STYLE, "svg.hashsalt": name, "font.size": size[2]}
    with matplotlib.rc_context(style):
        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=size[:2], layout=layout, dpi=72)  # the resolution of SVG
        FigureCanvasSVG(figure)
        draw(figure)
        # left to itself, savefig draws everything once more, unseen, to place it
        layout.execute(figure)
        figure.set_layout_engine(None)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _inline(out.getvalue(), name, alt)


def _matplotlib() -> Any:
    """The library, whatever ``MPLBACKEND`` says: a name that it does not know makes the import fail, and no chart needs one.

    Where its folders cannot be written it takes others, and says so in lines that are not of the run.
    """
    asked = os.environ.pop("MPLBACKEND", None)
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib
        import matplotlib.font_manager  # looks for its list of fonts when it is imported
    finally:
        logger.setLevel(level)
        if asked is not None:
            os.environ["MPLBACKEND"] = asked
    return matplotlib


def _inline(text: str, name: str, alt: str) -> str:
    from markupsafe import escape

    body = text[text.index("<svg") :]
    opening = body[: body.index(">") + 1]
    box = re.search(r'viewBox="([^"]+)"', opening)
    assert box is not None  # matplotlib always writes one
    inside = body[len(opening) : body.rindex("</svg>")]
    inside = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", inside, flags=re.S)
    inside = re.sub(r'<g id="[^"]*"', "<g", inside)
    inside = re.sub(r"font: ([^;\"]*?)(\d+(?:\.\d+)?px) [^;\"]*", r"font: \1\2 var(--sans)", inside)
    inside = re.sub(r"\n\s*", "\n", inside)
    return (
        f'<svg class="chart" role="img" aria-labelledby="alt-{name}" viewBox="{box.group(1)}" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="alt-{name}">{escape(alt)}</title>{inside}</svg>'
    )
