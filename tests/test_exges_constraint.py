"""References and constraints of ExGes: what is proposed, where, and how much of it is kept."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.gesture_library.semantics import classes
from cospeech.methods.exges.pose_mask import Constraint, cells, columns_of, owner, propose
from cospeech.methods.exges.references import Reference, fitted
from cospeech.motion.codec import Codec
from cospeech.sampling.edit import joint_indices

CODEC = Codec()


def reference(slot: tuple[int, int], length: int, seed: int = 0) -> Reference:
    rng = np.random.default_rng(seed)
    coded = rng.normal(0, 1, (length, CODEC.channels)).astype(np.float32)
    return Reference(slot, coded, f"clip:{seed}", 0.5, {"speaker": "Ann", "words": None})


@pytest.mark.parametrize(
    ("room", "length", "rate", "frames"),
    [(60, 60, 1.0, 60), (60, 72, 1.2, 60), (60, 200, 1.25, 60), (60, 30, 0.8, 37), (50, 45, 0.9, 50)],
)
def test_a_reference_is_stretched_by_a_fifth_and_no_more(room, length, rate, frames):
    coded, (first, last), played = fitted(reference((100, 100 + room), length), 4)
    assert played == pytest.approx(rate)
    assert len(coded) == last - first == frames
    assert 100 <= first
    assert last <= 100 + room


def test_a_reference_that_fits_is_taken_as_it_is():
    own = reference((8, 68), 60)
    coded, place, _ = fitted(own, 4)
    np.testing.assert_allclose(coded, own.coded, atol=1e-6)
    assert place == (8, 68)


def test_a_long_reference_is_cut_where_it_is_calm():
    own = reference((0, 40), 200)
    own.coded[60:62] = own.coded[60]
    own.coded[108:112] = own.coded[108]
    coded, _, rate = fitted(own, 4)
    assert rate == 1.25
    assert np.abs(coded[0] - own.coded[60]).mean() < 0.3


def test_faithfulness_is_the_share_of_cells_and_each_share_holds_the_smaller_ones():
    shown = {}
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        constraint = Constraint.none(240)
        propose(constraint, [reference((0, 240), 240)], faithfulness=share, step=4, rng=np.random.default_rng(3))
        shown[share] = constraint.mask
    inside = slice(6, 234)
    assert not shown[0.0].any()
    assert shown[1.0][inside].all()
    for low, high in ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)):
        assert (shown[low] <= shown[high]).all()
        assert shown[low].sum() < shown[high].sum()
    assert abs(shown[0.5][inside].mean() - 0.5) < 0.12


def test_ends_of_a_reference_are_left_to_the_network():
    constraint = Constraint.none(120)
    both = [reference((0, 60), 60), reference((60, 120), 60, seed=1)]
    propose(constraint, both, faithfulness=1.0, step=4, rng=np.random.default_rng(0))
    free = np.flatnonzero(~constraint.mask.any(1))
    np.testing.assert_array_equal(free, [*range(6), *range(54, 66), *range(114, 120)])


def test_a_users_own_constraint_stands_above_what_was_retrieved():
    constraint = Constraint.none(60)
    head = columns_of(joint_indices(["head"]))
    wanted = np.full((20, CODEC.channels), 7.0, dtype=np.float32)
    constraint.insist(wanted, 20, head)
    propose(constraint, [reference((0, 60), 60)], faithfulness=1.0, step=4, rng=np.random.default_rng(0))
    channels = np.isin(owner(), head)
    assert (constraint.pose[20:40][:, channels] == 7.0).all()
    assert not (constraint.pose[20:40][:, ~channels] == 7.0).any()
    assert constraint.hard[20:40][:, head].all()
    assert constraint.hard.sum() == 20 * len(head)


def test_every_channel_and_joint_has_its_place():
    assert len(owner()) == CODEC.channels
    assert owner().max() == len(CODEC.joints)
    names = [*CODEC.body, *CODEC.hands, "root"]
    parts = dict(zip(names, cells(), strict=True))
    assert parts["left_elbow"] == parts["left_index2"] != parts["right_elbow"]
    assert parts["neck"] == parts["head"] != parts["spine2"]


def test_words_have_classes():
    assert classes(["No,", "I", "never", "counted", "three!"]) == {"no": "No,", "I": "I", "number": "three!"}
    assert classes(["Grass", "grows."]) == {}
