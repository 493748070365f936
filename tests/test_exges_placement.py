"""Retrieved gestures are given to the flow where the voice asks for hands as lively as theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech import load, load_speech
from cospeech.core.errors import UserError
from cospeech.core.timing import FPS
from cospeech.methods.exges.flow_model import FlowExGesModel
from cospeech.methods.exges.model import Wanted
from cospeech.methods.exges.placement import ALIKE, APART, place_references
from cospeech.methods.exges.references import Reference, fitted
from cospeech.methods.flow.activity import part_speeds, to_levels
from cospeech.methods.flow.latents import PARTS, STACK
from cospeech.methods.flow.model import Plan
from cospeech.speech.layout import FEATURE_DIM

HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"
COUNT = 60  # latents


@pytest.fixture(scope="module")
def model() -> FlowExGesModel:
    try:
        model = load("exges")
    except UserError:
        pytest.skip("exges is not shipped")
    assert isinstance(model, FlowExGesModel)
    return model


@pytest.fixture(scope="module")
def gesture(model) -> np.ndarray:
    """Encoded motion [64, C] of a lively hand."""
    speech = load_speech(HELLO)
    motion = model.with_library(None).generate(speech, emotion="joy", face=False, relaxed=False)
    encoded = model.parts.latents.codec.encode(motion)
    speeds = part_speeds(encoded, model.parts.latents.codec)[:, :2].mean(1)
    first = int(np.convolve(speeds, np.ones(16), mode="valid").argmax())
    return encoded[STACK * first : STACK * (first + 16)]


def asked(model, levels: np.ndarray) -> Plan:
    return replace(Plan.free(COUNT, model.parts.latents.size), levels=levels)


def placed(model, plan: Plan, gesture: np.ndarray, *, faithfulness: float = 1.0, seed: int = 0):
    reference = Reference((80, 144), gesture, "some", 1.0, {})
    features = np.zeros((COUNT * STACK, FEATURE_DIM), np.float32)
    return place_references(
        plan, [reference], model.parts.latents, features, faithfulness=faithfulness, rng=np.random.default_rng(seed)
    )


def own_levels(model, gesture: np.ndarray) -> np.ndarray:
    return to_levels(part_speeds(gesture, model.parts.latents.codec))


def test_a_gesture_comes_where_the_voice_is_as_lively_as_it_is(model, gesture):
    levels = np.zeros((COUNT, 3))
    levels[23:39] = own_levels(model, gesture)
    plan, found = placed(model, asked(model, levels), gesture)
    assert [place.frames for place in found] == [(25 * STACK, 37 * STACK)]  # moved by three latents, less the joins
    inner = slice(23 + 2, 39 - 2)
    assert plan.given[inner].all()
    assert plan.given.sum() == 12 * len(PARTS)
    np.testing.assert_allclose(plan.known[inner], model.parts.latents.encode(gesture)[2:-2], atol=1e-5)
    np.testing.assert_allclose(plan.levels[inner], own_levels(model, gesture)[2:-2], atol=1e-6)


def test_a_lively_gesture_has_no_place_in_a_calm_voice(model, gesture):
    calm = np.maximum(own_levels(model, gesture)[:, :2].mean() - 2 * ALIKE, 0.0)
    plan, found = placed(model, asked(model, np.full((COUNT, 3), calm)), gesture)
    assert not found
    assert not plan.given.any()


def test_faithfulness_is_the_share_of_cells_and_each_share_holds_the_smaller_ones(model, gesture):
    levels = np.zeros((COUNT, 3))
    levels[20:36] = own_levels(model, gesture)
    given = [
        np.stack([placed(model, asked(model, levels), gesture, faithfulness=f, seed=s)[0].given for s in range(40)])
        for f in (0.3, 0.6, 1.0)
    ]
    assert (given[0] <= given[1]).all()
    assert (given[1] <= given[2]).all()
    shares = [part.sum() / given[2].sum() for part in given]
    assert 0.2 < shares[0] < 0.4
    assert 0.5 < shares[1] < 0.7


def test_what_is_given_already_stays(model, gesture):
    levels = np.zeros((COUNT, 3))
    levels[20:36] = own_levels(model, gesture)
    plan = asked(model, levels)
    plan.given[26, 0], plan.known[26] = 1.0, 7.0
    after, found = placed(model, plan, gesture)
    left, right = (model.parts.latents.slices[part] for part in PARTS[:2])
    assert found
    assert (after.known[26, left] == 7.0).all()
    assert (after.known[26, right] != 7.0).any()
    assert APART > 0


def test_the_motion_does_what_was_retrieved(model):
    speech = load_speech(HELLO)
    options = {"emotion": "joy", "face": False, "relaxed": False}
    motion = model.with_sampling(rhythm=False).generate(speech, **options)
    latents = model.parts.latents
    made = latents.encode(latents.codec.encode(motion))
    resolved = model.resolve(model.requested("generate", options), speech)
    wanted = Wanted(speech.features, model.global_condition(resolved), resolved, (), 1.0, ())
    retrieved = {reference.id: reference for reference in model.references(wanted)}
    used = motion.extra["explain"]["used"]
    assert used
    for one in used:
        rows = latents.encode(fitted(retrieved[one["segment"]], STACK)[0])
        inner = slice(round(one["used_from"] * FPS) // STACK + 1, round(one["used_to"] * FPS) // STACK - 1)
        arms = slice(0, latents.slices["trunk"].start)
        ours = made[inner, arms]
        alike = [
            np.corrcoef(rows[first : first + len(ours), arms].ravel(), ours.ravel())[0, 1]
            for first in range(len(rows) - len(ours) + 1)
        ]
        assert max(alike) > 0.9, one
