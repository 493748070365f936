"""report.html: all that was measured, nothing that a user wrote as markup, no network, drawings that hold."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from cospeech.evaluation.output import write_report
from cospeech.evaluation.page import page as page_of
from cospeech.evaluation.plots import shown_range, ticks
from cospeech.evaluation.report import NO_DIFFERENCE, Difference, Player, Report, Row
from report_data import EVIL, full_report, report, row


@pytest.fixture
def full() -> Report:
    return full_report()


class Page(HTMLParser):
    """Start tags with their attributes, and every text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in ("style", "script"):
            self.texts.append(data)


# ---------------------------------------------------------------------------- report.html


@pytest.fixture
def text(full, tmp_path) -> str:
    return write_report(full, tmp_path).read_text(encoding="utf-8")


def test_the_page_holds_every_row_and_metric(full, text):
    shown = "".join(Page(text).texts)
    for column in full.columns:
        assert column.title in shown
    for own in full.rows:
        assert own.name.replace("\x00", "\ufffd") in shown
    for wanted in ("Synthetic pairs", "corpus (12ab)", "is better", "no difference"):
        assert wanted in shown


def test_nothing_that_a_user_wrote_becomes_markup(full, text):
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "<script>alert" not in text
    assert "\x00" not in text
    plain = page_of_plain_names(full)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in Page(plain).tags]


def page_of_plain_names(full: Report) -> str:
    """The same page with a harmless name, as a measure of its structure."""

    def tame(value):
        if isinstance(value, str):
            return "tame" if value == EVIL else value
        if isinstance(value, tuple):
            return tuple(map(tame, value))
        if isinstance(value, dict):
            return {tame(name): tame(own) for name, own in value.items()}
        if isinstance(value, Row):
            return replace(value, name=tame(value.name))
        if isinstance(value, Difference):
            return replace(value, a=tame(value.a), b=tame(value.b), better=tame(value.better))
        if isinstance(value, Player):
            return Player(tame(value.title), tame(value.pages))
        return value

    fields = ("data", "rows", "differences", "players", "notes")
    return page_of(replace(full, **{name: tame(getattr(full, name)) for name in fields}))


def test_the_page_asks_for_nothing_elsewhere(text):
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    for tag, attributes in Page(text).tags:
        assert tag not in ("link", "object", "embed", "base")
        for name in ("src", "href"):
            address = attributes.get(name)
            assert address is None or re.match(r"#|data:image/png|[^/:]+$|[^:/][^:]*$", address), address
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert 'href="players/a%20b%231.html"' in text


def test_the_policy_lets_the_pages_own_script_and_style_through(text):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    for tag in ("script", "style"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        assert base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'")


def test_every_drawing_is_well_formed_and_told(text):
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) > 12
    ids = []
    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert "nan" not in re.sub(r"<(title|desc).*?</\1>|<text.*?</text>", "", drawing)
        assert "inf" not in re.sub(r"<(title|desc).*?</\1>|<text.*?</text>|base64,[^\"]*", "", drawing)
        if root.get("aria-hidden") == "true":
            continue
        assert root.get("role") == "img"
        assert root.find("title").text
        assert root.find("desc").text
        ids += root.get("aria-labelledby").split()
    assert len(ids) == len(set(ids))
    assert all(f'id="{own}"' in text for own in ids)


def test_tables_have_captions_and_heads(text):
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert len(tables) >= 4
    for own in tables:
        assert "<caption>" in own
        assert 'scope="col"' in own
        assert 'scope="row"' in own
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_baselines_come_first_and_are_named(text):
    kinds = re.findall(r'<tr class="(\w+)" data-row', text)
    assert kinds[:4] == ["baseline", "real", "model", "folder"]


def test_made_pairs_are_said_only_where_they_are(full, text, tmp_path):
    assert 'class="warning"' in text
    whole = replace(full, data={**full.data, "made_pairs": False})
    assert 'class="warning"' not in write_report(whole, tmp_path / "whole").read_text()


def test_an_empty_report_has_a_page(tmp_path):
    for number, what in enumerate((report(), report(Row("a", "model")), report(row("a", fgd=math.nan)))):
        page = write_report(what, tmp_path / str(number)).read_text()
        assert page.count("<html") == page.count("</html>") == 1


def test_the_sign_of_both_ends_decides_what_is_said(full, tmp_path):
    apart = Difference(EVIL, "folder", "fgd", 1.0, (0.5, 1.5), NO_DIFFERENCE)
    page = write_report(replace(full, differences=(apart,)), tmp_path).read_text()
    assert "apart, but neither is better" in page


# ---------------------------------------------------------------------------- axes


def test_axes_are_not_squeezed_by_one_row():
    assert shown_range([[1.0, 1.2], [2.0]], [[5.0], [700.0]]) == (0.0, 5.0)
    assert shown_range([[1.0], [2.0], [1e9, 2e9, 0.9e9]]) == (0.0, 2.0)
    assert shown_range([[-5.0, -4.0], [-3.0]]) == (-5.0, 0.0)
    assert shown_range([], [[3.0]]) == (0.0, 3.0)
    assert shown_range([[math.nan], [math.inf]]) == shown_range([]) == shown_range([[0.0]]) == (0.0, 1.0)
    low, high = shown_range([[1e308], [-1e308]])
    assert math.isfinite(high - low)


def test_ticks_are_round_and_few():
    rng = np.random.default_rng(0)
    for _ in range(200):
        low = float(rng.normal() * 10.0 ** rng.integers(-8, 8))
        high = low + float(rng.random() + 0.01) * 10.0 ** int(rng.integers(-3, 8))
        found = ticks(low, high)
        assert len(found) <= 6
        assert all(low - 1e-6 * (high - low) <= tick <= high + 1e-6 * (high - low) for tick in found)
