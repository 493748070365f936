"""WavLM, HuBERT and wav2vec 2.0: hidden states of a speech, brought to thirty frames a second.

Contextual Gesture hears WavLM (1024 columns) beside mel and beat features [P]. How the states come onto
frames, and how long recordings are cut, are decisions of ours [D]: ``frames``.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ..speech import Speech
from .frames import Steps, chunks
from .hub import check_layer, find, open_config, open_network, run, weights_mark
from .settings import EncoderSettings

CORE = 20.0  # seconds of a chunk that are kept
CONTEXT = 5.0  # seconds heard on either side of them; these networks learned from pieces of 15 s or so
_TINY = 1e-7  # joins the variance, as in Wav2Vec2FeatureExtractor


class SpeechEncoder:
    """A network that hears samples (see ``settings.Encoder``).

    The whole recording is brought to zero mean and unit variance if the network's
    preprocessor_config.json says so. A long one is heard in chunks with context on both sides, so memory
    stays bounded; norms over time take the statistics of the whole recording. Nothing is drawn: the same
    speech gives the same states.
    """

    def __init__(
        self, settings: EncoderSettings, *, place: str | None = None, core: float = CORE, context: float = CONTEXT
    ) -> None:
        """Open it.

        Args:
            settings: name, layer, precision; width and weights are filled in.
            place: the folder or name to load; that of the settings unless given.
            core, context: seconds of a chunk that are kept, and heard beside them.
        Raises:
            UserError: as ``open_encoder``.
        """
        name = place or settings.name
        config = open_config(name)
        kernels, strides = getattr(config, "conv_kernel", None), getattr(config, "conv_stride", None)
        if not kernels or not strides or getattr(config, "add_adapter", False):
            raise UserError(
                f"{name} is a network of the kind {config.model_type!r}, which hears no samples as they are; "
                "give a WavLM, HuBERT or wav2vec 2.0"
            )
        self._blocks = int(config.num_hidden_layers)
        check_layer(settings.layer, self._blocks, name)
        rate, self._unit = _preprocessing(name)
        self.steps = Steps.of(kernels, strides, sample_rate=rate)
        self._core, self._context = (max(1, round(seconds * rate / self.steps.hop)) for seconds in (core, context))
        self._network: Any = open_network(name)
        self._over_time = getattr(config, "feat_extract_norm", "layer") == "group"
        mark = weights_mark(self._network, (rate, self._unit))
        self.settings = replace(settings, width=int(config.hidden_size), weights=mark)

    def states(self, speech: Speech) -> np.ndarray:
        """Hidden states of the layer, [S, W] float32; step k is at ``steps.seconds(k)``."""
        steps = self.steps
        samples = speech.resampled(sample_rate=steps.sample_rate).samples
        if self._unit:
            samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
            power = np.einsum("i,i->", samples, samples, dtype=np.float64) / len(samples)
            samples = samples / np.float32(np.sqrt(power + _TINY))
        wave = torch.from_numpy(np.pad(samples, (0, max(0, steps.span - len(samples)))))
        count = steps.count(len(wave))
        parts = chunks(count, core=self._core, context=self._context)
        kept = []
        with self._norm_of(wave) if len(parts) > 1 and self._over_time else nullcontext():
            for first, begin, end, last in parts:
                # To the very end, though no step hears that: a norm over time does.
                until = len(wave) if last == count else (last - 1) * steps.hop + steps.span
                piece = wave[first * steps.hop : until]
                own = self._run(piece)
                if len(own) != last - first:
                    raise UserError(
                        f"{self.settings.name} gives {len(own)} steps, its config tells of {last - first}; "
                        "give a WavLM, HuBERT or wav2vec 2.0"
                    )
                kept.append(own[begin - first : end - first].numpy())
        result = np.concatenate(kept)
        if not np.isfinite(result).all():
            raise UserError(f"{self.settings.name} gives values that are no numbers; try precision float32")
        return result

    def frames(self, states: np.ndarray, speech: Speech, *, count: int, start: float = 0.0) -> np.ndarray:
        """[count, W] float32 at frames; see ``Steps.at_frames``."""
        return self.steps.at_frames(states, count=count, start=start)

    def encode(self, speech: Speech) -> np.ndarray:
        """[T, W] float32, frame i at i / 30 s."""
        return self.frames(self.states(speech), speech, count=speech.frames)

    def _run(self, wave: Tensor) -> Tensor:
        return run(self._network, self.settings.layer, self._blocks, self.settings.precision, input_values=wave[None])

    @torch.inference_mode()
    def _norm_of(self, wave: Tensor) -> Any:
        """Hold the first convolution's norm over time to the statistics of the whole recording.

        A context manager. That convolution is run once more for this, piece by piece.
        """
        first = self._network.feature_extractor.conv_layers[0]
        conv, norm = first.conv, first.layer_norm
        kernel, hop = conv.kernel_size[0], conv.stride[0]
        count, piece = (len(wave) - kernel) // hop + 1, 30 * self.steps.sample_rate // hop
        total = square = torch.zeros((), dtype=torch.float64)
        for at in range(0, count, piece):
            part = wave[at * hop : (min(at + piece, count) - 1) * hop + kernel]
            values = conv(part[None, None].to(conv.weight.device))[0].double()
            total, square = total + values.sum(1).cpu(), square + values.square().sum(1).cpu()
        mean = total / count
        scale = norm.weight.double().cpu() / torch.sqrt(square / count - mean**2 + norm.eps)
        shift = norm.bias.double().cpu() - mean * scale
        scale, shift = (value.float().to(conv.weight.device)[:, None] for value in (scale, shift))

        def whole(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            normalised: Tensor = (inputs[0].float() * scale + shift).to(output.dtype)
            return normalised

        return norm.register_forward_hook(whole)


def _preprocessing(name: str) -> tuple[int, bool]:
    """Samples a second, and whether a recording is brought to zero mean and unit variance."""
    from transformers import AutoFeatureExtractor

    files = ("preprocessor_config.json", "processor_config.json")
    if Path(name).is_dir() and not any((Path(name) / file).is_file() for file in files):
        raise UserError(
            f"{name} lacks {files[0]}, which says how sound is normalised; copy it from the network's source"
        )
    found = find(lambda local: AutoFeatureExtractor.from_pretrained(name, local_files_only=local), name)
    return int(found.sampling_rate), bool(getattr(found, "do_normalize", False))
