"""Tiny encoders: made-up objects, and networks of random weights, saved as the hub has them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cospeech.speech.encoders.frames import Steps, words_at_frames
from cospeech.speech.encoders.settings import EncoderSettings
from cospeech.speech.speech import Speech, Word

STEPS = Steps.of((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
TEXT = "the quick brown fox jumps over a lazy dog while people speak and move their hands to and fro"


class LoudnessEncoder:
    """Hears how loud a step is and when it is (seconds in the sound): an encoder of one's own."""

    def __init__(self, weights: str = "0000aaaa") -> None:
        self.settings = EncoderSettings("loudness", width=2, weights=weights)
        self.calls = 0

    def states(self, speech: Speech) -> np.ndarray:
        self.calls += 1
        count = STEPS.count(len(speech.samples))
        at = np.arange(count)[:, None] * STEPS.hop + np.arange(STEPS.span)
        loud = np.log(np.square(speech.samples[at]).mean(1) + 1e-6)
        return np.stack([loud, STEPS.seconds(0) + np.arange(count) * 0.02], 1).astype(np.float32)

    def frames(self, states: np.ndarray, speech: Speech, *, count: int, start: float = 0.0) -> np.ndarray:
        return STEPS.at_frames(states, count=count, start=start)

    def encode(self, speech: Speech) -> np.ndarray:
        return self.frames(self.states(speech), speech, count=speech.frames)


class LengthEncoder:
    """A word is its number of letters, and one."""

    def __init__(self) -> None:
        self.settings = EncoderSettings("length", width=2, weights="0000bbbb")

    def states(self, speech: Speech) -> np.ndarray:
        return np.array([[len(word.text), 1] for word in speech.words], np.float32).reshape(-1, 2)

    def frames(self, states: np.ndarray, speech: Speech, *, count: int, start: float = 0.0) -> np.ndarray:
        return words_at_frames(states, speech.words, count=count, start=start)

    def encode(self, speech: Speech) -> np.ndarray:
        return self.frames(self.states(speech), speech, count=speech.frames)


def spoken(text: str, *, seconds: float = 0.3, gap: float = 0.1) -> tuple[Word, ...]:
    """Words one after another, the first at ``gap`` seconds."""
    starts = gap + np.arange(len(text.split())) * (seconds + gap)
    return tuple(Word(word, at, at + seconds) for word, at in zip(text.split(), starts.tolist(), strict=True))


def noise(seconds: float, *, seed: int = 0, words: tuple[Word, ...] = ()) -> Speech:
    """Noise that swells and fades."""
    count = round(seconds * 16_000)
    swell = 0.05 + 0.25 * (1 + np.sin(np.arange(count) / 16_000 * 3.1))
    rough = np.random.default_rng(seed).uniform(-1, 1, count)
    return Speech((0.9 * swell * rough).astype(np.float32), words=words)


def hearing_network(
    folder: Path, kind: str = "wavlm", *, norm: str = "layer", unit: bool = True, seed: int = 0, head: bool = False
) -> Path:
    """A folder with a WavLM or HuBERT of random weights: 3 blocks, 32 columns, the usual front end."""
    transformers = pytest.importorskip("transformers", reason="pip install 'cospeech[train]'")
    import torch

    config = transformers.AutoConfig.for_model(
        kind,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        vocab_size=32,
    )
    torch.manual_seed(seed)
    maker = transformers.AutoModelForCTC if head else transformers.AutoModel
    save(maker.from_config(config), folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=unit).save_pretrained(folder)
    return folder


def reading_network(folder: Path, *, positions: int = 514, seed: int = 0, head: bool = False) -> Path:
    """A folder with a RoBERTa of random weights, 2 blocks, 24 columns, and a tokenizer of its own."""
    transformers = pytest.importorskip("transformers", reason="pip install 'cospeech[train]'")
    import torch
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator([TEXT] * 4, vocab_size=300, special_tokens=marks)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_model(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": positions - 2}))
    config = transformers.RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=positions,
        initializer_range=0.3,
    )
    torch.manual_seed(seed)
    maker = transformers.AutoModelForMaskedLM if head else transformers.AutoModel
    save(maker.from_config(config), folder)
    return folder


def save(network, folder: Path) -> None:
    """``save_pretrained`` without its progress bar."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    network.save_pretrained(folder)
    logging.enable_progress_bar()
