"""The command line of moods and takes: --variants, mixtures, --emotion auto, --emotion-track, --variety."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cospeech
from cli_data import config_only, fails, motion_file, place, works, write_wav
from corpus_data import voice
from cospeech.cli import main
from cospeech.cli.outputs import numbered
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.methods.conditioning import detected_mixture
from cospeech.methods.emotion.emotion_track import EmotionKeyframe
from cospeech.motion.motion import load_motion

__all__ = ["fails", "place", "works"]  # fixtures

slow = pytest.mark.slow
TRACK = "start,emotion,strength\n0,joy,\n1.5,anger,0.5\n"


@pytest.fixture
def talk(place) -> Path:
    return write_wav(place / "talk.wav", voice(3.0, seed=1)[0])


@pytest.fixture
def fake(tmp_path_factory) -> Path:
    """A model that cannot do anything: what is wrong must be seen before it is asked."""
    sizes = {"latent": 8, "downsample": 4, "given": 4, "window": 16, "chunk": 4}
    return config_only(tmp_path_factory.mktemp("model"), method="emotion", config=sizes)


def same(a: Path, b: Path) -> bool:
    one, other = load_motion(a), load_motion(b)
    return bool(np.array_equal(one.rotations, other.rotations))


# ------------------------------------------------------------------------ names of takes


@pytest.mark.parametrize(
    ("target", "take"),
    [
        ("talk.bvh", "talk.2.bvh"),
        ("out/talk.npz", "out/talk.2.npz"),
        ("my.talk.html", "my.talk.2.html"),
        ("talk.json", "talk.2.json"),
        ("talk.keypoints.json", "talk.2.keypoints.json"),
        ("talk.explain.json", "talk.2.explain.json"),
    ],
)
def test_takes_are_numbered(target, take):
    assert numbered([Path(target)], 3, 1) == (Path(take),)
    assert numbered([Path(target)], 1, 0) == (Path(target),)
    assert len(set(numbered([Path(target)], 3))) == 3


def test_all_takes_of_all_files_have_names_of_their_own():
    names = numbered([Path("a.bvh"), Path("a.glb")], 2)
    assert [str(name) for name in names] == ["a.1.bvh", "a.1.glb", "a.2.bvh", "a.2.glb"]
    for variants in (0, -3):
        with pytest.raises(UserError, match=f"from 1 on; got {variants}"):
            numbered([Path("a.bvh")], variants)


# ------------------------------------------------------------------------ what cannot be


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--variants", "0"], "variants must be a whole number from 1 on; got 0"),
        (["--variants=-1"], "variants must be a whole number from 1 on; got -1"),
        (["--variants", "two"], "error parsing --variants"),
        (["--emotion", "joy:0.7,bored:0.3"], f"unknown emotion 'bored'; known: {', '.join(EMOTIONS)}"),
        (["--emotion", "joy:much"], "the weight of emotion 'joy' must be a number"),
        (["--emotion", "joy:-1"], "must not be negative"),
        (["--emotion", "joy:0"], "all zero"),
        (["--emotion", "joy,"], "unknown emotion ''"),
        (["--emotion-track", "none.csv"], "no such file: none.csv"),
        (["--emotion-track", "empty.csv"], "empty.csv holds no emotions"),
        (["--emotion-track", "bored.csv"], f"unknown emotion 'bored'; known: {', '.join(EMOTIONS)}"),
        (["--emotion-track", "back.csv"], "back.csv: the emotion at 1 s must begin at 0 or later, and after"),
        (["--emotion-track", "much.json"], "much.json: the emotion at 0 s has the strength 7; give 0 to 1"),
        (["--emotion-track", "talk.wav"], "talk.wav cannot be read"),
        (["--variety", "much"], "error parsing --variety"),
    ],
)
def test_wrong_wishes_end_in_one_line_before_any_work(place, fails, talk, fake, words, message):
    (place / "empty.csv").touch()
    (place / "bored.csv").write_text("start,emotion\n0,bored\n")
    (place / "back.csv").write_text("start,emotion\n2,joy\n1,fear\n")
    (place / "much.json").write_text('[{"start": 0, "emotion": "joy", "strength": 7}]')
    assert message in fails("generate", talk, *words, "--model", fake, "-o", "out.npz")


def test_no_take_is_written_over_the_speech(place, fails, fake, talk):
    talk.rename(place / "talk.2.mp4")
    message = fails("generate", "talk.2.mp4", "-o", "talk.mp4", "--variants", "3", "--model", fake)
    assert "talk.2.mp4: it is what is read" in message


def test_a_mixture_for_an_edit_is_checked_too(place, fails, fake, talk):
    moved = motion_file(place / "moved.bvh")
    words = ("edit", moved, "--speech", talk, "--emotion", "joy:x", "--model", fake, "-o", "out.bvh")
    assert "must be a number" in fails(*words)


# ------------------------------------------------------------------------ with a tiny model


@slow
def test_takes_are_those_of_the_seeds_after_it(place, works, talk, emotion_model):
    line = works("generate", talk, "--model", emotion_model, "--seed", 5, "--variants", 2, "-o", "talk.npz", "talk.bvh")
    assert line.startswith("wrote talk.1.npz, talk.1.bvh, talk.2.npz, talk.2.bvh (3.0 s of motion) in ")
    made = sorted(path.name for path in place.iterdir() if path != talk)
    assert made == ["talk.1.bvh", "talk.1.npz", "talk.2.bvh", "talk.2.npz"]
    assert not same(place / "talk.1.npz", place / "talk.2.npz")
    for take, seed in ((1, 5), (2, 6)):
        works("generate", talk, "--model", emotion_model, "--seed", seed, "-o", "alone.npz")
        assert same(place / f"talk.{take}.npz", place / "alone.npz")
    works("generate", talk, "--model", emotion_model, "--variants", 1, "-o", "one.npz")
    assert (place / "one.npz").is_file()


@slow
def test_takes_are_for_every_method(place, works, talk):
    works("generate", talk, "--model", "contextual", "--variants", 2, "-o", "talk.npz")
    works("generate", talk, "--model", "contextual", "--seed", 1, "-o", "alone.npz")
    assert same(place / "talk.2.npz", place / "alone.npz")


@slow
def test_mixtures_tracks_and_variety_mean_what_they_do_in_python(place, works, talk, emotion_model):
    (place / "moods.csv").write_text(TRACK)
    moods = (EmotionKeyframe(0.0, "joy"), EmotionKeyframe(1.5, "anger", 0.5))
    model = cospeech.load(emotion_model)
    plain, neutral = (cospeech.generate(talk, model=model, emotion=emotion) for emotion in (None, "neutral"))
    for words, options in (
        (["--emotion", "joy:0.7,anger:0.3"], {"emotion": {"joy": 0.7, "anger": 0.3}}),
        (["--emotion", "Happy"], {"emotion": "joy"}),
        (["--emotion-track", "moods.csv"], {"emotion_track": moods}),
        (["--variety", "2"], {"variety": 2.0}),
        (["--variety", "0"], {"variety": 0.0}),
    ):
        works("generate", talk, *words, "--model", emotion_model, "-o", "out.npz")
        mirror = cospeech.generate(talk, model=model, **options).save(place / "mirror.npz")
        assert same(place / "out.npz", mirror), words
        usual = neutral if words == ["--emotion", "Happy"] else plain  # conversation is joy to a model without the rest
        assert not same(place / "out.npz", usual.save(place / "usual.npz")), words


@slow
def test_auto_says_what_is_heard(place, talk, emotion_model, capfd):
    model = cospeech.load(emotion_model)
    detected = model.detect_emotion(cospeech.load_speech(talk))
    best = max(detected, key=lambda name: detected[name])
    capfd.readouterr()
    main(["generate", str(talk), "--emotion", "auto", "--model", str(emotion_model), "-o", "out.npz"])
    out, err = capfd.readouterr()
    assert out == ""
    said, wrote = err.splitlines()
    assert said.startswith(f"the voice sounds like {best} {100 * detected[best]:.0f} %")
    assert said.endswith("(a guess; name an emotion with --emotion to overrule it)")
    assert wrote.startswith("wrote out.npz ")
    mixture = detected_mixture(detected, known=model.emotions)
    mirror = cospeech.generate(talk, model=model, emotion=mixture).save(place / "mirror.npz")
    assert same(place / "out.npz", mirror)
    main(
        [
            "edit",
            "out.npz",
            "--speech",
            str(talk),
            "--span",
            "1:2",
            "--emotion",
            "auto",
            "--model",
            str(emotion_model),
            "-o",
            "edited.npz",
        ]
    )
    assert capfd.readouterr().err.splitlines()[0] == said
    assert not same(place / "out.npz", place / "edited.npz")


@slow
@pytest.mark.parametrize("words", [["--variety", "1"], ["--emotion-track", "moods.csv"]])
def test_other_methods_refuse_in_one_line(place, fails, talk, words):
    (place / "moods.csv").write_text(TRACK)
    message = fails("generate", talk, *words, "--model", "contextual", "-o", "out.npz")
    option = words[0].removeprefix("--").replace("-", "_")
    assert f"the method contextual takes no option {option!r}" in message
    assert f"methods that take {option}: emotion" in message


@slow
def test_what_the_model_refuses_is_one_line_too(place, fails, talk, emotion_model):
    for words, message in (
        (("--emotion", "fear"), "the model moody has not learned fear; it knows neutral, anger, joy"),
        (("--variety", "3"), "variety must be from 0 to 2; got 3"),
        (("--speaker", "Zoe"), "unknown speaker 'Zoe'; this model knows AnBh, HeGa"),
        (("--faithfulness", "1"), "takes no option 'faithfulness'"),
    ):
        assert message in fails("generate", talk, *words, "--model", emotion_model, "-o", "out.npz")
