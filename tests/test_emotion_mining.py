"""Emotion-beat mining: which sound goes with which word, and what is heard of whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cospeech.methods.emotion.mining import (  # noqa: E402
    GRAMS,
    Mining,
    MiningConfig,
    TextEncoder,
    TrainedMining,
    beat_contrast,
    grams,
    mining_loss,
    word_steps,
)
from cospeech.speech.acoustics import DIM  # noqa: E402

HEARING = MiningConfig(filters=(8, 8, 8), blocks=(1, 1, 1), width=16, embedding=12, dropout=0.0)


def seeded_randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------ words and sounds


@pytest.mark.parametrize("similarity", ["cosine", "inverse_l2"])
def test_a_perfect_match_is_found_and_costs_nothing(similarity):
    text = seeded_randn(2, 9, 12)
    spoken = torch.ones(2, 9, dtype=torch.bool)
    terms = beat_contrast(text, text.clone(), spoken, similarity=similarity, temperature=0.05)
    assert float(terms["found"]) == 1.0
    assert float(terms["beat"]) < 0.01
    wrong = beat_contrast(text, text.roll(1, 1), spoken, similarity=similarity, temperature=0.05)
    assert float(wrong["found"]) == 0.0
    assert float(wrong["beat"]) > 1.0


def test_cosine_knows_no_length_and_the_inverse_distance_does():
    text, spoken = seeded_randn(1, 8, 12), torch.ones(1, 8, dtype=torch.bool)
    longer = 40 * text
    assert float(beat_contrast(text, longer, spoken)["found"]) == 1.0
    near = beat_contrast(text, longer, spoken, similarity="inverse_l2")
    assert float(near["beat"]) > 1.0


def test_the_contrast_is_by_hand():
    text, beat = seeded_randn(1, 3, 4), seeded_randn(1, 3, 4, seed=1)
    near = torch.cosine_similarity(text[0, :, None], beat[0, None], dim=-1) / 0.2
    expected = -near.log_softmax(-1).diagonal().mean()
    terms = beat_contrast(text, beat, torch.ones(1, 3, dtype=torch.bool), temperature=0.2)
    torch.testing.assert_close(terms["beat"], expected)
    distance = (text[0, :, None] - beat[0, None]).norm(dim=-1)
    expected = -(1 / distance).log_softmax(-1).diagonal().mean()
    terms = beat_contrast(text, beat, torch.ones(1, 3, dtype=torch.bool), similarity="inverse_l2")
    torch.testing.assert_close(terms["beat"], expected)


def test_steps_outside_words_are_not_asked_and_do_not_answer():
    text, beat = seeded_randn(2, 8, 12), seeded_randn(2, 8, 12, seed=1)
    spoken = torch.zeros(2, 8, dtype=torch.bool)
    spoken[:, 2:6] = True
    before = beat_contrast(text, beat, spoken)
    unasked = text.clone()
    unasked[:, 6:] = 77.0
    tempting = beat.clone()
    tempting[:, 0], tempting[:, 7] = text[:, 3], text[:, 4]  # just what is looked for, in silence
    after = beat_contrast(unasked, tempting, spoken)
    torch.testing.assert_close(after["beat"], before["beat"])
    cut = beat_contrast(text[:, 2:6], beat[:, 2:6], torch.ones(2, 4, dtype=torch.bool))
    torch.testing.assert_close(before["beat"], cut["beat"])
    spoken[:, 0] = True  # once it is within a word it does answer
    assert float(beat_contrast(text, tempting, spoken)["beat"]) > float(before["beat"])


def test_no_words_at_all_cost_nothing():
    beat = seeded_randn(1, 6, 12).requires_grad_()
    terms = beat_contrast(seeded_randn(1, 6, 12, seed=1), beat, torch.zeros(1, 6, dtype=torch.bool))
    assert float(terms["beat"].detach()) == 0.0
    terms["beat"].backward()
    assert not beat.grad.any()


def test_a_word_fills_its_time():
    said = [("Good", 0.4, 1.0), ("morning!", 1.2, 2.0)]
    numbers, place, spoken = word_steps(said, 16, 7.5, HEARING)
    assert spoken.nonzero()[:, 0].tolist() == [3, 4, 5, 6, 9, 10, 11, 12, 13, 14]
    good = grams("good", HEARING.buckets)
    assert numbers[3].tolist() == good + [0] * (GRAMS - len(good))
    assert (numbers[3:7] == numbers[3]).all()
    assert not numbers[~spoken].any()
    assert not place[~spoken].any()
    torch.testing.assert_close(place[spoken].sum(-1), torch.ones(10))  # begun and left
    torch.testing.assert_close(place[3:7, 0], torch.tensor([0.125, 0.375, 0.625, 0.875]))


def test_only_the_onset_counts_where_that_is_asked_for():
    said = [("Good", 0.4, 1.0), ("morning!", 1.2, 2.0)]
    _, _, spoken = word_steps(said, 16, 7.5, replace(HEARING, onset_only=True))
    assert spoken.nonzero()[:, 0].tolist() == [3, 9]


def test_words_can_be_shifted_and_hang_over_both_ends():
    said = [("Good", 0.4, 1.0), ("morning!", 1.2, 2.0)]
    whole = word_steps(said, 16, 7.5, HEARING)
    later = word_steps(said, 16, 7.5, HEARING, shift=2 / 7.5)
    for a, b in zip(whole, later, strict=True):
        torch.testing.assert_close(a[:13], b[2:15])
    early = word_steps(said, 16, 7.5, HEARING, shift=-4 / 7.5)
    for a, b in zip(whole, early, strict=True):  # the first word has begun before: it is not begun anew
        torch.testing.assert_close(a[4:], b[:12])
    gone = word_steps(said, 16, 7.5, HEARING, shift=9.0)
    assert not gone[2].any()


def test_letter_groups():
    assert grams("Don't", 4096) == grams("dont", 4096)
    assert len(grams("a", 4096)) == 2  # the whole word, and its only three
    assert set(grams("morning", 4096)) & set(grams("mornings", 4096))
    assert grams("morning", 4096) != grams("evening", 4096)
    assert len(grams("x" * 99, 50)) == GRAMS
    assert all(1 <= number <= 50 for number in grams("antidisestablishment", 50))


# ------------------------------------------------------------------------ mining


@pytest.mark.parametrize("downsample", [1, 2, 4])
def test_steps_of_the_mining(downsample):
    torch.manual_seed(0)
    net = Mining(replace(HEARING, downsample=downsample)).eval()
    for frames in (downsample, 8, 24):
        emotion, beat, logits = net(seeded_randn(2, frames, 48), seeded_randn(2, frames, DIM))
        assert emotion.shape == beat.shape == (2, frames // downsample, 12)
        assert logits.shape == (2, 10)


def test_what_cannot_be_mined_is_told():
    with pytest.raises(ValueError, match="steps of 1, 2 or 4"):
        Mining(replace(HEARING, downsample=3))
    with pytest.raises(ValueError, match="unknown similarity 'dot'"):
        Mining(replace(HEARING, similarity="dot"))


def test_rhythm_hears_no_absolute_level_and_mood_hears_nothing_else():
    torch.manual_seed(0)
    net = Mining(HEARING).eval()
    features, sound = seeded_randn(1, 16, 48), seeded_randn(1, 16, DIM, seed=1)
    mood, beat, logits = net(features, sound)
    louder = net(features, sound + 1.0)
    torch.testing.assert_close(louder[1], beat)
    assert not torch.allclose(louder[0], mood)
    assert not torch.allclose(louder[2], logits)
    other = net(features + 1.0, sound)
    torch.testing.assert_close(other[0], mood)
    assert not torch.allclose(other[1], beat)
    wider = torch.cat([features, seeded_randn(1, 16, 7, seed=2)], -1)  # columns of an encoder behind them
    torch.testing.assert_close(net.beats(wider), beat)


@pytest.mark.parametrize("column", [0, 39, 40, 41])
def test_mood_hears_every_kind_of_column(column):
    torch.manual_seed(0)
    net, sound = Mining(HEARING).eval(), seeded_randn(1, 16, DIM)
    moved = sound.clone()
    moved[..., column] += 1.0
    assert not torch.allclose(net.emotions(moved)[1], net.emotions(sound)[1])


def test_voices_of_a_batch_do_not_hear_each_other():
    torch.manual_seed(0)
    net, features, sound = Mining(HEARING).eval(), seeded_randn(3, 16, 48), seeded_randn(3, 16, DIM)
    alone = net(features[1:2], sound[1:2])
    for whole, own in zip(net(features, sound), alone, strict=True):
        torch.testing.assert_close(whole[1:2], own)


def test_unknown_emotions_are_not_taught():
    torch.manual_seed(0)
    net = TrainedMining(HEARING).eval()
    batch = {
        "features": seeded_randn(4, 16, 48),
        "acoustics": seeded_randn(4, 16, DIM),
        "emotion": torch.tensor([3, -1, -1, 7]),
        "grams": torch.zeros(4, 4, GRAMS, dtype=torch.long),
        "place": torch.zeros(4, 4, 2),
        "spoken": torch.ones(4, 4, dtype=torch.bool),
    }
    terms = net(batch)
    known = net({name: value[[0, 3]] for name, value in batch.items()})
    torch.testing.assert_close(terms["emotion"], known["emotion"])
    nobody = net({**batch, "emotion": torch.full((4,), -1)})
    assert float(nobody["emotion"].detach()) == float(nobody["accuracy"]) == 0.0
    loss, named = mining_loss(net, batch)
    torch.testing.assert_close(loss, named["emotion"] + 0.1 * named["beat"])


def test_mining_learns_moods_and_words():
    """Moods that are levels, words that are bands: both must be found, far above chance."""
    torch.manual_seed(0)
    net = TrainedMining(replace(HEARING, downsample=2)).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    words = ["alpha", "bravo", "charlie", "delta"]
    rng = np.random.default_rng(0)
    for _ in range(80):
        features, sound = torch.zeros(16, 16, 48), torch.zeros(16, 16, DIM)
        emotion, steps = torch.from_numpy(rng.integers(0, 4, 16)), []
        sound += emotion[:, None, None] - 2.0
        for row in range(16):
            order = rng.permutation(4)
            for place, word in enumerate(order):
                features[row, 4 * place : 4 * place + 4, 10 * word : 10 * word + 10] = 1.0
            said = [(words[word], k * 4 / 30, (k + 1) * 4 / 30) for k, word in enumerate(order)]
            steps.append(word_steps(said, 8, 15.0, HEARING))
        grams_, place_, spoken = (torch.stack(part) for part in zip(*steps, strict=True))
        loss, terms = mining_loss(
            net,
            {
                "features": features,
                "acoustics": sound,
                "emotion": emotion,
                "grams": grams_,
                "place": place_,
                "spoken": spoken,
            },
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(terms["accuracy"]) > 0.8  # by chance 0.25
    assert float(terms["found"]) > 0.35  # by chance 0.125; with both steps of a word mixed up 0.5


def test_the_text_encoder_reads_words_and_places():
    torch.manual_seed(0)
    net = TextEncoder(HEARING).eval()
    numbers, place, _ = word_steps([("one", 0.0, 0.5), ("two", 0.5, 1.0)], 8, 8.0, HEARING)
    read = net(numbers[None], place[None])
    assert read.shape == (1, 8, 12)
    assert not torch.allclose(net(numbers[None].flip(1), place[None]), read)
    assert not torch.allclose(net(numbers[None], place[None].flip(1)), read)
