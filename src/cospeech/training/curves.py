"""Curves of a training run as one SVG file, without a plotting library."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.files import atomic_path

_WIDTH, _HEIGHT, _PAD = 360, 200, 34


def read_log(folder: str | Path) -> dict[str, list[tuple[int, float]]]:
    """Every logged figure by name: (step, value), in order."""
    series: dict[str, list[tuple[int, float]]] = {}
    path = Path(folder) / "log.jsonl"
    for line in path.read_text().splitlines() if path.is_file() else []:
        entry = json.loads(line)
        step = entry.pop("step")
        for name, value in entry.items():
            series.setdefault(name, []).append((step, float(value)))
    return series


def write_curves(folder: str | Path) -> None:
    """Draw every figure of log.jsonl into curves.svg, one small plot each."""
    series = {name: points for name, points in read_log(folder).items() if len(points) > 1}
    if not series:
        return
    columns = 3
    rows = -(-len(series) // columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * _WIDTH}" height="{rows * _HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
    ]
    for number, (name, points) in enumerate(sorted(series.items())):
        parts.append(_plot(name, points, (number % columns) * _WIDTH, (number // columns) * _HEIGHT))
    with atomic_path(Path(folder) / "curves.svg") as path:
        path.write_text("\n".join([*parts, "</svg>"]))


def _plot(name: str, points: list[tuple[int, float]], left: int, top: int) -> str:
    steps, values = [p[0] for p in points], [p[1] for p in points]
    low, high = min(values), max(values)
    span, reach = (high - low) or 1.0, (steps[-1] - steps[0]) or 1
    w, h = _WIDTH - 2 * _PAD, _HEIGHT - 2 * _PAD
    line = " ".join(
        f"{left + _PAD + (s - steps[0]) / reach * w:.1f},{top + _PAD + (high - v) / span * h:.1f}" for s, v in points
    )
    return (
        f'<text x="{left + _PAD}" y="{top + 20}" font-weight="bold">{name}</text>'
        f'<rect x="{left + _PAD}" y="{top + _PAD}" width="{w}" height="{h}" fill="none" stroke="#ccc"/>'
        f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="1.5"/>'
        f'<text x="{left + 2}" y="{top + _PAD + 4}">{high:.3g}</text>'
        f'<text x="{left + 2}" y="{top + _PAD + h}">{low:.3g}</text>'
        f'<text x="{left + _PAD + w - 30}" y="{top + _PAD + h + 14}">{steps[-1]}</text>'
    )
