"""Charts of ratios, as SVG: how far each contestant is from C, on a logarithmic scale.

Written by hand and not by a plotting library because the charts are checked against the results:
the same results have to make the same file, byte for byte, whatever versions of a library and of
fonts are installed where the check runs. A file of its own also follows the reader's choice of
light or dark, and keeps its text as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from .results import Spread

__all__ = ["MARK", "Chart", "Panel", "draw", "styles_of"]

MARK = "<!-- made by bench/page.py -->"

WIDTH = 880
LEFT, RIGHT = 56, 16
PLOT = 180
"""Height of a panel's plot."""
EDGE = 20
"""Above and below its extremes, for values in digits."""
LEAST, MOST = 1e-3, 1e3
"""Ends of any scale."""
STEPS = (
    (1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
    (1, 1.2, 1.4, 1.6, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1,),
)
"""Where a scale may have its lines, of which the finest with room between them is taken."""
VALUE_WIDTH = 22
"""Room that a value in digits needs."""
LETTER = 0.6
"""Width of a letter at most, on average, in sizes of the font."""

STYLE = """\
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
.paper { fill: #ffffff } .text { fill: #1f2328 } .soft { fill: #59636e }
.grid { stroke: #d8dee4 } .line { stroke: #1f2328 } .halo { stroke: #ffffff }
.f0 { fill: #0757ba } .f1 { fill: #5b93e0 } .f2 { fill: #0f7b83 } .f3 { fill: #6e7781 }
.f4 { fill: #b35900 } .f5 { fill: #cf8a00 } .f6 { fill: #1a7f37 }
.f7 { fill: #8250df } .f8 { fill: #bf3989 } .f9 { fill: #cf222e }
.s0 { stroke: #0757ba } .s1 { stroke: #5b93e0 } .s2 { stroke: #0f7b83 } .s3 { stroke: #6e7781 }
.s4 { stroke: #b35900 } .s5 { stroke: #cf8a00 } .s6 { stroke: #1a7f37 }
.s7 { stroke: #8250df } .s8 { stroke: #bf3989 } .s9 { stroke: #cf222e }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } .text { fill: #f0f6fc } .soft { fill: #9198a1 }
.grid { stroke: #2a313c } .line { stroke: #f0f6fc } .halo { stroke: #0d1117 }
.f0 { fill: #58a6ff } .f1 { fill: #1f6feb } .f2 { fill: #39c5cf } .f3 { fill: #9198a1 }
.f4 { fill: #f0883e } .f5 { fill: #d29922 } .f6 { fill: #3fb950 }
.f7 { fill: #a371f7 } .f8 { fill: #f778ba } .f9 { fill: #ff7b72 }
.s0 { stroke: #58a6ff } .s1 { stroke: #1f6feb } .s2 { stroke: #39c5cf } .s3 { stroke: #9198a1 }
.s4 { stroke: #f0883e } .s5 { stroke: #d29922 } .s6 { stroke: #3fb950 }
.s7 { stroke: #a371f7 } .s8 { stroke: #f778ba } .s9 { stroke: #ff7b72 }
}"""
"""The markers of series differ in shape too, for those who do not tell colours apart."""

SHAPES = (
    "M-5,0 a5,5 0 1 0 10,0 a5,5 0 1 0 -10,0 Z",
    "M0,-6 L6,0 L0,6 L-6,0 Z",
    "M-4.5,-4.5 H4.5 V4.5 H-4.5 Z",
    "M0,-6 L5.5,4.5 H-5.5 Z",
    "M0,6 L5.5,-4.5 H-5.5 Z",
    "M-6,-2 H-2 V-6 H2 V-2 H6 V2 H2 V6 H-2 V2 H-6 Z",
    "M-3,-5.5 H3 L6,0 L3,5.5 H-3 L-6,0 Z",
    "M-6,-2.5 H6 V2.5 H-6 Z",
    "M-5,-5 H5 L-5,5 H5 Z",
    "M0,-6 L1.8,-1.8 L6,0 L1.8,1.8 L0,6 L-1.8,1.8 L-6,0 L-1.8,-1.8 Z",
)
OWN = 4
"""How many of the styles are anymq's own."""


@dataclass(frozen=True)
class Panel:
    """One plot: what each series reached, by group."""

    title: str
    groups: Mapping[str, Mapping[str, Spread]]


@dataclass(frozen=True)
class Chart:
    """Panels below one another, with the scale and the series in common."""

    title: str
    subtitle: str
    panels: Sequence[Panel]

    @property
    def series(self) -> list[str]:
        every = (name for p in self.panels for group in p.groups.values() for name in group)
        return sorted(dict.fromkeys(every), key=lambda name: not name.startswith("anymq"))

    @property
    def spreads(self) -> list[Spread]:
        return [s for p in self.panels for group in p.groups.values() for s in group.values()]


def styles_of(charts: Iterable[Chart]) -> Mapping[str, int]:
    """The style of every series, the same in all charts; anymq's look alike."""
    names = dict.fromkeys(name for chart in charts for name in chart.series)
    own = [name for name in names if name.startswith("anymq")]
    others = [name for name in names if name not in own]
    return {name: number % OWN for number, name in enumerate(own)} | {
        name: OWN + number % (len(SHAPES) - OWN) for number, name in enumerate(others)
    }


class Scale:
    """The logarithmic scale of a chart, with 1 always on it."""

    def __init__(self, spreads: Sequence[Spread]) -> None:
        self.low = max(LEAST, min(0.9, *(spread.low for spread in spreads)))
        self.high = min(MOST, max(1.1, *(spread.high for spread in spreads)))

    def height(self, value: float) -> float:
        """Pixels above the bottom; what is beyond the scale is at its end."""
        value = min(max(value, self.low), self.high)
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return EDGE + (PLOT - 2 * EDGE) * share

    def ticks(self) -> list[float]:
        """Values with a line: the finest set that leaves room between them."""
        decades = range(-4, 5)
        for steps in STEPS:
            ticks = [round(step * 10.0**decade, 9) for decade in decades for step in steps]
            ticks = [tick for tick in ticks if self.low <= tick <= self.high]
            if all(b - a >= 14 for a, b in pairwise(map(self.height, ticks))):
                break
        return ticks


def draw(chart: Chart, styles: Mapping[str, int]) -> str:
    """The chart as a file; the same chart is always the same file.

    `styles` numbers the series, so that one looks the same in every chart.
    """
    scale = Scale(chart.spreads)
    parts: list[str] = []
    top = 28.0
    parts.append(_text(16, top, chart.title, 16, "text", weight="bold"))
    for line in _wrapped(chart.subtitle, 12):
        top += 18
        parts.append(_text(16, top, line, 12, "soft"))
    top, legend = _legend(chart.series, styles, top + 24)
    parts += legend
    for panel in chart.panels:
        top += 34
        parts.append(_text(16, top, panel.title, 13, "text", weight="bold"))
        top += 14
        parts += _panel(panel, chart.series, styles, scale, top)
        top += PLOT + 20
    height = round(top + 10)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(chart.title)}">'
    )
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>'
    return "\n".join([head, MARK, f"<style>\n{STYLE}\n</style>", paper, *parts, "</svg>\n"])


def _legend(
    series: Sequence[str], styles: Mapping[str, int], top: float
) -> tuple[float, list[str]]:
    """Where it ends, and its parts: as many rows as it needs."""
    parts = []
    left = 24.0
    for name in ["C", *series]:
        width = 18 + len(name) * 12 * LETTER + 18
        if left + width > WIDTH - RIGHT:
            left, top = 24.0, top + 20
        if name == "C":
            parts.append(_line(left - 8, left + 8, top - 4, "line", 2))
        else:
            parts.append(_marker(left, top - 4, styles[name], name))
        parts.append(_text(left + 14, top, name, 12, "text"))
        left += width
    return top, parts


def _panel(
    panel: Panel, series: Sequence[str], styles: Mapping[str, int], scale: Scale, top: float
) -> Iterator[str]:
    bottom = top + PLOT
    for tick in scale.ticks():
        y = bottom - scale.height(tick)
        if tick != 1:
            yield _line(LEFT, WIDTH - RIGHT, y, "grid", 1)
        yield _text(LEFT - 8, y + 4, f"{tick:g}", 11, "soft", anchor="end")
    one = bottom - scale.height(1)
    yield _line(LEFT, WIDTH - RIGHT, one, "line", 2)
    width = (WIDTH - RIGHT - LEFT) / max(1, len(panel.groups))
    values = []
    for number, (label, group) in enumerate(panel.groups.items()):
        left = LEFT + number * width
        if number:
            yield _stroke(left, top, left, bottom, "grid", 1)
        yield _text(left + width / 2, bottom + 16, label, 12, "text", anchor="middle")
        shown = [name for name in series if name in group]
        slot = min(width * 0.9 / len(shown), 64)
        for index, name in enumerate(shown):
            x = left + width / 2 + (index + 0.5 - len(shown) / 2) * slot
            told = f"{label}: {name}"
            yield from _point(x, bottom, one, styles[name], told, group[name], scale)
            if slot >= VALUE_WIDTH:
                values.append(_value(x, bottom, group[name], scale))
    yield from values  # above all markers


def _point(
    x: float, bottom: float, one: float, style: int, title: str, spread: Spread, scale: Scale
) -> Iterator[str]:
    """The distance from C as a thin line, the spread as a thick one, the median as a marker."""
    y, low, high = (bottom - scale.height(v) for v in (spread.median, spread.low, spread.high))
    yield _stroke(x, one, x, y, f"s{style}", 1)
    yield _stroke(x, low, x, high, f"s{style}", 3)
    told = f"{title}: {_told(spread.median)} ({_told(spread.low)} to {_told(spread.high)})"
    yield _marker(x, y, style, told)


def _value(x: float, bottom: float, spread: Spread, scale: Scale) -> str:
    """The median in digits, on the side of the spread that is away from C."""
    if spread.median >= 1:
        y = bottom - scale.height(max(spread.high, spread.median)) - 8
    else:
        y = bottom - scale.height(min(spread.low, spread.median)) + 16
    return _text(x, y, _told(spread.median), 10, "text halo", anchor="middle")


def _told(value: float) -> str:
    return f"{value:.2g}" if value < 0.095 else f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def _marker(x: float, y: float, style: int, title: str) -> str:
    place = f'transform="translate({x:.1f} {y:.1f})"'
    shape = f'<path class="f{style} halo" stroke-width="1" {place} d="{SHAPES[style]}">'
    return f"{shape}<title>{escape(title)}</title></path>"


def _line(left: float, right: float, y: float, kind: str, width: float) -> str:
    return _stroke(left, y, right, y, kind, width)


def _stroke(x1: float, y1: float, x2: float, y2: float, kind: str, width: float) -> str:
    return (
        f'<line class="{kind}" stroke-width="{width}" '
        f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    kind: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    halo = ' stroke-width="3" paint-order="stroke"' if "halo" in kind else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}"{halo}>{escape(text)}</text>'
    )


def _wrapped(text: str, size: int) -> Iterator[str]:
    """Lines that fit between the margins."""
    most = int((WIDTH - 32) / (size * LETTER))
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > most:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line
