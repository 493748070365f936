"""report.html: one page that needs no network, in light and dark, on a screen and on paper.

Names of rows and clips come from users: every text passes ``escaped``, and the page's policy lets no
script run but its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..core.errors import UserError
from .plots import Curve, bars, confusion, escaped, heat, heat_ceiling, spread, styles_of, swatch
from .style import SCRIPT, STYLE
from .table import BASELINE_WINS, LEGEND, SYNTHETIC_PAIRS, details, duration, facts, numbers

if TYPE_CHECKING:
    from .report import Column, Difference, Player, Report, Row

ACROSS = 7  # metrics of one table: what a screen or a sheet has room for
SHADES = 10  # of heat in tables; q0 to q9 in the style


def page(report: Report) -> str:
    """The whole page. Raises UserError where the path of a player's page is not relative."""
    sections = [
        ("figures", "Figures", _figures(report)),
        ("meaning", "What the figures are", _meaning(report)),
        ("bars", "Figures with intervals", _bars(report)),
        ("differences", "Differences on the same clips", _differences(report)),
        ("speed", "How fast hands are", _speeds(report)),
        ("beats", "Strokes and accents of the voice", _beats(report)),
        ("emotions", "By emotion", _emotions(report)),
        ("confusion", "Emotions recognised", _confusions(report)),
        ("hands", "Where hands are", _hands(report)),
        ("players", "Side by side", _players(report)),
        ("settings", "Settings", _settings(report)),
    ]
    shown = [(key, title, body) for key, title, body in sections if body]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in shown)
    made = f'<p class="warning"><strong>{escaped(SYNTHETIC_PAIRS)}</strong></p>' if report.synthetic_pairs else ""
    notes = "".join(f"<li>{escaped(note)}</li>" for note in report.notes)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; frame-src 'self' file:; "
        f"script-src '{_fingerprint(SCRIPT)}'; style-src '{_fingerprint(STYLE)}'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta name="generator" content="cospeech {escaped(report.version)}">\n'
        f"<title>{escaped(report.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{escaped(report.title)}</h1>\n<p class="facts">'
        + " · ".join(f"<span>{escaped(fact)}</span>" for fact in facts(report))
        + f"</p>\n{made}\n"
        + (f'<ul class="notes">{notes}</ul>\n' if notes else "")
        + f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n</header>\n<main>\n'
        + "\n".join(f'<section id="{key}"><h2>{title}</h2>\n{body}</section>' for key, title, body in shown)
        + f"\n</main>\n<footer><p>Made by cospeech {escaped(report.version)}. The same as data: "
        f'<a href="report.json">report.json</a></p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )


def _fingerprint(text: str) -> str:
    """The hash by which the page's policy lets its own script and style through, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _table(caption: str, head: str, rows: Iterable[str], look: str = "") -> str:
    body = "\n".join(rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(caption)}"><table class="{look}">'
        f"<caption>{escaped(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
        "</table></div>\n"
    )


def _row_head(row: Row, look: str) -> str:
    return f'<th scope="row">{swatch(look)}<span>{escaped(row.name)}</span> <small>{row.kind}</small></th>'


def _name(text: str) -> str:
    """A long name that may break after its underscores."""
    return escaped(text).replace("_", "_<wbr>")


def _scale(column: Column) -> str:
    return escaped(", ".join(filter(None, (column.unit, column.direction))))


# ---------------------------------------------------------------------------- figures


def _figures(report: Report) -> str:
    if not report.columns:
        return "<p>Nothing was measured.</p>"
    how = f'<p class="how">{"; ".join(map(escaped, LEGEND))}. A click on a head sorts.</p>\n'
    columns, look = report.columns, styles_of(report)
    tables = []
    for start in range(0, len(columns), ACROSS):
        some = columns[start : start + ACROSS]
        head = '<th scope="col" data-sort="text"><button type="button">row</button></th>'
        for column in some:
            about = "; ".join([column.direction, *details(column)])
            head += (
                f'<th scope="col" data-sort="number" title="{escaped(about)}"><button type="button">'
                f"{_name(column.title)}</button><small>{_scale(column)}</small></th>"
            )
        rows = []
        for number, row in enumerate(report.ordered):
            cells = "".join(_cell(report, row, column) for column in some)
            rows.append(f'<tr class="{row.kind}" data-row="{number}">{_row_head(row, look[row.name])}{cells}</tr>')
        part = f", {start + 1} to {start + len(some)} of {len(columns)}" if len(columns) > ACROSS else ""
        tables.append(_table(f"Figures{part}", head, rows, "figures"))
    measured = []
    for row in report.ordered:
        reasons = ", ".join(f"{escaped(reason)} {count}" for reason, count in row.left_out.items())
        left = f"; {sum(row.left_out.values())} clips left out ({reasons})" if row.left_out else ""
        measured.append(f"<li>{escaped(row.name)}: {row.clips} clips, {_time(row.seconds)}{left}</li>")
    return how + "".join(tables) + f'<ul class="plain">{"".join(measured)}</ul>\n'


def _time(seconds: float) -> str:
    return duration(seconds) if math.isfinite(seconds) else "-"


def _cell(report: Report, row: Row, column: Column) -> str:
    value = column.values.get(row.name)
    if value is None:
        return '<td class="none">-</td>'
    text, span = numbers(value.value, value.interval)
    mark = report.marks(column).get(row.name, "")
    notes = [f"{value.count} {value.counted} of {value.clips} clips"]
    notes += [f"{value.left_out} clips left out"] if value.left_out else []
    notes += [f"chance {value.chance:.4g}"] if value.chance is not None else []
    notes += [f"real {value.real:.4g}"] if value.real is not None else []
    sort = "" if math.isnan(value.value) else f' data-value="{float(value.value)!r}"'
    look = {"*": "best", "+": "best made", "+~": "best made", "~": "even"}.get(mark, "")
    said = {"*": "best", "+": "best but for baselines", "+~": "best but for baselines, not told from best"}
    said["~"] = "not told from best"
    return (
        f'<td class="{look}"{sort} title="{escaped("; ".join(notes))}"><b>{text}</b>'
        f'<i aria-hidden="true">{mark}</i> <span class="unseen">{said.get(mark, "")}</span>'
        f"<small>{span}</small></td>"
    )


def _meaning(report: Report) -> str:
    rows = []
    for column in report.columns:
        warning = (
            f'<br><strong class="warned">{BASELINE_WINS[0].upper()}{BASELINE_WINS[1:]}.</strong>'
            if report.baseline_wins(column)
            else ""
        )
        notes = [escaped(phrase) for phrase in details(column)]
        rows.append(
            f'<tr><th scope="row">{_name(column.title)}</th>'
            f'<td class="tight">{escaped(column.unit) or "-"}</td><td class="tight">{column.direction}</td>'
            f"<td>{'; '.join(notes)}{warning}</td></tr>"
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("figure", "unit", "direction", "how"))
    return _table("How each figure is taken", head, rows, "words") if rows else ""


def _bars(report: Report) -> str:
    if not report.columns:
        return ""
    how = (
        '<p class="how">Lines through a bar are 95 % intervals. The upright line is the value of real '
        "motion (of the first real row that has the figure), the band its interval; dots are chance. An "
        "arrow: the bar is longer than its room.</p>\n"
    )
    drawn = [
        f"<figure><figcaption>{_name(column.title)} <small>{_scale(column)}</small>"
        f"</figcaption>{bars(report, column, f'bar{number}')}</figure>"
        for number, column in enumerate(report.columns)
    ]
    return how + f'<div class="grid">{"".join(drawn)}</div>\n'


def _differences(report: Report) -> str:
    columns = report.columns

    def line(own: Difference) -> str:
        found = [column for column in columns if column.holds(own)]
        name = found[0].title if len(found) == 1 else own.metric
        text, span = numbers(own.difference, own.interval)
        significant = own.better in (own.a, own.b)
        apart = own.interval[0] > 0 or own.interval[1] < 0  # both, it may be, as far from real motion
        verdict = "apart, but neither is better" if apart else "no difference"
        verdict = f"{escaped(own.better)} is better" if significant else verdict
        return (
            f'<tr class="{"told" if significant else "untold"}"><th scope="row">{_name(name)}</th>'
            f"<td>{escaped(own.a)}</td><td>{escaped(own.b)}</td><td><b>{text}</b> <small>{span}</small></td>"
            f"<td>{escaped(found[0].unit if found else '')}</td><td>{verdict}</td></tr>"
        )

    heads = ("figure", "a", "b", "a - b, 95 % interval", "unit", "result")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    caption = "Paired differences: both rows on the same clips, drawn alike"
    return _table(caption, head, map(line, report.differences), "words") if report.differences else ""


# ---------------------------------------------------------------------------- drawings


def _legend(rows: Sequence[Row], look: dict[str, str]) -> str:
    items = "".join(f"<li>{swatch(look[row.name])}{escaped(row.name)}</li>" for row in rows)
    return f'<ul class="legend">{items}</ul>\n'


def _speeds(report: Report) -> str:
    rows, look = [row for row in report.ordered if "hand_speed" in row.histograms], styles_of(report)
    if not rows:
        return ""
    curves = [Curve(row.name, look[row.name], row.histograms["hand_speed"]) for row in rows]
    drawn = spread(curves, "m/s", "speed", "Density of hand speed, heights in powers of ten", log=True)
    how = (
        '<p class="how">The share of time at each speed of the hands, per m/s. Heights go in powers of ten, '
        "so that the tails, where strokes are, can be compared.</p>\n"
    )
    return f"{how}{_legend(rows, look)}<figure>{drawn}</figure>\n"


def _beats(report: Report) -> str:
    look, drawn = styles_of(report), []
    for number, row in enumerate(report.ordered):
        curves = [
            Curve(name, colour, row.histograms[key])
            for key, name, colour in (
                ("beat_distance_by_chance", "strokes by chance", "chance"),
                ("beat_distance", "strokes", f"{look[row.name]} solid"),
            )
            if key in row.histograms
        ]
        if curves:
            title = f"Density of the distance from strokes to accents, {row.name}"
            svg = spread(curves, "s", f"beat{number}", title, width=330)
            drawn.append(f"<figure><figcaption>{escaped(row.name)}</figcaption>{svg}</figure>")
    if not drawn:
        return ""
    how = (
        '<p class="how">Seconds from each stroke to the nearest accent of the voice. Dotted: as many strokes '
        "put there by chance. Only what lies nearer than chance is rhythm.</p>\n"
    )
    return how + f'<div class="grid">{"".join(drawn)}</div>\n'


def _emotions(report: Report) -> str:
    rows = [row for row in report.ordered if row.emotions]
    named = dict.fromkeys(name for row in rows for name in row.emotions)
    emotions = [*(name for name in report.labels if name in named), *(n for n in named if n not in report.labels)]
    figures = dict.fromkeys(name for row in rows for own in row.emotions.values() for name in own)
    units = {column.name: column.unit for column in report.columns}
    return "".join(_emotion_table(report, rows, emotions, figure, units.get(figure)) for figure in figures)


def _emotion_table(report: Report, rows: Sequence[Row], emotions: Sequence[str], figure: str, unit: str | None) -> str:
    """One figure by row and emotion, shaded over the range of all rows but the baselines."""
    look = styles_of(report)
    cells = {row.name: [float(row.emotions.get(e, {}).get(figure, math.nan)) for e in emotions] for row in rows}
    firm = [v for row in rows if row.kind != "baseline" for v in cells[row.name] if math.isfinite(v)]
    low, high = (min(firm), max(firm)) if firm else (0.0, 0.0)
    lines = []
    for row in rows:
        line = "".join(
            f'<td class="{_shade(value, low, high)}">{"-" if math.isnan(value) else f"{value:.3g}"}</td>'
            for value in cells[row.name]
        )
        lines.append(f'<tr class="{row.kind}">{_row_head(row, look[row.name])}{line}</tr>')
    head = '<th scope="col">row</th>' + "".join(f'<th scope="col">{_name(name)}</th>' for name in emotions)
    return _table(", ".join(filter(None, (figure, unit))), head, lines, "heated")


def _shade(value: float, low: float, high: float) -> str:
    if not math.isfinite(value) or not high > low:
        return ""
    share = (min(max(value, low), high) - low) / (high - low)
    return f"q{min(int(SHADES * share), SHADES - 1)}"


def _confusions(report: Report) -> str:
    rows, order = [row for row in report.ordered if row.confusion is not None], {"real": 0, "baseline": 2}
    drawn = [
        f"<figure><figcaption>{escaped(row.name)}</figcaption>"
        f"{confusion(row, report.labels, f'confusion{number}')}</figure>"
        for number, row in enumerate(sorted(rows, key=lambda row: order.get(row.kind, 1)))
    ]
    how = '<p class="how">Lines: the emotion wanted; columns: the one recognised; percent of each line.</p>\n'
    return how + f'<div class="grid">{"".join(drawn)}</div>\n' if drawn else ""


def _hands(report: Report) -> str:
    rows = [row for row in report.ordered if row.heat]
    ceiling = heat_ceiling(rows)
    drawn = [
        f"<figure><figcaption>{escaped(row.name)}</figcaption>{heat(row, ceiling, f'heat{number}')}</figure>"
        for number, row in enumerate(rows)
    ]
    how = (
        '<p class="how">The share of time that a wrist is at a place, seen from the front: the right hand '
        '(<span class="right-hand">orange</span>) is on the left, the left hand '
        '(<span class="left-hand">blue</span>) on the right. Metres from the chest; all rows have one '
        f"scale, strongest from {ceiling:.2g} of the time on; four times the time is twice as strong.</p>\n"
    )
    return how + f'<div class="grid">{"".join(drawn)}</div>\n' if drawn else ""


# ---------------------------------------------------------------------------- players, settings


def _players(report: Report) -> str:
    how = '<p class="how">Pages that play with sound. Side by side, each has a play button of its own.</p>\n'
    return how + "".join(map(_player, report.players)) if report.players else ""


def _player(player: Player) -> str:
    pages = {name: _address(path) for name, path in player.pages.items()}
    links = "".join(f'<li><a href="{path}">{escaped(name)}</a></li>' for name, path in pages.items())
    frames = "".join(
        f'<figure><figcaption>{escaped(name)}</figcaption><iframe data-src="{path}" '
        f'title="{escaped(f"{player.title}, {name}")}" allow="autoplay; fullscreen"></iframe></figure>'
        for name, path in pages.items()
    )
    # The script fills the frames when they are shown: a page with a body is some megabytes.
    return (
        f'<div class="player"><h3>{escaped(player.title)}</h3><ul class="links">{links}</ul>'
        f"<details hidden><summary>show side by side</summary><div>{frames}</div></details></div>\n"
    )


def _address(path: str) -> str:
    """A relative path as a link; no other scheme can arise, since a colon is written %3A."""
    plain = str(path).replace("\\", "/")
    if not plain or plain.startswith("/") or plain[1:2] == ":":
        raise UserError(f"player page {path!r} is no relative path; give one relative to the report's folder")
    return quote(plain, safe="/", errors="replace")


def _settings(report: Report) -> str:
    rows = [
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(_said(value))}</td></tr>'
        for name, value in report.settings.items()
    ]
    head = '<th scope="col">setting</th><th scope="col">value</th>'
    return _table("How it was measured", head, rows, "words") if rows else ""


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
