"""The extractor made by hand: what its numbers are and what leaves them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import arms, gesturing
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.metrics import Extractor, FrechetDistance, KinematicExtractor, Reference, load_extractor
from cospeech.motion.kinematics import speed
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from format_data import beat_rig, canonical_motion

EXTRACTOR: Extractor = load_extractor()


def test_it_says_what_it_is():
    assert (EXTRACTOR.id, EXTRACTOR.fps, EXTRACTOR.window) == ("kinematic-v1", 30.0, 60)
    rows = EXTRACTOR.features(canonical_motion(150))
    assert rows.shape == (4, EXTRACTOR.dim)  # windows begin at 0, 30, 60, 90
    assert EXTRACTOR.features(canonical_motion(59)).shape == (0, EXTRACTOR.dim)
    assert isinstance(EXTRACTOR, KinematicExtractor)
    with pytest.raises(UserError, match="known: kinematic-v1"):
        load_extractor("net-9")


def test_its_numbers_are_what_it_says():
    motion = canonical_motion(90, seed=2)
    rows = EXTRACTOR.features(motion)
    wrists = wrists_in_chest(motion).astype(float)
    pace = speed(wrists, 30.0)
    push = np.linalg.norm(np.gradient(np.gradient(wrists, axis=0), axis=0), axis=-1) * 900
    apart = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1)
    for row, window in zip(rows, (slice(0, 60), slice(30, 90)), strict=True):
        np.testing.assert_allclose(row[:6], wrists[window].reshape(60, 6).mean(0) / 0.1, atol=1e-4)
        np.testing.assert_allclose(row[15:17], pace[window].mean(0) / 0.25, rtol=1e-4)
        np.testing.assert_allclose(row[20:22], push[window].mean(0) / 2.5, rtol=1e-3)
        assert row[22] == pytest.approx(apart[window].mean() / 0.1, rel=1e-5)
        np.testing.assert_allclose(row[23:29], wrists[window].reshape(60, 6).std(0) / 0.1, rtol=1e-4)
        np.testing.assert_allclose(row[38:40], pace[window].std(0) / 0.25, rtol=1e-3)
        assert row[43] == pytest.approx(apart[window].std() / 0.1, rel=1e-4)


def test_a_still_person_has_no_spread():
    row = EXTRACTOR.features(arms(60, []))[0]
    assert np.abs(row[15:22]).max() < 1e-3
    assert np.abs(row[23:]).max() < 1e-3


def test_turning_and_walking_leave_it_alone():
    motion = gesturing(4.0, seed=0)
    rotations = motion.rotations.copy()
    rotations[:, 0] = axis_rotation("Y", np.linspace(0, 4, len(motion))) @ rotations[:, 0]
    walking = replace(
        motion, rotations=rotations, translation=motion.translation + np.linspace(0, 3, len(motion))[:, None]
    )
    np.testing.assert_allclose(EXTRACTOR.features(walking), EXTRACTOR.features(motion), atol=2e-3)


def test_livelier_people_are_further_from_calm_ones():
    def rows(degrees: float) -> list[tuple[str, np.ndarray]]:
        found = []
        for k in range(12):
            rng = np.random.default_rng(k)
            moments = np.cumsum(rng.uniform(0.5, 1.2, 20))
            sides = rng.choice(["left", "right"], 20)
            strokes = list(zip(moments.tolist(), sides.tolist(), strict=True))
            motion = arms(480, strokes, degrees=degrees + 6 * rng.normal())
            found.append((f"c{k}", EXTRACTOR.features(motion)))
        return found

    reference = Reference.of(rows(30.0), extractor=EXTRACTOR.id)
    values = []
    for degrees in (30.0, 36.0, 50.0):
        metric = FrechetDistance(reference)
        for clip, features in rows(degrees):
            metric.update(features, clip=clip, extractor=EXTRACTOR.id)
        values.append(metric.compute().value)
    assert values[0] < 1e-6 < values[1] < values[2]


def test_other_bodies_and_rates_are_refused():
    rig = beat_rig()
    other = Motion(rig, 30.0, np.tile(np.eye(3), (70, len(rig), 1, 1)), np.zeros((70, 3)))
    with pytest.raises(UserError, match=r"'talk'.*canonical 55-joint"):
        EXTRACTOR.features(other, clip="talk")
    with pytest.raises(UserError, match="the metric needs 30"):
        EXTRACTOR.features(canonical_motion(90, fps=25.0))
