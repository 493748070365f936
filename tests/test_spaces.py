"""Spaces: what each part's channels are, how points are brought to the person, what stores hold of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.data.clips import Dropped
from cospeech.data.dataset import GestureDataset
from cospeech.data.point_clips import PointClip
from cospeech.data.point_normalization import NormalizedClip, normalized
from cospeech.data.prepare import prepare
from cospeech.data.readers import pats, read_points
from cospeech.motion.codec import Codec
from cospeech.motion.expressions import KEY, ExpressionCodec, one_jaw
from cospeech.motion.formats.keypoints import Keypoints, load_keypoints
from cospeech.motion.points import BODY_POINTS, FACE_POINTS, POINTS, PointCodec, ShoulderFrame, parents
from cospeech.motion.representation import REPRESENTATIONS, read_representation, representation
from cospeech.speech.audio import write_wav
from cospeech.speech.speech import Speech
from format_data import canonical_motion, shared_file
from reader_data import by_id
from space_data import expressive, mmpose, person_points, whole_body, write_beat2, write_keypoints


def speech(seconds: float) -> Speech:
    return Speech(voice(seconds, seed=1)[0])


def clip(points: np.ndarray, **changes) -> PointClip:
    own = PointClip("a", "ann", "train", 25.0, POINTS, parents(POINTS), points, None, speech(len(points) / 25))
    return replace(own, **changes)


class TestParts:
    def test_the_papers_channels(self):
        """Appendix C: 68 points of the face, 3 + 3 of the arms, 21 + 21 of the hands."""
        assert {codec.modality: codec.channels for codec in representation("points").modalities} == {
            "body": 96,
            "face": 136,
        }
        assert (len(BODY_POINTS), len(FACE_POINTS), len(POINTS)) == (48, 68, 116)
        assert {codec.modality: codec.channels for codec in representation("smplx").modalities} == {
            "body": 267,
            "face": 106,
        }
        assert representation("body").modalities == (Codec(),)

    @pytest.mark.parametrize("name", REPRESENTATIONS)
    def test_twice_mirrored_is_the_same(self, name):
        for modality in representation(name).modalities:
            coded = np.random.default_rng(0).normal(size=(7, modality.channels)).astype(np.float32)
            np.testing.assert_array_equal(modality.mirror(modality.mirror(coded)), coded)
            assert sum(s.stop - s.start for s in modality.slices.values()) == modality.channels

    def test_a_mirror_changes_sides(self):
        points = person_points(2.0, seed=3)
        flipped = points * [-1, 1] + [2000, 0]
        for names, codec in ((slice(0, 48), PointCodec("body")), (slice(48, 116), PointCodec("face"))):
            shoulder_frame, other = ShoulderFrame.of(points[:, :48]), ShoulderFrame.of(flipped[:, :48])
            mirrored = codec.decode(codec.mirror(codec.encode(shoulder_frame.normalised(points[:, names]))))
            seen = other.normalised(flipped[:, names])
            partner = codec._partner
            np.testing.assert_allclose(mirrored[:, partner], seen, atol=1e-4)
        left = BODY_POINTS.index("left_wrist")
        assert BODY_POINTS[PointCodec("body")._partner[left]] == "right_wrist"
        assert PointCodec("face")._partner[36] == 45  # the outer corners of the eyes

    def test_faces_go_there_and_back(self):
        motion, codec = expressive(2.0, seed=1), ExpressionCodec()
        coded = codec.encode(motion)
        jaw = motion.skeleton.index("jaw")
        turned = motion.rotations.copy()
        turned[:, jaw] = np.eye(3)
        back = codec.decode(coded, replace(motion, rotations=turned, extra={}))
        np.testing.assert_allclose(back.rotations[:, jaw], motion.rotations[:, jaw], atol=1e-6)
        np.testing.assert_array_equal(back.extra["per_frame"][KEY], motion.extra["per_frame"][KEY])
        with pytest.raises(UserError, match=r"needs expressions \[4, 100\], as BEAT2 has; got none"):
            codec.encode(canonical_motion(4))

    def test_a_jaw_moves_once(self):
        motion = expressive(1.0, seed=1)
        assert one_jaw(motion) is motion
        both = one_jaw(motion.with_face(np.zeros((30, 52), np.float32)))
        jaw = motion.skeleton.index("jaw")
        np.testing.assert_array_equal(both.rotations[:, jaw], np.broadcast_to(np.eye(3), (30, 3, 3)))
        np.testing.assert_array_equal(np.delete(both.rotations, jaw, 1), np.delete(motion.rotations, jaw, 1))

    def test_what_a_header_says(self):
        for name in REPRESENTATIONS:
            own = representation(name)
            assert read_representation(json.loads(json.dumps(own.describe())), "here") == own
        assert read_representation(None, "here") == representation("body")
        assert read_representation(representation("points", ("body",)).describe(), "here").names == ("body",)
        for wrong, message in (
            ({"name": "clouds", "parts": {}}, "unknown representation 'clouds'; known: body, smplx, points"),
            ({"name": "points", "parts": {"face": [0, 136]}}, "has the modalities body, face; got face"),
            ({"name": "points", "parts": {"body": [0, 90]}}, "other columns in the representation 'points'"),
            ({"name": "points"}, "names no representation"),
        ):
            with pytest.raises(UserError, match=message):
                read_representation(wrong, "here")
        with pytest.raises(UserError, match="no modality 'face' in the representation 'body'; it has body"):
            representation("body").modality("face")


class TestPlacing:
    @settings(max_examples=10)
    @given(st.floats(-500, 3000), st.floats(-500, 3000), st.floats(20, 900))
    def test_where_and_how_large_somebody_is_does_not_matter(self, x, y, width):
        first = normalized(clip(person_points(2.0, seed=1)))
        other = normalized(clip(person_points(2.0, seed=1, at=(x, y), width=width)))
        assert isinstance(first, NormalizedClip)
        assert isinstance(other, NormalizedClip)
        np.testing.assert_allclose(other.body, first.body, atol=2e-3)
        np.testing.assert_allclose(other.face, first.face, atol=2e-3)
        assert other.shoulder_frame.width == pytest.approx(width, rel=0.05)
        assert other.speed == pytest.approx(first.speed, rel=0.02)

    def test_units_and_directions(self):
        own = normalized(clip(person_points(2.0, seed=1)))
        points = PointCodec("body").decode(own.body)
        np.testing.assert_allclose(np.median(points[:, [0, 3]].mean(1), axis=0), 0, atol=1e-5)
        assert np.median(np.linalg.norm(points[:, 0] - points[:, 3], axis=-1)) == pytest.approx(1, abs=1e-3)
        assert points[:, 0, 0].mean() > 0.4  # the left shoulder is at the right of the picture
        assert PointCodec("face").decode(own.face)[..., 1].mean() > 0.2  # y is up
        assert len(own.body) == 60  # 25 frames a second become 30
        pixels = own.shoulder_frame.pixels(points)
        np.testing.assert_allclose(own.shoulder_frame.normalised(pixels), points, atol=1e-5)

    def test_gaps_are_bridged(self):
        points = person_points(4.0, seed=2)
        confidence = np.ones(points.shape[:2], np.float32)
        whole = normalized(clip(points, confidence=confidence))
        broken = points.copy()
        broken[20:30, 6:27] = 0.0  # the left hand
        broken[:, 30] = 0.0  # one point is never seen
        confidence[20:30, 6:27] = confidence[:, 30] = 0.1
        found = normalized(clip(broken, confidence=confidence))
        gap = np.abs(PointCodec("body").decode(found.body) - PointCodec("body").decode(whole.body))
        assert gap[:20].max(axis=(0, 2))[30] < 1.0
        assert np.delete(gap, 30, 1).max() < 0.5

    def test_what_cannot_be_used(self):
        points = person_points(2.0, seed=1)
        confidence = np.ones(points.shape[:2], np.float32)

        def reason(**changes) -> str:
            dropped = normalized(clip(points, **changes))
            assert isinstance(dropped, Dropped)
            return dropped.reason

        for columns, group in ((slice(6, 27), "left hand"), (slice(48, 116), "face"), ([0], "shoulders")):
            bad = confidence.copy()
            bad[: 2 * len(bad) // 3, columns] = 0
            assert f"the {group} cannot be seen in more than half" in reason(confidence=bad)
        assert "no sound" in reason(speech=None)
        assert "shorter than a second" in reason(speech=speech(0.5))
        assert "no point left_shoulder" in reason(names=("x", *POINTS[1:]))
        same = points.copy()
        same[:, 3] = same[:, 0]
        assert "both shoulders are at one point" in normalized(clip(same)).reason

    def test_pats_has_no_face(self):
        points = np.zeros((45, 52, 2), np.float32)
        ours = {name: index for index, name in enumerate(POINTS)}
        person = person_points(3.0, seed=1, fps=15.0)
        for column, name in enumerate(pats.NAMES):
            other = {"R": "right", "L": "left"}.get(name[0], "")
            for target in (f"{other}_{name[1:].lower()}", f"{other}_{name[5:].lower()}"):
                target = target.replace("little", "pinky").replace("root", "hand")
                if target in ours:
                    points[:, column] = person[:, ours[target]]
        own = normalized(PointClip("1", "oliver", "train", 15.0, pats.NAMES, pats.PARENTS, points, None, speech(3.0)))
        truth = normalized(clip(person, fps=15.0, speech=speech(3.0)))
        assert own.face is None
        np.testing.assert_allclose(own.body, truth.body, atol=1e-4)


class TestKeypoints:
    def test_layouts(self, tmp_path):
        points = person_points(2.0, seed=1)
        whole, scores = whole_body(points), np.full((50, 133), 0.9)
        nobody = whole + 4000
        frames = mmpose(whole, scores)
        for frame, other in zip(frames, mmpose(0.5 * nobody), strict=True):
            frame["instances"].insert(0, other["instances"][0])  # somebody smaller, named first
        openpose = [
            {
                "people": [
                    {
                        "pose_keypoints_2d": np.c_[_openpose_body(p), np.ones(25)].ravel().tolist(),
                        "hand_left_keypoints_2d": np.c_[p[6:27], np.ones(21)].ravel().tolist(),
                        "hand_right_keypoints_2d": np.c_[p[27:48], np.ones(21)].ravel().tolist(),
                        "face_keypoints_2d": np.c_[np.r_[p[48:], p[:2]], np.ones(70)].ravel().tolist(),
                    }
                ]
            }
            for p in points
        ]
        layouts = {
            "list": frames,
            "demo": {"meta_info": {}, "instance_info": frames},
            "plain": {"fps": 25, "keypoints": whole.tolist(), "keypoint_scores": scores.tolist()},
            "openpose": openpose,
            "holes": frames[:10] + frames[14:],
        }
        for name, document in layouts.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(document))
            write_wav(tmp_path / f"{name}.wav", voice(2.0, seed=1)[0])
        (tmp_path / "list.srt").write_text("1\n00:00:00,100 --> 00:00:01,000\nhello\n")
        clips = by_id(read_points("keypoints", tmp_path, quiet=True))
        assert set(clips) == {f"{name}.json" for name in layouts}
        for name, own in clips.items():
            assert (own.fps, own.frames, own.names) == (25.0, 50, POINTS), name
            seen = own.confidence > 0.5
            np.testing.assert_allclose(own.points[seen], points[seen], atol=0.01)
            assert seen[:10].all()
            assert seen[10:14].any() == (name != "holes.json")
        assert [word.text for word in clips["list.json"].words] == ["hello"]

    def test_what_is_broken(self, tmp_path):
        with pytest.raises(UserError, match=r"holds no \.json files"):
            list(read_points("keypoints", tmp_path))
        whole = whole_body(person_points(2.0, seed=1))
        broken = {
            "text": "no json",
            "number": "3",
            "other": '{"a": 1}',
            "few": json.dumps(mmpose(whole[:, :17])),
            "empty": "[]",
            "silent": json.dumps(mmpose(whole)),
            "fast": json.dumps(mmpose(whole[:9])),
            "rate": json.dumps({"fps": -1, "instance_info": mmpose(whole)}),
        }
        for name, text in broken.items():
            (tmp_path / f"{name}.json").write_text(text)
            if name != "silent":
                write_wav(tmp_path / f"{name}.wav", voice(2.0, seed=1)[0])
        reasons = {name[:-5]: own.reason for name, own in by_id(read_points("keypoints", tmp_path)).items()}
        assert set(reasons) == set(broken)
        assert "is no JSON" in reasons["text"]
        for name in ("number", "other", "rate", "few"):
            assert "not laid out as MMPose or OpenPose write it" in reasons[name], name
        assert "must have 133 points" in reasons["few"]
        assert "holds no frames" in reasons["empty"]
        assert "no sound of the same name" in reasons["silent"]
        assert "no usual frame rate fits" in reasons["fast"]

    def test_files_of_points(self, tmp_path):
        points = person_points(1.0, seed=1).astype(np.float64).round(2)
        own = Keypoints(POINTS, parents(POINTS), 30.0, points, {"centre": [1.0, 2.0], "shoulder_width": 9.0})
        back = load_keypoints(own.save(tmp_path / "a.keypoints.json"))
        assert (back.names, back.parents, back.fps, back.camera) == (POINTS, own.parents, 30.0, own.camera)
        np.testing.assert_array_equal(back.points, points)
        with pytest.raises(UserError, match=r"go into \.json files; got .*a\.bvh, name a \.json file"):
            own.save(tmp_path / "a.bvh")


def _openpose_body(points: np.ndarray) -> np.ndarray:
    result = np.zeros((25, 2), dtype=np.float32)
    result[[5, 6, 7, 2, 3, 4]] = points[:6]
    return result


class TestStores:
    def test_points(self, tmp_path):
        folder = write_keypoints(tmp_path / "films", seconds=2.0)
        report = prepare([("keypoints", folder)], tmp_path / "store", quiet=True)
        assert (report.clips, report.pairs) == (4, 4)
        dataset = GestureDataset(tmp_path / "store")
        assert dataset.header["space"] == {"name": "points", "parts": {"body": [0, 96], "face": [96, 232]}}
        item = dataset.select(kind="pair")[0]
        (truth,) = [normalized(c) for c in read_points("keypoints", folder, quiet=True) if c.id == item.id]
        np.testing.assert_allclose(dataset.motion(item), truth.body, atol=3e-4)
        np.testing.assert_allclose(dataset.motion(item, 5, 9, modality="face"), truth.face[5:9], atol=3e-4)
        assert item.info["place"] == [truth.shoulder_frame.x, truth.shoulder_frame.y, truth.shoulder_frame.width]
        assert dataset.features(item).any()
        for use in ("a gesture library", "evaluating"):
            with pytest.raises(UserError, match=f"points in a picture; {use} needs bodies"):
                dataset.need_bodies(use)

    def test_faces_of_beat2(self, tmp_path):
        folder = write_beat2(tmp_path / "beat2", clips=1, seconds=2.0)
        for name in ("smplx", "body"):
            prepare([("beat2", folder)], tmp_path / name, representation=name, quiet=True)
        faced, plain = GestureDataset(tmp_path / "smplx"), GestureDataset(tmp_path / "body")
        assert "space" not in plain.header
        assert faced.fingerprint != plain.fingerprint
        for a, b in zip(faced, plain, strict=True):
            assert faced.motion(a).tobytes() == plain.motion(b).tobytes()  # the body is the same, to the bit
            truth = np.load(folder / f"{a.id}.npz")["expressions"]
            face = faced.motion(a, modality="face")
            np.testing.assert_allclose(face[:, :100], truth, atol=3e-4)
            assert np.ptp(face[:, 100:], axis=0).max() > 0.05
        with pytest.raises(UserError, match="no modality 'face' in the representation 'body'"):
            plain.motion(plain.items[0], modality="face")

    def test_the_real_face(self, tmp_path):
        source = shared_file("beat2/2_scott_0_1_1.npz")
        prepare([("beat2", source.parent)], tmp_path / "store", representation="smplx", quiet=True)
        dataset = GestureDataset(tmp_path / "store")
        (item,) = (item for item in dataset.samples if item.id.endswith(source.stem))
        truth = np.load(source)["expressions"][: item.frames]
        np.testing.assert_allclose(dataset.motion(item, modality="face")[:, :100], truth, atol=3e-4)

    def test_what_does_not_go_together(self, tmp_path):
        films, out = write_keypoints(tmp_path / "films", people=1, clips=1, seconds=1.5), tmp_path / "store"
        for corpora, name, message in (
            ([("keypoints", films), ("beat2", films)], None, "keypoints has points in a picture and beat2 bodies"),
            ([("keypoints", films)], "smplx", "keypoints goes into a dataset of points; got the repr.* 'smplx'"),
            ([("beat2", films)], "points", "beat2 goes into a dataset of body or smplx; got the repr.* 'points'"),
            ([("beat2", films)], "clouds", "unknown representation 'clouds'; known: body, smplx, points"),
        ):
            with pytest.raises(UserError, match=message):
                prepare(corpora, out, representation=name, quiet=True)
        (tmp_path / "voices").mkdir()
        write_wav(tmp_path / "voices" / "only.wav", voice(3.0, seed=1)[0])
        with pytest.raises(UserError, match="pairs are made for bodies without a face only"):
            prepare([("speech", tmp_path / "voices")], out, representation="smplx", quiet=True)
