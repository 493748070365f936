"""Editing films: parts that are not named stay, both ends of a span join, and sound stays in step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import av
import numpy as np
import pytest

from cli_data import SHIPPED, needs_model, place, tone, works, write_wav
from corpus_data import voice
from cospeech import api
from cospeech.api.editing import is_film
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.loading import load
from cospeech.methods.flow.sampling import window_edges
from cospeech.motion.formats.keypoints import Keypoints
from cospeech.motion.motion import Motion
from cospeech.motion.points import POINTS, parents
from cospeech.motion.representation import representation
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.audio import decode
from cospeech.speech.speech import Speech, Word
from cospeech.video.driving.driver import drive
from cospeech.video.films import edit_film as editing
from cospeech.video.films import pieces
from cospeech.video.films.animate import open_driver
from cospeech.video.films.edit_film import edit_film, edited_sound
from cospeech.video.films.footage import open_footage, rgb_of
from video_data import detector_calls, drawn, person, swinging, write_film

__all__ = ["detector_calls", "place", "works"]  # fixtures

FRAMES, SIDE = 60, 160
FIRST, END = 18, 45  # frames of the span
SPAN = (f"{FIRST / 30}:{END / 30}",)
SKELETON = canonical_skeleton()


class Waving:
    """A model that lifts and lowers the forearms, whatever it hears."""

    name, speakers, requested = "waving", ("Ada",), ()
    representation = representation("body")

    def generate(self, speech: Speech, **conditioning: object) -> Motion:
        self.requested += (speech, conditioning)
        time = np.arange(speech.frames) / 30
        turns = np.zeros((speech.frames, 55, 3))
        for side, sign in (("left", 1), ("right", -1)):
            turns[:, SKELETON.index(f"{side}_shoulder")] = [0, 0, -1.2 * sign]
            bend = -1.2 - 0.8 * np.sin(2 * np.pi * 0.8 * time)
            turns[:, SKELETON.index(f"{side}_elbow"), 1] = sign * bend
        where = np.tile(SKELETON.offsets[0], (speech.frames, 1))
        return Motion(SKELETON, 30, axis_angle_to_matrix(turns), where)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two seconds of a drawn figure, a hum, and its points."""
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    return write_film(path, swinging(FRAMES, SIDE), sound=tone(2.0)[:, 0])


def edited(film, out, **conditioning):
    options = {"span": SPAN, "model": Waving(), "refine": "none", "mark": False, "workers": 1, **conditioning}
    return edit_film(film, out, points=film.with_suffix(".json"), quiet=True, **options)


@pytest.fixture(scope="module")
def result(film, tmp_path_factory):
    """The edited film, its planes (those of the span as they went to the encoder), and what was to be drawn."""
    new, drawn = [], []

    def keep(path, inside, frames, *words, **more):
        new.extend(frames)
        pieces.write_film(path, inside, iter(new), *words, **more)

    draw = editing.drawn_span
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(editing, "write_film", keep)
        patched.setattr(editing, "drawn_span", lambda span, workers: drawn.append(span) or draw(span, workers))
        out = edited(film, tmp_path_factory.mktemp("out") / "new.mp4")
    planes = list(open_footage(out).planes())
    planes[FIRST:END] = new
    return SimpleNamespace(path=out, planes=planes, span=drawn[0])


def psnr(one, other):
    return 10 * np.log10(255**2 / max(1e-9, float(np.mean((one.astype(float) - other) ** 2))))


def test_frames_outside_are_copied_or_look_the_same(film, result):
    """Up to the span bit by bit; behind it, where there is no key frame, with 48 dB."""
    own, written = (list(open_footage(path).planes()) for path in (film, result.path))
    assert len(written) == len(own) == FRAMES
    exact = [np.array_equal(a, b) for a, b in zip(own, written, strict=True)]
    assert all(exact[: FIRST - 4])
    assert min(psnr(written[k], own[k]) for k in (*range(FIRST), *range(END, FRAMES))) >= 48
    assert open_footage(result.path).fps == 30


def test_within_the_span_arms_move_and_the_rest_stays(film, result):
    own = list(open_footage(film).planes())
    face = (slice(20, 55), slice(66, 94))
    for frame in range(FIRST, END):
        np.testing.assert_array_equal(result.planes[frame][face], own[frame][face])
    middle = (FIRST + END) // 2
    changed = np.abs(result.planes[middle][:SIDE].astype(int) - own[middle][:SIDE]) > 30
    assert changed.mean() > 0.02
    at = result.span.points[0][middle - FIRST, 2] - swinging(FRAMES, SIDE)[middle, 2]
    assert np.linalg.norm(at) > 8


def test_pictures_follow_the_points(result):
    """Hands are as if drawn at the new points, and not as at the old ones."""
    middle = 6
    rgb = rgb_of(result.planes[FIRST + middle]).astype(int)
    new, own = result.span.points[0][middle], result.span.own[middle]
    there, before = (drawn(points, SIDE).astype(int) for points in (new, own))
    for hand in (slice(6, 27), slice(27, 48)):
        at = [points[hand].mean(0) for points in (new, own)]
        assert np.linalg.norm(at[0] - at[1]) > 6
        for x, y in at:
            near = (slice(int(y) - 10, int(y) + 10), slice(int(x) - 10, int(x) + 10))
            error = [np.abs(rgb[near] - other[near]).mean() for other in (there, before)]
            assert error[0] < 20
            assert error[0] < 0.4 * error[1]
            skin = [(shown[near][..., 0] > 170).mean() for shown in (rgb, there)]
            assert skin[0] == pytest.approx(skin[1], abs=0.1)


def test_points_begin_and_end_as_the_film_with_its_speed(result):
    whole = swinging(FRAMES, SIDE)
    fastest = np.linalg.norm(np.diff(whole, axis=0), axis=-1).max()
    for points, ends in zip(result.span.points, ((0,), (-1,)), strict=True):
        for end in ends:
            assert np.abs(points[end] - result.span.own[end])[[1, 2, 4, 5]].max() < 1.0
    joined = whole.copy()
    joined[FIRST:END, :6] = result.span.points[0][:, :6]
    speed = np.linalg.norm(np.diff(joined[:, :6], axis=0), axis=-1).max(1)
    assert speed[FIRST - 3 : FIRST + 3].max() < 3 * fastest
    assert speed[END - 4 : END + 2].max() < 3 * fastest


def test_pictures_join_at_both_ends(film, result):
    own = [planes[:SIDE].astype(float) for planes in open_footage(film).planes()]
    usual = max(np.abs(b - a).mean() for a, b in pairwise(own))
    for frame in (FIRST, END):
        step = np.abs(result.planes[frame][:SIDE].astype(float) - result.planes[frame - 1][:SIDE]).mean()
        assert step < 2 * usual
    inside = [
        np.abs(result.planes[k][:SIDE].astype(float) - result.planes[k - 1][:SIDE]).mean() for k in range(FIRST, END)
    ]
    assert max(inside) < 6 * usual


def test_own_sound_is_copied(film, result):
    np.testing.assert_array_equal(decode(result.path), decode(film))


def test_sound_changes_within_the_span_alone(film):
    footage = open_footage(film)
    new = Speech(np.full(32_000, 0.25, np.float32))
    sound = edited_sound(footage, new, [(0.6, 1.5)])
    assert not sound.original
    samples, rate = sound.speech.samples, sound.speech.sample_rate
    own = decode(film, sample_rate=rate)[: len(samples)]
    time = np.arange(len(samples)) / rate
    inside, outside = (time > 0.61) & (time < 1.49), (time < 0.59) | (time > 1.51)
    np.testing.assert_allclose(samples[inside], 0.25, atol=1e-3)
    np.testing.assert_allclose(samples[outside], own[outside], atol=1e-6)
    assert sound.speech.seconds == pytest.approx(2.0, abs=1e-4)
    worded = replace(new, samples=np.zeros(33_000, np.float32), words=(Word("end", 1.9, 2.05),))
    assert edited_sound(footage, worded, [(0.6, 1.5)]).speech.words[0].end == pytest.approx(2.0, abs=1e-3)
    whole = edited_sound(footage, new, [(0.0, 2.0)]).speech.samples
    np.testing.assert_allclose(whole[100:-100], 0.25, atol=1e-3)


def test_another_speech_is_heard_and_followed_by_the_face(film, tmp_path):
    speech = Speech(tone(2.05)[::-1, 0].copy())
    model = Waving()
    out = edited(film, tmp_path / "new.mp4", speech=speech, model=model, speaker="Ada", seed=7)
    requested_speech, conditioning = model.requested
    assert conditioning == {"speaker": "Ada", "seed": 7}
    assert requested_speech.frames == FRAMES  # the span and two seconds round it
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 1
    assert len(decode(out)) / 16_000 == pytest.approx(2.0, abs=0.07)
    own, new = (list(open_footage(path).planes()) for path in (film, out))
    mouth = (slice(20, 60), slice(60, 100))
    assert max(np.abs(new[k][mouth].astype(int) - own[k][mouth]).max() for k in range(FIRST, END)) > 20


@pytest.mark.parametrize("span", [("0:0.5",), ("1.5:2", "0.3:0.7", "0.6:1"), ()])
def test_spans_anywhere(film, tmp_path, span):
    """At the beginning; at the end, with two that overlap and become one; all of it."""
    out = edited(film, tmp_path / "new.mp4", span=span)
    own, new = (list(open_footage(path).planes()) for path in (film, out))
    assert len(new) == FRAMES
    differs = np.array([psnr(a, b) < 38 for a, b in zip(own, new, strict=True)])
    inside = np.zeros(FRAMES, bool)
    for text in span or ("0:2",):
        first, end = (round(float(part) * 30) for part in text.split(":"))
        inside[first:end] = True
    assert not differs[~inside].any()
    assert differs[inside].mean() > 0.3


def test_other_rates(tmp_path):
    film = write_film(tmp_path / "slow.mp4", swinging(50, SIDE), fps=25.0, sound=tone(2.0)[:, 0])
    out = edited(film, tmp_path / "new.mp4", span=("0.4:0.8",))
    footage = open_footage(out)
    assert (footage.frames, footage.fps) == (50, 25.0)


def one_line(error):
    return "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("conditioning", "message"),
    [
        ({"span": ["1:3"]}, "not within"),
        ({"span": ["1.5:1"]}, "ends before"),
        ({"span": ["1:1.1"]}, "at least 0.3 s"),
        ({"joints": ["left_elbow"]}, "known: hands, arms"),
        ({"speech": Speech(tone(1.5)[:, 0])}, "lasts 2.00 s and the speech 1.50 s"),
        ({"refine": "/no/such/folder"}, "no model"),
    ],
)
def test_options_that_are_refused(film, tmp_path, conditioning, message):
    with pytest.raises(UserError, match=message) as error:
        edited(film, tmp_path / "new.mp4", **conditioning)
    assert one_line(error)
    assert not list(tmp_path.iterdir())


def test_films_that_are_refused(film, tmp_path):
    swing = swinging(FRAMES, SIDE)
    cases = {
        "camera": (write_film(tmp_path / "camera.mp4", swing, pan=1.0, sound=tone(2.0)[:, 0]), "still camera"),
        "mute": (write_film(tmp_path / "mute.mp4", swing), "has no sound"),
        "wide": (write_film(tmp_path / "wide.mp4", swing / 2, side=80, sound=tone(2.0)[:, 0]), "longer side"),
        "nobody": (write_film(tmp_path / "nobody.mp4", swing, sound=tone(2.0)[:, 0]), "no person"),
        "short": (write_film(tmp_path / "short.mp4", swing[:50], sound=tone(1.67)[:, 0]), "has 50 frames"),
    }
    none = np.zeros(swing.shape[:2], np.float32)
    camera = {"size": [SIDE, SIDE]}
    Keypoints(POINTS, parents(POINTS), 30.0, swing, camera, none).save(tmp_path / "nobody.json")
    Keypoints(POINTS, parents(POINTS), 30.0, swing, camera, none + 1).save(tmp_path / "short.json")
    for path, message in cases.values():
        with pytest.raises(UserError, match=message) as error:
            edited(path, tmp_path / "new.mp4")
        assert one_line(error)
    (tmp_path / "text.mp4").write_text("no film")
    for path, message in ((tmp_path / "text.mp4", "no film"), (tmp_path / "none.mp4", "no such film")):
        with pytest.raises(UserError, match=message) as error:
            edited(path, tmp_path / "new.mp4")
        assert one_line(error)
    with pytest.raises(UserError, match="it is the video that is read"):
        edited(film, film)
    with pytest.raises(UserError, match="mp4"):
        edited(film, tmp_path / "new.gif")
    assert not (tmp_path / "new.mp4").exists()


def test_edit_tells_films_from_motion(film, tmp_path):
    assert is_film("talk.MOV")
    assert not is_film("talk.bvh")
    with pytest.raises(UserError, match="name the video with out"):
        api.edit(film)
    with pytest.raises(UserError, match="are for videos"):
        api.edit("talk.bvh", speech="talk.wav", out="new.mp4")
    with pytest.raises(UserError, match="--speech"):
        api.edit("talk.bvh")


@needs_model
def test_the_command_with_the_shipped_model(film, place, works):
    speech = write_wav(place / "new.wav", tone(2.0)[::-1])
    line = works(
        "edit",
        film,
        "--points",
        film.with_suffix(".json"),
        "--speech",
        speech,
        "--span",
        SPAN[0],
        "-o",
        "new.mp4",
        "--refine",
        "none",
        "--no-mark",
        "--model",
        SHIPPED,
        "--seed",
        "3",
    )
    assert line.startswith("wrote new.mp4 (clip.mp4 edited) in ")
    assert sorted(path.name for path in place.iterdir()) == ["new.mp4", "new.wav"]
    own, new = (list(open_footage(path).planes()) for path in (film, place / "new.mp4"))
    assert len(new) == FRAMES
    assert min(psnr(a, b) for a, b in zip(own[:FIRST], new[:FIRST], strict=True)) > 40
    assert psnr(own[30], new[30]) < 36
    steps = [np.abs(b.astype(float) - a).mean() for a, b in pairwise(new)]
    usual = max(np.abs(b.astype(float) - a).mean() for a, b in pairwise(own))
    assert max(steps[FIRST - 1], steps[END - 1]) < 3 * usual


@needs_model
@pytest.mark.slow
def test_a_minute_has_no_jumps_where_windows_meet():
    """Points that are driven for 60 s, three takes: acceleration within four frames of a hand-over, and elsewhere."""
    model, near, elsewhere = load(SHIPPED), [], []
    for seed in (1, 2, 3):
        motion = model.generate(Speech(voice(60.0, seed=2)[0]), seed=seed, face=False)
        points = drive(motion, person(), np.ones(116), (512, 512))[:, :6]
        step = model.networks.downsample
        edges = window_edges(-(-len(motion) // step), model.flow.sampling)[1:-1]
        assert len(edges) >= 8
        acceleration = np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).max(1)
        here = np.zeros(len(acceleration), bool)
        for edge in edges:
            here[edge * step - 5 : edge * step + 3] = True
        near.append(acceleration[here])
        elsewhere.append(acceleration[30:][~here[30:]])
    assert np.concatenate(near).max() <= np.concatenate(elsewhere).max()
    assert np.concatenate(near).mean() < 1.5 * np.concatenate(elsewhere).mean()


class Tokens:
    """A model of keypoints that lowers the hands of those it gets, in the span."""

    name, speakers, got = "tokens", ("Ada",), ()
    representation = representation("points")

    def edit(self, motion: Keypoints, speech: Speech, *, span: list, **conditioning: object) -> Keypoints:
        self.got = (motion, speech, span)
        points = motion.points.copy()
        first, end = (round(seconds * 30) for seconds in span[0])
        points[first:end, [1, 2, 4, 5, *range(6, 48)], 1] += 12
        return replace(motion, points=points)


def test_a_model_of_keypoints_edits_those_of_the_film(film, tmp_path):
    model = Tokens()
    out = edited(film, tmp_path / "new.mp4", model=model)
    keypoints, speech, span = model.got
    assert (keypoints.names, keypoints.fps) == (POINTS, 30.0)
    assert len(keypoints) == speech.frames == FRAMES
    assert np.abs(keypoints.points - swinging(FRAMES, SIDE)).max() < 2
    assert span[0] == pytest.approx((FIRST / 30, END / 30))
    own, new = (list(open_footage(path).planes()) for path in (film, out))
    assert min(psnr(own[k], new[k]) for k in (*range(FIRST), *range(END, FRAMES))) >= 48
    assert min(psnr(own[k], new[k]) for k in range(FIRST + 10, END - 10)) < 36
    edited(film, tmp_path / "other.mp4", model=model, speech=Speech(tone(2.0)[::-1, 0].copy()))
    assert len(model.got[0].names) == 48  # the face follows the new speech


def test_keypoints_are_edited_by_models_of_keypoints_alone(film):
    points, speech = film.with_suffix(".json"), Speech(tone(2.0)[:, 0])

    def told(loaded):
        return SimpleNamespace(described="the model", options=None, **vars(type(loaded)))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cospeech.api.editing._opened", lambda model, *_: (told(model), {}))
        for model, motion in ((Waving(), points), (Tokens(), Motion.__new__(Motion))):
            with pytest.raises(UserError, match="name another model with --model") as error:
                api.edit(motion, speech=speech, model=model)
            assert one_line(error)


def test_a_film_drives_a_portrait(tmp_path, detector_calls):
    driver = open_driver(write_film(tmp_path / "clip.mp4", swinging(12, 512), side=512))
    assert isinstance(driver, Keypoints)
    assert driver.names == POINTS
    assert detector_calls() == ["film"]
