"""Frames, framing, mp4 and contact sheets."""

import os

import numpy as np
import pytest

from cospeech.avatar.body import load_body
from cospeech.avatar.camera import frame_motion
from cospeech.avatar.film import FILM_SIZE, contact_sheet, render_video
from cospeech.avatar.frames import render_frames
from cospeech.avatar.pose import pose_vertices
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.speech import Speech

SKELETON = canonical_skeleton()


def waving(frames=10, fps=30.0):
    rotations = np.tile(np.eye(3), (frames, 55, 1, 1))
    angle = np.linspace(-1.3, 1.1, frames)
    for side, sign in (("left", 1), ("right", -1)):
        vector = np.stack([0 * angle, 0 * angle, sign * angle], -1)
        rotations[:, SKELETON.index(f"{side}_shoulder")] = axis_angle_to_matrix(vector)
    return Motion(SKELETON, fps, rotations, np.tile(SKELETON.offsets[0], (frames, 1)))


def difference(picture):
    """Rough mask of the person: what is far from the backdrop's grey."""
    return (picture.max(2).astype(int) - picture.min(2)) > 45


def test_frames_show_a_person():
    pictures = list(render_frames(waving(3), size=(96, 128), backend="software"))
    assert len(pictures) == 3
    assert pictures[0].shape == (128, 96, 3)
    assert pictures[0].dtype == np.uint8
    assert 0.02 < difference(pictures[0]).mean() < 0.6
    assert np.abs(pictures[0].astype(int) - pictures[2]).max() > 50


def test_the_same_again():
    first, again = (next(iter(render_frames(waving(1), size=64, backend="software"))) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_processes_draw_the_same_in_order():
    motion = waving(26)
    alone = list(render_frames(motion, size=32, backend="software", workers=1))
    together = list(render_frames(motion, size=32, backend="software", workers=2))
    np.testing.assert_array_equal(np.array(alone), np.array(together))


@pytest.mark.parametrize("path", [None, "", os.pathsep, f"elsewhere{os.pathsep}"])
def test_the_current_folder_is_no_place_for_modules(path, tmp_path, monkeypatch):
    motion, ran = waving(26), tmp_path / "ran"
    (tmp_path / "numpy.py").write_text(f"open({str(ran)!r}, 'w').close()\nraise ImportError('not NumPy')\n")
    monkeypatch.chdir(tmp_path)
    if path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", path)
    assert len(list(render_frames(motion, size=32, backend="software", workers=2))) == 26
    assert not ran.exists()


def test_stopping_early_ends_the_processes():
    frames = render_frames(waving(40), size=32, backend="software", workers=2)
    next(frames)
    frames.close()


@pytest.mark.parametrize("view", ["gesture", "full"])
@pytest.mark.parametrize("aspect", [1.0, 1.6, 0.6])
def test_hands_and_head_stay_in_the_picture(view, aspect):
    motion = waving(7)
    camera = frame_motion(motion, view=view, aspect=aspect)
    body = load_body(1)
    reach = np.abs(body.vertices[:, 0])
    shown = (reach > 0.68) | (body.vertices[:, 1] > 1.55)
    if view == "full":
        shown |= body.vertices[:, 1] < 0.1
    height = 100
    points = pose_vertices(body, motion)[:, shown]
    hips = 0.95 if view == "gesture" else -1.0  # metres; hands that hang lower may leave a picture of gestures
    screen = camera.project(points, round(aspect * height), height)[points[..., 1] > hips]
    assert len(screen) > 1000
    assert screen[:, 0].min() > 0
    assert screen[:, 1].min() > 0
    assert screen[:, 0].max() < round(aspect * height)
    assert screen[:, 1].max() < height


def test_the_face_of_a_film_is_about_110_pixels_wide():
    count = len(SKELETON)
    standing = Motion(
        SKELETON,
        30,
        np.tile(np.eye(3, dtype=np.float32), (4, count, 1, 1)),
        np.tile(SKELETON.offsets[0], (4, 1)).astype(np.float32),
    )
    body = load_body(1)
    arms = [axis_angle_to_matrix(np.array([0, 0, turn])) for turn in (-1.2, 1.2)]
    standing.rotations[:, SKELETON.indices(["left_shoulder", "right_shoulder"])] = np.array(arms, dtype=np.float32)
    width, height = FILM_SIZE
    camera = frame_motion(standing, aspect=width / height)
    face = (body.vertices[:, 1] > 1.6) & (body.vertices[:, 1] < 1.7)  # from ear to ear
    screen = camera.project(pose_vertices(body, standing)[0][face], width, height)
    assert height == 720
    assert 95 < np.ptp(screen[:, 0]) < 130
    assert abs(screen[:, 0].mean() - width / 2) < 20


def test_the_camera_faces_a_turned_body():
    motion = waving(3)
    rotations = motion.rotations.copy()
    rotations[:, 0] = axis_angle_to_matrix(np.array([0, np.pi / 2, 0]))
    turned = Motion(SKELETON, 30, rotations, motion.translation)
    assert abs(frame_motion(turned, yaw=0).yaw - 90) < 1


@pytest.mark.parametrize(("seconds", "fps"), [(0.2, 30.0), (2.0, 25.0)])
def test_video_is_as_long_as_the_motion(tmp_path, seconds, fps):
    import av

    motion = waving(20, fps)
    tone = np.sin(2 * np.pi * 440 * np.arange(int(seconds * 16000)) / 16000).astype(np.float32) * 0.5
    path = render_video(
        motion, tmp_path / "a.mp4", speech=Speech(samples=tone), size=64, backend="software", quiet=True
    )
    with av.open(str(path)) as file:
        video, sound = file.streams.video[0], file.streams.audio[0]
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.frames == 20
        assert float(video.duration * video.time_base) == pytest.approx(20 / fps, abs=1e-3)
        assert float(sound.duration * sound.time_base) == pytest.approx(20 / fps, abs=2e-3)
        assert video.start_time == sound.start_time == 0
        assert sum(1 for _ in file.decode(video)) == 20


def test_sound_is_in_step(tmp_path):
    """A click half a second in is heard half a second in, to a few milliseconds."""
    import av

    samples = np.zeros(16000, np.float32)
    samples[8000:8160] = 0.8
    path = render_video(
        waving(30), tmp_path / "a.mp4", speech=Speech(samples=samples), size=32, backend="software", workers=1
    )
    with av.open(str(path)) as file:
        decoded = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert abs(np.argmax(np.abs(decoded) > 0.3) - 8000) < 100


def test_video_at_another_frame_rate(tmp_path):
    import av

    path = render_video(waving(30), tmp_path / "a.mp4", size=32, fps=10, backend="software", workers=1)
    with av.open(str(path)) as file:
        assert file.streams.video[0].frames == 10


def test_what_cannot_be_drawn_is_said(tmp_path):
    motion = waving(2)
    with pytest.raises(UserError, match="even"):
        render_video(motion, tmp_path / "a.mp4", size=33)
    with pytest.raises(UserError, match=r"\.mp4"):
        render_video(motion, tmp_path / "a.gif", size=32)
    with pytest.raises(UserError, match="views are"):
        render_frames(motion, view="moon")
    with pytest.raises(UserError, match="backends are"):
        render_frames(motion, backend="vulkan")
    with pytest.raises(UserError, match="pixels"):
        render_frames(motion, size=4)
    with pytest.raises(UserError, match="no frames"):
        render_frames(motion[0:0])
    with pytest.raises(UserError, match="does not exist"):
        render_video(motion, tmp_path / "none" / "a.mp4", size=32, backend="software")
    assert not list(tmp_path.iterdir())


def test_contact_sheet(tmp_path):
    from PIL import Image

    path = contact_sheet(waving(9), tmp_path / "sheet.png", rows=2, columns=3, size=48)
    assert Image.open(path).size == (144, 96)
    with pytest.raises(UserError, match="kind of picture"):
        contact_sheet(waving(2), tmp_path / "sheet.what", rows=1, columns=1, size=48)
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]


def test_gl_looks_alike_or_steps_aside():
    from cospeech.avatar.gl import open_painter

    if open_painter(64, 64) is None:
        with pytest.raises(UserError, match=r"gl backend|OpenGL"):
            render_frames(waving(1), size=64, backend="gl")
        return
    soft = next(iter(render_frames(waving(1), size=64, backend="software", level=1)))
    hard = next(iter(render_frames(waving(1), size=64, backend="gl", level=1)))
    assert np.abs(soft.astype(int) - hard).mean() < 3
