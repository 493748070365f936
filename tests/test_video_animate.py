"""Animating a portrait: length and sound of the video, what drives it, and what is refused."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pytest

import cospeech
from corpus_data import gesturing, voice
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from cospeech.methods.base import GestureModel
from cospeech.motion.formats.keypoints import Keypoints
from cospeech.motion.motion import Motion
from cospeech.motion.points import BODY_POINTS, POINTS, parents
from cospeech.motion.retarget import on_canonical
from cospeech.speech.speech import Speech
from cospeech.video.films import animate as animating
from cospeech.video.films.animate import animate_portrait, check_film, estimated_damage, open_driver, portrait_keypoints
from cospeech.video.films.portrait import Portrait
from cospeech.video.films.portrait_film import portrait_frames
from portrait_data import SKIN, draw_figure, figure_points, like, moved_arm


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    """Of 128 pixels, so that films are drawn soon."""
    points = figure_points("down") / 2
    picture, person = draw_figure(points, 128, 128)
    return Portrait(picture, points, np.ones(116), person)


def speech_of(seconds: float) -> Speech:
    return Speech(voice(seconds, seed=1)[0], 16_000)


def keypoints(names: tuple[str, ...], *, frames: int, fps: float) -> Keypoints:
    """Somebody else, twice as large, who raises a hand and opens the mouth."""
    share = np.linspace(0, 1, frames)
    points = np.stack([moved_arm(figure_points(), "left", (10 * s, -60 * s)) for s in share])
    points[:, 48 + 65 :] += (8 * np.sin(6 * share))[:, None, None] * [0, 1]
    index = [POINTS.index(name) for name in names]
    return Keypoints(names, parents(names), fps, points[:, index])


def decoded(path: Path) -> tuple[np.ndarray, list[float], float, float]:
    """Pictures [T, H, W, 3], their times, seconds of sound, and its loudness."""
    with av.open(str(path)) as container:
        video = [(f.to_ndarray(format="rgb24"), float(f.time)) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        blocks = [f.to_ndarray() for f in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
        lasts = container.streams.audio[0].duration * container.streams.audio[0].time_base
    sound = np.concatenate(blocks, axis=1)
    assert abs(sound.shape[1] / rate - lasts) < 0.1
    return (
        np.stack([picture for picture, _ in video]),
        [time for _, time in video],
        float(lasts),
        float(np.abs(sound).max()),
    )


# ---------------------------------------------------------------------------- the film


def test_a_film_is_as_long_as_the_recording_with_its_sound(portrait, tmp_path):
    speech = speech_of(1.21)
    motion = gesturing(2.0, seed=1)
    motion = replace(
        motion, rotations=motion.rotations[: speech.frames], translation=motion.translation[: speech.frames]
    )
    path = cospeech.animate(portrait, speech, tmp_path / "talk.mp4", motion=motion, refine="none", mark=False)
    pictures, times, lasts, loudest = decoded(path)
    assert len(pictures) == speech.frames == 37
    np.testing.assert_allclose(times, np.arange(37) / 30, atol=1e-4)
    assert lasts == pytest.approx(37 / 30, abs=0.03)
    assert loudest > 0.2
    assert pictures.shape[1:] == (128, 128, 3)
    assert np.abs(pictures[0].astype(float) - portrait.picture).mean() < 6  # it begins as the portrait
    assert np.abs(pictures[-1].astype(float) - pictures[0]).max() > 60
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


@pytest.mark.parametrize("frames", [28, 30, 32])
def test_a_motion_of_a_few_frames_more_or_less(portrait, tmp_path, frames):
    motion = keypoints(POINTS, frames=frames, fps=30.0)
    path = animate_portrait(
        portrait, motion, tmp_path / "talk.mp4", speech=speech_of(1.0), refine="none", mark=False, workers=1, quiet=True
    )
    pictures, *_ = decoded(path)
    assert len(pictures) == 30


def test_without_a_recording_it_is_as_long_as_the_motion(portrait, tmp_path):
    motion = keypoints(POINTS, frames=6, fps=30.0)
    path = animate_portrait(portrait, motion, tmp_path / "talk.mov", refine="none", mark=False, quiet=True)
    with av.open(str(path)) as container:
        assert not container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) == 6


def test_two_workers_draw_what_one_draws(portrait):
    points = portrait_keypoints(portrait, keypoints(POINTS, frames=14, fps=30.0))
    one = list(portrait_frames(portrait, points, refine="none", workers=1))
    two = list(portrait_frames(portrait, points, refine="none", workers=2))
    assert len(one) == len(two) == 14
    np.testing.assert_array_equal(one, two)
    assert all(frame.dtype == np.uint8 and frame.shape == (128, 128, 3) for frame in two)


def test_frames_are_drawn_only_when_they_are_requested(portrait, monkeypatch):
    """No film is held in memory: a long one is begun at once, and grows by nothing."""
    from cospeech.video.films import portrait_film as film

    drawn = []
    whole = film.draw
    monkeypatch.setattr(film, "draw", lambda *given: drawn.append(1) or whole(*given))
    points = np.repeat(portrait.points[None], 5000, axis=0)
    frames = portrait_frames(portrait, points, refine="none", workers=1)
    next(frames)
    assert len(drawn) == 1
    for _ in range(3):
        next(frames)
    tracemalloc.start()
    for _ in range(3):
        next(frames)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(9):
        next(frames)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2 * portrait.picture.nbytes
    assert len(drawn) == 16


# ---------------------------------------------------------------------------- what drives it


def test_points_of_another_picture_drive_it(portrait):
    """116 names with their face, or 48 with a face from the voice; at 25 frames a second too."""
    speech = speech_of(1.0)
    for names in (POINTS, BODY_POINTS):
        for fps, frames in ((30.0, 30), (25.0, 25)):
            points = portrait_keypoints(portrait, keypoints(names, frames=frames, fps=fps), speech)
            assert points.shape == (30, 116, 2)
            np.testing.assert_allclose(points[0], portrait.points, atol=1e-6)
            assert points[-1, POINTS.index("left_wrist"), 1] < portrait.points[2, 1] - 3  # as far as the portrait bears
            lips = points[:, 48 + 66, 1] - points[:, 48 + 62, 1]
            assert np.ptp(lips) > 0.3, (len(names), fps)
    still = portrait_keypoints(portrait, keypoints(BODY_POINTS, frames=30, fps=30.0))
    assert np.ptp(still[:, 48 + 66, 1] - still[:, 48 + 62, 1]) < 0.05


def test_a_motion_without_a_face_speaks_with_the_voice(portrait):
    motion = gesturing(1.0, seed=2)
    assert motion.face is None
    speech = speech_of(1.0)
    silent = portrait_keypoints(portrait, motion)
    speaking = portrait_keypoints(portrait, motion, speech)
    gap = [np.ptp(points[:, 48 + 66, 1] - points[:, 48 + 62, 1]) for points in (silent, speaking)]
    assert gap[0] < 0.05
    assert gap[1] > 0.3
    np.testing.assert_allclose(silent[:, :48], speaking[:, :48], atol=1e-9)


def test_strength_goes_from_nothing_to_all(portrait):
    motion = keypoints(POINTS, frames=20, fps=30.0)
    none, half, whole = (portrait_keypoints(portrait, motion, strength=s) for s in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(none, np.broadcast_to(portrait.points, none.shape), atol=1e-9)
    wrist = POINTS.index("left_wrist")
    moved = [np.linalg.norm(points[-1, wrist] - portrait.points[wrist]) for points in (half, whole)]
    assert 1 < moved[0] < moved[1]


def test_files_drive_it(tmp_path):
    keypoints(POINTS, frames=5, fps=25.0).save(tmp_path / "ann.json")
    assert isinstance(open_driver(tmp_path / "ann.json"), Keypoints)
    gesturing(0.5, seed=3).save(tmp_path / "ann.bvh")
    assert open_driver(tmp_path / "ann.bvh").seconds == pytest.approx(0.5, abs=0.05)
    for name in ("nobody.json", "nobody.bvh"):
        with pytest.raises(UserError):
            open_driver(tmp_path / name)


def test_a_file_that_drives_it_is_read_as_told(tmp_path):
    motion = gesturing(0.5, seed=3)
    odd = {name: f"part_{k}_{len(name)}" for k, name in enumerate(motion.skeleton.names)}
    renamed = replace(motion, skeleton=replace(motion.skeleton, names=tuple(odd.values())))
    renamed.save(tmp_path / "odd.bvh")
    (tmp_path / "map.json").write_text(json.dumps(odd))
    told, plain = open_driver(tmp_path / "odd.bvh", map=tmp_path / "map.json"), on_canonical(motion)
    np.testing.assert_allclose(told.positions, plain.positions, atol=0.02)
    keypoints(POINTS, frames=5, fps=25.0).save(tmp_path / "ann.json")
    with pytest.raises(UserError, match=r"ann\.json has no rig; leave out person"):
        open_driver(tmp_path / "ann.json", person=1)


def test_a_raised_hand_is_seen_where_it_is(portrait):
    points = np.stack([portrait.points, moved_arm(portrait.points, "left", (4.0, -14.0))])
    _, last = portrait_frames(portrait, points, refine="none")
    x, y = points[1, 6:27].mean(0)
    assert like(last, SKIN)[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean() > 0.9


# ---------------------------------------------------------------------------- which take is drawn


class Takes(GestureModel):
    """A model whose takes move by more or less, as the seed says."""

    name, config, speakers = "takes", {}, ("Ada",)
    sizes: ClassVar = {0: 1.0, 1: 0.6, 2: 0.2, 3: 0.8, 4: 0.1}

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def generate(self, speech: Speech, *, seed: int = 0, **_: object) -> Motion:
        self.seeds.append(seed)
        return moving(self.sizes[seed], speech.frames)

    def from_features(self, features: np.ndarray, **_: object) -> Motion:
        raise AssertionError("films are of a speech")


def moving(size: float, frames: int = 45) -> Motion:
    """The same gestures, larger or smaller, about the mean pose."""
    motion = gesturing(frames / 30 + 0.1, seed=1)[:frames]
    mean = motion.rotations[:1]
    change = matrix_to_axis_angle(np.swapaxes(mean, -1, -2) @ motion.rotations)
    return replace(motion, rotations=(mean @ axis_angle_to_matrix(size * change)).astype(np.float32))


def test_damage_grows_with_the_motion(portrait):
    found = [estimated_damage(portrait, moving(size)) for size in (0.0, 0.1, 0.3, 1.0)]
    assert found[0] < 0.005
    assert (np.diff(found) > 0).all()
    assert found[-1] <= 2
    weaker = [estimated_damage(portrait, moving(1.0), strength=strength) for strength in (0.0, 0.2, 0.6, 1.0)]
    assert weaker[0] == pytest.approx(0.0, abs=1e-6)
    assert (np.diff(weaker) > 0).all()
    assert weaker[-1] == pytest.approx(found[-1])


@pytest.fixture
def drawn_motions(monkeypatch) -> list[Motion]:
    """Motions of which films are wanted, instead of drawing them."""
    wanted: list[Motion] = []
    monkeypatch.setattr(animating, "animate_portrait", lambda _, motion, path, **__: wanted.append(motion) or path)
    return wanted


@pytest.mark.parametrize(("seed", "variants", "best"), [(0, 4, 2), (0, 2, 1), (0, 1, 0), (3, 2, 4), (1, 1, 1)])
def test_the_take_with_the_least_damage_is_drawn(portrait, tmp_path, drawn_motions, seed, variants, best):
    model, speech = Takes(), speech_of(1.0)
    cospeech.animate(
        portrait, speech, tmp_path / "talk.mp4", model=model, seed=seed, variants=variants, refine="none", mark=False
    )
    assert model.seeds == list(range(seed, seed + variants))
    (motion,) = drawn_motions
    takes = {seed: cospeech.generate(speech, model=Takes(), seed=seed).rotations for seed in range(5)}
    assert min(takes, key=lambda seed: np.abs(takes[seed] - motion.rotations).max()) == best
    np.testing.assert_array_equal(motion.rotations, takes[best])


def test_no_takes_are_refused_in_one_line(portrait, tmp_path, drawn_motions):
    with pytest.raises(UserError, match="variants must be a whole number from 1 on; got 0") as caught:
        cospeech.animate(
            portrait, speech_of(1.0), tmp_path / "talk.mp4", model=Takes(), variants=0, refine="none", mark=False
        )
    assert "\n" not in str(caught.value)
    assert not drawn_motions


# ---------------------------------------------------------------------------- what is refused


def test_unusable_inputs_are_refused_in_one_line(portrait, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("nothing may be made for what is wrong from the first")

    monkeypatch.setattr("cospeech.api.generate", never)
    monkeypatch.setattr(animating, "drive_keypoints", never)
    speech, motion = speech_of(1.0), keypoints(POINTS, frames=45, fps=30.0)
    (tmp_path / "folder.mp4").mkdir()
    cases = {
        r"written as \.mp4, \.m4v, \.mov; got talk\.avi": {"out": tmp_path / "talk.avi"},
        "does not exist; create it first": {"out": tmp_path / "nowhere" / "talk.mp4"},
        "it is a folder; give a file name": {"out": tmp_path / "folder.mp4"},
        "no model 'nobody'": {"refine": "nobody"},
        r"1\.50 s long and the speech 1\.00 s; give a motion of the same speech": {"motion": motion},
    }
    for message, options in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            cospeech.animate(
                **{
                    "portrait": portrait,
                    "speech": speech,
                    "out": tmp_path / "talk.mp4",
                    "refine": "none",
                    "mark": False,
                    **options,
                }
            )
        assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]
    with pytest.raises(UserError, match="128 to 1024 pixels; got 64"):
        cospeech.animate("ann.png", speech, tmp_path / "talk.mp4", size=64, refine="none", mark=False)


def test_strength_out_of_range_is_refused(portrait, tmp_path):
    for strength in (-0.1, 1.5, float("nan")):
        with pytest.raises(UserError, match="strength goes from 0"):
            animate_portrait(
                portrait,
                keypoints(POINTS, frames=5, fps=30.0),
                tmp_path / "talk.mp4",
                strength=strength,
                refine="none",
                mark=False,
            )
    assert not list(tmp_path.iterdir())


def test_invalid_keypoints_are_refused(portrait):
    good = portrait.points[None]
    for points in (good[0], good[:, :48], good[:0]):
        with pytest.raises(UserError, match=r"expected keypoints \[T, 116, 2\]"):
            portrait_frames(portrait, points, refine="none")
    with pytest.raises(UserError, match="finite numbers"):
        portrait_frames(portrait, good * np.nan, refine="none")


def test_a_film_that_fails_leaves_nothing(portrait, tmp_path, monkeypatch):
    def broken(*_, **__):
        yield portrait.picture
        raise RuntimeError("a worker ended")

    monkeypatch.setattr(animating, "portrait_frames", broken)
    (tmp_path / "talk.mp4").write_bytes(b"an older one")
    with pytest.raises(RuntimeError, match="a worker ended"):
        animate_portrait(
            portrait,
            keypoints(POINTS, frames=5, fps=30.0),
            tmp_path / "talk.mp4",
            refine="none",
            mark=False,
            quiet=True,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]
    assert (tmp_path / "talk.mp4").read_bytes() == b"an older one"


def test_suffixes_in_capitals_will_do(tmp_path):
    assert check_film(tmp_path / "TALK.MP4") == tmp_path / "TALK.MP4"
