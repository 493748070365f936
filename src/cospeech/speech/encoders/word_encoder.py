"""RoBERTa and other readers of text: a vector for every word, put onto the frames on which it is spoken.

Contextual Gesture reads RoBERTa [P]. That a word's vector is the mean of its sub-words', and how a long
transcript is cut, are decisions of ours [D].
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ...core.errors import UserError
from ..speech import Speech
from .frames import word_windows, words_at_frames
from .hub import check_layer, find, open_config, open_network, run, weights_mark
from .settings import EncoderSettings

LONGEST = 512  # tokens read at once, where the network names no limit


class WordEncoder:
    """A network that reads words (see ``settings.Encoder``).

    Words are read as they stand in the transcript, capitals, points and all, with the words around them:
    all of a recording's if they fit, else windows that overlap by half.
    """

    def __init__(self, settings: EncoderSettings, *, place: str | None = None, longest: int | None = None) -> None:
        """Open it.

        Args:
            settings: name, layer, precision; width and weights are filled in.
            place: the folder or name to load; that of the settings unless given.
            longest: tokens read at once; as many as the network can unless given.
        Raises:
            UserError: as ``open_encoder``.
        """
        from transformers import AutoTokenizer

        name = place or settings.name
        config = open_config(name)
        if getattr(config, "conv_kernel", None) or getattr(config, "is_encoder_decoder", False):
            raise UserError(
                f"{name} is a network of the kind {config.model_type!r}, which does not read words alone; "
                "give a RoBERTa, BERT or the like"
            )
        self._blocks = int(config.num_hidden_layers)
        check_layer(settings.layer, self._blocks, name)
        self._tokenizer: Any = find(lambda local: AutoTokenizer.from_pretrained(name, local_files_only=local), name)
        self._before, self._after = self._marks(name)
        most = min(int(self._tokenizer.model_max_length), _positions(config), longest or LONGEST)
        self._capacity = most - len(self._before) - len(self._after)
        if self._capacity < 4:
            raise UserError(f"{name} reads {most} tokens at once; give a network that reads a sentence")
        self._network: Any = open_network(name)
        mark = weights_mark(self._network, self._tokens("Gestures, 4 of them."))
        self.settings = replace(settings, width=int(config.hidden_size), weights=mark)

    def states(self, speech: Speech) -> np.ndarray:
        """A vector for each of ``speech.words``, [n, W] float32."""
        vectors = np.zeros((len(speech.words), self.settings.width), np.float32)
        tokens = [self._tokens(word.text)[: self._capacity] for word in speech.words]
        counts = [len(own) for own in tokens]
        for first, begin, end, last in word_windows(counts, self._capacity) if sum(counts) else []:
            line = [*self._before, *(token for own in tokens[first:last] for token in own), *self._after]
            states = self._run(torch.tensor([line]))
            at = len(self._before) + sum(counts[first:begin])
            for word in range(begin, end):
                if counts[word]:
                    vectors[word] = states[at : at + counts[word]].mean(0).numpy()
                at += counts[word]
        if not np.isfinite(vectors).all():
            raise UserError(f"{self.settings.name} gives values that are no numbers; try precision float32")
        return vectors

    def frames(self, states: np.ndarray, speech: Speech, *, count: int, start: float = 0.0) -> np.ndarray:
        """[count, W] float32 at frames, zeros where no word is spoken; see ``words_at_frames``."""
        return words_at_frames(states, speech.words, count=count, start=start)

    def encode(self, speech: Speech) -> np.ndarray:
        """[T, W] float32, frame i at i / 30 s."""
        return self.frames(self.states(speech), speech, count=speech.frames)

    def _tokens(self, text: str) -> list[int]:
        """Sub-words of a word, as they are in the midst of a sentence: after a space."""
        if not text.strip():
            return []
        found: list[int] = self._tokenizer(f" {text.strip()}", add_special_tokens=False)["input_ids"]
        return found

    def _marks(self, name: str) -> tuple[list[int], list[int]]:
        """Special tokens that stand before and after a text."""
        bare, whole = self._tokens("a"), list(self._tokenizer(" a")["input_ids"])
        for at in range(len(whole) - len(bare) + 1):
            if bare and whole[at : at + len(bare)] == bare:
                return whole[:at], whole[at + len(bare) :]
        raise UserError(f"the tokenizer of {name} cannot read a word; fetch or save it again")

    def _run(self, line: torch.Tensor) -> torch.Tensor:
        return run(
            self._network,
            self.settings.layer,
            self._blocks,
            self.settings.precision,
            input_ids=line,
            attention_mask=torch.ones_like(line),
        )


def _positions(config: Any) -> int:
    """Tokens for which a network has positions; RoBERTa's begin after its padding token."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        return LONGEST
    offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    return int(positions) - offset
