"""Does motion keep time with speech: beat scores as published, and strokes against accents.

The published scores ask whether some motion beat (a minimum of speed) is near every onset of the voice.
A body that trembles has minima everywhere and scores high, so the score of real motion is the mark, not
the largest number, and two scores compare only when onsets, rate, joints, sigma and threshold are the
same. ``StrokeAccent`` asks the question the other way round, against chance.

Times are seconds from the start of the clip. A clip without onsets cannot be measured: it is left out
and counted. What the public code does otherwise stands behind ``compat``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.errors import UserError
from ..core.rotation import matrix_to_6d
from ..core.timing import FPS
from ..motion.kinematics import speed
from ..motion.motion import Motion
from ..motion.phases import strokes
from ..motion.skeleton import UPPER_BODY
from ..speech.features import LAYOUT, speech_features
from .base import DEFAULT, Bootstrap, Label, MeanMetric, Sums, Value, clip_rng
from .inputs import Body, check_rate, finite, points
from .liveliness import stroke_to_accent

ONSET_FLOOR = 0.3  # spectral flux from which a peak is an onset; a clear syllable has about 1
EMOTIONGESTURE_CLOCK = 16_000 / 22_050  # its onsets' times: frames of 16 kHz sound read as of 22,050 Hz


def onsets(speech: np.ndarray) -> np.ndarray:
    """Onsets of a voice: times [K] in seconds, rising, at least 0.1 s apart.

    The largest spectral flux of five frames, if it is at least 0.3, of the package's own features. The
    published scores use librosa's detector instead, which finds other onsets; numbers compare only
    where the detector is the same. All metrics here take times from anywhere. [D]

    Args:
        speech: features [T, 48], or samples [N] (mono, 16 kHz).
    """
    features = speech_features(speech) if speech.ndim == 1 else speech
    flux = LAYOUT.get(features, "onset").astype(np.float64)
    near = sliding_window_view(np.pad(flux, 2, constant_values=-1.0), 5)
    first = near[:, :2].max(axis=1) < flux  # of equal neighbours the first is the onset
    return np.flatnonzero(first & (near.max(axis=1) <= flux) & (flux >= ONSET_FLOOR)) / FPS


def local_minima(values: np.ndarray, order: int) -> np.ndarray:
    """Indices of [T] that are smaller than each of ``order`` neighbours on either side; ends have fewer."""
    index = np.arange(len(values))
    low = np.ones(len(values), dtype=bool)
    for step in range(1, order + 1):
        low &= values < values[np.minimum(index + step, len(values) - 1)]
        low &= values < values[np.maximum(index - step, 0)]
    return np.flatnonzero(low)


def beat_score(beats: np.ndarray, onset_times: np.ndarray, sigma: float) -> float:
    """Mean over onsets of exp(-d^2 / 2 sigma^2), d the distance to the nearest beat; 0 without beats."""
    if not len(beats):
        return 0.0
    order = np.sort(beats)
    place = np.searchsorted(order, onset_times)
    left = np.abs(onset_times - order[np.maximum(place - 1, 0)])
    right = np.abs(onset_times - order[np.minimum(place, len(order) - 1)])
    return float(np.exp(-(np.minimum(left, right) ** 2) / (2 * sigma**2)).mean())


def mean_speeds(motions: Iterable[Motion]) -> np.ndarray:
    """[J] metres a second: every joint's mean speed over a data set, by which BC divides."""
    total, frames = np.zeros(0), 0
    for motion in motions:
        pace = speed(points(motion, clip="of the data set"), motion.fps)
        if frames and pace.shape[1] != len(total):
            raise UserError(f"motions of {len(total)} and {pace.shape[1]} joints have no common mean speeds")
        total = pace.sum(axis=0) + (total if frames else 0.0)
        frames += len(pace)
    if not frames:
        raise UserError("no motion to take mean speeds from; give the real motions of the data set")
    result: np.ndarray = total / frames
    return result


class BeatConstancy(MeanMetric):
    """BC as BEAT2 has it: minima of each upper-body joint's speed, met by the onsets of the voice.

    Speeds are divided by the joint's mean over the data set; minima of order 7 whose speed is above the
    threshold are beats; 60 frames at either end are skipped; a clip's score is the mean over joints of
    ``beat_score`` (0 for a joint without beats); clips weigh by their frames. The threshold is 0.3 in
    the release of 2024 and 0.10 in the later evaluation package: the two differ, so it is in the name.

    With ``compat`` as in both public versions: minima are counted from the first frame kept but looked
    up in the speeds from the first frame of all, so that the threshold tests a frame 60 too early.

    Args:
        mean_speed: [J] metres a second, from ``mean_speeds`` of the real motions of the data set.
        joints: indices of the joints; SMPL-X numbers by default, as those of the canonical skeleton.
        skip: frames left out at either end; shorter clips are left out altogether.
    """

    def __init__(
        self,
        mean_speed: np.ndarray,
        *,
        threshold: float = 0.3,
        sigma: float = 0.3,
        order: int = 7,
        skip: int = 60,
        joints: tuple[int, ...] = UPPER_BODY,
        fps: float = FPS,
        compat: bool = False,
        bootstrap: Bootstrap = DEFAULT,
    ) -> None:
        self.mean_speed = finite(mean_speed, clip="the data set", what="mean speeds")
        if self.mean_speed.ndim != 1 or not (self.mean_speed[list(joints)] > 0).all():
            raise UserError(
                "mean speeds must be [J] and above 0 for every joint measured; take them from mean_speeds "
                "and leave out joints that never move"
            )
        self.threshold, self.sigma, self.order, self.skip = threshold, sigma, order, skip
        self.joints, self.fps, self.compat = list(joints), fps, compat
        convention = (
            f"{len(joints)} joints, minima of order {order} above {threshold:g} of the mean speed, sigma "
            f"{sigma:g} s, {skip} frames skipped at each end, {fps:g} frames a second; papers say higher"
        )
        label = Label(f"bc_threshold{threshold:g}_sigma{sigma:g}", "1", "frames", convention, "real")
        difference = "; threshold tested on uncropped speeds, as in public code"
        super().__init__(label.as_in_public_code(compat, difference), bootstrap)

    def update(self, motion: Motion, onset_times: np.ndarray, *, clip: str) -> None:
        """Take a clip and the onsets of its voice, [K] seconds.

        Raises:
            UserError: another rate, or another number of joints than mean speeds.
        """
        check_rate(motion, self.fps, clip=clip)
        if len(motion.skeleton) != len(self.mean_speed):
            raise UserError(
                f"clip {clip!r}: the skeleton has {len(motion.skeleton)} joints, the mean speeds "
                f"{len(self.mean_speed)}; take both from one skeleton"
            )
        kept = len(motion) - 2 * self.skip
        onsets = _times(onset_times, clip) - self.skip / self.fps
        onsets = onsets[(onsets >= 0) & (onsets < kept / self.fps)]
        if kept < 1 or not len(onsets):
            self.left_out += 1
            return
        pace = speed(points(motion, clip=clip), motion.fps) / self.mean_speed.clip(1e-12)
        scores = []
        for joint in self.joints:
            inner = pace[self.skip : self.skip + kept, joint]
            low = local_minima(inner, self.order)
            tested = pace[low, joint] if self.compat else inner[low]
            scores.append(beat_score(low[tested > self.threshold] / self.fps, onsets, self.sigma))
        self.add(kept * float(np.mean(scores)), kept, clip=clip)


class BeatAlignment(MeanMetric):
    """BAS as Bailando has it: minima of the whole body's speed, met by the onsets of the voice.

    The mean over points of the way from frame to frame is smoothed by a Gaussian (5 frames) and every
    minimum of it is a beat; ``beat_score`` with a sigma of 3 frames; the mean over clips. Sigma in
    seconds, 3 / fps, is in the name: at 60 frames a second (Bailando), 30 and 25 (PATS) it is another
    score. Takes motions, or points [T, K, D] such as 2D keypoints.
    """

    def __init__(
        self, *, fps: float = FPS, sigma_frames: float = 3.0, smooth_frames: float = 5.0, bootstrap: Bootstrap = DEFAULT
    ) -> None:
        self.fps, self.smooth, self.sigma = fps, smooth_frames, sigma_frames / fps
        label = Label(
            f"bas_sigma{self.sigma:.3g}",
            "1",
            "clips",
            f"minima of mean speed smoothed over {smooth_frames:g} frames, sigma {self.sigma:.3g} s, "
            f"{fps:g} frames a second; papers say higher",
            "real",
        )
        super().__init__(label, bootstrap)

    def update(self, body: Body, onset_times: np.ndarray, *, clip: str) -> None:
        """Take a clip and the onsets of its voice, [K] seconds."""
        place = points(body, clip=clip, fps=self.fps)
        onsets = _times(onset_times, clip)
        onsets = onsets[(onsets >= 0) & (onsets < len(place) / self.fps)]
        if len(place) < 4 or not len(onsets):
            self.left_out += 1
            return
        pace = np.linalg.norm(np.diff(place, axis=0), axis=-1).mean(axis=1)
        beats = local_minima(gaussian_smooth(pace, self.smooth), 1) / self.fps
        self.add(beat_score(beats, onsets, self.sigma), 1, clip=clip)


class EmotionGestureBeats(MeanMetric):
    """Beat score as EmotionGesture has it: minima of the right wrist's turning, met by onsets.

    The size of the change of its 6D rotation from frame to frame, at 15 frames a second; minima of
    order 2; sigma 0.3 s (these two as in BEAT's code of 2022, the parent; its own settings could not be
    read); the mean over clips.

    With ``compat`` onsets stand where its public code puts them: frames of 16 kHz sound are converted
    at 22,050 Hz, so all times are multiplied by 0.726 and the end of a clip has no onsets.
    """

    def __init__(
        self,
        *,
        fps: float = 15.0,
        sigma: float = 0.3,
        order: int = 2,
        joint: str = "right_wrist",
        compat: bool = False,
        bootstrap: Bootstrap = DEFAULT,
    ) -> None:
        self.fps, self.sigma, self.order, self.joint, self.compat = fps, sigma, order, joint, compat
        convention = f"{joint}, 6D rotation, minima of order {order}, sigma {sigma:g} s, {fps:g} frames a second"
        label = Label(f"bc_emotiongesture_sigma{sigma:g}", "1", "clips", convention, "real")
        super().__init__(label.as_in_public_code(compat, "; onset times x 16000/22050, as in public code"), bootstrap)

    def update(self, motion: Motion, onset_times: np.ndarray, *, clip: str) -> None:
        """Take a clip and the (right) onsets of its voice, [K] seconds."""
        check_rate(motion, self.fps, clip=clip)
        onsets = _times(onset_times, clip)
        onsets = onsets[(onsets >= 0) & (onsets < motion.seconds)] * (EMOTIONGESTURE_CLOCK if self.compat else 1)
        if not len(onsets):
            self.left_out += 1
            return
        turned = matrix_to_6d(motion.rotations[:, motion.skeleton.index(self.joint)].astype(np.float64))
        pace = np.linalg.norm(np.diff(turned, axis=0), axis=-1)
        beats = local_minima(pace, self.order) / self.fps
        self.add(beat_score(beats, onsets, self.sigma), 1, clip=clip)


class StrokeAccent:
    """Are strokes nearer to accents of the voice than by chance? Ours. [D]

    The distance from every stroke to its nearest accent (``liveliness.stroke_to_accent``), and the same
    for as many strokes put anywhere into the same stretches of speech. Busy voices make every stroke
    near to some accent; the chance value takes that out, as it takes out how often a body strokes.

    Args:
        ratio: give mean distance / mean chance distance (1 is chance); else the distance in seconds,
            with the chance distance beside it.
        prominent: the accents that are given are the prominent ones (``speech.features.prominent_accents``), and the
            name says so.
        shuffles: strokes by chance for each real one.
    """

    def __init__(
        self, *, ratio: bool = True, prominent: bool = False, shuffles: int = 20, bootstrap: Bootstrap = DEFAULT
    ) -> None:
        self.ratio, self.shuffles = ratio, shuffles
        kind = "prominent_accent" if prominent else "accent"
        self.sums = Sums(4, bootstrap)
        self.left_out = 0
        self.label = Label(
            f"stroke_{kind}_ratio" if ratio else f"stroke_{kind}_distance",
            "1" if ratio else "s",
            "strokes",
            f"distance from strokes to the nearest {kind.replace('_', ' ')}"
            + (" over that of strokes by chance" if ratio else "")
            + f", strokes within speech, {shuffles} shuffles",
            "real",
        )

    def update(
        self, motion: Motion, accent_times: np.ndarray, spans: list[tuple[float, float]] | None = None, *, clip: str
    ) -> None:
        """Take a clip, accents [A] in seconds and stretches of speech (all of it if None).

        A clip without strokes within speech, or without accents, is left out.
        """
        rng = clip_rng(clip, self.sums.bootstrap.seed)
        gaps, chance = stroke_to_accent(motion, _times(accent_times, clip), spans, rng=rng, shuffles=self.shuffles)
        if not len(gaps):
            self.left_out += 1
            return
        self.sums.add([gaps.sum(), len(gaps), chance.sum(), len(chance)], clip=clip)

    def compute(self) -> Value:
        """The value over all clips so far. Raises UserError without any stroke."""
        if not self.sums.total[1]:
            raise self.label.nothing(self.left_out)
        by_chance = float(self.sums.total[2] / self.sums.total[3])
        if self.ratio:
            value, replicates = self.sums.figure(lambda s: (s[..., 0] / s[..., 1]) / (s[..., 2] / s[..., 3]))
        else:
            value, replicates = self.sums.figure(lambda s: s[..., 0] / s[..., 1])
        return self.label.value(
            value,
            count=int(self.sums.total[1]),
            clips=len(self.sums.clips),
            replicates=replicates,
            left_out=self.left_out,
            chance=1.0 if self.ratio else by_chance,
        )


@dataclass(frozen=True, eq=False)
class Histogram:
    """How offsets are spread."""

    edges: np.ndarray  # [B + 1] seconds
    shares: np.ndarray  # [B] of all offsets
    outside: float  # share beyond the edges
    count: int


def stroke_offsets(motion: Motion, accent_times: np.ndarray) -> np.ndarray:
    """[S] seconds from the nearest accent to each stroke: below 0 the stroke comes before the accent."""
    moments = np.array([stroke.time for stroke in strokes(motion)])
    if not len(moments) or not len(accent_times):
        return np.zeros(0)
    gaps = moments[:, None] - np.asarray(accent_times, dtype=np.float64)[None]
    nearest = np.abs(gaps).argmin(axis=1)
    offsets: np.ndarray = gaps[np.arange(len(gaps)), nearest]
    return offsets


def offset_histogram(offsets: np.ndarray, *, reach: float = 0.5, step: float = 0.05) -> Histogram:
    """Shares of offsets [S] in steps, from -reach to reach seconds. Raises UserError without offsets."""
    if not len(offsets):
        raise UserError("no offsets to count; give clips that have strokes and accents")
    bins = round(2 * reach / step)
    edges = np.linspace(-reach, reach, bins + 1)
    shares = np.histogram(offsets, edges)[0] / len(offsets)
    return Histogram(edges, shares, float(1 - shares.sum()), len(offsets))


def gaussian_smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """[T] smoothed by a Gaussian cut at four sigma, mirrored at the ends (as scipy.ndimage does)."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, radius, mode="symmetric")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _times(times: np.ndarray, clip: str) -> np.ndarray:
    return np.atleast_1d(finite(times, clip=clip, what="times"))
