"""``cospeech face``, and ``--speech`` of convert and render: a face for body motion that has none."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import cospeech
from cli_data import HELLO, ROOT, fails, place, tone, works, write_wav
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.motion.face_shapes import ARKIT_INDEX
from cospeech.motion.motion import load_motion
from cospeech.motion.procedural.face import face_from_speech
from cospeech.speech.lip_track import load_lips
from cospeech.speech.loading import load_speech
from cospeech.speech.phones.inventory import PHONE_INDEX
from cospeech.speech.placed import placed
from cospeech.speech.word import Word
from format_data import canonical_motion

__all__ = ["fails", "place", "works"]  # fixtures


def dance(path, seconds=6.0, fps=30.0):
    """A body without a face."""
    return canonical_motion(round(seconds * fps), face=False, fps=fps).save(path)


@pytest.fixture
def talk(place):
    """Three seconds of a voice."""
    return write_wav(place / "talk.wav", load_speech(HELLO).cut(start=1.0, end=4.0).samples)


@pytest.fixture
def run(place, capfd):
    def call(*words):
        capfd.readouterr()
        main([str(word) for word in words])
        return capfd.readouterr().err.splitlines()

    return call


def apart(face):
    return face[:, ARKIT_INDEX["jawOpen"]] - face[:, ARKIT_INDEX["mouthClose"]]


@pytest.mark.parametrize("suffix", [".glb", ".vrma", ".csv", ".npz", ".html", ".visemes.json"])
def test_a_face_is_written_to_every_format_that_has_one(place, talk, works, suffix):
    dance(place / "dance.bvh")
    works("face", "dance.bvh", "--speech", talk, "-o", f"out{suffix}")
    assert (place / f"out{suffix}").stat().st_size > 1000
    if suffix in (".glb", ".vrma", ".csv", ".npz"):
        face = load_motion(place / f"out{suffix}").face
        assert face.shape == (180, 52)
        assert face[:90, ARKIT_INDEX["jawOpen"]].max() > 0.1
        assert face[100:, ARKIT_INDEX["jawOpen"]].max() < 0.05
    if suffix == ".visemes.json":
        document = json.loads((place / "out.visemes.json").read_text())
        assert len(document["weights"]) == 180
        assert document["visemes"][0]["start"] < 3.0


def test_the_film_has_face_and_sound(place, talk, works):
    from cospeech.speech.audio import decode

    dance(place / "dance.bvh", seconds=3.2)
    works("face", "dance.bvh", "--speech", talk, "-o", "out.mp4")
    sound = decode(place / "out.mp4")
    assert abs(len(sound) / 16000 - 3.2) < 0.1
    assert np.abs(sound).max() > 0.05


@pytest.mark.parametrize("fps", [30.0, 25.0, 120.0])
def test_the_body_keeps_its_bits(place, talk, fps):
    motion = canonical_motion(round(5 * fps), face=False, fps=fps)
    spoken = cospeech.add_face(motion, talk, start=0.7)
    for name in ("rotations", "translation"):
        np.testing.assert_array_equal(getattr(spoken, name), getattr(motion, name))
    assert (spoken.skeleton, spoken.fps) == (motion.skeleton, motion.fps)
    assert spoken.face.shape == (len(motion), 52)
    assert spoken.face.min() >= 0.0
    assert spoken.face.max() <= 1.0


def test_the_body_in_a_file_is_that_of_convert(place, talk, works):
    canonical_motion(120, face=False).save(place / "dance.bvh", rig="mixamo")
    works("convert", "dance.bvh", "-o", "plain.glb")
    works("face", "dance.bvh", "--speech", talk, "-o", "spoken.glb")
    plain, spoken = load_motion(place / "plain.glb"), load_motion(place / "spoken.glb")
    kept = [joint for joint, name in enumerate(plain.skeleton.names) if not name.endswith("eye")]  # the face has a gaze
    np.testing.assert_array_equal(plain.rotations[:, kept], spoken.rotations[:, kept])
    np.testing.assert_array_equal(plain.translation, spoken.translation)


def test_a_speech_as_long_as_the_motion_gets_its_own_face(talk):
    speech = load_speech(talk)
    motion = canonical_motion(90, face=False)
    got = cospeech.add_face(motion, speech, emotion="joy", intensity=1.2, seed=3).face
    np.testing.assert_array_equal(got, face_from_speech(speech, seed=3, emotion="joy", intensity=1.2, body=motion))


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_lips_begin_where_the_speech_does(talk, fps):
    motion = canonical_motion(round(8 * fps), face=False, fps=fps)
    at = round(fps * 2.0)
    first, later = (apart(cospeech.add_face(motion, talk, start=start).face) for start in (0.0, 2.0))
    length = round(3.0 * fps)
    assert first[:length].max() > 0.1
    assert np.corrcoef(first[:length], later[at : at + length])[0, 1] > 0.98
    assert later[: at - round(0.1 * fps)].max() < 0.02
    assert later[at + length + round(0.3 * fps) :].max() < 0.02


def test_the_face_lives_on_in_silence(talk):
    face = cospeech.add_face(canonical_motion(900, face=False), talk).face[150:]
    assert face[:, ARKIT_INDEX["eyeBlinkLeft"]].max() > 0.8  # blinks
    assert apart(face).max() < 0.05


def test_words_and_lips_that_are_given_move_along(place, talk):
    speech = replace(load_speech(talk), words=(Word("mama", 0.5, 1.0), Word("late", 2.5, 3.0)))
    late = placed(speech, start=1.0, seconds=3.75)
    assert [(w.text, w.start, w.end) for w in late.words] == [("mama", 1.5, 2.0), ("late", 3.5, 3.75)]
    assert late.seconds == pytest.approx(3.75)
    (place / "a.tsv").write_text("0.00\tX\n0.50\tD\n0.80\tA\n0.90\tX\n")
    track = placed(load_speech(talk, lips=place / "a.tsv"), start=1.0, seconds=6.0).phone_track.probabilities
    assert track[160, PHONE_INDEX["AA"]] > 0.9
    assert track[60, PHONE_INDEX["SIL"]] == 1.0
    rows = "".join(f"{k / 10},{float(5 <= k < 8)},0\n" for k in range(20))
    (place / "b.csv").write_text(f"time,jawOpen,mouthClose\n{rows}")
    face = cospeech.add_face(canonical_motion(180, face=False), talk, start=1.0, lips=place / "b.csv").face
    assert face[round(1.6 * 30), ARKIT_INDEX["jawOpen"]] == pytest.approx(1.0)
    assert face[: round(1.3 * 30), ARKIT_INDEX["jawOpen"]].max() < 0.01
    assert load_lips(place / "b.csv").at_rate(30.0, 30, start=0.5)[:14].max() == 0.0


def test_a_transcript_beside_the_recording_is_taken(place, run):
    for suffix in (".wav", ".txt"):
        (place / f"talk{suffix}").write_bytes((ROOT / "examples" / f"hello{suffix}").read_bytes())
    dance(place / "dance.npz", seconds=16.0)
    first, last = run("face", "dance.npz", "--speech", "talk.wav", "-o", "a.csv")
    assert "took the words" in first
    assert last.startswith("wrote a.csv")
    assert len(run("face", "dance.npz", "--speech", "talk.wav", "--no-transcript", "-o", "b.csv")) == 1
    assert (place / "a.csv").read_text() != (place / "b.csv").read_text()
    assert len(run("face", "dance.npz", "--speech", "talk.wav", "--transcript", "talk.txt", "-o", "c.csv")) == 1
    assert (place / "c.csv").read_text() == (place / "a.csv").read_text()


def test_what_is_cut_or_replaced_is_said_in_a_line(place, talk, run):
    dance(place / "short.bvh", seconds=2.0)
    cut, done = run("face", "short.bvh", "--speech", talk, "-o", "a.glb")
    assert "the last 1.00 s of the speech are cut" in cut
    assert done.startswith("wrote a.glb")
    replaced, _, _ = run("face", "a.glb", "--speech", talk, "-o", "b.glb")
    assert "replaced" in replaced


def test_options_of_the_face(place, talk, works, run):
    dance(place / "dance.bvh", seconds=3.0)
    for name, words in {"a": (), "joy": ("--emotion", "joy"), "seed": ("--seed", "4")}.items():
        works("face", "dance.bvh", "--speech", talk, *words, "-o", f"{name}.csv")
    faces = {name: load_motion(place / f"{name}.csv").face for name in ("a", "joy", "seed")}
    smile = ARKIT_INDEX["mouthSmileLeft"]
    assert faces["joy"][:, smile].mean() > faces["a"][:, smile].mean() + 0.1
    assert np.abs(faces["seed"] - faces["a"]).max() > 0.1
    works("face", "dance.bvh", "--speech", talk, "--emotion", "joy", "--intensity", "0.5", "-o", "less.csv")
    assert load_motion(place / "less.csv").face[:, smile].mean() < faces["joy"][:, smile].mean()
    heard, _ = run("face", "dance.bvh", "--speech", talk, "--emotion", "auto", "-o", "auto.csv")
    assert "the voice sounds like" in heard


def test_convert_and_render_add_the_same_face(place, talk, works):
    dance(place / "dance.bvh", seconds=3.0)
    works("face", "dance.bvh", "--speech", talk, "-o", "a.glb", "a.html")
    works("convert", "dance.bvh", "--speech", talk, "-o", "b.glb")
    (place / "drawn").mkdir()
    works("render", "dance.bvh", "--speech", talk, "-o", "drawn/a.html")
    assert (place / "b.glb").read_bytes() == (place / "a.glb").read_bytes()
    assert (place / "drawn" / "a.html").read_text() == (place / "a.html").read_text()
    cospeech.convert(place / "dance.bvh", place / "c.glb", speech=talk)
    assert (place / "c.glb").read_bytes() == (place / "a.glb").read_bytes()


def test_render_plays_another_sound(place, talk, works):
    dance(place / "dance.bvh", seconds=3.0)
    music = write_wav(place / "music.wav", tone(3.0))
    pages = []
    for words in (("--speech", talk, "--audio", music), ("--speech", talk), ("--audio", music)):
        works("render", "dance.bvh", *words, "-o", "a.html")
        pages.append((place / "a.html").read_text())
    assert len(set(pages)) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("face", "dance.bvh", "--speech", "talk.wav", "-o", "a.bvh"), "no face; these do: .npz, .glb"),
        (("face", "dance.bvh", "--speech", "talk.wav", "-o", "a.json"), "carries no face"),
        (("convert", "dance.bvh", "--speech", "talk.wav", "-o", "a.bvh"), "carries no face"),
        (("face", "dance.bvh", "--speech", "talk.wav", "--start", "6", "-o", "a.glb"), "begin it within"),
        (("face", "dance.bvh", "--speech", "talk.wav", "--start", "-1", "-o", "a.glb"), "begin it within"),
        (("face", "dance.bvh", "--speech", "talk.wav", "--start", "nan", "-o", "a.glb"), "begin it within"),
        (("face", "dance.bvh", "--speech", "talk.wav", "--emotion", "grumpy", "-o", "a.glb"), "grumpy"),
        (("face", "dance.bvh", "--speech", "talk.wav", "--intensity", "9", "-o", "a.glb"), "from 0.25 to 2.5"),
        (("face", "dance.bvh", "--speech", "none.wav", "-o", "a.glb"), "none.wav"),
        (("face", "none.bvh", "--speech", "talk.wav", "-o", "a.glb"), "none.bvh"),
        (("face", "a.glb", "--speech", "talk.wav", "-o", "a.glb"), "what is read"),
        (("face", "dance.bvh", "--speech", "talk.wav"), "no file to write"),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(place, talk, fails, words, message):
    dance(place / "dance.bvh")
    canonical_motion(6).save(place / "a.glb", mesh=False)
    assert message in fails(*words)


def test_a_motion_without_frames_is_refused(talk):
    with pytest.raises(UserError, match="no frames"):
        cospeech.add_face(canonical_motion(3, face=False)[:0], talk)
