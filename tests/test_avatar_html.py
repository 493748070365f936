"""The HTML player: what the file holds, that it holds nothing else, and that a browser plays it."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from cospeech.avatar.body import load_body
from cospeech.avatar.page import bundle, write_html
from cospeech.avatar.player.packing import INFLUENCES, MORPH_STEP, POSITION_STEP, encode_sound
from cospeech.avatar.skinning import dense_weights
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix, geodesic
from cospeech.motion.motion import Motion
from cospeech.motion.phases import phases as find_phases
from cospeech.motion.skeleton import CANONICAL_NAMES, canonical_skeleton
from cospeech.speech.speech import Speech, Word

NASTY = '</script><script>alert("1")</script><!-- & {{META}} \u2028 ü'
PLAYER_CHECK = Path(__file__).parents[1] / "scripts" / "player_check.mjs"


def wave(seconds: float = 2.0, *, face: bool = True, seed: int = 0) -> Motion:
    """A right hand that waves, with some life in all other joints."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * 30)
    t = np.arange(frames)[:, None, None] / 30
    phase, pace = rng.uniform(0, 6, (55, 3)), rng.uniform(0.5, 2.0, (55, 3))
    turns = 0.05 * np.sin(phase + pace * t)
    names = CANONICAL_NAMES
    turns[:, names.index("left_shoulder"), 2] -= 1.2
    turns[:, names.index("right_elbow"), 2] -= 1.8 + 0.3 * np.sin(11 * t[:, 0, 0])
    turns[:, names.index("pelvis"), 1] += 3.0 + 0.5 * np.sin(t[:, 0, 0])  # across the half turn and back
    weights = np.zeros((frames, 52), np.float32)
    weights[:, 17] = 0.5 + 0.5 * np.sin(7 * t[:, 0, 0])
    weights[:, 0] = 1.0
    place = np.tile(canonical_skeleton().offsets[0], (frames, 1)) + 0.01 * np.sin(t[:, 0])
    return Motion(canonical_skeleton(), 30, axis_angle_to_matrix(turns), place, weights if face else None)


def talk(seconds: float = 2.0, *, rate: int = 16_000, words: tuple[Word, ...] | None = None) -> Speech:
    """A voice-like tone in syllables."""
    t = np.arange(round(seconds * rate)) / rate
    samples = 0.5 * np.sin(2 * np.pi * 150 * t) * np.sin(2 * np.pi * 2 * t) ** 2
    if words is None:
        words = (Word("hello", 0.1, 0.4), Word("world", 0.5, 0.9))
    return Speech(samples.astype(np.float32), rate, words, speaker="Ann", emotion="joy")


def block(page: str, name: str) -> str:
    """The text of one data block of a page."""
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.S)
    assert found
    return found[1]


def unpack(page: str, name: str, part: str) -> dict[str, np.ndarray]:
    """The arrays of a packed block, read as codec.js reads them."""
    layout = json.loads(block(page, "meta"))[part]["data"]
    raw = np.frombuffer(zlib.decompress(base64.b64decode(block(page, name))), np.uint8).astype(np.int64)
    assert len(raw) == layout["size"]
    arrays = {}
    for key, at in layout["arrays"].items():
        shape, bits = (at["channels"], at["count"]), 8 * at["width"]
        total = shape[0] * shape[1]
        planes = raw[at["offset"] : at["offset"] + total * at["width"]].reshape(at["width"], total)
        zigzag = sum(plane << 8 * i for i, plane in enumerate(planes))
        values = ((zigzag >> 1) ^ -(zigzag & 1)).reshape(shape)
        for _ in range(at["order"]):
            values = np.cumsum(values, axis=1)
        half = 1 << bits - 1 if at["signed"] else 0
        arrays[key] = (values + half) % (1 << bits) - half
    return arrays


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("html") / "talk.html"
    speech = talk(words=(Word(NASTY, 0.1, 0.5), Word("world", 0.6, 1.1)))
    assert write_html(wave(), path, speech=speech, phases=find_phases(wave()), title=NASTY) == path
    return path.read_text(encoding="utf-8")


def test_self_contained(page: str) -> None:
    without_data = re.sub(r'(id="(?:body|motion|audio)Data">)[^<]*', r"\1", page)
    assert not re.search(r"(?:https?|wss?|ftp):|//\w+\.\w", without_data)
    assert not re.search(r"<(?:link|iframe|img|object|embed)\b|<script[^>]*\bsrc|@import|url\(", without_data)
    assert "default-src 'none'" in page
    assert set(re.findall(r"\{\{\w+\}\}", page)) == {"{{META}}"}  # of the nasty words, not filled in


def test_user_text_cannot_become_markup(page: str) -> None:
    assert "alert" in page
    assert "<script>alert" not in page
    assert page.count("</script>") == page.count("<script") == 6
    meta = json.loads(block(page, "meta"))
    assert meta["title"] == NASTY
    assert meta["timeline"]["words"][0] == {"text": NASTY, "start": 0.1, "end": 0.5}
    assert "<" not in block(page, "meta")


def test_policy_names_the_script_and_style_of_the_page(page: str) -> None:
    import hashlib

    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    script = page[page.rindex("<script>") + 8 : page.rindex("</script>")]
    for source in (script, page.split("style>")[1][:-2]):
        assert base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() in policy[1]


def test_motion_comes_back(page: str) -> None:
    motion = wave()
    meta, arrays = json.loads(block(page, "meta")), unpack(page, "motionData", "motion")
    steps = meta["motion"]["steps"]
    vectors = (arrays["rotations"] * steps["rotation"]).T.reshape(motion.frames, 55, 3)
    angles = np.degrees(geodesic(axis_angle_to_matrix(vectors), motion.rotations.astype(np.float64)))
    assert angles.max() < 0.02
    np.testing.assert_allclose(arrays["translation"].T * steps["translation"], motion.translation, atol=3e-5)
    assert meta["motion"]["faceShapes"] == [0, 17]
    assert motion.face is not None
    np.testing.assert_allclose(arrays["face"].T / 255, motion.face[:, [0, 17]], atol=0.002)
    assert (meta["fps"], meta["frames"], meta["joints"]) == (30, 60, list(CANONICAL_NAMES))
    assert meta["facts"] == ["Ann", "joy"]
    assert meta["stool"] is None


def test_body_comes_back(page: str) -> None:
    body = load_body(0)
    meta, arrays = json.loads(block(page, "meta"))["body"], unpack(page, "bodyData", "body")
    vertices = arrays["position"].T * POSITION_STEP + meta["middle"]
    # Vertices were reordered; the shapes of the triangles were not.
    np.testing.assert_allclose(vertices[arrays["triangles"].T], body.vertices[body.triangles], atol=3e-5)
    colours = arrays["colour"].T[arrays["triangles"].T] / 255
    np.testing.assert_allclose(colours, body.colours[body.triangles], atol=0.003)
    weights = arrays["weights"].T
    assert (weights.sum(1) == 255).all()
    dense = dense_weights(body.joints, body.weights, body.vertices, body.joint_positions)
    packed = np.zeros_like(dense)
    np.add.at(packed, (np.arange(len(packed))[:, None], arrays["joints"].T), weights / np.float32(255))
    np.testing.assert_allclose(packed[arrays["triangles"].T], dense[body.triangles], atol=0.02)
    assert arrays["joints"].shape[0] == INFLUENCES
    # Only the two shapes that move are there, and all they move stands first.
    counts = np.array(meta["morphCounts"])
    assert np.flatnonzero(counts).tolist() == [0, 17]
    assert arrays["morphIndex"].max() < meta["faceVertices"] <= len(body)
    blink = body.morphs.deltas[body.morphs.names.index("eyeBlinkLeft")]
    np.testing.assert_allclose(arrays["morphDelta"].T[: counts[0]] * MORPH_STEP, blink, atol=MORPH_STEP)


def test_timeline(page: str) -> None:
    rows = json.loads(block(page, "meta"))["timeline"]["phases"]
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    assert max(row["strength"] for row in rows if row["kind"] == "stroke") == 1.0
    assert len(unpack(page, "motionData", "motion")["peaks"][0]) == 200


def test_sound_keeps_its_length() -> None:
    import soundfile

    data, kind = encode_sound(talk(3.0))
    assert kind == "audio/mp4"
    assert len(data) < 3.0 * 8000
    data, kind = encode_sound(talk(1.0, rate=20_000))  # AAC knows no such rate
    assert kind == "audio/wav"
    assert soundfile.info(io.BytesIO(data)).frames == 20_000


def test_without_speech(tmp_path: Path) -> None:
    page = write_html(wave(face=False), tmp_path / "a b.html").read_text(encoding="utf-8")
    meta = json.loads(block(page, "meta"))
    assert meta["audio"] is None
    assert meta["timeline"]["words"] == meta["timeline"]["phases"] == []
    assert meta["title"] == "a b"
    assert block(page, "audioData") == ""
    assert unpack(page, "bodyData", "body")["morphIndex"].size == 0


def test_speech_without_words_and_phases_as_tuples(tmp_path: Path) -> None:
    rows = [(0.5, 1.0, "stroke", "right", 2.0), (0.0, 0.5, "preparation", "both", 1.0)]
    path = write_html(wave(), tmp_path / "a.html", speech=talk(words=()), phases=rows)
    timeline = json.loads(block(path.read_text(encoding="utf-8"), "meta"))["timeline"]
    assert timeline["words"] == []
    names = ("start", "end", "kind", "side", "strength")
    assert timeline["phases"][1] == dict(zip(names, (0.5, 1.0, "stroke", "right", 1.0), strict=True))


def test_seated_speaker_gets_a_stool(tmp_path: Path) -> None:
    from cospeech.motion.procedural.posture import seat

    motion = wave(0.5, face=False)
    motion.rotations[:, 0] = np.eye(3)
    page = write_html(seat(motion), tmp_path / "s.html").read_text(encoding="utf-8")
    assert 0.25 < json.loads(block(page, "meta"))["stool"]["height"] < 0.5


def test_size_of_a_long_motion(tmp_path: Path) -> None:
    sizes = [write_html(wave(s), tmp_path / "l.html", speech=talk(s)).stat().st_size / 1e6 for s in (1, 61)]
    assert sizes[0] < 1.5
    assert sizes[1] - sizes[0] < 1.0  # MB a minute


def test_same_input_same_file(tmp_path: Path) -> None:
    first, second = (write_html(wave(), tmp_path / f"{i}.html", speech=talk(), title="t") for i in (0, 1))
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no frames"):
        write_html(wave()[:0], tmp_path / "a.html")
    with pytest.raises(UserError, match=r"'jump'.*preparation"):
        write_html(wave(), tmp_path / "a.html", phases=[(0, 1, "jump", "left", 1.0)])
    with pytest.raises(UserError, match="level 7"):
        write_html(wave(), tmp_path / "a.html", level=7)
    with pytest.raises(UserError, match="does not exist"):
        write_html(wave(), tmp_path / "none" / "a.html")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------- with Node and a browser


def node(code: str) -> str:
    program = shutil.which("node")
    if program is None:
        pytest.skip("no Node.js on this machine")
    done = subprocess.run([program, "-"], input=code, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def module(name: str) -> str:
    """A module of the player as plain statements, without what it imports."""
    import cospeech.avatar

    text = (Path(cospeech.avatar.__file__).parent / "player" / name).read_text(encoding="utf-8")
    return re.sub(r"^export ", "", re.sub(r"^import .*\n", "", text, flags=re.M), flags=re.M)


def test_script_parses() -> None:
    assert "</script" not in bundle().lower()
    assert "<!--" not in bundle()
    node(f"new Function({json.dumps(bundle())})")


@pytest.mark.parametrize("level", [0, 1, 9])
def test_own_inflate(level: int) -> None:
    rng = np.random.default_rng(0)
    data = bytes(rng.integers(0, 20, 70_000, dtype=np.uint8)) + b"abc" * 9000 + bytes(rng.bytes(5000))
    code = f"""{module("inflate.js")}
    const packed = Buffer.from("{base64.b64encode(zlib.compress(data, level)).decode()}", "base64");
    process.stdout.write(Buffer.from(inflate(packed, {len(data)})).toString("base64"));"""
    assert base64.b64decode(node(code)) == data


def test_pose_in_the_page_is_the_pose_of_the_motion(page: str) -> None:
    """Joints and skinning transforms that the page computes, against kinematics.py and skinning.py."""
    from cospeech.avatar.skinning import joint_transforms

    motion = wave()
    meta = json.loads(block(page, "meta"))
    arrays = {name: values.ravel().tolist() for name, values in unpack(page, "motionData", "motion").items()}
    parts = ("shoulder", "elbow", "wrist")
    arms = [[CANONICAL_NAMES.index(f"{side}_{part}") for part in parts] for side in ("left", "right")]
    code = f"""{module("math.js")}{module("animation.js")}{module("skinning.js")}
    const meta = {json.dumps({**meta, **meta["motion"], "data": None})};
    const animation = new Animation(meta, {json.dumps(arrays)});
    const skinning = new Skinning(animation, {json.dumps(arms)});
    animation.sample(41 / 30);
    process.stdout.write(JSON.stringify([Array.from(animation.positions), Array.from(skinning.update())]));"""
    positions, rows = (np.array(values) for values in json.loads(node(code)))
    np.testing.assert_allclose(positions.reshape(55, 3), motion.positions[41], atol=4e-4)
    rest = load_body(0).joint_positions
    expected = joint_transforms(motion.rotations[41:42], motion.translation[41:42], rest)[0]
    np.testing.assert_allclose(rows.reshape(-1, 3, 4)[:63], expected, atol=1e-3)
    np.testing.assert_array_equal(rows.reshape(-1, 3, 4)[63], np.eye(4)[:3])


CLOCK = """
let now = 0;
globalThis.performance = { now: () => now };
class Sound extends EventTarget { // starts 120 ms late, tells its time in steps, ends after `seconds`
  constructor(step, seconds) {
    super();
    Object.assign(this, { step, seconds, true_: 0, paused: true, ended: false });
  }
  get currentTime() { return Math.floor(this.true_ / this.step) * this.step; }
  set currentTime(t) { this.true_ = t; this.ended = false; }
  play() { this.paused = false; this.wait = 120; return Promise.resolve(); }
  pause() { this.paused = true; }
  run(ms) {
    if (this.paused) return;
    this.wait -= ms;
    if (this.wait > 0) return;
    this.true_ = Math.min(this.true_ + ms / 1000 * this.playbackRate * 1.0005, this.seconds); // own quartz
    if (this.true_ < this.seconds) return;
    this.paused = this.ended = true;
    this.dispatchEvent(new Event("ended"));
  }
}
const play = (step, seconds, duration, rate, frameMs, milliseconds) => {
  const sound = new Sound(step, seconds);
  const clock = new Clock(sound, seconds, duration);
  clock.setRate(rate);
  clock.play();
  let before = 0, back = 0, gaps = [], last = now;
  for (const end = now + milliseconds; now < end; ) {
    now += 1;
    sound.run(1);
    if (now - last < frameMs) continue;
    last = now;
    const time = clock.tick(now);
    if (time < before) back++;
    before = time;
    if (time > 0.5 && !sound.ended) gaps.push(Math.abs(time - sound.true_));
  }
  const { time, playing } = clock;
  return { back, most: Math.max(...gaps), last: gaps[gaps.length - 1], time, playing };
};
"""


@pytest.mark.parametrize(
    ("step", "rate", "frame_ms"), [(0.001, 1, 16), (0.04, 1, 7), (0.04, 2, 33), (0.001, 0.25, 200)]
)
def test_clock_follows_the_sound(step: float, rate: float, frame_ms: int) -> None:
    code = f"{module('math.js')}{module('clock.js')}{CLOCK}"
    code += f"process.stdout.write(JSON.stringify(play({step}, 100, 100, {rate}, {frame_ms}, 15000)));"
    result = json.loads(node(code))
    assert result["back"] == 0
    # A sound that tells its time in steps of 40 ms is known to half a step.
    assert result["most"] < 1 / 30 + step
    assert result["last"] < 1 / 30


def test_clock_outlives_the_sound() -> None:
    code = f"{module('math.js')}{module('clock.js')}{CLOCK}"
    code += "const run = (ms) => play(0.001, 2, 4, 1, 16, ms);"
    code += "process.stdout.write(JSON.stringify([run(3000), run(6000)]));"
    during, after = json.loads(node(code))
    assert during["playing"]
    assert 2.7 < during["time"] < 2.95
    assert (after["playing"], after["time"]) == (False, 4)


@pytest.mark.slow
def test_in_a_browser(tmp_path: Path) -> None:
    """Plays four seconds in headless Chromium; set PLAYWRIGHT_DIR to where playwright-core is installed."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    folder = os.environ.get("PLAYWRIGHT_DIR", "")
    if not (chromium and shutil.which("node") and Path(folder, "node_modules", "playwright-core").is_dir()):
        pytest.skip("needs chromium, node and playwright-core (PLAYWRIGHT_DIR)")
    rows = find_phases(wave(5))
    path = write_html(wave(5), tmp_path / "talk.html", speech=talk(5), phases=rows, title=NASTY)
    command = ["node", PLAYER_CHECK, path, "--playwright", folder, "--chromium", chromium, "--seconds", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["requests"] == []
    assert result["renderer"] == "webgl2"
    assert result["duration"] == pytest.approx(5, abs=0.05)
    assert result["play"]["backwards"] == 0
    assert result["play"]["framesFromSound"]["median"] < 1
