"""``cospeech animate``: what is shown, how many takes, and files of all of them."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cli_data import fails, motion_file, place, tone, works, write_wav
from cospeech import api
from portrait_data import HANDS, draw_figure, figure_points
from video_data import openpose

__all__ = ["fails", "place", "works"]  # fixtures


@pytest.fixture
def ann(place) -> Path:
    """A portrait with its points, a second of speech, and a motion as long."""
    points = figure_points(scale=2.0)
    Image.fromarray(draw_figure(points, 512, 512)[0]).save(place / "ann.png")
    write_points(place, np.ones(116))
    write_wav(place / "talk.wav", tone(0.2))
    motion_file(place / "dance.bvh", frames=6)
    return place


def write_points(folder: Path, confidence: np.ndarray) -> None:
    people = [openpose(figure_points(scale=2.0), confidence)]
    (folder / "ann.json").write_text(json.dumps({"people": people}))


@pytest.fixture
def calls(monkeypatch) -> list[dict]:
    """Films that the command wants, instead of drawing them."""
    wanted: list[dict] = []

    def animate(portrait, speech, out, **options):
        wanted.append({"portrait": portrait, "out": Path(out).name, **options})
        Path(out).write_bytes(b"a film")
        return out

    monkeypatch.setattr(api, "animate", animate)
    return wanted


WORDS = ("animate", "ann.png", "talk.wav", "--points", "ann.json", "--size", "128", "-o", "film.mp4")


def test_the_best_of_four_takes_is_one_film(ann, works, calls):
    assert works(*WORDS).startswith("wrote film.mp4")
    (call,) = calls
    assert (call["out"], call["variants"], call["seed"], call["refine"]) == ("film.mp4", 4, 0, "portrait")
    assert max(call["portrait"].size) == 128


def test_takes_are_counted_and_begin_at_the_seed(ann, works, calls):
    works(*WORDS, "--variants", "2", "--seed", "7")
    assert [(call["variants"], call["seed"]) for call in calls] == [(2, 7)]


def test_all_takes_are_drawn_into_files_with_numbers(ann, works, calls):
    said = works(*WORDS, "--variants", "3", "--no-best", "--seed", "5")
    assert [call["out"] for call in calls] == ["film.1.mp4", "film.2.mp4", "film.3.mp4"]
    assert [call["seed"] for call in calls] == [5, 6, 7]
    assert {call["variants"] for call in calls} == {1}
    assert len({id(call["portrait"]) for call in calls}) == 1  # opened once
    assert all(call["out"] in said for call in calls)
    assert not (ann / "film.mp4").exists()


def test_fast_is_one_take_without_the_network(ann, works, calls):
    for more in ((), ("--variants", "3", "--no-best")):
        calls.clear()
        works(*WORDS, "--fast", *more)
        assert [(call["out"], call["variants"], call["refine"]) for call in calls] == [("film.mp4", 1, "none")]


def test_a_motion_that_is_given_is_one_take(ann, works, calls):
    motion_file(ann / "dance.bvh", 9)
    works(*WORDS, "--motion", "dance.bvh", "--no-best", "--person", "0")
    assert [(call["out"], call["motion"].frames) for call in calls] == [("film.mp4", 9)]


def test_how_a_motion_is_read_goes_with_a_motion(ann, fails):
    assert "person is of the file that --motion names" in fails(*WORDS, "--person", "0")


def test_what_is_shown_is_chosen(ann, works, calls):
    works(*WORDS, "--crop", "bust")
    works(*WORDS, "--crop", "half")
    works(*WORDS)
    bust, half, auto = (call["portrait"] for call in calls)
    assert half.size == auto.size == (128, 128)
    np.testing.assert_array_equal(half.picture, auto.picture)

    def shoulders(portrait) -> float:
        return float(np.linalg.norm(portrait.points[0] - portrait.points[3]))

    assert shoulders(bust) > 1.3 * shoulders(half)


def test_whose_hands_are_hidden_is_shown_to_the_shoulders_and_told_so(ann, calls, capfd):
    from cospeech.cli import main

    confidence = np.ones(116)
    for side in HANDS:
        confidence[HANDS[side]] = 0.0
    write_points(ann, confidence)
    main(list(WORDS))
    assert "the film shows head and shoulders; --crop half shows all" in capfd.readouterr().err
    main([*WORDS, "--crop", "half"])
    assert "head and shoulders" not in capfd.readouterr().err
    assert calls[0]["portrait"].size != calls[1]["portrait"].size == (128, 128)


@pytest.mark.parametrize("words", [("--crop", "face"), ("--variants", "0"), ("--variants", "0", "--no-best")])
def test_what_cannot_be_is_refused_in_one_line(ann, fails, words):
    fails(*WORDS, *words)


def test_none_of_the_films_is_written_over_what_is_read(ann, fails):
    (ann / "film.2.mp4").write_text("said")
    assert "give another name" in fails(*WORDS, "--no-best", "--variants", "2", "--transcript", "film.2.mp4")


def test_a_fast_film(ann, works):
    """All the way: a short film of a motion that is given."""
    works(*WORDS, "--motion", "dance.bvh", "--fast", "--no-mark", "--crop", "bust")
    with av.open("film.mp4") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 6
    assert max(frames[0].shape) == 128
    assert frames[0].std() > 10
