"""``Motion`` and ``Speech`` show themselves in a notebook."""

from __future__ import annotations

import base64
import html
import io
import re
import wave

import numpy as np

from cospeech import Motion, Skeleton, Speech, Word
from cospeech.motion.retarget import to_rig
from format_data import canonical_motion


def test_motion_is_a_player_in_a_frame():
    shown = canonical_motion(6)._repr_html_()
    page = html.unescape(re.fullmatch(r'<iframe srcdoc="([^"]*)" [^>]*></iframe>', shown)[1])
    assert page.startswith("<!")
    assert "0.2 s of motion" in page
    assert "WebGL2" in page or "webgl2" in page


def test_motion_of_another_rig_is_shown_on_the_avatar():
    assert "<iframe" in to_rig(canonical_motion(6), "mixamo")._repr_html_()


def test_what_cannot_be_drawn_is_left_to_the_plain_text():
    skeleton = Skeleton(("a", "b"), (-1, 0), np.zeros((2, 3)))
    unknown = Motion(skeleton, 30.0, np.tile(np.eye(3), (4, 2, 1, 1)), np.zeros((4, 3)))
    assert unknown._repr_html_() is None
    assert canonical_motion(6)[:0]._repr_html_() is None


def test_speech_is_a_table_with_its_sound():
    samples = np.sin(np.arange(8000) / 20).astype(np.float32)
    words = (Word("you & me", 0.0, 0.2), Word("<b>", 0.2, 0.4))
    shown = Speech(samples, 16000, words=words, speaker="ann", emotion="anger")._repr_html_()
    for fact in ("0.50 s", "16000 Hz", "ann", "anger", "2: you &amp; me &lt;b&gt;"):
        assert f"<td>{fact}</td>" in shown
    data = re.search(r'src="data:audio/wav;base64,([^"]+)"', shown)[1]
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert file.getframerate() == 16000
        played = np.frombuffer(file.readframes(-1), "<i2") / 32767
    np.testing.assert_allclose(played, samples, atol=1e-4)


def test_long_speech_carries_no_sound():
    shown = Speech(np.zeros(61 * 8000, dtype=np.float32), 8000)._repr_html_()
    assert "61.00 s" in shown
    assert "<audio" not in shown
    assert "speaker" not in shown
