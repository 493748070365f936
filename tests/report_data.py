"""Reports of an evaluation for tests: small ones, and one that holds everything and means harm."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from cospeech.evaluation.report import NO_DIFFERENCE, Difference, Histogram, Player, Report, Row
from cospeech.metrics.base import Value

EVIL = "<script>alert('x')</script> & \"co\"\x00\u202e"
LABELS = ("neutral", "joy", "anger")


def value(name: str, number: float, better: str = "lower", **other) -> Value:
    interval = other.pop("interval", (0.9 * number, 1.1 * number) if math.isfinite(number) else None)
    return Value(
        name,
        number,
        other.pop("unit", "1"),
        100,
        "frames",
        10,
        "how it is taken",
        interval=interval,
        better=better,
        replicates=np.ones(3),
        **other,
    )


def row(name: str, kind: str = "model", **figures: float) -> Row:
    better = {"fgd": "lower", "speed": "real", "accuracy": "higher"}
    return Row(name, kind, tuple(value(key, number, better[key]) for key, number in figures.items()))


def report(*rows: Row, **other) -> Report:
    return Report("a report", other.pop("data", {"store": "corpus"}), rows=rows, **other)


def full_report() -> Report:
    """Everything that a report can hold, with what may go wrong."""
    edges = np.linspace(0, 2, 41)
    rng = np.random.default_rng(0)
    spread = {
        "hand_speed": Histogram(edges, rng.random(40)),
        "beat_distance": Histogram(edges, rng.random(40)),
        "beat_distance_by_chance": Histogram(edges, rng.random(40)),
    }
    rich = {
        "emotions": {"joy": {"speed": 0.3, "accuracy": math.nan}, "neutral": {"speed": 0.1}},
        "confusion": np.array([[5, 1, 0], [0, 0, 0], [2, 2, 2]]),
        "histograms": spread,
        "heat": {"left": rng.random((6, 8)), "right": np.zeros((6, 8))},
        "heat_extent": (-0.8, 0.8, -0.6, 0.6),
        "seconds": 61.0,
        "clips": 10,
        "left_out": {"too short": 2},
    }
    still = replace(
        row("mean pose", "baseline", fgd=1e300, speed=0.0),
        histograms={"hand_speed": Histogram(np.array([0.0, 0.001, 2.0]), np.array([1000.0, 0.0]))},
    )
    real = replace(row("real (other half)", "real", fgd=1.0, speed=0.2), **rich)
    model = replace(row(EVIL, fgd=2.5, speed=0.19, accuracy=math.nan), **rich)
    model = replace(model, values=(*model.values, value("fgd", -math.inf, extractor="net-<2>", chance=3.0)))
    folder = row("folder", "folder", fgd=3.0, accuracy=40.0)
    return report(
        model,
        real,
        still,
        folder,
        data={
            "store": "corpus",
            "fingerprint": "12ab",
            "split": "test",
            "clips": 10,
            "seconds": 61.4,
            "speakers": ["a", "b"],
            "made_pairs": True,
            "hosts": EVIL,
        },
        settings={"seed": 0, "odd": math.nan, "path": Path("a/b")},
        differences=(
            Difference(EVIL, "folder", "fgd", -0.5, (-1.0, 0.1), NO_DIFFERENCE),
            Difference(EVIL, "real (other half)", "speed", 0.01, (0.005, 0.02), EVIL),
        ),
        labels=LABELS,
        players=(Player(EVIL, {EVIL: "players/a b#1.html", "folder": "../c.html"}),),
        notes=(EVIL, "a note\nof two lines"),
        version="0.1.0",
    )
