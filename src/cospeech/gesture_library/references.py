"""A gesture library as the library of a method: a real gesture for each part of a speech.

ExGes, section "Motion retrieval". What the paper leaves open is ours [D]: segments of speech are found as
those of a library are; silence asks for nothing; the nearest keys are looked at once more frame by frame where
the library has keys of frames; and of what is near one is taken that begins where the last one ended, has the
liveliness that is asked for, was said with like words and does not repeat what was shown.

People do not show the same gesture twice within a minute (``metrics.repetition``). So a segment that was shown less
than ``WITHIN`` seconds ago is not proposed again as long as there is another one, and one that looks like it costs the
more the nearer it is: wrist paths are compared, in windows of 1.5 s, since keys tell nothing of that (of 7,260 pairs of
one speaker, the cosine of keys and the distance of paths correlate by -0.02).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS, seconds_to_frame
from ..methods.exges.references import Reference, fitted
from ..motion.codec import Codec
from ..motion.gestures.gesture import Gesture
from ..speech.cues.cue import GestureCue
from ..speech.layout import LAYOUT
from ..speech.speech import Word
from .embedder import Embedder, shipped_embedder
from .library import GestureLibrary, Hit
from .meaning import answered
from .repeats import Shown
from .sample import Filters
from .segments import loudness, segments, speech_breaks
from .semantics import classes
from .shards import Damaged

NEAREST = 48  # segments that are looked at more closely
SPOKEN = 0.15  # share of a slot that must be speech, else it asks for nothing
WORD = 0.15  # what a word of one class is worth, in cosine
JOIN = 0.15  # what a jump of one radian in the mean joint costs
LIVELY = 0.15  # what twice the speed that was asked for costs
VOICE_SHARE = 0.7  # share of a slot's liveliness that follows the voice, the rest is chance
USED = 0.3  # what it costs to come again later than that
REPEATED = 1.0  # what it costs to look exactly like what was shown
LENGTH = 0.1  # what half or twice the length of the slot costs
CLOSER = 12  # segments whose motion is looked at
CHANCE = 0.02  # deviation of the dice that make another take of another seed


BODY = Codec().slices["body"]


class LibraryReferences:
    """References out of a gesture library."""

    def __init__(self, library: GestureLibrary, embedder: Embedder | None = None) -> None:
        """Open a library.

        Args:
            embedder: what the library's keys were made with; the shipped model that did if None.
        Raises:
            UserError: the library was made with another embedder, or with none that is shipped.
        """
        self.library = library
        found = embedder or shipped_embedder(library.header.embedding)
        if found is None:
            raise UserError(
                f"{library.folder} was made with the embedding {library.header.embedding}, which is not shipped; "
                "name the model it was made with (--library-model)"
            )
        library.check_embedder(found)
        self.embedder = found
        self.name, self.folder = library.folder.name, library.folder

    def references(
        self,
        features: np.ndarray,
        words: tuple[Word, ...],
        *,
        speaker: str | None,
        emotion: str | None,
        liveliness: float,
        seed: int,
        rule: str,
    ) -> list[Reference]:
        """A gesture for each part of a speech [T, 48] that is spoken, in order of time.

        Args:
            words: of the speech, in seconds; none if they are not known.
            speaker, emotion: filters, which are left out where the library has nothing of both.
            liveliness: wanted hand speed over the usual one.
            rule: "best", or "random" (any segment that the filters let through, to compare with).
        """
        rng = np.random.default_rng([seed, 5])
        filters = self._filters(speaker, emotion)
        found: list[Reference] = []
        used: dict[str, int] = {}
        shown = Shown()
        slots = [
            (first, last)
            for first, last in segments(loudness(features), speech_breaks(features, words))
            if last - first >= self.embedder.shortest and LAYOUT.get(features[first:last], "speech").mean() >= SPOKEN
        ]
        speeds = liveliness * self._speeds(slots, features, filters, rng)
        for slot, speed in zip(slots, speeds, strict=True):
            said = [w.text for w in words if slot[0] <= seconds_to_frame((w.start + w.end) / 2) < slot[1]]
            shown.forget(slot[0])
            hits = self._hits(features[slot[0] : slot[1]], filters, rule, rng, shown)
            gains = [self._gain(h, said, slot, speed, used) + rng.normal(0, CHANCE) for h in hits]
            before = found[-1] if found and found[-1].slot[1] == slot[0] else None
            chosen = self._chosen(slot, hits, gains, said, before, shown)
            if chosen is not None:
                used[chosen.id] = used.get(chosen.id, 0) + 1
                shown.add(chosen.id, slot[1], fitted(chosen, 1)[0])
                found.append(chosen)
        return found

    def answered(
        self, cues: Sequence[GestureCue], words: Sequence[Word], features: np.ndarray
    ) -> tuple[list[GestureCue], list[Gesture]]:
        """Cues of which some name recorded segments that answer them better; and those segments (``meaning``)."""

        def key_of(time: float) -> np.ndarray | None:
            middle, half = seconds_to_frame(time), max(self.embedder.shortest, FPS) // 2 + 1
            part = features[max(0, middle - half) : middle + half]
            return self.embedder.speech(part) if len(part) >= self.embedder.shortest else None

        return answered(cues, words, self.library, key_of)

    def _chosen(
        self,
        slot: tuple[int, int],
        hits: list[Hit],
        gains: list[float],
        said: list[str],
        before: Reference | None,
        shown: Shown,
    ) -> Reference | None:
        """The best of the hits whose motion can be read; read are only the few that may win."""
        best: tuple[float, Reference] | None = None
        last = None if before is None else fitted(before, 1)[0][-1]
        read = 0
        for k in np.argsort(gains)[::-1].tolist():
            if read == CLOSER or (best is not None and gains[k] <= best[0]):
                break
            try:
                reference = self._reference(slot, hits[k], said)
            except Damaged as error:
                self.library.report(error)
                continue
            read += 1
            path = fitted(reference, 1)[0]
            gain = gains[k] - REPEATED * shown.likeness(path)
            if last is not None:
                gain -= JOIN * 4 * float(np.abs(path[0][BODY] - last[BODY]).mean())
            if best is None or gain > best[0]:
                best = (gain, reference)
        return None if best is None else best[1]

    def _filters(self, speaker: str | None, emotion: str | None) -> Filters:
        """As narrow as the library allows: speaker and emotion, else speaker, else emotion, else all."""
        known = speaker if speaker in self.library.speakers else None
        present = self.library.keys("gesture").present
        for own in (Filters(speaker=known, emotion=emotion), Filters(speaker=known), Filters(emotion=emotion)):
            allowed = self.library.allowed(own)
            if allowed is None or (allowed & present).any():
                return own
        return Filters()

    def _speeds(
        self, slots: list[tuple[int, int]], features: np.ndarray, filters: Filters, rng: np.random.Generator
    ) -> np.ndarray:
        """Hand speed that each slot asks for, metres a second: as calm and as lively as the library is.

        The slots share out the quantiles of what the filters let through, the livelier voice the livelier
        gesture. Were all slots to ask for the mean, nobody would ever hold still.
        """
        if not slots:
            return np.zeros(0)
        voiced = np.array([loudness(features[a:b]).mean() for a, b in slots])
        voice_rank = voiced.argsort().argsort() / len(slots)
        order = (VOICE_SHARE * voice_rank + (1 - VOICE_SHARE) * rng.random(len(slots))).argsort().argsort()
        speed, allowed = self.library.speeds, self.library.allowed(filters)
        quantiles: np.ndarray = np.quantile(speed if allowed is None else speed[allowed], (order + 0.5) / len(slots))
        return quantiles

    def _hits(self, part: np.ndarray, filters: Filters, rule: str, rng: np.random.Generator, shown: Shown) -> list[Hit]:
        """Hits that may come next (``Shown.fresh``)."""
        if rule == "random":
            present, allowed = self.library.keys("gesture").present, self.library.allowed(filters)
            rows = np.flatnonzero(present if allowed is None else present & allowed)
            drawn = self.library.samples(rng.permutation(rows)[: len(shown.ids) + 1].tolist())
            fresh = shown.fresh([one.id for one in drawn])
            return [Hit(1, 0.0, one) for one in drawn if one.id in fresh][:1]
        key = self.embedder.speech(part)
        hits = self.library.nearest(key, role="gesture", k=NEAREST + len(shown.ids), filters=filters)
        fresh = shown.fresh([hit.sample.id for hit in hits])
        hits = [hit for hit in hits if hit.sample.id in fresh][:NEAREST]
        return self.library.rerank(hits, self.embedder.speech_frames(part)) if self.library.has_frame_keys else hits

    def _gain(self, hit: Hit, said: list[str], slot: tuple[int, int], speed: float, used: dict[str, int]) -> float:
        """How good a hit is, but for how it joins."""
        entry = hit.sample
        gain = hit.score - USED * used.get(entry.id, 0)
        gain -= LIVELY * abs(float(np.log2((entry.expressiveness.speed + 0.02) / (speed + 0.02))))
        gain -= LENGTH * abs(float(np.log2((entry.last - entry.first) / (slot[1] - slot[0]))))
        if said and entry.words:
            gain += WORD * bool(set(classes(said)) & set(classes(w.text for w in entry.words)))
        return gain

    def _reference(self, slot: tuple[int, int], hit: Hit, said: list[str]) -> Reference:
        entry = hit.sample
        info: dict[str, Any] = {
            "speaker": entry.speaker,
            "emotion": entry.emotion,
            "kind": entry.kind,
            "recorded_from": round(entry.first / FPS, 3),
            "recorded_to": round(entry.last / FPS, 3),
            "words": entry.text,
            "said": " ".join(said) or None,
        }
        if said and entry.words:
            ours, theirs = classes(said), classes(w.text for w in entry.words)
            meant = sorted(set(ours) & set(theirs))
            if meant:
                info["meaning"] = {"class": meant[0], "word": ours[meant[0]], "theirs": theirs[meant[0]]}
        return Reference(slot, self.library.encoded(entry), entry.id, hit.score, info)
