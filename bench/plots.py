"""Draws a series as an SVG file: both axes logarithmic, so that a flat cost is a level line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from measuring import Point, Series

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 72, 20, 56, 52
_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    ' font-family="sans-serif" font-size="12" fill="#333">'
)
FOLDER = Path(__file__).parent / "plots"


class Axis:
    """A logarithmic axis of whole decades, from a place to another."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self._low = math.floor(math.log10(min(positive)))
        self._high = max(math.ceil(math.log10(max(positive))), self._low + 1)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Where a value is; nothing is where the axis begins."""
        exponent = math.log10(value) if value > 0 else self._low
        share = (exponent - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """The decades."""
        return [10.0**exponent for exponent in range(self._low, self._high + 1)]


def draw(series: Series) -> Path:
    """Write the plot of a series; its path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{series.name.replace(' ', '-').replace(',', '')}.svg"
    path.write_text(_svg(series))
    return path


def _svg(series: Series) -> str:
    x = Axis([p.size for p in series.points], LEFT, WIDTH - RIGHT)
    y = Axis([p.micros for p in series.points], HEIGHT - BOTTOM, TOP)
    parts = [
        _OPENING,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 20, series.name, 'font-size="15" font-weight="bold"'),
        _text(LEFT, 40, f"{series.growth:.2f} times the cost when the size doubles; 1 is flat"),
        *_grid(x, y),
        *_line(series.points, x, y),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, series.size, 'text-anchor="middle"'),
        _text(0, 0, f"CPU µs: {series.cost}", _upright((TOP + HEIGHT - BOTTOM) / 2)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _upright(middle: float) -> str:
    return f'text-anchor="middle" transform="translate(16 {middle:.0f}) rotate(-90)"'


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, lines = HEIGHT - BOTTOM, []
    for tick in x.ticks():
        at = x.place(tick)
        lines.append(_rule(at, TOP, at, bottom))
        lines.append(_text(at, bottom + 18, f"{tick:,g}", 'text-anchor="middle"'))
    for tick in y.ticks():
        at = y.place(tick)
        lines.append(_rule(LEFT, at, WIDTH - RIGHT, at))
        lines.append(_text(LEFT - 6, at + 4, f"{tick:,g}", 'text-anchor="end"'))
    return lines


def _line(points: Sequence[Point], x: Axis, y: Axis) -> list[str]:
    places = [(x.place(p.size), y.place(p.micros)) for p in points]
    path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    dots = [
        f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="#0b6e99">'
        f"<title>{point.size:,.0f}: {point.micros:,.1f} µs</title></circle>"
        for (across, down), point in zip(places, points, strict=True)
    ]
    return [f'<polyline points="{path}" fill="none" stroke="#0b6e99" stroke-width="2"/>', *dots]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'
